//! Who may depend on whom, as ARCHITECTURE.md has it, held against the tree.
//!
//! [`table`] is data; every rule is a pure function from a [`Member`] to sentences.

mod table;
#[cfg(test)]
mod tests;

use crate::tree::{self, Dependency, Kind, Member, Origin, Presence};
use table::{CRATES, Crate, EMPTY_NAMES, THIRD_PARTIES, Who};

/// Holds the tree against every rule.
///
/// # Errors
/// One sentence for each violation.
pub(crate) fn run() -> Result<(), String> {
    let members = tree::read()?;
    let complaints: Vec<String> = members.iter().flat_map(complaints).collect();
    if !complaints.is_empty() {
        return Err(complaints.join("\n"));
    }
    println!("the layers hold for all {} packages", members.len());
    Ok(())
}

/// Everything that is wrong with `member`.
fn complaints(member: &Member) -> Vec<String> {
    let mut complaints = Vec::new();
    complaints.extend(lints(member));
    complaints.extend(module_names(member));
    if member.folder.starts_with("crates/") {
        complaints.extend(crate_rules(member));
    }
    complaints
}

/// The rules of `crates/`. The benches and this package stand outside the layers.
fn crate_rules(member: &Member) -> Vec<String> {
    let name = &member.name;
    let Some(row) = row_of(name) else {
        return vec![format!(
            "{name} has no row in xtask/src/layers/table.rs: say there what it is the only crate \
             to know, or give its code to the crate that knows it already"
        )];
    };
    let mut complaints = Vec::new();
    complaints.extend(folder_name(member));
    complaints.extend(no_std(member));
    for dependency in &member.dependencies {
        // A test may stand on a crate of any layer: no user of ours ever builds it.
        if dependency.kind == Kind::Dev {
            continue;
        }
        complaints.extend(ours(row, dependency));
        complaints.extend(third_party(row, dependency));
    }
    complaints
}

/// A crate names only those of ours that its row lists.
fn ours(row: &Crate, dependency: &Dependency) -> Option<String> {
    let (name, other) = (row.name, dependency.name.as_str());
    let is_ours = dependency.origin == Origin::Tree || row_of(other).is_some();
    if !is_ours || row.may_name.contains(&other) {
        return None;
    }
    if !row.may_name_behind_a_feature.contains(&other) {
        let (knows, needs) = (row.knows, needs(row));
        return Some(format!(
            "{name} must not know {other}, because {name} is the only crate that knows {knows}, \
             and for that it needs {needs}"
        ));
    }
    if dependency.presence == Presence::BehindAFeature {
        return None;
    }
    Some(format!(
        "{name} must put {other} behind a feature, because {name} is complete without it"
    ))
}

fn needs(row: &Crate) -> String {
    match row.may_name {
        [] => "none of our crates".to_owned(),
        [one] => format!("only {one}"),
        [first @ .., last] => format!("only {} and {last}", first.join(", ")),
    }
}

/// A third party that has a row is named only where the row says.
fn third_party(row: &Crate, dependency: &Dependency) -> Option<String> {
    let (name, other) = (row.name, dependency.name.as_str());
    let third = THIRD_PARTIES
        .iter()
        .find(|third| is_of(other, third.family))?;
    let because = third.because;
    let behind_a_feature = match third.who {
        Who::Only(crates) if crates.contains(&name) => return None,
        Who::FromLayer { layer, .. } if row.layer >= layer => return None,
        Who::FromLayer {
            behind_a_feature, ..
        } => behind_a_feature,
        Who::Only(_) => &[],
    };
    if !behind_a_feature.contains(&name) {
        return Some(format!("{name} must not name `{other}`, because {because}"));
    }
    if dependency.presence == Presence::BehindAFeature {
        return None;
    }
    Some(format!(
        "{name} must put `{other}` behind a feature, because {because}"
    ))
}

/// Whether `package` is `family` itself or a satellite of it, as `tokio-util` is of `tokio`.
fn is_of(package: &str, family: &str) -> bool {
    let rest = package.strip_prefix(family);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

fn folder_name(member: &Member) -> Option<String> {
    let Member { name, folder, .. } = member;
    if *folder == format!("crates/{name}") {
        return None;
    }
    Some(format!(
        "{name} lies in {folder}: a crate's folder is called like the crate"
    ))
}

/// The crate at the bottom cannot read a clock, because it would not compile with one.
fn no_std(member: &Member) -> Option<String> {
    let says_so = |line: &str| line.trim() == "#![no_std]";
    if member.name != "kavach-core" || member.library.lines().any(says_so) {
        return None;
    }
    Some(
        "kavach-core must say `#![no_std]` in src/lib.rs, because time, randomness and I/O are \
         arguments there"
            .to_owned(),
    )
}

fn lints(member: &Member) -> Option<String> {
    let lines = member.manifest.lines().map(str::trim);
    let mut section = lines.skip_while(|line| *line != "[lints]").skip(1);
    if section.next() == Some("workspace = true") {
        return None;
    }
    Some(format!(
        "{} must opt in to the workspace's lints: its Cargo.toml needs `[lints]` with \
         `workspace = true` below",
        member.name
    ))
}

/// A module is a noun that one would use in a sentence about the domain.
fn module_names(member: &Member) -> Vec<String> {
    let is_empty = |part: &str| EMPTY_NAMES.contains(&part.trim_end_matches(".rs"));
    let mut complaints = Vec::new();
    for source in &member.sources {
        if source.split('/').any(is_empty) {
            complaints.push(format!(
                "{}/{source} has an empty name: call it after the one thing it is responsible for",
                member.folder
            ));
        }
    }
    complaints
}

fn row_of(name: &str) -> Option<&'static Crate> {
    CRATES.iter().find(|row| row.name == name)
}
