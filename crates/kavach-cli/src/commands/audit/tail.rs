//! `kavach audit tail`

use std::collections::VecDeque;
use std::time::Duration;

use kavach::audit::{Query, SealedEvent};
use kavach::core::LogId;
use kavach::{Clock, Kavach, SystemClock};

use super::print::{Format, Printer};
use super::selection::Selection;
use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::limits::{FOLLOW_INTERVAL_S, TAIL_EVENTS_MAX};

/// How far back the last events are looked for first, and how much further each time.
const LOOK_BACK_NS: u64 = 60_000_000_000;
const LOOK_BACK_FACTOR: u64 = 16;

/// Show the last events, and new ones as they come
#[derive(clap::Args, Debug)]
pub(crate) struct Tail {
    /// How many of the last events
    #[arg(short = 'n', long, value_name = "COUNT", default_value = "20")]
    lines: usize,
    /// Go on with new ones, until stopped: the store is opened, read and closed again every second, so that
    /// another process can write to it meanwhile
    #[arg(long, short)]
    follow: bool,
    #[command(flatten)]
    selection: Selection,
    /// How to write them [default: table, or jsonl with --json]
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,
}

/// The place of an event among all others.
type Order = (u64, LogId, u64);

impl Tail {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        if self.lines > TAIL_EVENTS_MAX {
            let words =
                format!("`-n` is more than {TAIL_EVENTS_MAX}; use `kavach audit list --since`");
            return Err(Failure::error(words));
        }
        let range = self.selection.range()?;
        if let Some(words) = range.words() {
            console.note(words);
        }
        let mut printer = Printer::new(self.format, console);
        let mut seen = data.event_count().await?;
        let last = data
            .look(console, async |kavach, console| {
                let query = self.selection.query(kavach, &range)?;
                let events = last_events(kavach, &query, self.lines).await?;
                printer.print(kavach, console, &events).await?;
                console.flush()?;
                // What is there already and was not shown is not new either.
                newest(kavach, &query, events.last()).await
            })
            .await?;
        if !self.follow {
            return Ok(Exit::Done);
        }
        let mut last = last;
        loop {
            tokio::time::sleep(Duration::from_secs(FOLLOW_INTERVAL_S)).await;
            let count = data.event_count().await?;
            if count == seen {
                continue;
            }
            seen = count;
            if let Some(session) = data.open_for_looking().await? {
                let query = self.selection.query(&session.kavach, &range);
                let shown = match query {
                    Ok(query) => {
                        show_new(&session.kavach, query, &mut last, &mut printer, console).await
                    }
                    Err(failure) => Err(failure),
                };
                session.close().await;
                shown?;
            }
        }
    }
}

fn order(event: &SealedEvent) -> Order {
    (event.event.time_ns, event.event.log, event.event.index)
}

/// The last so many events, the oldest of them first: looked for in the last minute, then ever further back.
async fn last_events(
    kavach: &Kavach,
    query: &Query,
    count: usize,
) -> Result<Vec<SealedEvent>, Failure> {
    let end = query
        .until_ns
        .unwrap_or(u64::MAX)
        .min(SystemClock::default().now_ns());
    let floor = query.since_ns.unwrap_or(0);
    let mut back = LOOK_BACK_NS;
    loop {
        let since = end.saturating_sub(back).max(floor);
        let mut trail = kavach.audit(Query {
            since_ns: Some(since),
            ..query.clone()
        });
        let mut last = VecDeque::new();
        while let Some(page) = trail.next_page().await? {
            last.extend(page);
            last.drain(..last.len().saturating_sub(count));
        }
        if last.len() >= count || since <= floor {
            return Ok(last.into());
        }
        back = back.saturating_mul(LOOK_BACK_FACTOR);
    }
}

/// Where the new events begin: after the last that was shown, or after all there are.
async fn newest(
    kavach: &Kavach,
    query: &Query,
    shown: Option<&SealedEvent>,
) -> Result<Option<Order>, Failure> {
    match shown {
        Some(last) => Ok(Some(order(last))),
        None => Ok(last_events(kavach, query, 1).await?.last().map(order)),
    }
}

async fn show_new(
    kavach: &Kavach,
    mut query: Query,
    last: &mut Option<Order>,
    printer: &mut Printer,
    console: &mut Console,
) -> Result<(), Failure> {
    if let Some((time_ns, ..)) = *last {
        query.since_ns = Some(query.since_ns.map_or(time_ns, |since| since.max(time_ns)));
    }
    let mut trail = kavach.audit(query);
    while let Some(mut page) = trail.next_page().await? {
        page.retain(|event| Some(order(event)) > *last);
        printer.print(kavach, console, &page).await?;
        *last = page.last().map(order).or(*last);
    }
    console.flush()
}
