//! `[[owner]]`

use kavach::Base;
use kavach::declare::DeclaredOwner;

use super::places::FieldPlaces;
use super::reader::{Reader, Table};
use super::rights::permissions;

const KEYS: [&str; 2] = ["name", "permissions"];

/// The person in this table, `None` if it has none, and where its fields stand.
pub(super) fn owner(
    reader: &mut Reader,
    table: &Table<'_, '_>,
    base: &Base,
) -> (Option<DeclaredOwner>, FieldPlaces) {
    let mut places = FieldPlaces::of(table.header.clone());
    reader.only(table.entries, &KEYS);
    let subject = reader.required(table, "name", &mut places);
    let permissions = permissions(reader, table, base, &mut places);
    let owner = subject.map(|subject| DeclaredOwner {
        subject,
        permissions,
    });
    (owner, places)
}
