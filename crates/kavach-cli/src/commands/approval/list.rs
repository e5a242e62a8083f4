//! `kavach approval list`

use kavach::{ApprovalRequest, ApprovalState};

use super::shown::Shown;
use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::paint::Ink;
use crate::table::{Table, faint, plain};

/// List calls that wait for people, or for being made, the oldest first
#[derive(clap::Args, Debug)]
pub(crate) struct List {
    /// Also those that were denied, made, or not made in time, until they are cleared away
    #[arg(long)]
    all: bool,
}

impl List {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        data.look(console, async |kavach, console| {
            let mut requests = kavach.approvals();
            requests.retain(|request| self.all || is_open(request.state));
            if console.json {
                console.array(requests.iter().map(Shown::of))?;
            } else if requests.is_empty() {
                console.note("no approvals");
            } else {
                print(console, &requests)?;
            }
            Ok(Exit::Done)
        })
        .await
    }
}

fn is_open(state: ApprovalState) -> bool {
    match state {
        ApprovalState::Pending | ApprovalState::Approved => true,
        ApprovalState::Denied | ApprovalState::Used | ApprovalState::Expired => false,
    }
}

fn print(console: &mut Console, requests: &[ApprovalRequest]) -> Result<(), Failure> {
    let header = ["id", "state", "yes", "agent", "call", "asked", "expires"];
    let mut table = Table::new(console, &header);
    for request in requests {
        table.row([
            plain(request.id),
            inked(request.state),
            plain(format!("{}/{}", request.said_yes, request.needed)),
            plain(request.line.last().map_or("", String::as_str)),
            plain(format!("{} {}", request.action, request.resource)),
            faint(request.asked_at),
            faint(request.expires_at),
        ]);
    }
    table.print(console)
}

fn inked(state: ApprovalState) -> (String, Ink) {
    let ink = match state {
        ApprovalState::Pending => Ink::Warn,
        ApprovalState::Approved | ApprovalState::Used => Ink::Good,
        ApprovalState::Denied | ApprovalState::Expired => Ink::Bad,
    };
    (state.word().to_owned(), ink)
}
