//! `kavach replay`

use std::collections::BTreeMap;

use kavach::audit::{Outcome, Query};
use kavach::{Kavach, Replayed, Told};
use serde::Serialize;

use super::candidate::Candidate;
use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::lookup;
use crate::requests::word;
use crate::when::{self, Range};

/// Decide recorded calls again under a file: what would have been otherwise, and for whom
///
/// Each call is decided at its own time, by the agents and grants of today as the file would change them.
/// Limits count what is replayed, from nothing. Nothing is changed or recorded.
#[derive(clap::Args, Debug)]
pub(crate) struct Replay {
    #[command(flatten)]
    candidate: Candidate,
    /// The calls of this day: 2026-11-17, today, yesterday, "last tuesday"
    #[arg(long, value_name = "DAY", default_value = "yesterday", conflicts_with_all = ["since", "until"])]
    on: String,
    /// Calls at or after this instead: 2026-11-17T14:00:00Z, "2h ago"
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Calls before this
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// The zone of days and of times without one, by its IANA name [default: the system's]
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
}

#[derive(Serialize)]
struct Shown<'a> {
    event: String,
    at: String,
    agent: &'a str,
    action: &'a str,
    resource: &'a str,
    recorded: &'static str,
    reason: &'static str,
    now: &'static str,
    then: &'static str,
    then_reason: Option<&'static str>,
    /// Whether the file makes the difference: without it, the answer of today is another one.
    by_file: bool,
}

#[derive(Serialize)]
struct Summary {
    calls: u64,
    changed: u64,
    changed_by_file: u64,
    cannot_tell: u64,
}

impl Replay {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        let read = self.candidate.read(console)?;
        let range = self.range()?;
        data.look(console, async |kavach, console| {
            let state = read.on(kavach, console).await?;
            let query = Query {
                since_ns: range.since.as_ref().map(when::as_ns),
                until_ns: range.until.as_ref().map(when::as_ns),
                ..Query::default()
            };
            let mut found = Vec::new();
            let mut tally = Tally::default();
            let calls = state
                .replay(query, &mut |replayed| {
                    if tally.take(&replayed) {
                        found.push(replayed);
                    }
                })
                .await?;
            if console.json {
                for replayed in &found {
                    console.object(&shown(&lookup::name_of(kavach, replayed.agent), replayed))?;
                }
                console.object(&Summary {
                    calls,
                    changed: tally.changed,
                    changed_by_file: tally.by_file,
                    cannot_tell: tally.unknown,
                })?;
            } else {
                print(console, kavach, &found)?;
                tell(console, calls, &tally)?;
            }
            Ok(Exit::Done)
        })
        .await
    }

    fn range(&self) -> Result<Range, Failure> {
        let now = when::now_in(self.zone.as_deref())?;
        if self.since.is_none() && self.until.is_none() {
            return when::day(&self.on, &now).map_err(Failure::Error);
        }
        let moment = |text: &Option<String>| {
            let moment = text.as_deref().map(|text| when::moment(text, &now));
            moment.transpose().map_err(Failure::Error)
        };
        Ok(Range {
            since: moment(&self.since)?,
            until: moment(&self.until)?,
        })
    }
}

#[derive(Default)]
struct Tally {
    changed: u64,
    by_file: u64,
    unknown: u64,
}

impl Tally {
    /// Counts a call; whether it is to be shown.
    fn take(&mut self, replayed: &Replayed) -> bool {
        let unknown = !matches!(replayed.then, Told::Decided(_));
        let changes = replayed.changes();
        self.unknown += u64::from(unknown);
        self.changed += u64::from(changes && !unknown);
        self.by_file += u64::from(changes && !unknown && replayed.is_by_candidate());
        changes
    }
}

/// Calls of the same kind together, the most frequent first.
fn print(console: &mut Console, kavach: &Kavach, found: &[Replayed]) -> Result<(), Failure> {
    let mut groups: BTreeMap<String, u64> = BTreeMap::new();
    for replayed in found {
        let name = lookup::name_of(kavach, replayed.agent);
        let then = match replayed.then {
            Told::Decided(decision) if decision.is_allow() => word(decision).to_owned(),
            Told::Decided(decision) => format!("{} ({})", word(decision), decision.reason()),
            other @ (Told::NeedsArguments | Told::NeedsAddress) => in_words(other).to_owned(),
        };
        let without = if replayed.is_by_candidate() {
            ""
        } else {
            ", and so without the file"
        };
        let line = format!(
            "{name} {} {}: {} -> {then}{without}",
            replayed.action,
            replayed.resource,
            recorded(replayed.recorded)
        );
        *groups.entry(line).or_default() += 1;
    }
    let mut groups: Vec<(String, u64)> = groups.into_iter().collect();
    groups.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    for (line, count) in groups {
        console.line(format_args!("{count:>8}  {line}"))?;
    }
    Ok(())
}

fn tell(console: &mut Console, calls: u64, tally: &Tally) -> Result<(), Failure> {
    let Tally {
        changed,
        by_file,
        unknown,
    } = tally;
    console.line(format_args!(
        "{changed} of {calls} calls would have been answered otherwise, {by_file} of them because of the file"
    ))?;
    if *unknown > 0 {
        console.line(format_args!(
            "{unknown} hang on arguments or addresses that are not recorded"
        ))?;
    }
    Ok(())
}

fn in_words(told: Told) -> &'static str {
    match told {
        Told::Decided(decision) => word(decision),
        Told::NeedsArguments => "hangs on the arguments",
        Told::NeedsAddress => "hangs on the address",
    }
}

fn recorded(outcome: Outcome) -> &'static str {
    outcome.code()
}

fn shown<'a>(name: &'a str, replayed: &'a Replayed) -> Shown<'a> {
    Shown {
        event: replayed.event.to_string(),
        at: replayed.at.to_string(),
        agent: name,
        action: replayed.action.as_str(),
        resource: replayed.resource.as_str(),
        recorded: recorded(replayed.recorded),
        reason: replayed.reason.code(),
        now: in_words(replayed.now),
        then: in_words(replayed.then),
        then_reason: match replayed.then {
            Told::Decided(decision) => Some(decision.reason().code()),
            Told::NeedsArguments | Told::NeedsAddress => None,
        },
        by_file: replayed.is_by_candidate(),
    }
}
