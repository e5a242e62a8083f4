//! The body of the fuzz target for stored records.

use crate::records::{GRAPH_SPACES, decode, encode, key_of};

/// Whatever bytes a space gives back: reading them never panics, and what is read is written and read
/// again as the same record, under a key of that space.
pub fn records(bytes: &[u8]) {
    for space in GRAPH_SPACES {
        let Ok(Some(record)) = decode(space.name(), bytes) else {
            continue;
        };
        assert_eq!(key_of(&record.key()).space(), space);
        let written = encode(&record).map_err(|error| error.to_string());
        let again = written
            .as_ref()
            .map(|bytes| decode(space.name(), bytes).ok().flatten());
        assert_eq!(again, Ok(Some(record)));
    }
}
