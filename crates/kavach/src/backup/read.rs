//! Reading a backup, strictly: whatever is not exactly as it is written is refused.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};

use kavach_audit::limits::{EVENT_BYTES_MAX, HEAD_BYTES_MAX};
use kavach_audit::{Head, SealedEvent};
use kavach_core::{LogId, Timestamp};
use kavach_store::limits::{KEY_BYTES_MAX, RECORD_BYTES_MAX, SPACE_NAME_BYTES_MAX};
use kavach_store::records::decode;
use kavach_store::{MasterKey, Record, Space, Version};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::error::ReadError;
use super::format::{DIGEST_BYTES, Footer, Header, MAGIC, VERSION, is_sealed, letter};
use super::spaces::named;
use crate::limits::{BACKUP_LOGS_MAX, BACKUP_WORDS_BYTES_MAX};
use crate::tokens::Book;

/// Bytes of a seal: a version, a nonce, a digest and a tag, and room for another version of it.
const SEAL_BYTES_MAX: usize = 256;
/// Bytes in front of what a frame holds.
const FRAME_BYTES: usize = 5;

/// What is in a backup, all of it looked at.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Contents {
    /// When it was begun: all that was committed before is in it.
    pub backup_at: Timestamp,
    /// What kind of store it is of.
    pub backend: String,
    /// How many events of each log.
    pub logs: BTreeMap<LogId, u64>,
    /// Records, those included that are there again in a later state.
    pub records: u64,
    /// Whether it is sealed under the master key.
    pub is_sealed: bool,
    pub(super) list_floor: u64,
    pub(super) heads: Vec<Head>,
    pub(super) digest: [u8; DIGEST_BYTES],
}

impl Contents {
    /// All events.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.logs.values().sum()
    }
}

/// One thing of a backup that goes into a store.
#[derive(Debug)]
pub(super) enum Part {
    Event(Box<SealedEvent>),
    Put(Space, Vec<u8>, Vec<u8>),
    Delete(Space, Vec<u8>),
}

/// Reads all of a backup, and makes sure that it is whole and of whom it should be. `master` is the key of the
/// store that it is of; without one, only damage is found: who changes the file on purpose can make it look whole.
///
/// # Errors
/// [`ReadError`] says what is wrong, and where.
pub fn check(file: impl Read, master: Option<&MasterKey>) -> Result<Contents, ReadError> {
    let mut reader = Reader::begin(file)?;
    while reader.next_part()?.is_some() {}
    reader.contents(master)
}

/// How far a reader has come.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Stage {
    Heads,
    Events,
    Records,
    Footer,
    Ended,
}

/// A log of which some events were read.
#[derive(Debug)]
struct Log {
    wanted: Head,
    found: Head,
}

pub(super) struct Reader<R> {
    input: BufReader<R>,
    hash: Sha256,
    /// Bytes that were read.
    at: u64,
    stage: Stage,
    header: Header,
    logs: BTreeMap<LogId, Log>,
    space: Option<Space>,
    book: Book,
    counted: Footer,
    seal: Option<([u8; DIGEST_BYTES], Vec<u8>)>,
}

impl<R: Read> Reader<R> {
    /// Reads what stands in front.
    pub(super) fn begin(file: R) -> Result<Self, ReadError> {
        let mut reader = Self {
            input: BufReader::new(file),
            hash: Sha256::new(),
            at: 0,
            stage: Stage::Heads,
            header: Header {
                backup_at: Timestamp::from_s(0),
                backend: String::new(),
                revision: String::new(),
                list_floor: String::new(),
            },
            logs: BTreeMap::new(),
            space: None,
            book: Book::default(),
            counted: Footer::default(),
            seal: None,
        };
        reader.magic()?;
        let (letter, bytes) = reader.frame()?;
        if letter != letter::HEADER {
            return Err(reader.damaged("it does not say what it is"));
        }
        reader.header = reader.json(&bytes)?;
        let numbers = [&reader.header.list_floor, &reader.header.revision];
        if numbers.iter().any(|text| text.parse::<u64>().is_err()) {
            return Err(reader.damaged("a number in front is none"));
        }
        Ok(reader)
    }

    /// `kavach backup 1` and a line feed.
    fn magic(&mut self) -> Result<(), ReadError> {
        let mut line = Vec::new();
        for _ in 0..MAGIC.len() + 20 {
            let mut byte = [0];
            if self.input.read(&mut byte)? == 0 {
                break;
            }
            self.took(&byte);
            if byte == *b"\n" {
                let text = str::from_utf8(&line).map_err(|_| ReadError::NotABackup)?;
                let version = text.strip_prefix(MAGIC).ok_or(ReadError::NotABackup)?;
                let number: u64 = version.parse().map_err(|_| ReadError::NotABackup)?;
                return match number {
                    VERSION if version == VERSION.to_string() => Ok(()),
                    newer if newer > VERSION => Err(ReadError::NewerVersion(newer)),
                    _ => Err(ReadError::NotABackup),
                };
            }
            line.extend(byte);
        }
        Err(ReadError::NotABackup)
    }

    /// The next thing that goes into a store; `None` behind the last, once the end was read too.
    pub(super) fn next_part(&mut self) -> Result<Option<Part>, ReadError> {
        loop {
            if self.stage == Stage::Ended {
                return Ok(None);
            }
            let (letter, bytes) = self.frame()?;
            let stage = match letter {
                letter::HEAD => Stage::Heads,
                letter::EVENT => Stage::Events,
                letter::SPACE | letter::PUT | letter::DELETE => Stage::Records,
                letter::FOOTER => Stage::Footer,
                letter::SEAL if self.stage == Stage::Footer => Stage::Ended,
                _ => return Err(self.damaged("there is something here that has no place")),
            };
            if stage < self.stage || (stage == Stage::Footer && self.stage == Stage::Footer) {
                return Err(self.damaged("its parts are not in their order"));
            }
            self.stage = stage;
            match letter {
                letter::HEAD => self.head(&bytes)?,
                letter::EVENT => return self.event(&bytes).map(Some),
                letter::SPACE => self.enter(&bytes)?,
                letter::PUT => return self.put(&bytes).map(Some),
                letter::DELETE => return self.delete(bytes).map(Some),
                letter::FOOTER => self.footer(&bytes)?,
                _ => self.seal(&bytes)?,
            }
        }
    }

    /// What was read, if it is whole, and sealed by whom it should be.
    pub(super) fn contents(self, master: Option<&MasterKey>) -> Result<Contents, ReadError> {
        let Some((digest, seal)) = &self.seal else {
            return Err(self.damaged("it has no end"));
        };
        match master {
            Some(_) if seal.is_empty() => return Err(ReadError::NotSealed),
            Some(master) if !is_sealed(master, digest, seal) => {
                return Err(ReadError::NotSealedByThis);
            }
            None if !seal.is_empty() => return Err(ReadError::NoMasterKey),
            Some(_) | None => {}
        }
        Ok(Contents {
            backup_at: self.header.backup_at,
            backend: self.header.backend.clone(),
            records: self.counted.puts,
            is_sealed: !seal.is_empty(),
            list_floor: self.header.list_floor.parse().unwrap_or(u64::MAX),
            digest: *digest,
            logs: self
                .logs
                .iter()
                .map(|(id, log)| (*id, log.wanted.size()))
                .collect(),
            heads: self.logs.into_values().map(|log| log.wanted).collect(),
        })
    }

    fn head(&mut self, bytes: &[u8]) -> Result<(), ReadError> {
        let head = Head::decode(bytes).map_err(|error| self.damaged(&error.to_string()))?;
        let id = head.log();
        let log = Log {
            found: Head::empty(id),
            wanted: head,
        };
        if log.wanted.size() == 0 || self.logs.len() >= BACKUP_LOGS_MAX {
            return Err(self.damaged("there is a log too many"));
        }
        if self.logs.insert(id, log).is_some() {
            return Err(self.damaged("a log is there twice"));
        }
        self.counted.logs += 1;
        Ok(())
    }

    fn event(&mut self, bytes: &[u8]) -> Result<Part, ReadError> {
        let sealed = match SealedEvent::decode(bytes) {
            Ok(sealed) => sealed,
            Err(error) => return Err(self.damaged(&error.to_string())),
        };
        let event = &sealed.event;
        let log = self.logs.get_mut(&event.log);
        let fits = log.filter(|log| {
            let (found, wanted) = (&log.found, &log.wanted);
            event.index == found.size()
                && found.size() < wanted.size()
                && event.time_ns >= found.time_ns()
        });
        match fits {
            Some(log) => log.found.push(&sealed.leaf_hash(), event.time_ns),
            None => return Err(self.damaged("an event is not the next one of its log")),
        }
        self.counted.events += 1;
        Ok(Part::Event(Box::new(sealed)))
    }

    fn enter(&mut self, name: &[u8]) -> Result<(), ReadError> {
        let unknown = || {
            let name: String = name.escape_ascii().to_string();
            ReadError::UnknownSpace(name)
        };
        self.space = Some(named(name).ok_or_else(unknown)?);
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<Part, ReadError> {
        let split = bytes.split_first_chunk::<2>().and_then(|(length, rest)| {
            rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
        });
        let (Some((key, bytes)), Some(space)) = (split, self.space) else {
            return Err(self.damaged("a record has no key, or no space"));
        };
        if key.is_empty() || key.len() > KEY_BYTES_MAX || bytes.len() > RECORD_BYTES_MAX {
            return Err(self.damaged("a record is longer than any, or its key is"));
        }
        let record = Record {
            bytes: bytes.to_vec(),
            version: Version::from_u64(0),
        };
        let sound = decode(space.name(), bytes)
            .and_then(|_| self.book.apply(space.name(), key, Some(&record)));
        if let Err(error) = sound {
            return Err(self.damaged(&error.to_string()));
        }
        // It is only there to judge records by.
        self.book = Book::default();
        self.counted.puts += 1;
        Ok(Part::Put(space, key.to_vec(), record.bytes))
    }

    fn delete(&mut self, key: Vec<u8>) -> Result<Part, ReadError> {
        let Some(space) = self.space else {
            return Err(self.damaged("a record has no space"));
        };
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            return Err(self.damaged("a key is longer than any"));
        }
        self.counted.deletes += 1;
        Ok(Part::Delete(space, key))
    }

    fn footer(&mut self, bytes: &[u8]) -> Result<(), ReadError> {
        let footer: Footer = self.json(bytes)?;
        if footer != self.counted {
            return Err(self.damaged("there is more or less in it than was written"));
        }
        if self.logs.values().any(|log| log.found != log.wanted) {
            return Err(self.damaged("the events of a log are not those that its head stands for"));
        }
        Ok(())
    }

    /// The digest is of all before this frame.
    fn seal(&mut self, bytes: &[u8]) -> Result<(), ReadError> {
        let digest: [u8; DIGEST_BYTES] = self.hash.clone().finalize().into();
        let Some((found, seal)) = bytes.split_first_chunk::<DIGEST_BYTES>() else {
            return Err(self.damaged("its digest is cut off"));
        };
        if *found != digest {
            return Err(self.damaged("it is not what its digest was taken of"));
        }
        if self.input.read(&mut [0])? > 0 {
            return Err(self.damaged("something follows its end"));
        }
        self.seal = Some((digest, seal.to_vec()));
        Ok(())
    }

    /// The next frame. Its letter decides how long it may be, before anything is set aside for it.
    fn frame(&mut self) -> Result<(u8, Vec<u8>), ReadError> {
        let mut front = [0; FRAME_BYTES];
        self.exactly(&mut front)?;
        let [letter, length @ ..] = front;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        let longest = match letter {
            letter::HEADER | letter::FOOTER => BACKUP_WORDS_BYTES_MAX,
            letter::HEAD => HEAD_BYTES_MAX,
            letter::EVENT => EVENT_BYTES_MAX,
            letter::SPACE => SPACE_NAME_BYTES_MAX,
            letter::PUT => 2 + KEY_BYTES_MAX + RECORD_BYTES_MAX,
            letter::DELETE => KEY_BYTES_MAX,
            letter::SEAL => DIGEST_BYTES + SEAL_BYTES_MAX,
            _ => return Err(self.damaged("there is something here that was not written")),
        };
        if length > longest {
            return Err(self.damaged("a part says that it is longer than any"));
        }
        let mut bytes = Vec::new();
        let wanted = length as u64;
        let found = self.input.by_ref().take(wanted).read_to_end(&mut bytes)?;
        if found < length {
            return Err(self.cut_off(found));
        }
        if letter == letter::SEAL {
            // What is sealed is all before.
            self.at += (FRAME_BYTES + found) as u64;
        } else {
            self.took(&front);
            self.took(&bytes);
        }
        Ok((letter, bytes))
    }

    fn exactly(&mut self, wanted: &mut [u8]) -> Result<(), ReadError> {
        let mut front = Vec::new();
        let length = wanted.len();
        self.input
            .by_ref()
            .take(length as u64)
            .read_to_end(&mut front)?;
        if front.len() < length {
            return Err(self.cut_off(front.len()));
        }
        wanted.copy_from_slice(&front);
        Ok(())
    }

    fn took(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.at += bytes.len() as u64;
    }

    fn json<T: DeserializeOwned + serde::Serialize>(&self, bytes: &[u8]) -> Result<T, ReadError> {
        let value: T =
            serde_json::from_slice(bytes).map_err(|error| self.damaged(&error.to_string()))?;
        match serde_json_canonicalizer::to_vec(&value) {
            Ok(written) if written == bytes => Ok(value),
            _ => Err(self.damaged("something in it is not as it is written")),
        }
    }

    fn cut_off(&self, found: usize) -> ReadError {
        let at = self.at + found as u64;
        let what = "it ends in the middle".to_owned();
        ReadError::Damaged { at, what }
    }

    fn damaged(&self, what: &str) -> ReadError {
        let (at, what) = (self.at, what.to_owned());
        ReadError::Damaged { at, what }
    }
}
