//! `kavach remaining`

use kavach::core::{Budget, Period, Rate, Span};
use kavach::{GrantRemaining, HopRemaining, Kavach, LimitRemaining, LineRemaining, Permission};
use serde::Serialize;

use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::lookup;
use crate::paint::Ink;
use crate::table::{Table, faint, plain};

/// List what is left of an agent's rates and budgets, level by level of each line
#[derive(clap::Args, Debug)]
pub(crate) struct Remaining {
    /// Its name or id
    agent: String,
}

/// What is left along one line.
#[derive(Serialize)]
struct Shown {
    line: Vec<String>,
    via: String,
    levels: Vec<ShownLevel>,
}

#[derive(Serialize)]
struct ShownLevel {
    agent: String,
    limits: Vec<ShownLimit>,
}

#[derive(Serialize)]
struct ShownLimit {
    grant: u32,
    permission: String,
    limit: String,
    // Beyond what a double holds, a number of JSON is another number.
    used: String,
    left: String,
    frees_at: Option<String>,
}

impl Shown {
    fn of(kavach: &Kavach, agent: kavach::AgentId, line: &LineRemaining) -> Self {
        Self {
            line: lookup::line(kavach, agent, line.leaf),
            via: line.leaf.to_string(),
            levels: line.hops.iter().map(|hop| level(kavach, hop)).collect(),
        }
    }
}

fn level(kavach: &Kavach, hop: &HopRemaining) -> ShownLevel {
    let limits = hop.grants.iter().flat_map(|grant| {
        let shown = |limit| shown_limit(grant, limit);
        grant.limits.iter().map(shown)
    });
    ShownLevel {
        agent: lookup::name_of(kavach, hop.agent),
        limits: limits.collect(),
    }
}

fn shown_limit(grant: &GrantRemaining, limit: &LimitRemaining) -> ShownLimit {
    ShownLimit {
        grant: grant.grant,
        permission: bare(&grant.permission),
        limit: written(limit),
        used: limit.used.to_string(),
        left: limit.left.to_string(),
        frees_at: limit.frees_at.map(|at| at.to_string()),
    }
}

/// The permission without its bounds, which have columns of their own or nothing to do with counting.
fn bare(permission: &Permission) -> String {
    let mut permission = permission.clone();
    permission.constraints = kavach::Constraints::default();
    permission.to_string()
}

/// The limit as it is written: `20/h`, `5/day`.
fn written(limit: &LimitRemaining) -> String {
    let budget = |period| Budget {
        period,
        units: limit.limit,
    };
    match limit.span {
        Span::Sliding(window_s) => {
            // A rate has no more calls than that.
            let calls = u32::try_from(limit.limit).unwrap_or(u32::MAX);
            Rate { window_s, calls }.to_string()
        }
        Span::Day => budget(Period::Day).to_string(),
        Span::Month => budget(Period::Month).to_string(),
        Span::Total => budget(Period::Total).to_string(),
    }
}

impl Remaining {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        data.look(console, async |kavach, console| {
            let agent = lookup::agent(kavach, &self.agent)?;
            let lines = kavach.remaining(&agent.id).unwrap_or_default();
            let lines = lines.iter().map(|line| Shown::of(kavach, agent.id, line));
            let lines: Vec<Shown> = lines.collect();
            if console.json {
                console.array(&lines)?;
                return Ok(Exit::Done);
            }
            if lines.is_empty() {
                console.note(format_args!("`{}` holds nothing", agent.name));
            }
            for line in lines {
                print(console, line)?;
            }
            Ok(Exit::Done)
        })
        .await
    }
}

fn print(console: &mut Console, line: Shown) -> Result<(), Failure> {
    let names = console.paint.ink(Ink::Strong, line.line.join(" > "));
    let via = console.paint.ink(Ink::Faint, &line.via);
    console.line(format_args!("{names}  {via}"))?;
    if line.levels.iter().all(|level| level.limits.is_empty()) {
        return console.line("  no limits");
    }
    let header = ["level", "permission", "limit", "used", "left", "frees at"];
    let mut table = Table::new(console, &header);
    for level in line.levels {
        for limit in level.limits {
            let left = match limit.left.as_str() {
                "0" => (limit.left, Ink::Bad),
                _ => plain(limit.left),
            };
            table.row([
                plain(&level.agent),
                plain(limit.permission),
                plain(limit.limit),
                plain(limit.used),
                left,
                faint(limit.frees_at.unwrap_or_default()),
            ]);
        }
    }
    table.print(console)
}
