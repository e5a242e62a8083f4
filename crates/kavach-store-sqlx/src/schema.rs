//! Migrations: which there are, and whether those in the store are ours.

use kavach_store::{StoreError, StoreErrorKind};
use sha2::{Digest, Sha256};

/// One step from one schema to the next.
///
/// Once released, a step is never edited: stores remember the hash of what was run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// The schema after it, from 1.
    pub(crate) version: u32,
    /// What it brings, for people.
    pub(crate) name: &'static str,
    /// Statements, with `{names}` of tables.
    pub(crate) sql: &'static str,
}

impl Step {
    pub(crate) fn checksum(&self) -> Vec<u8> {
        Sha256::digest(self.sql.as_bytes()).to_vec()
    }
}

/// The schema that `steps` lead to.
pub(crate) fn wanted(steps: &[Step]) -> u32 {
    steps.last().map_or(0, |step| step.version)
}

/// The schema of a store in which these steps were run: the number and the checksum of each, in order.
///
/// # Errors
/// `SchemaTooNew` if there is one that this version does not know; `Corrupt` if one was not run, or was
/// another than ours.
pub(crate) fn judge(
    steps: &[Step],
    found: &[(i64, Vec<u8>)],
    name: &str,
) -> Result<u32, StoreError> {
    let wanted = wanted(steps);
    if let Some((newest, _)) = found
        .last()
        .filter(|(newest, _)| *newest > i64::from(wanted))
    {
        let message = format!(
            "`{name}` has schema {newest}, and this version knows {wanted}; use a newer version of Kavach"
        );
        return Err(StoreError::new(StoreErrorKind::SchemaTooNew, message));
    }
    let mut version = 0;
    for ((number, checksum), step) in found.iter().zip(steps) {
        if *number != i64::from(step.version) || *checksum != step.checksum() {
            let message = format!(
                "migration {number} of `{name}` is not the one of this version (`{}`); restore a backup, or \
                 use the version that made it",
                step.name
            );
            return Err(StoreError::new(StoreErrorKind::Corrupt, message));
        }
        version = step.version;
    }
    Ok(version)
}

/// The schema is older than what this version works with.
pub(crate) fn too_old(found: u32, wanted: u32, name: &str) -> StoreError {
    let message = if found == 0 {
        format!("`{name}` holds no store yet; migrate it first")
    } else {
        format!("`{name}` has schema {found}, and this version needs {wanted}; migrate it first")
    };
    StoreError::new(StoreErrorKind::Unavailable, message)
}

#[cfg(test)]
mod tests;
