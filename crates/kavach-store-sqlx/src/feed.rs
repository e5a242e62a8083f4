//! The change feed: which commits make up a page.

use kavach_store::{Change, ChangesPage, Record, Revision, StoreError, StoreErrorKind, Version};

use crate::error::Failure;
use crate::limits::PAGE_BYTES_MAX;
use crate::number::from_column;

/// A commit of the feed: its revision, and how many keys it changed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Commit {
    pub(crate) revision: Revision,
    pub(crate) changes: usize,
}

/// Those of `commits` that lie behind `after`. They are all from the number of `after` on, in order, and
/// `newest` is the last of all.
///
/// # Errors
/// `Compacted` if the feed no longer reaches back to `after`; `UnknownRevision` if the store never came to
/// it.
pub(crate) fn after(
    after: Revision,
    commits: &[Commit],
    newest: Revision,
) -> Result<&[Commit], Failure> {
    let number = after.number();
    if let Some((first, rest)) = commits.split_first() {
        if first.revision == after {
            return Ok(rest);
        }
        if after == Revision::ZERO && first.revision.number() == 1 {
            return Ok(commits);
        }
    }
    let is_there = commits
        .first()
        .is_some_and(|first| first.revision.number() == number);
    let may_have_been = number > 0 || after == Revision::ZERO;
    if !is_there && may_have_been && number < newest.number() {
        let message =
            format!("the changes after revision {number} are not here any more; take a snapshot");
        return Err(StoreError::new(StoreErrorKind::Compacted, message).into());
    }
    let message = format!(
        "the store never came to this revision {number}: it is another one, or went back; find out which"
    );
    Err(StoreError::new(StoreErrorKind::UnknownRevision, message).into())
}

/// The revision that a page of `size` changes ends with, which begins with the first of `commits`;
/// `after` if there are none.
///
/// # Errors
/// If a revision is missing among them.
pub(crate) fn end(after: Revision, commits: &[Commit], size: usize) -> Result<Revision, Failure> {
    let mut end = after;
    let mut changes = 0;
    for commit in commits {
        if end != after && changes + commit.changes > size {
            break;
        }
        if commit.revision.number() != end.number() + 1 {
            let message = format!(
                "the change feed has a gap at revision {}; restore a backup",
                end.number() + 1
            );
            return Err(Failure::corrupt(message));
        }
        changes += commit.changes;
        end = commit.revision;
    }
    Ok(end)
}

/// The changes of a page as far as they were read.
#[derive(Debug)]
pub(crate) struct Collector {
    page: ChangesPage,
    bytes: usize,
    /// The number of the commit that is being read, and where in the page it begins.
    open: Option<(Revision, usize)>,
}

/// A row of the feed, with the record as it is now.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) revision: Revision,
    pub(crate) space: String,
    pub(crate) key: Vec<u8>,
    pub(crate) version: Option<i64>,
    pub(crate) bytes: Option<Vec<u8>>,
}

impl Collector {
    pub(crate) fn new(after: Revision) -> Self {
        Self {
            page: ChangesPage {
                changes: Vec::new(),
                revision: after,
                complete: true,
            },
            bytes: 0,
            open: None,
        }
    }

    /// Takes the next change; `false` if the page takes no further commit.
    pub(crate) fn take(&mut self, row: Row) -> Result<bool, Failure> {
        let is_next = self
            .open
            .is_none_or(|(revision, _)| revision != row.revision);
        if is_next {
            if self.bytes >= PAGE_BYTES_MAX {
                return Ok(false);
            }
            self.open = Some((row.revision, self.page.changes.len()));
        }
        let record = match (row.version, row.bytes) {
            (Some(version), Some(bytes)) => {
                self.bytes += bytes.len();
                let version = Version::from_u64(from_column(version)?);
                Some(Record { bytes, version })
            }
            _ => None,
        };
        self.page.revision = row.revision;
        self.page.changes.push(Change {
            revision: row.revision,
            space: row.space,
            key: row.key,
            record,
        });
        Ok(true)
    }

    /// The page; `newest` is the revision of the store.
    pub(crate) fn page(mut self, newest: Revision) -> ChangesPage {
        self.page.complete = self.page.revision == newest;
        self.page
    }
}

#[cfg(test)]
mod tests;
