//! An event as it is stored.

use kavach_store::kavach_audit::SealedEvent;

use crate::error::Failure;
use crate::trail::term::{self, Term};

/// A stored event: its time (8 bytes), the newest time up to it (8), the number of its terms (2), the
/// terms (4 each), and the bytes that were hashed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    pub(super) time_ns: u64,
    /// INVARIANT (newest): the latest time of this event and all that arrived before it, so it never
    /// falls from one row to the next.
    pub(super) newest_ns: u64,
    terms: &'a [[u8; 4]],
    bytes: &'a [u8],
}

impl<'a> Row<'a> {
    pub(super) fn encode(event: &SealedEvent, newest_ns: u64) -> Result<Vec<u8>, Failure> {
        let terms = term::of_event(&event.event);
        let mut row = Vec::with_capacity(18 + 4 * terms.len() + event.bytes.len());
        row.extend_from_slice(&event.event.time_ns.to_be_bytes());
        row.extend_from_slice(&newest_ns.to_be_bytes());
        // An event is shorter than 64 KiB, and each term stands for some of its bytes.
        let count = u16::try_from(terms.len())
            .map_err(|_| Failure::corrupt("an event has more terms than bytes"))?;
        row.extend_from_slice(&count.to_be_bytes());
        for term in terms {
            row.extend_from_slice(&term.to_bytes());
        }
        row.extend_from_slice(&event.bytes);
        Ok(row)
    }

    pub(super) fn decode(number: u64, stored: &'a [u8]) -> Result<Self, Failure> {
        fn parse(stored: &[u8]) -> Option<Row<'_>> {
            let (time_ns, rest) = stored.split_first_chunk()?;
            let (newest_ns, rest) = rest.split_first_chunk()?;
            let (count, rest) = rest.split_first_chunk()?;
            let (terms, bytes) =
                rest.split_at_checked(4 * usize::from(u16::from_be_bytes(*count)))?;
            Some(Row {
                time_ns: u64::from_be_bytes(*time_ns),
                newest_ns: u64::from_be_bytes(*newest_ns),
                terms: terms.as_chunks().0,
                bytes,
            })
        }
        parse(stored).ok_or_else(|| damaged(number))
    }

    pub(super) fn terms(&self) -> impl Iterator<Item = Term> {
        self.terms.iter().copied().map(Term::from_bytes)
    }

    /// Whether the event has all these terms.
    pub(super) fn has_all(&self, wanted: &[Term]) -> bool {
        wanted
            .iter()
            .all(|term| self.terms.contains(&term.to_bytes()))
    }

    /// The event itself, which is row `number`.
    pub(super) fn event(&self, number: u64) -> Result<SealedEvent, Failure> {
        SealedEvent::decode(self.bytes).map_err(|error| {
            let message = format!("event {number} of the store cannot be read; restore a backup");
            let kind = kavach_store::StoreErrorKind::Corrupt;
            kavach_store::StoreError::new(kind, message)
                .because(error)
                .into()
        })
    }
}

/// Row `number` is not what was written there.
pub(super) fn damaged(number: u64) -> Failure {
    Failure::corrupt(format!(
        "event {number} of the store is damaged; restore a backup"
    ))
}
