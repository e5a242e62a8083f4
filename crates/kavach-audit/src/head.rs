//! The right edge of a log: all that is needed to go on writing it.

use kavach_core::LogId;

use crate::canonical::Canonical;
use crate::decode::{Decimal, Hex, Versioned, check_canonical, versioned};
use crate::encode::VERSION;
use crate::error::DecodeError;
use crate::event::Event;
use crate::hash::{Hash, empty_root, node_hash};
use crate::limits::{HEAD_BYTES_MAX, LOG_SIZE_MAX};
use crate::sealed::SealedEvent;

/// How far a log has come: the events in it, and the hashes that its Merkle tree (RFC 9162 section
/// 2.1.1) grows from.
///
/// ```
/// use kavach_audit::{Event, EventKind, Head, Outcome, SealedEvent};
/// use kavach_core::{EventId, LogId, Reason, TenantId};
///
/// let mut head = Head::empty(LogId::from_parts(1_790_000_000_000, 1));
/// let id = EventId::from_parts(1_790_000_000_000, 2);
/// let event = Event::new(id, TenantId::DEFAULT, EventKind::Authorize, Outcome::Deny, Reason::NoGrants);
/// let (sealed, leaf) = head.append(event, 1_790_000_000_000_000_000);
/// assert_eq!((sealed.event.index, head.size(), head.root()), (0, 1, leaf));
/// assert_eq!(Head::decode(&head.encode())?, head);
/// # Ok::<(), kavach_audit::DecodeError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Head {
    log: LogId,
    size: u64,
    time_ns: u64,
    /// INVARIANT (frontier): the roots of the perfect subtrees that the log splits into, the largest
    /// first: one for each bit that is set in `size`.
    frontier: Vec<Hash>,
}

impl Head {
    /// The head of a log without events.
    #[must_use]
    pub const fn empty(log: LogId) -> Self {
        Self {
            log,
            size: 0,
            time_ns: 0,
            frontier: Vec::new(),
        }
    }

    /// The log.
    #[must_use]
    pub const fn log(&self) -> LogId {
        self.log
    }

    /// The number of events, and so the index of the next.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The time of the last event, in nanoseconds since the epoch; 0 if there is none.
    #[must_use]
    pub const fn time_ns(&self) -> u64 {
        self.time_ns
    }

    /// The roots of the perfect subtrees that the log splits into, the largest first.
    #[must_use]
    pub fn frontier(&self) -> &[Hash] {
        &self.frontier
    }

    /// Gives the event its place in the log, at `now_ns` or, if the clock went back, at the time of the
    /// event before it; seals it, and moves the head on. Returns it with its leaf.
    ///
    /// Nothing is written: until the batch with the event and this head has landed, both are a
    /// proposal. If it does not land, go on from the head as it was.
    pub fn append(&mut self, mut event: Event, now_ns: u64) -> (SealedEvent, Hash) {
        event.log = self.log;
        event.index = self.size;
        event.time_ns = now_ns.max(self.time_ns);
        let time_ns = event.time_ns;
        let sealed = event.seal();
        let leaf = sealed.leaf_hash();
        self.push(&leaf, time_ns);
        (sealed, leaf)
    }

    /// Moves the head on by one event, of which only the leaf and the time are known.
    pub fn push(&mut self, leaf: &Hash, time_ns: u64) {
        let mut hash = *leaf;
        // By INVARIANT (frontier), as many subtrees are complete now as `size` has ones at its end.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.frontier.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.frontier.push(hash);
        // Nobody counts to 2^64, and `decode` lets nobody begin beyond 2^63.
        self.size += 1;
        self.time_ns = time_ns;
    }

    /// The root of the tree over all events so far.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut subtrees = self.frontier.iter().rev();
        let Some(smallest) = subtrees.next() else {
            return empty_root();
        };
        subtrees.fold(*smallest, |right, left| node_hash(left, &right))
    }

    /// The head as a record to store: canonical JSON, as the events are.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut json = Canonical::with_capacity(192 + 67 * self.frontier.len());
        json.open(b'{');
        json.key("frontier").open(b'[');
        for hash in &self.frontier {
            json.entry();
            json.hash(hash);
        }
        json.close(b']');
        json.key("log").plain(self.log);
        json.key("size").plain(self.size);
        json.key("time_ns").plain(self.time_ns);
        json.key("v").number(VERSION);
        json.close(b'}');
        json.into_bytes()
    }

    /// Reads a stored head.
    ///
    /// # Errors
    /// If the bytes are not what [`encode`](Self::encode) writes, or have another number of hashes than
    /// the size asks for. The record was altered; do not write to the log.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > HEAD_BYTES_MAX {
            return Err(DecodeError::TooLong {
                bytes: bytes.len(),
                max: HEAD_BYTES_MAX,
            });
        }
        let wire: Wire = versioned(bytes)?;
        let head = Self {
            log: wire.log,
            size: wire.size.0,
            time_ns: wire.time_ns.0,
            frontier: wire.frontier.into_iter().map(|hash| hash.0).collect(),
        };
        if head.size > LOG_SIZE_MAX {
            return Err(DecodeError::malformed("`size` is larger than any log"));
        }
        if u32::try_from(head.frontier.len()) != Ok(head.size.count_ones()) {
            return Err(DecodeError::malformed(
                "`frontier` has not the hashes that `size` asks for",
            ));
        }
        check_canonical(bytes, &head.encode())?;
        Ok(head)
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    frontier: Vec<Hex>,
    log: LogId,
    size: Decimal,
    time_ns: Decimal,
    v: u64,
}

impl Versioned for Wire {
    fn version(&self) -> u64 {
        self.v
    }
}
