//! The audit trail: asking it, and getting it out.

use std::io::Write;

use kavach_audit::{Csv, ERASED, Event, Names, Private, Query, SealedEvent, Sentence};
use kavach_core::{AgentId, SubjectId};
use kavach_store::{AuditCursor, StoreError};

use crate::census::{self, Events};
use crate::error::CannotDecide;
use crate::limits::PAGE_EVENTS;
use crate::node::Kavach;

/// The answer to a question to the trail, read page by page.
#[derive(Debug)]
pub struct Trail {
    kavach: Kavach,
    query: Query,
    cursor: Option<AuditCursor>,
    ended: bool,
}

impl Trail {
    /// The next events, in order of time; `None` after the last.
    ///
    /// # Errors
    /// If the store fails. The same call goes on where it stopped.
    pub async fn next_page(&mut self) -> Result<Option<Vec<SealedEvent>>, StoreError> {
        while !self.ended {
            let store = &self.kavach.node.store;
            let page = store
                .audit_scan(&self.query, self.cursor.as_ref(), PAGE_EVENTS)
                .await?;
            match page.next {
                Some(next) => self.cursor = Some(next),
                None => self.ended = true,
            }
            if !page.events.is_empty() {
                return Ok(Some(page.events));
            }
        }
        Ok(None)
    }
}

/// How to write events.
#[expect(clippy::exhaustive_enums, reason = "the command line offers each")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// The canonical bytes, one event a line: what was hashed.
    Jsonl,
    /// RFC 4180, for spreadsheets; names resolved; not what was hashed.
    Csv,
}

impl Kavach {
    /// Asks the trail; the query's tenant becomes this handle's.
    #[must_use]
    pub fn audit(&self, mut query: Query) -> Trail {
        query.tenant = self.tenant;
        Trail {
            kavach: self.clone(),
            query,
            cursor: None,
            ended: false,
        }
    }

    /// Writes all events that `query` asks for to `out`, page by page, and returns how many. After each
    /// page, `progress` gets the number so far.
    ///
    /// # Errors
    /// If the store fails, or writing does; what was written until then is whole events.
    pub async fn export(
        &self,
        query: Query,
        format: Format,
        mut out: &mut (dyn Write + Send),
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<u64, ExportError> {
        let mut trail = self.audit(query);
        let mut count = 0;
        match format {
            Format::Jsonl => {
                while let Some(page) = trail.next_page().await? {
                    for event in &page {
                        kavach_audit::write_jsonl(&mut out, event)?;
                    }
                    count += page.len() as u64;
                    progress(count);
                }
            }
            Format::Csv => {
                let names = KnownNames(self.clone());
                let mut csv = Csv::new(&mut *out, &names)?;
                while let Some(page) = trail.next_page().await? {
                    for event in &page {
                        csv.write(event, &self.private(&event.event).await?)?;
                    }
                    count += page.len() as u64;
                    progress(count);
                }
                csv.finish()?;
            }
        }
        out.flush()?;
        Ok(count)
    }

    /// Writes the events of every tenant to `out`, as canonical JSON, one a line, in order of time, log and index:
    /// what a restored store is [reopened](Self::reopen) with. Those that are committed while it writes are left
    /// to the next export. Returns how many there are; after each, `progress` gets the number so far.
    ///
    /// # Errors
    /// If the store fails, or writing does; what was written until then is whole events.
    pub async fn export_all(
        &self,
        mut out: &mut (dyn Write + Send),
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<u64, ExportError> {
        let store = &*self.node.store;
        let heads = census::heads(store).await?;
        let logs = heads.iter().map(|head| (head.log(), 0..head.size()));
        let mut events = Events::of(store, logs);
        let mut count = 0;
        while let Some(event) = events.next().await? {
            kavach_audit::write_jsonl(&mut out, &event)?;
            count += 1;
            progress(count);
        }
        out.flush()?;
        Ok(count)
    }

    /// What stands beside an event of this tenant, sealed for its owner.
    ///
    /// # Errors
    /// If the store fails, or was written with another master key.
    pub async fn private(&self, event: &Event) -> Result<Private, CannotDecide> {
        if event.tenant != self.tenant {
            return Ok(Private::None);
        }
        self.node.open_private(event).await
    }

    /// An event as an English sentence, with the names that are still known.
    #[must_use]
    pub fn sentence(&self, event: &Event, private: &Private) -> String {
        Sentence::new(event, &KnownNames(self.clone()), private).to_string()
    }
}

/// An export that did not get to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The store failed.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// What stands beside an event cannot be read.
    #[error("{0}")]
    Private(#[from] CannotDecide),
    /// The output failed.
    #[error("the output cannot be written: {0}")]
    Output(#[from] std::io::Error),
}

/// The names that the node knows now.
struct KnownNames(Kavach);

impl Names for KnownNames {
    fn agent(&self, id: AgentId) -> Option<String> {
        self.0.agent(&id).map(|agent| agent.name.to_string())
    }

    fn subject(&self, id: SubjectId) -> Option<String> {
        let state = self.0.node.view.read();
        state.graph.owner(self.0.tenant, id)?;
        let subject = state.graph.subject(self.0.tenant, id);
        Some(subject.map_or_else(|| ERASED.to_owned(), ToString::to_string))
    }
}
