//! `kavach analyze`

use kavach::{Analysis, Finding, GrantAnalysis, Leaf, Timestamp};
use serde::Serialize;

use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::lookup;
use crate::paint::Ink;
use crate::when;

/// Say which permissions of an agent are unused, too broad, without limit or end, and what would do
#[derive(clap::Args, Debug)]
pub(crate) struct Analyze {
    /// Which: a name or an id
    agent: String,
    /// Look at calls from then on
    #[arg(long, value_name = "WHEN", default_value = "30d ago")]
    since: String,
}

#[derive(Serialize)]
struct Shown {
    agent: String,
    since: String,
    grants: Vec<ShownGrant>,
    /// All of it together; what was unused is left out.
    suggested: Vec<String>,
}

#[derive(Serialize)]
struct ShownGrant {
    via: String,
    grant: u32,
    permission: String,
    calls: u64,
    last_at: Option<String>,
    findings: Vec<String>,
    suggested: Vec<String>,
}

impl Analyze {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        let now = when::now_in(None)?;
        let since = when::moment(&self.since, &now).map_err(Failure::Error)?;
        let since = Timestamp::from_s(since.timestamp().as_second());
        data.look(console, async |kavach, console| {
            let agent = lookup::agent(kavach, &self.agent)?;
            let Some(analysis) = kavach.analyze(&agent.id, since).await? else {
                return Err(Failure::error("the agent is gone; try again"));
            };
            if console.json {
                console.object(&shown(agent.name.to_string(), &analysis))?;
            } else {
                print(console, &analysis)?;
            }
            Ok(Exit::Done)
        })
        .await
    }
}

fn print(console: &mut Console, analysis: &Analysis) -> Result<(), Failure> {
    if analysis.grants.is_empty() {
        console.note("it holds nothing");
    }
    let mut last: Option<Leaf> = None;
    for (leaf, grant) in &analysis.grants {
        if last.replace(*leaf) != Some(*leaf) {
            let leaf = console.paint.ink(Ink::Faint, format!("via {leaf}"));
            console.line(leaf)?;
        }
        console.line(format_args!(
            "  {} {}",
            grant.grant.id, grant.grant.permission
        ))?;
        let used = match grant.last_at {
            None => format!("    no calls since {}", analysis.since),
            Some(at) => format!("    {} calls, the last at {at}", grant.calls),
        };
        console.line(used)?;
        for finding in &grant.findings {
            let finding = console.paint.ink(Ink::Warn, in_words(finding));
            console.line(format_args!("    {finding}"))?;
        }
        for permission in &grant.suggested {
            let sign = console.paint.ink(Ink::Good, "would do:");
            console.line(format_args!("    {sign} {permission}"))?;
        }
    }
    Ok(())
}

fn in_words(finding: &Finding) -> String {
    match finding {
        Finding::Unused => "unused: take it away".to_owned(),
        Finding::BroadActions(used) => format!("broad: only `{used}` was done"),
        Finding::BroadPattern(touched) => {
            let touched: Vec<String> = touched.iter().map(ToString::to_string).collect();
            format!("broad: only `{}` was touched", touched.join("`, `"))
        }
        Finding::NoLimit => "without limit: give it a rate or a budget".to_owned(),
        Finding::NoExpiry => "without end: give it an expiry".to_owned(),
        other => format!("{other:?}"),
    }
}

fn shown(agent: String, analysis: &Analysis) -> Shown {
    let texts = |permissions: &[kavach::Permission]| -> Vec<String> {
        permissions.iter().map(ToString::to_string).collect()
    };
    let grants = analysis.grants.iter();
    let of = |(leaf, known): &(Leaf, GrantAnalysis)| ShownGrant {
        via: leaf.to_string(),
        grant: known.grant.id,
        permission: known.grant.permission.to_string(),
        calls: known.calls,
        last_at: known.last_at.map(|at| at.to_string()),
        findings: known.findings.iter().map(in_words).collect(),
        suggested: texts(&known.suggested),
    };
    let all = grants
        .clone()
        .flat_map(|(_, known)| texts(&known.suggested));
    Shown {
        agent,
        since: analysis.since.to_string(),
        suggested: all.collect(),
        grants: grants.map(of).collect(),
    }
}
