//! Stores that were made from a backup.

use std::fmt;

use kavach_core::SubjectId;

use super::Sentence;

impl Sentence<'_> {
    pub(super) fn restoring(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.either(
            "the store was restored from a backup, and allows nothing until it is reopened",
            "the store was not restored from a backup",
        ))?;
        self.change_ends(f)
    }

    pub(super) fn reopening(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.named::<SubjectId>("by") {
            Some(person) => self.subject(f, person)?,
            None => f.write_str("somebody unknown")?,
        }
        f.write_str(self.either(" reopened", " did not reopen"))?;
        f.write_str(" the restored store")?;
        self.details(f, &["by"])?;
        self.ending(f)
    }
}
