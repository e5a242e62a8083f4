//! `[[delegation]]`

use kavach::declare::{DeclaredDelegation, DeclaredVia};
use kavach::{Base, DelegationId, Mode};

use super::places::FieldPlaces;
use super::reader::{Reader, Table};
use super::rights::permissions;

const KEYS: [&str; 8] = [
    "from",
    "to",
    "via",
    "permissions",
    "expires_in",
    "expires_at",
    "max_depth",
    "mode",
];

/// The delegation in this table, `None` if it has none, and where its fields stand.
pub(super) fn delegation(
    reader: &mut Reader,
    table: &Table<'_, '_>,
    base: &Base,
) -> (Option<DeclaredDelegation>, FieldPlaces) {
    let mut places = FieldPlaces::of(table.header.clone());
    reader.only(table.entries, &KEYS);
    let from = reader.required(table, "from", &mut places);
    let to = reader.required(table, "to", &mut places);
    let via = via(reader, table, &mut places);
    let permissions = permissions(reader, table, base, &mut places);
    let end = reader.end(table, &mut places);
    let max_depth = table.entries.get("max_depth").and_then(|value| {
        places.note("max_depth", value.span());
        reader.depth(value, "max_depth")
    });
    let mode = mode(reader, table);
    let delegation = from.zip(to).map(|(from, to)| DeclaredDelegation {
        from,
        to,
        via,
        permissions,
        end,
        max_depth,
        mode,
    });
    (delegation, places)
}

/// A line of the giver's: its root grants, the delegation with this id, or the one from this agent.
fn via(
    reader: &mut Reader,
    table: &Table<'_, '_>,
    places: &mut FieldPlaces,
) -> Option<DeclaredVia> {
    let value = table.entries.get("via")?;
    places.note("via", value.span());
    let (at, text) = reader.text(value, "via")?;
    if text == "root" {
        return Some(DeclaredVia::Root);
    }
    let via = if text.starts_with(DelegationId::PREFIX) {
        text.parse().map(DeclaredVia::Delegation)
    } else {
        text.parse().map(DeclaredVia::From)
    };
    via.map_err(|error| reader.fault(at, format!("{error}")))
        .ok()
}

fn mode(reader: &mut Reader, table: &Table<'_, '_>) -> Mode {
    let Some(value) = table.entries.get("mode") else {
        return Mode::Strict;
    };
    match reader.text(value, "mode") {
        Some((_, "attenuate")) => Mode::Attenuate,
        Some((_, "strict")) | None => Mode::Strict,
        Some((at, _)) => {
            reader.fault(
                at,
                "`mode` is \"strict\" (refuse what is wider) or \"attenuate\" (cut it down)",
            );
            Mode::Strict
        }
    }
}
