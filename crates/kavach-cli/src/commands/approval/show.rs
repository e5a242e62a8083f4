//! `kavach approval show`

use kavach::audit::shown;
use kavach::{ApprovalArgs, ApprovalId, ApprovalRequest};

use super::shown::Shown;
use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::table::{field, fields};

/// Show a call that waits: who wants to do what, with which arguments, and what people said
#[derive(clap::Args, Debug)]
pub(crate) struct Show {
    /// Its id, as `approval list` prints it
    approval: String,
}

impl Show {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        let id: ApprovalId = self.approval.parse()?;
        data.look(console, async |kavach, console| {
            let Some(request) = kavach.approval(&id).await? else {
                return Err(Failure::error(format!(
                    "there is no approval `{id}` in this tenant, or no longer; see `kavach approval list \
                     --all`, and for what is past `kavach audit list`"
                )));
            };
            if console.json {
                console.object(&Shown::of(&request))?;
            } else {
                print(console, &request)?;
            }
            Ok(Exit::Done)
        })
        .await
    }
}

fn print(console: &mut Console, request: &ApprovalRequest) -> Result<(), Failure> {
    let safe = |text: &Option<String>| text.as_ref().map(|text| shown(text).to_string());
    field(console, "approval", request.id)?;
    field(console, "state", request.state)?;
    field(
        console,
        "agent",
        request.line.last().map_or("", String::as_str),
    )?;
    field(console, "line", request.line.join(" > "))?;
    fields(console, "token of", request.holders.iter().cloned())?;
    field(console, "action", &request.action)?;
    field(console, "resource", &request.resource)?;
    let arguments = match &request.args {
        ApprovalArgs::None => "none".to_owned(),
        ApprovalArgs::Shown(args) => shown(&args.to_string()).to_string(),
        ApprovalArgs::NotShown => "no longer kept".to_owned(),
    };
    field(console, "arguments", arguments)?;
    fields(console, "request id", safe(&request.request_id))?;
    fields(console, "audience", safe(&request.audience))?;
    fields(console, "cost", request.cost.map(|cost| cost.to_string()))?;
    let yes = format!("{} of {}", request.said_yes, request.needed);
    field(console, "said yes", yes)?;
    let votes = request.votes.iter().map(|vote| {
        let who = vote.name.clone().unwrap_or_else(|| vote.by.to_string());
        let what = match (vote.yes, vote.counts) {
            (true, true) => "yes",
            (true, false) => "yes, which no longer counts",
            (false, _) => "no",
        };
        let note = vote.note.as_deref().map(shown);
        let note = note.map_or(String::new(), |note| format!(": {note}"));
        format!("{who} said {what} at {}{note}", vote.at)
    });
    fields(console, "votes", votes)?;
    field(console, "asked", request.asked_at)?;
    field(console, "expires", request.expires_at)?;
    let used_by = request.used_by.map(|id| id.to_string());
    fields(console, "used by", used_by)
}
