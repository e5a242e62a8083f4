//! The form of a backup: frames behind one line of text, sealed at the end.
//!
//! | frame | holds | how often |
//! | --- | --- | --- |
//! | `H` | what it is, as JSON | once |
//! | `L` | the head of a log, as it lies in a store | once for each log with events |
//! | `E` | an event, the bytes that were hashed; those of one log in their order | all below the heads |
//! | `S` | the name of a space, for the records behind it | before each run of them |
//! | `P` | a record: the length of its key in 2 bytes, the key, the bytes; a later one of the same key counts | |
//! | `D` | the key of a record that is gone | |
//! | `F` | how much there is, as JSON | once |
//! | `T` | the SHA-256 of all before it, and the same sealed under the master key, if there is one | once, the last |
//!
//! A frame is its letter, the length of what it holds in 4 bytes, the highest first, and what it holds. The
//! line in front is `kavach backup 1` and a line feed; the number is the version of all of this.

use std::io::Write;

use kavach_audit::{Head, SealedEvent};
use kavach_core::Timestamp;
use kavach_store::{MasterKey, Space};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::BackupError;
use crate::random;

/// What a backup begins with, before the version.
pub(super) const MAGIC: &str = "kavach backup ";
/// The version that is written, and the only one so far.
pub(super) const VERSION: u64 = 1;
/// What the seal is bound to, so that nothing else that is sealed passes for it.
const SEAL_CONTEXT: &[u8] = b"kavach backup v1";
/// Bytes of a SHA-256.
pub(super) const DIGEST_BYTES: usize = 32;

/// The letters of frames.
pub(super) mod letter {
    pub(in crate::backup) const HEADER: u8 = b'H';
    pub(in crate::backup) const HEAD: u8 = b'L';
    pub(in crate::backup) const EVENT: u8 = b'E';
    pub(in crate::backup) const SPACE: u8 = b'S';
    pub(in crate::backup) const PUT: u8 = b'P';
    pub(in crate::backup) const DELETE: u8 = b'D';
    pub(in crate::backup) const FOOTER: u8 = b'F';
    pub(in crate::backup) const SEAL: u8 = b'T';
}

/// What a backup says of itself at its beginning.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    /// When it was begun: all that was committed before is in it.
    pub(super) backup_at: Timestamp,
    /// What kind of store it is of, for people.
    pub(super) backend: String,
    /// The revision that the graph has at least; a number of 64 bits, as text.
    pub(super) revision: String,
    /// The lowest version of lists of what is revoked that the store could still sign, less one; the same.
    pub(super) list_floor: String,
}

/// What a backup says of itself at its end.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Footer {
    pub(super) logs: u64,
    pub(super) events: u64,
    pub(super) puts: u64,
    pub(super) deletes: u64,
}

/// Writes a backup, and counts and hashes what it writes.
pub(super) struct Writer<'a> {
    out: &'a mut (dyn Write + Send),
    hash: Sha256,
    footer: Footer,
    space: Option<Space>,
    bytes: u64,
}

impl<'a> Writer<'a> {
    pub(super) fn begin(
        out: &'a mut (dyn Write + Send),
        header: &Header,
    ) -> Result<Self, BackupError> {
        let mut writer = Self {
            out,
            hash: Sha256::new(),
            footer: Footer::default(),
            space: None,
            bytes: 0,
        };
        writer.raw(format!("{MAGIC}{VERSION}\n").as_bytes())?;
        writer.frame(letter::HEADER, &[&json(header)?])?;
        Ok(writer)
    }

    /// Records and events so far.
    pub(super) fn parts(&self) -> u64 {
        self.footer.events + self.footer.puts
    }

    pub(super) fn head(&mut self, head: &Head) -> Result<(), BackupError> {
        self.footer.logs += 1;
        self.frame(letter::HEAD, &[&head.encode()])
    }

    pub(super) fn event(&mut self, event: &SealedEvent) -> Result<(), BackupError> {
        self.footer.events += 1;
        self.frame(letter::EVENT, &[&event.bytes])
    }

    pub(super) fn put(
        &mut self,
        space: Space,
        key: &[u8],
        bytes: &[u8],
    ) -> Result<(), BackupError> {
        self.enter(space)?;
        self.footer.puts += 1;
        let length = u16::try_from(key.len()).map_err(|_| BackupError::TooLarge)?;
        self.frame(letter::PUT, &[&length.to_be_bytes(), key, bytes])
    }

    pub(super) fn delete(&mut self, space: Space, key: &[u8]) -> Result<(), BackupError> {
        self.enter(space)?;
        self.footer.deletes += 1;
        self.frame(letter::DELETE, &[key])
    }

    fn enter(&mut self, space: Space) -> Result<(), BackupError> {
        if self.space == Some(space) {
            return Ok(());
        }
        self.space = Some(space);
        self.frame(letter::SPACE, &[space.name().as_bytes()])
    }

    /// Ends it; returns how much there is, in parts and in bytes.
    pub(super) fn end(mut self, master: Option<&MasterKey>) -> Result<(Footer, u64), BackupError> {
        let footer = self.footer;
        self.frame(letter::FOOTER, &[&json(&footer)?])?;
        let digest: [u8; DIGEST_BYTES] = self.hash.clone().finalize().into();
        let seal = match master {
            Some(master) => master
                .seal(SEAL_CONTEXT, &digest, random::bytes()?)
                .map_err(|_| BackupError::TooLarge)?,
            None => Vec::new(),
        };
        self.frame(letter::SEAL, &[&digest, &seal])?;
        self.out.flush()?;
        Ok((footer, self.bytes))
    }

    fn frame(&mut self, letter: u8, parts: &[&[u8]]) -> Result<(), BackupError> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let length = u32::try_from(length).map_err(|_| BackupError::TooLarge)?;
        self.raw(&[letter])?;
        self.raw(&length.to_be_bytes())?;
        parts.iter().try_for_each(|part| self.raw(part))
    }

    fn raw(&mut self, bytes: &[u8]) -> Result<(), BackupError> {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(self.out.write_all(bytes)?)
    }
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, BackupError> {
    serde_json_canonicalizer::to_vec(value).map_err(|_| BackupError::TooLarge)
}

/// Whether the seal is of this digest, under this key.
pub(super) fn is_sealed(master: &MasterKey, digest: &[u8; DIGEST_BYTES], seal: &[u8]) -> bool {
    let opened = master.open(SEAL_CONTEXT, seal);
    opened.is_ok_and(|opened| opened.as_slice() == digest)
}
