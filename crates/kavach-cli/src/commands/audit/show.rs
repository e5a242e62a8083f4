//! `kavach audit show`

use kavach::audit::{Detail, Event, Private, Query, SealedEvent, shown};
use kavach::{EventId, Kavach};

use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::lookup;
use crate::table::field;

/// How much later than its id an event is looked for first. An id is drawn when a decision is begun.
const LATER_NS: u64 = 60_000_000_000;

/// Show one event, all of it
#[derive(clap::Args, Debug)]
pub(crate) struct Show {
    /// Its id
    #[arg(value_name = "ID")]
    event: String,
}

impl Show {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        let id: EventId = self.event.parse()?;
        data.look(console, async |kavach, console| {
            let found = find(kavach, id).await?;
            if console.json {
                let mut line = Vec::new();
                let written = kavach::audit::write_jsonl(&mut line, &found);
                let written = written.and_then(|()| console.writer().write_all(&line));
                written.map_err(|error| Failure::output(&error))?;
            } else {
                let private = kavach.private(&found.event).await?;
                console.line(kavach.sentence(&found.event, &private))?;
                console.line("")?;
                sheet(kavach, &found, &private).print(console)?;
            }
            Ok(Exit::Done)
        })
        .await
    }
}

/// The event with this id: near the time in it, or else anywhere.
async fn find(kavach: &Kavach, id: EventId) -> Result<SealedEvent, Failure> {
    let drawn_ms = u64::try_from(id.as_u128() >> 80).unwrap_or(u64::MAX);
    let drawn_ns = drawn_ms.saturating_mul(1_000_000);
    let near = Query {
        since_ns: Some(drawn_ns),
        until_ns: Some(drawn_ns.saturating_add(LATER_NS)),
        ..Query::default()
    };
    for query in [near, Query::default()] {
        let mut trail = kavach.audit(query);
        while let Some(page) = trail.next_page().await? {
            if let Some(found) = page.into_iter().find(|event| event.event.id == id) {
                return Ok(found);
            }
        }
    }
    Err(Failure::error(format!(
        "there is no event `{id}` in this tenant; see `kavach audit list`"
    )))
}

/// Names with values, as they are added.
#[derive(Default)]
struct Sheet(Vec<(&'static str, String)>);

impl Sheet {
    fn add(&mut self, name: &'static str, values: impl IntoIterator<Item = impl ToString>) {
        self.0
            .extend(values.into_iter().map(|value| (name, value.to_string())));
    }

    /// Text from outside.
    fn tell(&mut self, name: &'static str, texts: impl IntoIterator<Item = impl AsRef<str>>) {
        let safe = |text: &dyn AsRef<str>| shown(text.as_ref()).to_string();
        self.add(name, texts.into_iter().map(|text| safe(&text)));
    }

    fn print(self, console: &mut Console) -> Result<(), Failure> {
        let mut last = "";
        for (name, value) in self.0 {
            field(console, if name == last { "" } else { name }, value)?;
            last = name;
        }
        Ok(())
    }
}

/// Everything in an event, and beside it.
fn sheet(kavach: &Kavach, sealed: &SealedEvent, private: &Private) -> Sheet {
    let event = &sealed.event;
    let mut sheet = Sheet::default();
    sheet.add("id", [event.id]);
    sheet.add("time", [time(event)]);
    sheet.add("kind", [event.kind]);
    sheet.add("outcome", [format!("{} ({})", event.outcome, event.reason)]);
    authority(kavach, event, &mut sheet);
    sheet.add("action", &event.action);
    sheet.add("resource", &event.resource);
    sheet.add("grant", event.grant);
    sheet.tell("obligations", &event.obligations);
    let details = event.detail.iter().map(|(name, value)| match value {
        Detail::Text(text) => format!("{name} = {text}"),
        Detail::List(list) => format!("{name} = {}", list.join(", ")),
    });
    sheet.tell("details", details);
    sheet.tell("request", &event.request_id);
    sheet.tell("audience", &event.audience);
    sheet.add("cost", event.cost);
    let args_hash = event.args_hash.as_ref();
    sheet.add(
        "arguments",
        args_hash.map(|hash| format!("{} (keyed hash)", hex(hash))),
    );
    sheet.add("withdraws", event.withdraws);
    if let Private::Shown(kept) = private {
        sheet.tell("address", &kept.address);
        sheet.tell("note", &kept.note);
    } else if *private == Private::Erased {
        sheet.add("address", ["erased"]);
    }
    sheet.add(
        "took",
        event.duration_ns.map(|ns| format!("{} µs", ns / 1_000)),
    );
    sheet.add("revision", [event.revision]);
    sheet.add("log", [format!("{}, entry {}", event.log, event.index)]);
    sheet.add("leaf hash", [hex(&sealed.leaf_hash())]);
    sheet
}

/// Who it was, and who stands above.
fn authority(kavach: &Kavach, event: &Event, sheet: &mut Sheet) {
    let named = |id| format!("{} ({id})", lookup::name_of(kavach, id));
    sheet.add("agent", event.agent.map(named));
    sheet.tell("claimed", &event.claimed);
    let owned = |id| format!("{} ({id})", lookup::owner_name(kavach, id));
    sheet.add("owner", event.owner.map(owned));
    let hops = event.line.iter().map(|hop| {
        let name = lookup::name_of(kavach, hop.agent);
        match hop.delegation {
            None => format!("{name} by its own grants, since {}", hop.at),
            Some(id) => format!("{name} by {id}, since {}", hop.at),
        }
    });
    sheet.add("line", hops);
}

fn time(event: &Event) -> String {
    let seconds = event.at().to_string();
    let seconds = seconds.strip_suffix('Z').unwrap_or(&seconds);
    format!("{seconds}.{:09}Z", event.time_ns % 1_000_000_000)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
