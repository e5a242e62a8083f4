//! `kavach apply`

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use kavach::Name;
use kavach::declare::{Applied, ApplyError, ApplyOptions, Doing, Step};
use serde::Serialize;

use super::agent::lost;
use crate::console::Console;
use crate::data::{Data, shown_path};
use crate::declaration::{self, Declared, Fault, Source};
use crate::failure::{Exit, Failure};
use crate::limits::APPLY_FILE_BYTES_MAX;
use crate::paint::Ink;

/// Make agents and delegations as a TOML file declares them
///
/// All of the file is applied, or none of it: each mistake is told with its line and column. Applying it
/// again changes nothing.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
The file:
  base = \"mcp:github\"          # what relative targets are relative to; optional

  [[agent]]
  name = \"orchestrator\"
  owner = \"user:alice\"
  kind = \"autonomous\"          # or delegated, service
  permissions = [\"read:*\", { resource = \"mcp:github:issues\", actions = [\"comment\"] }]
  expires_in = \"7d\"            # or expires_at = 2026-11-21T10:00:00Z
  metadata = { team = \"search\" }

  [[delegation]]
  from = \"orchestrator\"
  to = \"searcher\"              # spawned under from's owner if nobody knows it
  via = \"root\"                 # or a delegation's id, or the agent that from has it from
  permissions = [\"read:issues\"]
  max_depth = 1
  mode = \"strict\"              # or attenuate: cut down what is wider instead of refusing it

  [[guardrail]]
  name = \"no-prod-deletes\"
  never = \"delete:data:prod:**\"
  agents = [\"searcher\"]        # or kind, or owner; left out: everyone
  mode = \"enforce\"             # or shadow: only note in the trail what would be denied

  [[owner]]
  name = \"user:bob\"            # what a person may do in Kavach itself
  permissions = [\"approve:app:kavach:approvals\"]

Signs: + created, ~ changed, = as declared, - revoked, ! no longer named, and left alone.")]
pub(crate) struct Apply {
    /// The file; `-` is standard input
    #[arg(value_name = "FILE.toml")]
    file: PathBuf,
    /// Only say what would change
    #[arg(long)]
    dry_run: bool,
    /// Revoke what an earlier file named and this one no longer does
    #[arg(long)]
    prune: bool,
    /// Take this revoked name again, under a new id; may be repeated
    #[arg(long, value_name = "NAME")]
    recreate: Vec<String>,
}

impl Apply {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        let recreate: Result<Vec<Name>, _> =
            self.recreate.iter().map(|name| name.parse()).collect();
        let options = ApplyOptions {
            dry_run: self.dry_run,
            prune: self.prune,
            recreate: recreate?,
        };
        let source = source(&self.file)?;
        let declared = declaration::read(&source.text).map_err(|faults| {
            tell(console, &source, &faults);
            Failure::Told(Exit::Erred)
        })?;
        let applied = if self.dry_run {
            let declaration = &declared.declaration;
            data.look(console, async |kavach, _| {
                Ok(kavach.apply(declaration, &options).await)
            })
            .await?
        } else {
            let declaration = &declared.declaration;
            data.change(async |kavach| Ok(kavach.apply(declaration, &options).await))
                .await?
        };
        let applied = applied.map_err(|error| refused(console, &source, &declared, error))?;
        let printed = print(console, &applied, self.dry_run).and_then(|()| console.flush());
        printed.map_err(|failure| match first_made(&applied) {
            None => failure,
            Some(name) => failure.but(&lost(name)),
        })?;
        if !console.json {
            tell_what_else(console, &applied, self.dry_run);
        }
        Ok(Exit::Done)
    }
}

/// The text of a declaration.
pub(super) fn source(file: &Path) -> Result<Source, Failure> {
    let name = shown_path(file);
    let unreadable = |error: io::Error| Failure::error(format!("`{name}` cannot be read: {error}"));
    let mut bytes = Vec::new();
    let read = if file.as_os_str() == "-" {
        io::stdin()
            .take(APPLY_FILE_BYTES_MAX + 1)
            .read_to_end(&mut bytes)
    } else {
        File::open(file)
            .and_then(|file| file.take(APPLY_FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
    };
    if read.map_err(unreadable)? as u64 > APPLY_FILE_BYTES_MAX {
        let words = format!("`{name}` is longer than {APPLY_FILE_BYTES_MAX} bytes; split it");
        return Err(Failure::error(words));
    }
    let not_text = |error: std::string::FromUtf8Error| {
        let valid = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes().get(..valid).unwrap_or_default());
        let before = Source {
            name: name.clone(),
            text: text.into_owned(),
        };
        let place = before.position(valid);
        let words = "it is not UTF-8; save it as that";
        Failure::error(format!("{name}:{}:{}: {words}", place.line, place.column))
    };
    let text = String::from_utf8(bytes).map_err(not_text)?;
    Ok(Source { name, text })
}

/// Tells what is wrong with a declaration, where in its file.
pub(super) fn refused(
    console: &mut Console,
    source: &Source,
    declared: &Declared,
    error: ApplyError,
) -> Failure {
    let ApplyError::Rejected(found) = error else {
        return error.into();
    };
    let mut faults: Vec<Fault> = found
        .iter()
        .map(|problem| declared.places.fault(problem))
        .collect();
    faults.sort_by_key(|fault| fault.at.start);
    tell(console, source, &faults);
    Failure::Told(Exit::Denied)
}

/// Tells all faults, to people and to programs.
pub(super) fn tell(console: &mut Console, source: &Source, faults: &[Fault]) {
    #[derive(Serialize)]
    struct Problem<'a> {
        line: usize,
        column: usize,
        message: &'a str,
    }
    #[derive(Serialize)]
    struct Failed<'a> {
        error: &'a str,
        problems: Vec<Problem<'a>>,
    }
    console.note(source.describe(faults, console.notes));
    let plural = if faults.len() == 1 { "" } else { "s" };
    let error = format!(
        "`{}` has {} problem{plural}; nothing was changed",
        source.name,
        faults.len()
    );
    console.complain(&error);
    if console.json {
        let problems = faults.iter().map(|fault| {
            let place = source.position(fault.at.start);
            Problem {
                line: place.line,
                column: place.column,
                message: &fault.message,
            }
        });
        // Where the output is gone, the exit code still tells.
        let _ = console.object(&Failed {
            error: &error,
            problems: problems.collect(),
        });
    }
}

/// What one step did, for programs.
#[derive(Serialize)]
struct ShownStep<'a> {
    doing: &'static str,
    what: &'a str,
    details: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<ShownCredential<'a>>,
}

#[derive(Serialize)]
struct ShownCredential<'a> {
    agent: &'a str,
    credential: &'a str,
}

#[derive(Serialize)]
struct ShownApplied<'a> {
    changed: bool,
    dry_run: bool,
    revision: u64,
    steps: Vec<ShownStep<'a>>,
}

/// An agent whose credential is on its way out.
fn first_made(applied: &Applied) -> Option<&str> {
    let made = applied
        .steps
        .iter()
        .find_map(|step| step.credential.as_ref());
    made.map(|(name, _)| name.as_str())
}

fn print(console: &mut Console, applied: &Applied, dry_run: bool) -> Result<(), Failure> {
    if console.json {
        return console.object(&ShownApplied {
            changed: applied.is_change(),
            dry_run,
            revision: applied.revision,
            steps: applied.steps.iter().map(shown_step).collect(),
        });
    }
    for step in &applied.steps {
        let (sign, ink) = sign(step.doing);
        let sign = console.paint.ink(ink, sign);
        console.line(format_args!("{sign} {}", step.what))?;
        for detail in &step.details {
            console.line(format_args!("    {detail}"))?;
        }
        if let Some((_, credential)) = &step.credential {
            console.line(format_args!("    credential {}", credential.expose()))?;
        }
    }
    Ok(())
}

fn tell_what_else(console: &mut Console, applied: &Applied, dry_run: bool) {
    if applied.steps.iter().any(|step| step.credential.is_some()) {
        console.note("credentials are shown only now: hand each to its agent, and to nobody else");
    }
    if applied
        .steps
        .iter()
        .any(|step| step.doing == Doing::Unnamed)
    {
        console.note("what is marked `!` is no longer named; `--prune` revokes it");
    }
    match (applied.is_change(), dry_run) {
        (false, _) => console.note("nothing to change"),
        (true, true) => console.note("nothing was changed: this was a dry run"),
        (true, false) => {}
    }
}

/// The sign of what was done, or would be.
pub(super) fn sign(doing: Doing) -> (char, Ink) {
    match doing {
        Doing::Create => ('+', Ink::Good),
        Doing::Update => ('~', Ink::Warn),
        Doing::Keep => ('=', Ink::Faint),
        Doing::Unnamed => ('!', Ink::Warn),
        Doing::Revoke => ('-', Ink::Bad),
    }
}

fn shown_step(step: &Step) -> ShownStep<'_> {
    ShownStep {
        doing: match step.doing {
            Doing::Create => "create",
            Doing::Update => "update",
            Doing::Keep => "keep",
            Doing::Unnamed => "unnamed",
            Doing::Revoke => "revoke",
        },
        what: &step.what,
        details: &step.details,
        credential: step
            .credential
            .as_ref()
            .map(|(name, credential)| ShownCredential {
                agent: name.as_str(),
                credential: credential.expose(),
            }),
    }
}
