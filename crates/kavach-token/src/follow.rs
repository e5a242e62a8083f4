//! Keeping a verifier up to date: the revocation list and the key set, from wherever they are published.
//!
//! Nothing here waits by itself or owns a thread. The host calls [`RevocationFollower::refresh`] and
//! [`KeySetFollower::refresh`] every so often, from a thread that may block.

use core::fmt;
use std::path::PathBuf;

use kavach_core::Timestamp;

use crate::key_set::{KeySet, KeySetError};
use crate::limits::{KEY_SET_BYTES_MAX, REVOCATION_LIST_BYTES_MAX};
use crate::revocation::RevocationListError;
use crate::verifier::Verifier;

#[cfg(feature = "http")]
mod http;
#[cfg(test)]
mod tests;

#[cfg(feature = "http")]
pub use http::{NotASource, UrlSource};

/// Where a document is published. A closure of the same form is one too.
pub trait DocumentSource {
    /// The document as it is now, or [`Fetched::Same`] if it is still the one that came with `tag`.
    ///
    /// Reads at most `bytes_max` bytes, and ends within a time that the source bounds.
    ///
    /// # Errors
    /// If there is no document to be had.
    fn fetch(&mut self, tag: Option<&str>, bytes_max: usize) -> Result<Fetched, FetchError>;
}

impl<F> DocumentSource for F
where
    F: FnMut(Option<&str>, usize) -> Result<Fetched, FetchError>,
{
    fn fetch(&mut self, tag: Option<&str>, bytes_max: usize) -> Result<Fetched, FetchError> {
        self(tag, bytes_max)
    }
}

/// What came of fetching.
#[expect(clippy::exhaustive_enums, reason = "it is the same or it is not")]
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fetched {
    /// Nothing new since the tag.
    Same,
    /// A document.
    New {
        /// Its text.
        text: String,
        /// What to name it by next time, if it has such a name: an entity tag (RFC 9110 section 8.8.3).
        tag: Option<String>,
    },
}

/// A document that was not to be had.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum FetchError {
    /// It has more bytes than were asked for.
    TooLarge,
    /// It is no UTF-8.
    NotText,
    /// The server answered with this status (RFC 9110 section 15). Redirections are not followed.
    Status(u16),
    /// It could not be reached or read, or not in time; in the words of the system.
    Failed(String),
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => f.write_str("the document is too large; look at its address"),
            Self::NotText => f.write_str("the document is no text; look at its address"),
            Self::Status(status) => write!(
                f,
                "the server answered with status {status}; look at the address"
            ),
            Self::Failed(why) => write!(f, "the document could not be read: {why}"),
        }
    }
}

impl core::error::Error for FetchError {}

/// Why a verifier goes on with what it has.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum FollowError {
    /// Nothing came.
    Fetch(FetchError),
    /// What came is not taken as a revocation list.
    Revocations(RevocationListError),
    /// What came is not taken as a key set.
    Keys(KeySetError),
    /// A key set of another issuer or tenant.
    Issuer,
}

impl fmt::Display for FollowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetch(error) => error.fmt(f),
            Self::Revocations(error) => error.fmt(f),
            Self::Keys(error) => error.fmt(f),
            Self::Issuer => {
                f.write_str("this key set is of another issuer or tenant; look at its address")
            }
        }
    }
}

impl core::error::Error for FollowError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Fetch(error) => Some(error),
            Self::Revocations(error) => Some(error),
            Self::Keys(error) => Some(error),
            Self::Issuer => None,
        }
    }
}

/// What a refresh did.
#[expect(clippy::exhaustive_enums, reason = "something was taken or was not")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refreshed {
    /// The document is still the one that is held.
    Same,
    /// A document was taken; of a revocation list, this version.
    Taken {
        /// The list's version; zero for a key set, which has none.
        version: u64,
    },
}

/// A document in a file, which something else keeps up to date. It is read whole each time.
///
/// Whoever writes it writes another file and renames it: a half-written list is refused, and the one before
/// stays.
#[derive(Clone, Debug)]
pub struct FileSource {
    path: PathBuf,
}

impl FileSource {
    /// The document in the file at `path`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }
}

impl DocumentSource for FileSource {
    fn fetch(&mut self, _tag: Option<&str>, bytes_max: usize) -> Result<Fetched, FetchError> {
        use std::io::Read;
        let told = |error: std::io::Error| FetchError::Failed(error.to_string());
        let file = std::fs::File::open(&self.path).map_err(told)?;
        let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
        let mut bytes = Vec::new();
        // One byte more, to tell a file that is too large from one that just fits.
        let mut file = file.take(limit.saturating_add(1));
        file.read_to_end(&mut bytes).map_err(told)?;
        if bytes.len() > bytes_max {
            return Err(FetchError::TooLarge);
        }
        let text = String::from_utf8(bytes).map_err(|_| FetchError::NotText)?;
        Ok(Fetched::New { text, tag: None })
    }
}

/// A source, and the name of what was last taken from it.
#[derive(Debug)]
struct Feed<S> {
    source: S,
    tag: Option<String>,
}

impl<S: DocumentSource> Feed<S> {
    /// Fetches, and has `take` take what is new. Its name is kept only if it was taken, so that what was
    /// refused is fetched again.
    fn refresh<T>(
        &mut self,
        bytes_max: usize,
        take: impl FnOnce(&str) -> Result<T, FollowError>,
    ) -> Result<Option<T>, FollowError> {
        let fetched = self.source.fetch(self.tag.as_deref(), bytes_max);
        match fetched.map_err(FollowError::Fetch)? {
            Fetched::Same => Ok(None),
            Fetched::New { text, .. } if text.len() > bytes_max => {
                Err(FollowError::Fetch(FetchError::TooLarge))
            }
            Fetched::New { text, tag } => {
                let taken = take(&text)?;
                self.tag = tag;
                Ok(Some(taken))
            }
        }
    }
}

/// Brings a verifier the revocation list that is published somewhere.
///
/// If nothing comes, the list that is held stays until it is too old by its own date, and then everything is
/// refused. That a server says "nothing new" makes no list younger: its issuer signs it again in time.
///
/// ```
/// use kavach_token::{Fetched, Refreshed, RevocationFollower, RevocationList};
/// # use kavach_core::{TenantId, Timestamp};
/// # use kavach_token::*;
/// # let now = Timestamp::from_s(1_795_255_200);
/// # let root = RootKey::new(1, HolderKey::from_bytes(&[1; 32]));
/// # let keys = KeySet::new("https://kavach.example".parse()?, TenantId::DEFAULT, root.public_key(), now);
/// let revocations = Revocations::following(300, 0);
/// let replays = ReplayCache::new(1000, now);
/// let verifier = Verifier::new("https://files.example".parse()?, keys.clone(), revocations, replays);
///
/// // `UrlSource` and `FileSource` are sources too.
/// let text = RevocationList::new().sign(&root, &keys, 7, now)?;
/// let source = move |_: Option<&str>, _: usize| {
///     Ok(Fetched::New { text: text.clone(), tag: None })
/// };
/// let mut follower = RevocationFollower::new(source);
/// assert_eq!(follower.refresh(&verifier, now)?, Refreshed::Taken { version: 7 });
/// assert_eq!(verifier.revocation_floor(), 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct RevocationFollower<S> {
    feed: Feed<S>,
}

impl<S: DocumentSource> RevocationFollower<S> {
    /// Follows `source`.
    pub const fn new(source: S) -> Self {
        let feed = Feed { source, tag: None };
        Self { feed }
    }

    /// Fetches the list, and has `verifier` take it if it is newer. From its next call on it counts.
    ///
    /// # Errors
    /// If nothing came, or nothing that is taken: the list before stays. Try again, and tell somebody if that
    /// goes on for as long as a list is fresh.
    pub fn refresh(
        &mut self,
        verifier: &Verifier,
        now: Timestamp,
    ) -> Result<Refreshed, FollowError> {
        let taken = self.feed.refresh(REVOCATION_LIST_BYTES_MAX, |text| {
            let taken = verifier.update_revocations(text, now);
            taken.map_err(FollowError::Revocations)
        })?;
        Ok(taken.map_or(Refreshed::Same, |version| Refreshed::Taken { version }))
    }
}

/// Brings a verifier the key set that is published somewhere.
///
/// The document is not signed: whoever can write where it is read decides whose tokens count. An address of
/// another issuer or tenant than before is refused.
#[derive(Debug)]
pub struct KeySetFollower<S> {
    feed: Feed<S>,
    fresh_s: u64,
}

impl<S: DocumentSource> KeySetFollower<S> {
    /// Follows `source`. A key set counts for `fresh_s` seconds after it was last fetched or found unchanged; at
    /// that second it no longer does, and everything is refused: a key that its issuer took out must not go on
    /// because nobody could be reached.
    pub const fn new(source: S, fresh_s: u64) -> Self {
        let feed = Feed { source, tag: None };
        Self { feed, fresh_s }
    }

    /// Fetches the key set, and has `verifier` take it. From its next call on it counts.
    ///
    /// # Errors
    /// If nothing came, or nothing that is taken: the keys before stay until they are too old.
    pub fn refresh(
        &mut self,
        verifier: &Verifier,
        now: Timestamp,
    ) -> Result<Refreshed, FollowError> {
        let until = now.plus_s(self.fresh_s);
        let taken = self.feed.refresh(KEY_SET_BYTES_MAX, |text| {
            let keys = KeySet::parse(text).map_err(FollowError::Keys)?;
            verifier.replace_keys(keys, until)
        })?;
        match taken {
            Some(()) => Ok(Refreshed::Taken { version: 0 }),
            None => {
                verifier.keep_keys(until);
                Ok(Refreshed::Same)
            }
        }
    }
}
