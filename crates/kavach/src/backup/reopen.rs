//! Opening a restored store again.

use std::collections::{BTreeMap, BTreeSet};

use kavach_audit::{EventKind, Head};
use kavach_core::{EventId, LogId, Subject, SubjectId, Timestamp};
use kavach_store::{Batch, Expect, Key, StoreError, StoreErrorKind, Version};

use super::again::Report;
use super::allowance::{Allowances, listed};
use super::error::{Missing, ReopenError};
use super::exports::{Export, Merged, Reach, Standing};
use super::restoration::{self, Restoration};
use super::restore::head_key;
use super::takings::Takings;
use crate::census;
use crate::change::About;
use crate::committer::{Failure, Work};
use crate::error::FailedCommit;
use crate::node::Kavach;
use crate::trust;
use crate::view::read_one;

/// Entries of one list that an event names. Four lists of them fit into one event.
const LISTED_MAX: usize = 64;
/// Bytes of events that are written together.
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// Events that are written together.
const BATCH_EVENTS: usize = 1_000;

/// How a restored store is to be opened again: with exports of the trail, by somebody who accepts the loss, or
/// both.
#[derive(Debug)]
pub struct Reopening {
    by: Subject,
    exports: Vec<Export>,
    accepted: Option<String>,
}

impl Reopening {
    /// By this person, with nothing said yet.
    #[must_use]
    pub fn by(by: Subject) -> Self {
        Self {
            by,
            exports: Vec::new(),
            accepted: None,
        }
    }

    /// With this export of the trail too. All of them together must tell each log without a hole, from the
    /// events of the backup on: those of every tenant.
    #[must_use]
    pub fn export(mut self, export: Export) -> Self {
        self.exports.push(export);
        self
    }

    /// With these words: those of [`Restoration::acceptance`], exactly.
    #[must_use]
    pub fn accept_loss(mut self, words: impl Into<String>) -> Self {
        self.accepted = Some(words.into());
        self
    }
}

/// A store that was opened again.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Reopened {
    /// How many changes were made to take away again what had been taken.
    pub taken: u64,
    /// How many counters were raised by what calls took since.
    pub counted: u64,
    /// Events of the exports that are in the trail now, and were not before.
    pub kept: u64,
    /// How far the exports tell each log: the number of its events, and the time of the last.
    pub reached: BTreeMap<LogId, (u64, Timestamp)>,
    /// What they leave out, and somebody accepted.
    pub missing: Vec<Missing>,
    /// Where more was taken than anybody took then, and what is left to do: sentences for people.
    pub stricter: Vec<String>,
    /// Tenants whose root key of tokens was replaced: no token from before counts there.
    pub root_keys: u64,
    /// The event that records it.
    pub audit_id: EventId,
}

impl Kavach {
    /// Opens a restored store again, once it is said what became of what was revoked since the backup. Every
    /// node on the store allows calls from then on.
    ///
    /// What the exports say was taken away is taken away again, for every tenant; what was given since is lost,
    /// and given again by hand. Their events go into the trail, where they follow on without a hole. Root keys
    /// of tokens are replaced without overlap, so that no token that was made since, or revoked since, counts;
    /// agents get new ones. What is not recorded in exports is lost, and whoever accepts that is on record.
    ///
    /// Events are not signed yet: an export proves that it belongs to this history as far as it overlaps with the
    /// backup, and that nothing in it is left out between two events. Keep exports where whoever can change the
    /// store cannot.
    ///
    /// INVARIANT (opened last): nothing is allowed before all of that is durable. After a failure, call it again.
    ///
    /// # Errors
    /// [`ReopenError`]; what was taken away until then stays so, and the store stays closed.
    pub async fn reopen(&self, reopening: Reopening) -> Result<Reopened, ReopenError> {
        let Reopening {
            by,
            mut exports,
            accepted,
        } = reopening;
        self.node.take_in_others().await;
        let store = &*self.node.store;
        let (restoration, version) = restoration::read(store)
            .await?
            .ok_or(ReopenError::NotRestored)?;
        if !restoration.is_closed() {
            return Err(ReopenError::NotClosed);
        }
        let acceptance = restoration.acceptance();
        match &accepted {
            Some(words) if *words != acceptance => {
                return Err(ReopenError::NotAccepted(acceptance));
            }
            None if exports.is_empty() => return Err(ReopenError::NothingSaid(acceptance)),
            Some(_) | None => {}
        }
        let (takings, missing) = self.look_through(&mut exports, &restoration).await?;
        if accepted.is_none() && !missing.is_empty() {
            return Err(ReopenError::Missing {
                missing,
                acceptance,
            });
        }
        let by = self.known_or_met(&by).await?;
        let mut report = Report::default();
        for (tenant, from) in &takings.tenants {
            self.in_tenant(*tenant)
                .take_again(from, &mut report)
                .await?;
        }
        let tenants = self.tenants_with_roots();
        for tenant in &tenants {
            self.in_tenant(*tenant).rotate_root_key(0).await?;
        }
        let (kept, reached, allowances) = self.keep(&mut exports, (&restoration, version)).await?;
        self.settle_trust(&restoration, &reached).await?;
        let mut reopened = Reopened {
            taken: report.taken,
            counted: self.count_again(&allowances).await?,
            kept,
            reached,
            missing,
            stricter: report.stricter,
            root_keys: tenants.len() as u64,
            audit_id: EventId::from_u128(0),
        };
        self.open_again(&mut reopened, (restoration, version), (by, accepted))
            .await?;
        Ok(reopened)
    }

    /// Reads all exports, and changes nothing. Answers what they say was taken away, and what they leave out.
    async fn look_through(
        &self,
        exports: &mut [Export],
        restoration: &Restoration,
    ) -> Result<(Takings, Vec<Missing>), ReopenError> {
        let mut takings = Takings::default();
        if exports.is_empty() {
            return Ok((takings, Vec::new()));
        }
        let mut reach = Reach::of(&*self.node.store, restoration).await?;
        let mut merged = Merged::of(exports)?;
        while let Some(told) = merged.next()? {
            reach.tell(&told).await?;
            if is_since(restoration, &told.sealed.event) {
                takings.note(&told.sealed.event);
            }
        }
        reach.end();
        let mut missing = reach.missing;
        missing.extend(merged.cut());
        missing.append(&mut takings.untold);
        Ok((takings, missing))
    }

    /// Whoever reopens is somebody whom the trail can name.
    async fn known_or_met(&self, by: &Subject) -> Result<SubjectId, ReopenError> {
        if self.subject_id(by).is_none() {
            self.grant_owner(by, &[]).await?;
        }
        self.subject_id(by).ok_or_else(|| {
            let words = "the person was erased just now; try again";
            StoreError::new(StoreErrorKind::Unavailable, words).into()
        })
    }

    /// Writes into the trail what follows on there, and works out what calls took.
    async fn keep(
        &self,
        exports: &mut [Export],
        (restoration, version): (&Restoration, Version),
    ) -> Result<(u64, BTreeMap<LogId, (u64, Timestamp)>, Allowances), ReopenError> {
        let store = &*self.node.store;
        let mut allowances = Allowances::default();
        let mut kept = 0;
        let mut reach = Reach::of(store, restoration).await?;
        let mut merged = Merged::of(exports)?;
        let mut batch = Batch::default();
        let mut touched: BTreeSet<LogId> = BTreeSet::new();
        let mut bytes = 0;
        while let Some(told) = merged.next()? {
            let standing = reach.tell(&told).await?;
            let event = &told.sealed.event;
            if is_since(restoration, event) {
                allowances.note(&self.node.view.read().graph, event);
            }
            if standing != Standing::Follows {
                continue;
            }
            touched.insert(event.log);
            bytes += told.sealed.bytes.len();
            batch.events.push(told.sealed);
            kept += 1;
            if bytes >= BATCH_BYTES || batch.events.len() >= BATCH_EVENTS {
                let heads = reach.heads_of(std::mem::take(&mut touched));
                self.append(std::mem::take(&mut batch), heads, version)
                    .await?;
                bytes = 0;
            }
        }
        let heads = reach.heads_of(touched);
        self.append(batch, heads, version).await?;
        let reached = reach.heads().map(|head| {
            let last = Timestamp::from_s(
                i64::try_from(head.time_ns() / 1_000_000_000).unwrap_or(i64::MAX),
            );
            (head.log(), (head.size(), last))
        });
        Ok((kept, reached.collect(), allowances))
    }

    /// Writes events of closed logs, and moves their heads on with them.
    ///
    /// INVARIANT (one reopens): it expects that the store is closed still, and each head as it was.
    async fn append(
        &self,
        mut batch: Batch,
        heads: Vec<Head>,
        version: Version,
    ) -> Result<(), ReopenError> {
        for head in heads {
            let key: Key = head_key(&head);
            let found = read_one(&*self.node.store, &key).await?;
            let expect = found.map_or(Expect::Absent, |found| Expect::Version(found.version));
            batch.expectations.push((key.clone(), expect));
            batch.puts.push((key, head.encode()));
        }
        if batch.events.is_empty() {
            return Ok(());
        }
        let closed = (restoration::place(), Expect::Version(version));
        batch.expectations.push(closed);
        self.node.store.commit(batch).await?;
        Ok(())
    }

    /// What closed logs say of agents counts, and no node goes on with them. A node that has the store for itself
    /// reads it when it opens the next time.
    async fn settle_trust(
        &self,
        restoration: &Restoration,
        reached: &BTreeMap<LogId, (u64, Timestamp)>,
    ) -> Result<(), ReopenError> {
        let store = &*self.node.store;
        let tenants: Vec<_> = self.node.view.read().graph.tenants().collect();
        let now_ns = self.node.clock.now_ns();
        for head in census::heads(store).await? {
            let log = head.log();
            if restoration.sizes.contains_key(&log) || reached.contains_key(&log) {
                trust::Keeper::settle(store, &head, &tenants, now_ns).await?;
            }
        }
        Ok(())
    }

    /// The last commit: that the store is open, with the event that says who opened it, and by what.
    async fn open_again(
        &self,
        reopened: &mut Reopened,
        (restoration, version): (Restoration, Version),
        (by, accepted): (SubjectId, Option<String>),
    ) -> Result<(), ReopenError> {
        let mut about = About::default()
            .with("by", by)
            .with("backup_at", restoration.backup_at)
            .with("restored_at", restoration.restored_at)
            .with("taken", reopened.taken)
            .with("kept", reopened.kept)
            .with("root_keys", reopened.root_keys)
            .with_some("accepted", accepted);
        let reached = reopened.reached.iter();
        let reached = reached.map(|(log, (size, at))| format!("{log}: {size} events, until {at}"));
        let missing = reopened.missing.iter().map(ToString::to_string);
        let lists = [
            ("reached", listed(reached, LISTED_MAX)),
            ("missing", listed(missing, LISTED_MAX)),
            (
                "stricter",
                listed(reopened.stricter.iter().cloned(), LISTED_MAX),
            ),
        ];
        for (field, list) in lists {
            if list != kavach_audit::Detail::List(Vec::new()) {
                about.detail.insert(field.to_owned(), list);
            }
        }
        let revision = self.revision();
        let event = self.event_of(EventKind::StoreReopened, None, about, revision)?;
        reopened.audit_id = event.id;
        let open = Restoration {
            reopened_at: Some(self.now()),
            ..restoration
        };
        let work = Work {
            expectations: vec![(restoration::place(), Expect::Version(version))],
            puts: vec![(restoration::place(), open.encode()?)],
            events: vec![event],
            ..Work::default()
        };
        match self.node.commit(work).await? {
            Ok(_) => Ok(()),
            Err(Failure::Conflict) => Err(ReopenError::NotClosed),
            Err(failure) => Err(FailedCommit::from(failure).into()),
        }
    }
}

/// Whether an event is not in the backup.
fn is_since(restoration: &Restoration, event: &kavach_audit::Event) -> bool {
    let known = restoration.sizes.get(&event.log);
    known.is_none_or(|size| event.index >= *size)
}
