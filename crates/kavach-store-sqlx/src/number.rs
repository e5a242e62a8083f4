//! Unsigned numbers in signed columns.

use kavach_store::Revision;

use crate::error::Failure;

/// A number that the contract keeps below 2^63.
pub(crate) fn to_column(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number as it was stored.
pub(crate) fn from_column(number: i64) -> Result<u64, Failure> {
    u64::try_from(number)
        .map_err(|_| Failure::corrupt("a number in the store is below zero; restore a backup"))
}

/// All 64 bits of a tag.
pub(crate) fn tag_to_column(tag: u64) -> i64 {
    tag.cast_signed()
}

/// The revision in two columns.
pub(crate) fn revision((number, tag): (i64, i64)) -> Result<Revision, Failure> {
    Ok(Revision::new(from_column(number)?, tag.cast_unsigned()))
}
