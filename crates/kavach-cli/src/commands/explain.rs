//! `kavach explain`

use kavach::core::LineExplained;
use kavach::{Authorization, Kavach, NearMiss, Supposed, Timestamp};
use serde::Serialize;

use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::lookup;
use crate::paint::Ink;
use crate::requests::{Asked, context_argument, word};
use crate::table::{Table, plain};

/// Say why a request would be answered as it would; nothing is recorded
#[derive(clap::Args, Debug)]
pub(crate) struct Explain {
    /// Who: a name or an id
    agent: String,
    /// What it wants to do
    action: String,
    /// To what
    resource: String,
    /// What else is known, a JSON object: {"args"?,"ip"?,"cost"?}
    #[arg(long, value_name = "JSON")]
    context: Option<String>,
    /// At this time instead of now; the agents are those of today
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
}

#[derive(Serialize)]
struct Explained {
    decision: &'static str,
    reason: &'static str,
    line: Vec<String>,
    lines: Vec<ExplainedLine>,
}

/// How one line of the agent answers.
#[derive(Serialize)]
struct ExplainedLine {
    line: Vec<String>,
    via: String,
    fault: Option<&'static str>,
    hops: Vec<ExplainedHop>,
}

#[derive(Serialize)]
struct ExplainedHop {
    agent: String,
    grants: Vec<ExplainedGrant>,
}

#[derive(Serialize)]
struct ExplainedGrant {
    number: u32,
    permission: String,
    /// Why it does not match; `null` if it does.
    miss: Option<&'static str>,
    #[serde(skip)]
    words: (String, Ink),
}

impl Explain {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        let mut asked =
            Asked::new(&self.agent, &self.action, &self.resource).map_err(Failure::Error)?;
        if let Some(json) = &self.context {
            asked.call.context = context_argument(json)?;
        }
        let at: Option<Timestamp> = self.at.as_deref().map(str::parse).transpose()?;
        let mut supposed = Supposed::default();
        supposed.at = at;
        data.look(console, async |kavach, console| {
            let given = kavach.suppose(&asked.call, &supposed)?;
            let explained = kavach.explain(&asked.call, &supposed)?;
            let lines = explained.iter().flat_map(|explained| &explained.lines);
            let lines: Vec<_> = lines.map(|line| explained_line(kavach, line)).collect();
            if console.json {
                console.object(&Explained {
                    decision: word(given.decision),
                    reason: given.reason().code(),
                    line: given.line.clone(),
                    lines,
                })?;
            } else {
                print(console, &given, &lines)?;
            }
            Ok(if given.is_allowed() {
                Exit::Done
            } else {
                Exit::Denied
            })
        })
        .await
    }
}

fn explained_line(kavach: &Kavach, line: &LineExplained) -> ExplainedLine {
    let hops = line.hops.iter().map(|hop| ExplainedHop {
        agent: lookup::name_of(kavach, hop.agent),
        grants: hop
            .grants
            .iter()
            .map(|(number, permission, miss)| ExplainedGrant {
                number: *number,
                permission: permission.to_string(),
                miss: miss.map(code),
                words: in_words(*miss),
            })
            .collect(),
    });
    let agent = line.hops.first().map(|hop| hop.agent);
    ExplainedLine {
        line: agent
            .map(|agent| lookup::line(kavach, agent, line.leaf))
            .unwrap_or_default(),
        via: line.leaf.to_string(),
        fault: line.fault.map(kavach::Reason::code),
        hops: hops.collect(),
    }
}

fn code(miss: NearMiss) -> &'static str {
    match miss {
        NearMiss::Unrelated => "unrelated",
        NearMiss::WrongAction => "wrong_action",
        NearMiss::WrongResource => "wrong_resource",
        NearMiss::ExpiredAt(_) => "expired",
        NearMiss::TooDeep => "too_deep",
        NearMiss::OutsideWindow => "outside_window",
        NearMiss::AddressNotAllowed => "address_not_allowed",
        NearMiss::ArgumentsNotAllowed => "arguments_not_allowed",
        NearMiss::TrustTooLow => "trust_too_low",
        NearMiss::UsedUp(_) => "used_up",
    }
}

fn in_words(miss: Option<NearMiss>) -> (String, Ink) {
    match miss {
        None => ("matches".to_owned(), Ink::Good),
        Some(NearMiss::Unrelated) => ("another action, another resource".to_owned(), Ink::Faint),
        Some(NearMiss::WrongAction) => ("another action".to_owned(), Ink::Warn),
        Some(NearMiss::WrongResource) => ("another resource".to_owned(), Ink::Warn),
        Some(NearMiss::ExpiredAt(at)) => (format!("matches, and ran out at {at}"), Ink::Bad),
        Some(NearMiss::TooDeep) => (
            "matches, and may not be passed on this far".to_owned(),
            Ink::Bad,
        ),
        Some(NearMiss::OutsideWindow) => ("matches, at other times".to_owned(), Ink::Warn),
        Some(NearMiss::AddressNotAllowed) => {
            ("matches, from other addresses".to_owned(), Ink::Warn)
        }
        Some(NearMiss::ArgumentsNotAllowed) => {
            ("matches, with other arguments".to_owned(), Ink::Warn)
        }
        Some(NearMiss::TrustTooLow) => (
            "matches, where every agent on the line is trusted more".to_owned(),
            Ink::Warn,
        ),
        Some(NearMiss::UsedUp(None)) => (
            "matches, and its limit is used up for good".to_owned(),
            Ink::Bad,
        ),
        Some(NearMiss::UsedUp(Some(until))) => (
            format!("matches, and its limit is used up until {until}"),
            Ink::Warn,
        ),
    }
}

fn print(
    console: &mut Console,
    given: &Authorization,
    lines: &[ExplainedLine],
) -> Result<(), Failure> {
    let ink = if given.is_allowed() {
        Ink::Good
    } else {
        Ink::Bad
    };
    let (decision, reason) = (word(given.decision), given.reason());
    let head = console.paint.ink(ink, format!("{decision} {reason}"));
    console.line(format_args!("{head}\n{given}"))?;
    for line in lines {
        let paint = console.paint;
        let fault = line
            .fault
            .map(|fault| paint.ink(Ink::Bad, format!(" ({fault})")).to_string());
        let fault = fault.unwrap_or_default();
        let names = console.paint.ink(Ink::Strong, line.line.join(" > "));
        console.line(format_args!("\n{names}{fault}"))?;
        let mut table = Table::new(console, &["agent", "grant", "permission", "says"]);
        for hop in &line.hops {
            for grant in &hop.grants {
                table.row([
                    plain(&hop.agent),
                    plain(grant.number),
                    plain(&grant.permission),
                    grant.words.clone(),
                ]);
            }
        }
        table.print(console)?;
    }
    Ok(())
}
