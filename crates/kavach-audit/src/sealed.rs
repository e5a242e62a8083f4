//! An event that can no longer change.

use crate::decode::decode;
use crate::error::DecodeError;
use crate::event::{Detail, Event};
use crate::hash::{Hash, leaf_hash};
use crate::limits::{EVENT_BYTES_MAX, PLACE_BYTES_MAX, SHORTENED_HOPS, SHORTENED_TEXT_BYTES};

/// An event with the bytes that are stored, hashed and exported.
#[expect(clippy::exhaustive_structs, reason = "built by every backend")]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SealedEvent {
    /// The event.
    pub event: Event,
    /// Its canonical encoding (RFC 8785).
    pub bytes: Vec<u8>,
}

impl SealedEvent {
    /// Reads an event back from its canonical encoding, and from nothing else: whatever decodes
    /// encodes to the same bytes again.
    ///
    /// # Errors
    /// If the bytes are too long, of a newer version, malformed or not canonical. Whoever verifies a
    /// log reports the record as bad; only a newer version calls for another program.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (event, bytes) = decode(bytes)?;
        Ok(Self { event, bytes })
    }

    /// The event's leaf in the log.
    #[must_use]
    pub fn leaf_hash(&self) -> Hash {
        leaf_hash(&self.bytes)
    }
}

impl Event {
    /// Encodes the event, once and for all.
    ///
    /// INVARIANT (decodable): what `seal` returns always decodes to what it returns. So an event that
    /// does not [fit](Self::fits) loses its lists and details and all but the beginning of its texts,
    /// and says so under `shortened` in its [`detail`](Self::detail): a decision must be recorded, whatever
    /// a caller put into the request. Callers bound their texts where they come in; this is the last
    /// line, not the first.
    #[must_use]
    pub fn seal(self) -> SealedEvent {
        let bytes = self.encode();
        if bytes.len() <= EVENT_BYTES_MAX {
            return SealedEvent { event: self, bytes };
        }
        let event = self.shortened();
        let bytes = event.encode();
        SealedEvent { event, bytes }
    }

    /// Whether the event can be recorded whole, wherever in the log it will stand. A change that
    /// does not fit is to be refused, with `limit_reached`.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.encode().len() + PLACE_BYTES_MAX <= EVENT_BYTES_MAX
    }

    fn shortened(mut self) -> Self {
        let mut lost = Vec::new();
        for (name, text) in [
            ("claimed", &mut self.claimed),
            ("request_id", &mut self.request_id),
            ("audience", &mut self.audience),
        ] {
            if let Some(text) = text
                .as_mut()
                .filter(|text| text.len() > SHORTENED_TEXT_BYTES)
            {
                text.truncate(text.floor_char_boundary(SHORTENED_TEXT_BYTES));
                lost.push(name.to_owned());
            }
        }
        for (name, list) in [
            ("obligations", &mut self.obligations),
            ("token_ids", &mut self.token_ids),
        ] {
            if !list.is_empty() {
                list.clear();
                lost.push(name.to_owned());
            }
        }
        if self.line.len() > SHORTENED_HOPS {
            self.line.truncate(SHORTENED_HOPS);
            lost.push("line".to_owned());
        }
        if !self.detail.is_empty() {
            self.detail.clear();
            lost.push("detail".to_owned());
        }
        self.detail
            .insert("shortened".to_owned(), Detail::List(lost));
        self
    }
}
