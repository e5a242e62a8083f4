//! The proof of what the policy engine promises, checked by Coq, and the code held against it.
//!
//! Not part of `ci`: Coq is a large download. What the proof answers for small cases is kept in the tree
//! as `vectors.txt`, and the ordinary tests hold the code against that.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cargo::{self, cargo, program};
use crate::machine::Program;

/// Where the proof lies, below the root.
const FOLDER: &str = "crates/kavach-core/proof";

/// The list of its files, each behind those that it needs.
const LIST: &str = "_CoqProject";

/// The file that names every theorem for Coq to say what it rests on, and what Coq says of one that rests
/// on nothing.
const THEOREMS: &str = "Theorems.v";
const ASKS: &str = "Print Assumptions ";
const RESTS_ON_NOTHING: &str = "Closed under the global context";

/// The files that print vectors: those that are kept, and all of them.
const KEPT: &str = "Kept.v";
const ALL: &str = "All.v";

/// What the kept ones are kept in.
const VECTORS: &str = "vectors.txt";

/// What names another file of vectors to the tests.
const VARIABLE: &str = "KAVACH_PROOF_VECTORS";

const COQ: Program = Program {
    probe: &["coqc", "--version"],
    packages: &["coq"],
    advice: "install Coq 8.16 or later, on Debian and Ubuntu by `apt-get install coq`",
};

/// What to do with vectors that are not those of the proof.
#[derive(Clone, Copy)]
pub(crate) enum Differing {
    Refuse,
    Overwrite,
}

/// Checks the proof, that the kept vectors are what it says, and the code against all vectors.
///
/// # Errors
/// Where Coq is missing, refuses a file, or finds a theorem that rests on something unproven; where the
/// kept vectors are others; or where a test fails.
pub(crate) fn run(differing: Differing) -> Result<(), String> {
    find_coq()?;
    let source = cargo::root().join(FOLDER);
    let place = copy(&source)?;
    let files = listed(&read(&source.join(LIST))?);
    let mut library = String::new();
    for file in &files {
        println!("-- {file}");
        let text = read(&source.join(file))?;
        let said = compile(&place, file)?;
        match file.as_str() {
            THEOREMS => check_theorems(&library, &text, &said)?,
            KEPT => keep(&source.join(VECTORS), &rows(&said), differing)?,
            ALL => write(&place.join(VECTORS), &rows(&said))?,
            _ => library.push_str(&text),
        }
    }
    for needed in [THEOREMS, KEPT, ALL] {
        if !files.iter().any(|file| file == needed) {
            return Err(format!(
                "`{FOLDER}/{LIST}` lacks `{needed}`; add it at the end"
            ));
        }
    }
    test(&place.join(VECTORS))
}

/// Says which Coq it is, after installing one where it is missing and we may.
fn find_coq() -> Result<(), String> {
    print!("{}", COQ.find()?);
    Ok(())
}

/// Copies the proof to where its products may lie, and says where that is.
fn copy(source: &Path) -> Result<PathBuf, String> {
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let place = cargo::root().join(target).join("proof");
    let told = |error: std::io::Error| format!("`{}` cannot be made: {error}", place.display());
    if place.exists() {
        // A stale product would speak for a file that has changed since.
        fs::remove_dir_all(&place).map_err(told)?;
    }
    fs::create_dir_all(&place).map_err(told)?;
    for path in crate::tree::entries(source)? {
        if let Some(name) = path
            .file_name()
            .filter(|_| path.extension() == Some("v".as_ref()))
        {
            fs::copy(&path, place.join(name)).map_err(told)?;
        }
    }
    Ok(place)
}

/// The files that a `_CoqProject` names, in order.
fn listed(project: &str) -> Vec<String> {
    let lines = project.lines().map(str::trim);
    lines
        .filter(|line| line.ends_with(".v"))
        .map(str::to_owned)
        .collect()
}

/// What Coq prints while it compiles `file`.
fn compile(place: &Path, file: &str) -> Result<String, String> {
    let mut coq = program("coqc", &["-q", "-R", ".", "Kavach", file]);
    cargo::output(coq.current_dir(place))
}

/// Refuses a theorem of `library` that `theorems` does not ask about, and an answer but the one wanted.
fn check_theorems(library: &str, theorems: &str, said: &str) -> Result<(), String> {
    let asked: Vec<&str> = theorems
        .lines()
        .filter_map(|line| line.strip_prefix(ASKS)?.strip_suffix('.'))
        .collect();
    for theorem in stated(library) {
        if !asked.contains(&theorem) {
            return Err(format!(
                "`{THEOREMS}` does not ask what `{theorem}` rests on; add `{ASKS}{theorem}.`"
            ));
        }
    }
    let answers: Vec<&str> = said.lines().collect();
    if answers.len() != asked.len() || answers.iter().any(|answer| *answer != RESTS_ON_NOTHING) {
        return Err(format!("a theorem rests on what is not proven: {said}"));
    }
    println!("{} theorems, each proven without an axiom", asked.len());
    Ok(())
}

/// The names of the theorems and corollaries in Coq's `text`.
fn stated(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        matches!(words.next()?, "Theorem" | "Corollary").then_some(())?;
        Some(words.next()?.trim_end_matches(':'))
    })
}

/// The strings that Coq printed, each on a line of its own. None of ours has a quote in it.
fn rows(said: &str) -> String {
    let quoted = said.split('"').skip(1).step_by(2);
    quoted.flat_map(|row| [row, "\n"]).collect()
}

fn keep(path: &Path, rows: &str, differing: Differing) -> Result<(), String> {
    match differing {
        Differing::Overwrite => write(path, rows),
        Differing::Refuse if read(path).is_ok_and(|kept| kept == rows) => Ok(()),
        Differing::Refuse => Err(format!(
            "`{FOLDER}/{VECTORS}` is not what the proof says; run `cargo xtask prove --write`, and \
             look at the difference"
        )),
    }
}

/// Runs the tests that read vectors, on those in `path`.
fn test(path: &Path) -> Result<(), String> {
    println!("-- the code against {}", path.display());
    let what = [
        "test",
        "--locked",
        "--package",
        "kavach-core",
        "--test",
        "it",
        "proof::",
    ];
    let said = cargo::output(cargo(&what).env(VARIABLE, path))?;
    let total = said
        .lines()
        .find(|line| line.starts_with("test result: ok. "));
    let Some(total) = total.filter(|line| !line.contains(" 0 passed")) else {
        return Err(format!("no test looked at the vectors: {said}"));
    };
    println!("{total}");
    Ok(())
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path)
        .map_err(|error| format!("`{}` cannot be read: {error}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err(format!("Coq printed nothing for `{}`", path.display()));
    }
    fs::write(path, text)
        .map_err(|error| format!("`{}` cannot be written: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::{check_theorems, listed, rows};

    const LIBRARY: &str = "Lemma small : True.\nTheorem one p q :\n  Corollary two: True.";
    const CLOSED: &str = "Closed under the global context\n";

    #[test]
    fn a_theorem_that_nobody_asked_about_is_refused() {
        for asks in [
            "",
            "Print Assumptions one.",
            "Print Assumptions one.\nPrint Assumptions tw.",
        ] {
            assert!(check_theorems(LIBRARY, asks, &CLOSED.repeat(asks.lines().count())).is_err());
        }
        let asks = "Print Assumptions one.\nPrint Assumptions two.";
        assert_eq!(check_theorems(LIBRARY, asks, &CLOSED.repeat(2)), Ok(()));
    }

    #[test]
    fn an_answer_that_is_missing_or_names_an_axiom_is_refused() {
        let asks = "Print Assumptions one.\nPrint Assumptions two.";
        for said in [
            "",
            CLOSED,
            "Closed under the global context\nAxioms:\nfoo : False\n",
        ] {
            assert!(check_theorems(LIBRARY, asks, said).is_err(), "{said}");
        }
        assert!(check_theorems(LIBRARY, asks, &CLOSED.repeat(3)).is_err());
    }

    #[test]
    fn rows_are_what_stands_between_quotes() {
        assert_eq!(rows(""), "");
        assert_eq!(
            rows("     = [\"a b\"; \"c\"]\n     : list string"),
            "a b\nc\n"
        );
    }

    #[test]
    fn files_are_listed_in_order() {
        assert_eq!(listed("-R . Kavach\nText.v\n\n A.v\n"), ["Text.v", "A.v"]);
    }
}
