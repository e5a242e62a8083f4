//! Permissions in a file: the shorthand, or a table that says the same.

use std::ops::Range;

use kavach::{Action, Actions, Base, Constraints, Pattern, Permission};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::bounds;
use super::places::FieldPlaces;
use super::reader::{Reader, Table};

/// What relative targets are relative to.
pub(super) fn base(reader: &mut Reader, document: &DeTable<'_>) -> Base {
    let table = Table {
        entries: document,
        header: 0..0,
    };
    reader
        .parsed(&table, "base", &mut FieldPlaces::default())
        .unwrap_or_default()
}

/// The permissions of a table, with the bytes of each.
pub(super) fn permissions(
    reader: &mut Reader,
    table: &Table<'_, '_>,
    base: &Base,
    places: &mut FieldPlaces,
) -> Vec<Permission> {
    let Some(value) = table.entries.get("permissions") else {
        return Vec::new();
    };
    places.note("permissions", value.span());
    let DeValue::Array(array) = value.get_ref() else {
        let words = "`permissions` is not a list; write `[…]`, as in `[\"read:mcp:github:*\"]`";
        reader.fault(value.span(), words);
        return Vec::new();
    };
    for item in array.iter() {
        if let Some(permission) = permission(reader, item, base) {
            places.permissions.push((permission, item.span()));
        }
    }
    places
        .permissions
        .iter()
        .map(|(permission, _)| permission.clone())
        .collect()
}

/// The one permission under `name`, which must be there.
pub(super) fn required(
    reader: &mut Reader,
    table: &Table<'_, '_>,
    name: &'static str,
    base: &Base,
    places: &mut FieldPlaces,
) -> Option<Permission> {
    let Some(value) = table.entries.get(name) else {
        reader.fault(table.header.clone(), format!("`{name}` is missing"));
        return None;
    };
    places.note(name, value.span());
    permission(reader, value, base)
}

fn permission(reader: &mut Reader, item: &Spanned<DeValue<'_>>, base: &Base) -> Option<Permission> {
    match item.get_ref() {
        DeValue::String(text) => Permission::parse(text, base)
            .map_err(|error| reader.fault(item.span(), format!("{error}")))
            .ok(),
        DeValue::Table(entries) => long_form(reader, entries, item.span(), base),
        DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_) => {
            let words = "a permission is text, as in \"read:mcp:github:*\", or a table, as in \
                         `{ resource = \"mcp:github:*\", actions = [\"read\"] }`";
            reader.fault(item.span(), words);
            None
        }
    }
}

fn long_form(
    reader: &mut Reader,
    entries: &DeTable<'_>,
    at: Range<usize>,
    base: &Base,
) -> Option<Permission> {
    reader.only(entries, &["resource", "actions", "constraints"]);
    let pattern = match entries.get("resource") {
        Some(value) => pattern(reader, value, base),
        None => {
            reader.fault(
                at.clone(),
                "`resource` is missing; write a pattern, as in \"mcp:github:*\"",
            );
            None
        }
    };
    let actions = match entries.get("actions") {
        Some(value) => actions(reader, value),
        None => {
            reader.fault(at, "`actions` is missing; write a list, as in `[\"read\"]`");
            None
        }
    };
    let constraints = match entries.get("constraints") {
        Some(value) => bounds::constraints(reader, value),
        None => Some(Constraints::default()),
    };
    let mut permission = Permission::new(pattern?, actions?);
    permission.constraints = constraints?;
    Some(permission)
}

/// A pattern, absolute or relative as in the shorthand.
fn pattern(reader: &mut Reader, value: &Spanned<DeValue<'_>>, base: &Base) -> Option<Pattern> {
    let (at, text) = reader.text(value, "resource")?;
    let pattern = if text.contains('?') {
        // In the shorthand constraints would follow; here it is a mistake.
        text.parse::<Pattern>()
    } else {
        Permission::parse(&format!("*:{text}"), base).map(|permission| permission.pattern)
    };
    pattern
        .map_err(|error| reader.fault(at, format!("{error}")))
        .ok()
}

fn actions(reader: &mut Reader, value: &Spanned<DeValue<'_>>) -> Option<Actions> {
    let words =
        "`actions` is a list of 1 to 64 actions, as in `[\"read\", \"comment\"]`, or `[\"*\"]`";
    let DeValue::Array(array) = value.get_ref() else {
        reader.fault(value.span(), words);
        return None;
    };
    let mut listed: Vec<Action> = Vec::new();
    let mut complete = true;
    for item in array.iter() {
        let Some((at, text)) = reader.text(item, "actions") else {
            complete = false;
            continue;
        };
        if text == "*" && array.len() == 1 {
            return Some(Actions::all());
        }
        match text.parse() {
            Ok(action) => listed.push(action),
            Err(error) => {
                reader.fault(at, format!("{error}"));
                complete = false;
            }
        }
    }
    if !complete {
        return None;
    }
    let actions = Actions::of(listed);
    if actions.is_none() {
        reader.fault(value.span(), words);
    }
    actions
}
