//! `[[agent]]`

use std::collections::BTreeMap;

use kavach::Base;
use kavach::declare::DeclaredAgent;
use kavach::token::{NotARegistration, Registration};
use toml::de::DeValue;

use super::places::FieldPlaces;
use super::reader::{Reader, Table};
use super::rights::permissions;
use crate::failure::quoted;

const KEYS: [&str; 8] = [
    "name",
    "owner",
    "kind",
    "permissions",
    "expires_in",
    "expires_at",
    "metadata",
    "holder_keys",
];

/// The agent in this table, `None` if it has none, and where its fields stand.
pub(super) fn agent(
    reader: &mut Reader,
    table: &Table<'_, '_>,
    base: &Base,
) -> (Option<DeclaredAgent>, FieldPlaces) {
    let mut places = FieldPlaces::of(table.header.clone());
    reader.only(table.entries, &KEYS);
    let name = reader.required(table, "name", &mut places);
    let owner = reader.required(table, "owner", &mut places);
    let kind = reader.parsed(table, "kind", &mut places);
    let permissions = permissions(reader, table, base, &mut places);
    let end = reader.end(table, &mut places);
    let metadata = metadata(reader, table, &mut places);
    let holder_keys = holder_keys(reader, table, &mut places);
    let agent = name.zip(owner).map(|(name, owner)| DeclaredAgent {
        name,
        owner,
        kind,
        permissions,
        end,
        metadata,
        holder_keys,
    });
    (agent, places)
}

fn holder_keys(
    reader: &mut Reader,
    table: &Table<'_, '_>,
    places: &mut FieldPlaces,
) -> Vec<Registration> {
    let Some(value) = table.entries.get("holder_keys") else {
        return Vec::new();
    };
    places.note("holder_keys", value.span());
    let DeValue::Array(array) = value.get_ref() else {
        let words =
            "`holder_keys` is not a list; write `[…]` of what `kavach token key --for` prints";
        reader.fault(value.span(), words);
        return Vec::new();
    };
    let mut keys = Vec::new();
    for item in array.iter() {
        let text = item.get_ref().as_str();
        let read = text.map_or(Err(NotARegistration::default()), str::parse);
        match read {
            Ok(registration) => keys.push(registration),
            Err(error) => reader.fault(item.span(), error.to_string()),
        }
    }
    keys
}

fn metadata(
    reader: &mut Reader,
    table: &Table<'_, '_>,
    places: &mut FieldPlaces,
) -> BTreeMap<String, String> {
    let Some(value) = table.entries.get("metadata") else {
        return BTreeMap::new();
    };
    places.note("metadata", value.span());
    let DeValue::Table(entries) = value.get_ref() else {
        let words = "`metadata` is not a table; write one, as in `{ team = \"search\" }`";
        reader.fault(value.span(), words);
        return BTreeMap::new();
    };
    let mut notes = BTreeMap::new();
    for (key, value) in entries {
        if let DeValue::String(text) = value.get_ref() {
            notes.insert(key.get_ref().to_string(), text.to_string());
        } else {
            let key = quoted(key.get_ref());
            reader.fault(
                value.span(),
                format!("{key} is not a string; write it in quotes"),
            );
        }
    }
    notes
}
