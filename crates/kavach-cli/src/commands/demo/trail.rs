//! The trail of the story, as a tree and as sentences.

use kavach::audit::{Detail, Event, EventKind, Outcome, Private};
use kavach::{AgentId, Kavach};

use crate::branch::Branch;
use crate::commands::audit::{ink_of, is_good, row};
use crate::console::Console;
use crate::failure::Failure;
use crate::lookup;
use crate::paint::{Ink, Paint};

/// Prints the whole trail, twice.
pub(super) fn print(
    kavach: &Kavach,
    console: &mut Console,
    events: &[Event],
) -> Result<(), Failure> {
    let paint = console.paint;
    let title = paint.ink(Ink::Strong, "What happened, below whoever answers for it:");
    console.line(format_args!("\n{title}"))?;
    for branch in trees(kavach, events, paint) {
        for line in branch.draw() {
            console.line(format_args!("   {line}"))?;
        }
    }
    let title = paint.ink(
        Ink::Strong,
        "The same in sentences, as `kavach audit list` prints them:",
    );
    console.line(format_args!("\n{title}"))?;
    for event in events {
        console.line(row(kavach, event, &Private::None, paint))?;
    }
    Ok(())
}

/// Somebody in a tree, with what they did and who did something below them, in order.
struct Doer {
    /// `None` for owners, and for strangers.
    agent: Option<AgentId>,
    name: String,
    did: Vec<Deed>,
}

enum Deed {
    Alone(String),
    Below(Doer),
}

fn trees(kavach: &Kavach, events: &[Event], paint: Paint) -> Vec<Branch> {
    let mut roots: Vec<Doer> = Vec::new();
    for event in events {
        let root = match event.owner {
            Some(owner) => lookup::owner_name(kavach, owner),
            None => "nobody".to_owned(),
        };
        let mut hops = event.line.iter().map(|hop| hop.agent);
        let deed = deed(event, paint);
        match roots.iter_mut().find(|known| known.name == root) {
            Some(known) => known.add(kavach, &mut hops, deed),
            None => {
                let mut new = Doer::new(None, root);
                new.add(kavach, &mut hops, deed);
                roots.push(new);
            }
        }
    }
    roots.into_iter().map(Doer::into_branch).collect()
}

impl Doer {
    fn new(agent: Option<AgentId>, name: String) -> Self {
        Self {
            agent,
            name,
            did: Vec::new(),
        }
    }

    /// Adds a deed of the last of these agents, each of whom stands below the one before.
    fn add(&mut self, kavach: &Kavach, hops: &mut impl Iterator<Item = AgentId>, deed: String) {
        let Some(agent) = hops.next() else {
            self.did.push(Deed::Alone(deed));
            return;
        };
        for known in &mut self.did {
            if let Deed::Below(doer) = known
                && doer.agent == Some(agent)
            {
                return doer.add(kavach, hops, deed);
            }
        }
        let mut new = Self::new(Some(agent), lookup::name_of(kavach, agent));
        new.add(kavach, hops, deed);
        self.did.push(Deed::Below(new));
    }

    fn into_branch(self) -> Branch {
        let below = self.did.into_iter().map(|deed| match deed {
            Deed::Alone(label) => Branch::new(label),
            Deed::Below(doer) => doer.into_branch(),
        });
        Branch {
            label: self.name,
            below: below.collect(),
        }
    }
}

/// What an event says, short.
fn deed(event: &Event, paint: Paint) -> String {
    let good = is_good(event.outcome);
    let mark = paint.ink(ink_of(event.outcome), if good { "✓" } else { "✗" });
    let listed = |field: &str| match event.detail.get(field) {
        Some(Detail::List(list)) => list.join(", "),
        Some(Detail::Text(text)) => text.clone(),
        None => String::new(),
    };
    let what = match (event.kind, event.outcome) {
        (EventKind::Authorize, _) => {
            let call = event.action.iter().map(ToString::to_string);
            let call = call.chain(event.resource.iter().map(ToString::to_string));
            let claimed = event.claimed.iter().map(|name| format!("{name}:"));
            claimed.chain(call).collect::<Vec<_>>().join(" ")
        }
        (EventKind::AgentCreated, _) => format!("created with {}", listed("permissions")),
        (EventKind::Delegated, Outcome::Refused) => format!("pass on {}", listed("asked")),
        (EventKind::Delegated, _) => format!("spawned with {}", listed("permissions")),
        (EventKind::AgentRevoked, _) => "revoked".to_owned(),
        (other, _) => other.code().to_owned(),
    };
    if good {
        return format!("{mark} {what}");
    }
    format!("{mark} {what}  {}", paint.ink(Ink::Faint, event.reason))
}
