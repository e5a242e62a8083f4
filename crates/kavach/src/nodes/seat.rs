//! A node's place among those that use a store.

use std::ops::Bound;

use kavach_core::{LogId, Timestamp};
use kavach_store::{Batch, Expect, Key, Space, Store, StoreError, StoreErrorKind, Version};
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::error::OpenError;
use crate::limits::{PAGE_RECORDS, SEAT_LEASE_S, SEAT_TRIES_MAX, SEATS_MAX};
use crate::random;

/// What a store remembers of the nodes that write to it.
const NODES: Space = Space::quiet("node");
/// The seat of a node that has its store for itself.
const ALONE: &[u8] = b"local";
/// The version of the encoding that is written.
const VERSION: u32 = 1;

/// A node's place: a log of its own, and a record that only it changes.
///
/// INVARIANT (one process): every commit of the node expects its record as the node wrote it last. Whoever
/// takes the seat changes the record, so that a process that lost it writes nothing more.
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    key: Key,
    /// `None` for who may only look: it has none.
    version: Option<Version>,
    record: SeatRecord,
}

/// How a seat lies in the store: canonical JSON (RFC 8785).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
struct SeatRecord {
    v: u32,
    log: LogId,
    /// Which run of which process: never used twice.
    run: LogId,
    /// Whether a process sits here, as far as it said.
    taken: bool,
    /// Until when others take it for alive; `None` for a node that has its store for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    /// The revision that it had come to, a number of 64 bits as text.
    revision: String,
}

/// Whether a node has its store for itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Seating {
    Alone,
    Shared,
}

impl Seat {
    /// Takes a seat: the only one, or one that is free, or a new one.
    ///
    /// # Errors
    /// If others share the store and this node would have it for itself, if too many processes take seats at
    /// the same time, or if the store fails.
    pub(crate) async fn take(
        store: &dyn Store,
        clock: &dyn Clock,
        seating: Seating,
    ) -> Result<Self, OpenError> {
        for _ in 0..SEAT_TRIES_MAX {
            let seats = seats(store).await?;
            let now = clock.now();
            let run = random::log_id(clock.now_ns())?;
            let fresh_log = random::log_id(clock.now_ns())?;
            let plan = match seating {
                Seating::Alone => Plan::alone(&seats, (run, fresh_log), now)?,
                Seating::Shared => Plan::shared(&seats, (run, fresh_log), now)?,
            };
            let Plan { key, record, batch } = plan;
            match store.commit(batch).await {
                Ok(committed) => {
                    let version = Some(committed.version);
                    return Ok(Self {
                        key,
                        version,
                        record,
                    });
                }
                Err(error) if matches!(error.kind(), StoreErrorKind::Conflict(_)) => {}
                // Who may only look takes no seat: it writes nothing, and is in nobody's way.
                Err(error) if *error.kind() == StoreErrorKind::ReadOnly => {
                    let version = None;
                    return Ok(Self {
                        key,
                        version,
                        record,
                    });
                }
                Err(error) => return Err(error.into()),
            }
        }
        let words = "other nodes keep taking the seats of this store; try again";
        Err(StoreError::new(StoreErrorKind::Locked, words).into())
    }

    /// The log that the node writes.
    pub(crate) fn log(&self) -> LogId {
        self.record.log
    }

    /// This run of the node.
    pub(crate) fn run(&self) -> LogId {
        self.record.run
    }

    /// What every commit of the node expects.
    pub(crate) fn expectation(&self) -> (Key, Expect) {
        let expect = self.version.map_or(Expect::Absent, Expect::Version);
        (self.key.clone(), expect)
    }

    /// The revision that it said it had come to.
    pub(crate) fn revision(&self) -> u64 {
        self.record.revision()
    }

    /// The record that tells the others how far the node has come, and that it is alive.
    ///
    /// # Errors
    /// Never, but for a defect.
    pub(crate) fn renewed(
        &self,
        revision: u64,
        now: Timestamp,
    ) -> Result<(Key, Vec<u8>, Renewal), StoreError> {
        let record = SeatRecord {
            until: self.record.until.map(|_| now.plus_s(SEAT_LEASE_S)),
            revision: revision.to_string(),
            ..self.record.clone()
        };
        Ok((self.key.clone(), record.encode()?, Renewal(record)))
    }

    /// The renewal has landed with this version.
    pub(crate) fn renew(&mut self, renewal: Renewal, version: Version) {
        (self.record, self.version) = (renewal.0, Some(version));
    }

    /// Whether the node has its store for itself.
    pub(crate) fn is_alone(&self) -> bool {
        self.record.until.is_none()
    }

    /// Reads the record anew, after a commit that may or may not have landed.
    ///
    /// # Errors
    /// `Locked` if another process has the seat now, or the record is gone; or if the store fails.
    pub(crate) async fn reload(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        let found = crate::view::read_one(store, &self.key).await?;
        let found = found.ok_or_else(lost)?;
        let record = SeatRecord::decode(&found.bytes)?;
        if record.run != self.record.run {
            return Err(lost());
        }
        (self.record, self.version) = (record, Some(found.version));
        Ok(())
    }

    /// Leaves the seat to whoever comes next.
    ///
    /// # Errors
    /// If the store fails, or another process has the seat already.
    pub(crate) async fn leave(self, store: &dyn Store) -> Result<(), StoreError> {
        if self.version.is_none() {
            return Ok(());
        }
        let expectation = self.expectation();
        let record = SeatRecord {
            taken: false,
            until: self.record.until.map(|_| Timestamp::from_s(0)),
            ..self.record
        };
        let batch = Batch {
            expectations: vec![expectation],
            puts: vec![(self.key, record.encode()?)],
            ..Batch::default()
        };
        store.commit(batch).await.map(drop)
    }
}

/// A record that is on its way.
#[derive(Clone, Debug)]
pub(crate) struct Renewal(SeatRecord);

/// How far the other nodes of a store have come that may be alive, in no order.
///
/// # Errors
/// If the store fails.
pub(crate) async fn others(
    store: &dyn Store,
    run: LogId,
    now: Timestamp,
) -> Result<Vec<u64>, StoreError> {
    let seats = seats(store).await?;
    let others = seats.iter().filter(|seat| seat.record.run != run);
    let alive = others.filter(|seat| seat.record.may_be_alive(now));
    Ok(alive.map(|seat| seat.record.revision()).collect())
}

/// Which run of which node has the store for itself, or had it last; `None` if one shares it.
///
/// # Errors
/// If the store fails.
pub(crate) async fn who_is_alone(store: &dyn Store) -> Result<Option<LogId>, StoreError> {
    let seats = seats(store).await?;
    let alone = seats
        .iter()
        .find(|seat| seat.key == ALONE && seat.record.taken);
    Ok(alone.map(|seat| seat.record.run))
}

/// The logs that nodes write to, or go on with.
///
/// # Errors
/// If the store fails.
pub(crate) async fn logs_of_seats(store: &dyn Store) -> Result<Vec<LogId>, StoreError> {
    let seats = seats(store).await?;
    Ok(seats.iter().map(|seat| seat.record.log).collect())
}

async fn seats(store: &dyn Store) -> Result<Vec<Found>, StoreError> {
    let mut seats = Vec::new();
    let mut from = Bound::Unbounded;
    loop {
        let page = store
            .scan(NODES, (from, Bound::Unbounded), PAGE_RECORDS)
            .await?;
        for (key, record) in page.records {
            seats.push(Found {
                record: SeatRecord::decode(&record.bytes)?,
                version: record.version,
                key,
            });
        }
        match page.next {
            Some(next) => from = Bound::Excluded(next),
            None => return Ok(seats),
        }
    }
}

/// A seat as it stands in the store.
struct Found {
    key: Vec<u8>,
    record: SeatRecord,
    version: Version,
}

/// What taking a seat comes to.
struct Plan {
    key: Key,
    record: SeatRecord,
    batch: Batch,
}

impl Plan {
    /// The one seat, whoever sits there: the log goes on.
    fn alone(
        seats: &[Found],
        (run, fresh_log): (LogId, LogId),
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let mut shared = seats.iter().filter(|seat| seat.key != ALONE);
        if shared.any(|seat| seat.record.may_be_alive(now)) {
            let words = "other nodes share this store: open it as one of them, or stop them and wait two minutes";
            return Err(StoreError::new(StoreErrorKind::Locked, words));
        }
        let before = seats.iter().find(|seat| seat.key == ALONE);
        let record = SeatRecord {
            v: VERSION,
            log: before.map_or(fresh_log, |seat| seat.record.log),
            run,
            taken: true,
            until: None,
            revision: "0".to_owned(),
        };
        Self::of(Key::new(NODES, ALONE), record, before)
    }

    /// The first seat whose process is gone, or a new one. A node that had the store for itself loses it.
    fn shared(
        seats: &[Found],
        (run, fresh_log): (LogId, LogId),
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let numbers = 0..SEATS_MAX;
        let known = |number: u32| {
            let key = number.to_be_bytes();
            seats.iter().find(|seat| seat.key == key)
        };
        let free = numbers.map(|number| (number, known(number)));
        let mut free =
            free.filter(|(_, seat)| seat.is_none_or(|seat| !seat.record.may_be_alive(now)));
        let Some((number, before)) = free.next() else {
            let words = "as many nodes share this store as may; stop one first";
            return Err(StoreError::new(StoreErrorKind::Locked, words));
        };
        let record = SeatRecord {
            v: VERSION,
            log: before.map_or(fresh_log, |seat| seat.record.log),
            run,
            taken: true,
            until: Some(now.plus_s(SEAT_LEASE_S)),
            revision: "0".to_owned(),
        };
        let mut plan = Self::of(Key::new(NODES, number.to_be_bytes()), record, before)?;
        let mut alone = seats.iter().filter(|seat| seat.key == ALONE);
        if let Some(alone) = alone.find(|seat| seat.record.taken) {
            let key = Key::new(NODES, ALONE);
            let record = SeatRecord {
                run,
                taken: false,
                ..alone.record.clone()
            };
            let expect = Expect::Version(alone.version);
            plan.batch.expectations.push((key.clone(), expect));
            plan.batch.puts.push((key, record.encode()?));
        }
        Ok(plan)
    }

    fn of(key: Key, record: SeatRecord, before: Option<&Found>) -> Result<Self, StoreError> {
        let expect = before.map_or(Expect::Absent, |seat| Expect::Version(seat.version));
        let batch = Batch {
            expectations: vec![(key.clone(), expect)],
            puts: vec![(key.clone(), record.encode()?)],
            ..Batch::default()
        };
        Ok(Self { key, record, batch })
    }
}

impl SeatRecord {
    /// Whether a process may still sit there and say yes. Clocks of nodes may differ by as much as a lease.
    fn may_be_alive(&self, now: Timestamp) -> bool {
        self.taken
            && self
                .until
                .is_some_and(|until| now < until.plus_s(SEAT_LEASE_S))
    }

    fn revision(&self) -> u64 {
        self.revision.parse().unwrap_or(0)
    }

    fn encode(&self) -> Result<Vec<u8>, StoreError> {
        serde_json_canonicalizer::to_vec(self).map_err(|cause| {
            let words = "a node's seat has no encoding";
            StoreError::new(StoreErrorKind::InvalidInput, words).because(cause)
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let decoded: Self = serde_json::from_slice(bytes).map_err(|cause| {
            let words =
                "a node's seat in the store is not what was written there; restore a backup";
            StoreError::new(StoreErrorKind::Corrupt, words).because(cause)
        })?;
        if decoded.v > VERSION {
            let words = "a node's seat was written by a newer version of Kavach; use that one";
            return Err(StoreError::new(StoreErrorKind::SchemaTooNew, words));
        }
        Ok(decoded)
    }
}

fn lost() -> StoreError {
    let words = "another process has taken this node's place, or the store went back; this one denies everything: restart it";
    StoreError::new(StoreErrorKind::Locked, words)
}
