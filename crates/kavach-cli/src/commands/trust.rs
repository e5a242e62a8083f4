//! `kavach trust`

use kavach::{AgentId, Contribution, Kavach, LineTrust, TrustExplained, TrustLevel};
use serde::Serialize;

use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::lookup;
use crate::paint::Ink;
use crate::table::{Table, plain};

/// Say how far an agent is trusted now, and why
#[derive(clap::Args, Debug)]
pub(crate) struct Trust {
    /// Its name or id
    agent: String,
}

#[derive(Serialize)]
struct Shown {
    agent: String,
    score: u8,
    level: &'static str,
    contributions: Vec<ShownPart>,
    lines: Vec<ShownLine>,
}

/// One part of the score.
#[derive(Serialize)]
struct ShownPart {
    points: i16,
    evidence: &'static str,
    text: String,
}

/// A line, with the least trusted agent on it: what `min_trust` is held against.
#[derive(Serialize)]
struct ShownLine {
    line: Vec<String>,
    via: String,
    fault: Option<&'static str>,
    lowest: String,
    score: u8,
    level: &'static str,
}

impl Trust {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        data.look(console, async |kavach, console| {
            let agent = lookup::agent(kavach, &self.agent)?;
            let explained = kavach.explain_trust(&agent.id).ok_or_else(|| {
                Failure::error(format!("`{}` is gone; see `kavach agent list`", agent.name))
            })?;
            let shown = Shown::of(kavach, agent.id, &explained);
            if console.json {
                console.object(&shown)?;
            } else {
                print(console, &shown)?;
            }
            Ok(Exit::Done)
        })
        .await
    }
}

impl Shown {
    fn of(kavach: &Kavach, agent: AgentId, explained: &TrustExplained) -> Self {
        let own = &explained.own;
        let lines = explained.lines.iter();
        Self {
            agent: lookup::name_of(kavach, agent),
            score: own.score,
            level: own.level.word(),
            contributions: own.contributions.iter().map(ShownPart::of).collect(),
            lines: lines
                .map(|line| ShownLine::of(kavach, agent, line))
                .collect(),
        }
    }
}

impl ShownPart {
    fn of(part: &Contribution) -> Self {
        Self {
            points: part.points,
            evidence: part.evidence.code(),
            text: part.evidence.to_string(),
        }
    }
}

impl ShownLine {
    fn of(kavach: &Kavach, agent: AgentId, line: &LineTrust) -> Self {
        Self {
            line: lookup::line(kavach, agent, line.leaf),
            via: line.leaf.to_string(),
            fault: line.fault.map(kavach::Reason::code),
            lowest: lookup::name_of(kavach, line.agent),
            score: line.score,
            level: line.level.word(),
        }
    }
}

fn print(console: &mut Console, shown: &Shown) -> Result<(), Failure> {
    let level = console.paint.ink(ink(shown.level), shown.level);
    let name = console.paint.ink(Ink::Strong, &shown.agent);
    console.line(format_args!(
        "{name} stands at {} of 100: {level}",
        shown.score
    ))?;
    for part in &shown.contributions {
        let ink = if part.points < 0 { Ink::Bad } else { Ink::Good };
        let points = console.paint.ink(ink, format!("{:+4}", part.points));
        console.line(format_args!("{points}  {}", part.text))?;
    }
    if shown.lines.is_empty() {
        return Ok(());
    }
    console.line("")?;
    let mut table = Table::new(console, &["line", "least trusted", "score", "level", "via"]);
    for line in &shown.lines {
        let via = match line.fault {
            Some(fault) => (format!("{} ({fault})", line.via), Ink::Bad),
            None => (line.via.clone(), Ink::Faint),
        };
        table.row([
            plain(line.line.join(" > ")),
            plain(&line.lowest),
            plain(line.score),
            (line.level.to_owned(), ink(line.level)),
            via,
        ]);
    }
    table.print(console)
}

/// A level as it looks.
fn ink(level: &str) -> Ink {
    let low = [TrustLevel::Untrusted, TrustLevel::Limited];
    if level == TrustLevel::Standard.word() {
        Ink::Plain
    } else if low.iter().any(|known| known.word() == level) {
        Ink::Bad
    } else {
        Ink::Good
    }
}
