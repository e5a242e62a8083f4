//! `kavach test`

use std::fs;
use std::path::{Path, PathBuf};

use kavach::declare::ApplyError;
use serde::Serialize;

use crate::console::Console;
use crate::data::{shown_path, unreadable_file};
use crate::declaration::{self, Source};
use crate::failure::{Exit, Failure};
use crate::limits::{APPLY_FILE_BYTES_MAX, TEST_FILES_MAX};
use crate::paint::Ink;
use crate::policy_test::{Outcome, junit, read, run};

/// Run tables of requests with their expected answers against the state that a file declares
///
/// Every `*.test.toml` below the folder is run, each on a store in memory; nothing else is read or written.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
A file of cases, `reader.test.toml`:
  policy = \"policy.toml\"             # a file for `kavach apply`, beside this one
  at = 2026-11-23T10:00:00Z          # when everything is asked

  [[case]]
  name = \"readers read\"              # optional
  agent = [\"reader\", \"searcher\"]     # one or several: each is asked with each
  action = \"read\"
  resource = \"mcp:github:issues\"
  context = { ip = \"10.0.0.7\" }      # one or several; as in request lines
  trust = \"limited\"                  # how far the agents are trusted; optional
  approvals = 1                      # how many people have said yes; optional
  calls = 21                         # asked that often in earnest, the last answer counts; optional
  expect = \"allow\"                   # allow, needs_approval, deny, or deny:REASON

Exit code 1 if an answer is not as expected.")]
pub(crate) struct Test {
    /// The folder, or one file
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Write the results to this file too, as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

impl Test {
    pub(crate) async fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        let files = files_below(&self.folder)?;
        if files.is_empty() {
            let words = format!(
                "there is no `*.test.toml` below `{}`; see `kavach test --help` for what to write",
                shown_path(&self.folder)
            );
            return Err(Failure::error(words));
        }
        let mut results = Vec::new();
        for file in &files {
            let outcomes = run_file(file, console).await?;
            let name = shown_path(file);
            results.push((name, outcomes));
        }
        if let Some(file) = &self.junit {
            let unwritable = |error: std::io::Error| {
                Failure::error(format!("`{}` cannot be written: {error}", shown_path(file)))
            };
            let written = junit(&results).map_err(unwritable)?;
            fs::write(file, written).map_err(unwritable)?;
        }
        report(console, &results)
    }
}

/// Runs the cases of one file; mistakes in it, or in its policy, are told with their places.
async fn run_file(file: &Path, console: &mut Console) -> Result<Vec<Outcome>, Failure> {
    let source = source(file)?;
    let cases = read(&source.text).map_err(|faults| told(console, &source, &faults))?;
    let beside = file.parent().unwrap_or(Path::new("")).join(&cases.policy);
    let policy = self::source(&beside).map_err(|failure| {
        let fault = declaration::Fault {
            at: cases.policy_at.clone(),
            message: failure.to_string(),
        };
        told(console, &source, &[fault])
    })?;
    let declared = declaration::read(&policy.text);
    let declared = declared.map_err(|faults| told(console, &policy, &faults))?;
    let outcomes = run(&cases, &declared.declaration).await;
    outcomes
        .map(|mut outcomes| {
            for outcome in &mut outcomes {
                outcome.at = source.position(outcome.at).line;
            }
            outcomes
        })
        .map_err(|error| {
            let ApplyError::Rejected(problems) = error else {
                return error.into();
            };
            let faults: Vec<_> = problems
                .iter()
                .map(|problem| declared.places.fault(problem))
                .collect();
            told(console, &policy, &faults)
        })
}

fn told(console: &mut Console, source: &Source, faults: &[declaration::Fault]) -> Failure {
    console.note(source.describe(faults, console.notes));
    Failure::error(format!("`{}` cannot be used; see above", source.name))
}

fn source(file: &Path) -> Result<Source, Failure> {
    let name = shown_path(file);
    let found = fs::metadata(file).map_err(|error| unreadable_file(file, &error))?;
    if found.len() > APPLY_FILE_BYTES_MAX {
        let words = format!("`{name}` is longer than {APPLY_FILE_BYTES_MAX} bytes; split it");
        return Err(Failure::error(words));
    }
    let text = fs::read_to_string(file).map_err(|error| unreadable_file(file, &error))?;
    Ok(Source { name, text })
}

/// Every `*.test.toml` in the folder and the folders in it, in order of their names.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let is_file = fs::metadata(folder)
        .map_err(|error| unreadable_file(folder, &error))?
        .is_file();
    if is_file {
        return Ok(vec![folder.to_owned()]);
    }
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let entries = fs::read_dir(&folder).map_err(|error| unreadable_file(&folder, &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| unreadable_file(&folder, &error))?;
            let kind = entry
                .file_type()
                .map_err(|error| unreadable_file(&entry.path(), &error))?;
            let name = entry.file_name();
            // Links are not followed: a ring of them would never end.
            if kind.is_dir() {
                open.push(entry.path());
            } else if kind.is_file() && name.to_string_lossy().ends_with(".test.toml") {
                found.push(entry.path());
            }
        }
        if found.len() > TEST_FILES_MAX {
            let words =
                format!("there are more than {TEST_FILES_MAX} files of cases; run some of them");
            return Err(Failure::error(words));
        }
    }
    found.sort();
    Ok(found)
}

#[derive(Serialize)]
struct Shown<'a> {
    file: &'a str,
    line: usize,
    name: &'a str,
    passed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<&'a str>,
}

fn report(console: &mut Console, results: &[(String, Vec<Outcome>)]) -> Result<Exit, Failure> {
    let (mut passed, mut failed) = (0_usize, 0_usize);
    for (file, outcomes) in results {
        for outcome in outcomes {
            let failure = outcome.failed.as_ref();
            match failure {
                None => passed += 1,
                Some(_) => failed += 1,
            }
            if console.json {
                console.object(&Shown {
                    file,
                    line: outcome.at,
                    name: &outcome.name,
                    passed: failure.is_none(),
                    expected: failure.map(|failure| &*failure.expected),
                    found: failure.map(|failure| &*failure.found),
                    because: failure.map(|failure| &*failure.because),
                })?;
            } else if let Some(failure) = failure {
                let place = console
                    .paint
                    .ink(Ink::Strong, format!("{file}:{}:", outcome.at));
                console.line(format_args!("{place} {}", outcome.name))?;
                let expected = console
                    .paint
                    .ink(Ink::Good, format!("- {}", failure.expected));
                console.line(format_args!("  {expected}"))?;
                let found = console.paint.ink(Ink::Bad, format!("+ {}", failure.found));
                console.line(format_args!("  {found}"))?;
                console.line(format_args!("    {}", failure.because))?;
            }
        }
    }
    if !console.json {
        let files = results.len();
        console.line(format_args!(
            "{passed} passed, {failed} failed, in {files} file{}",
            if files == 1 { "" } else { "s" }
        ))?;
    }
    Ok(if failed == 0 {
        Exit::Done
    } else {
        Exit::Denied
    })
}
