//! `[[guardrail]]`

use kavach::{AgentKind, Base, Guarded, Name, NewGuardrail, Subject};
use toml::de::DeValue;

use super::places::FieldPlaces;
use super::reader::{Reader, Table};
use super::rights;

const KEYS: [&str; 6] = ["name", "never", "agents", "kind", "owner", "mode"];

/// The guardrail in this table, `None` if it has none, and where its fields stand.
pub(super) fn guardrail(
    reader: &mut Reader,
    table: &Table<'_, '_>,
    base: &Base,
) -> (Option<NewGuardrail>, FieldPlaces) {
    let mut places = FieldPlaces::of(table.header.clone());
    reader.only(table.entries, &KEYS);
    let name: Option<Name> = reader.required(table, "name", &mut places);
    let never = rights::required(reader, table, "never", base, &mut places);
    let agents = agents(reader, table, &mut places);
    let mode: Mode = reader
        .parsed(table, "mode", &mut places)
        .unwrap_or(Mode::Enforce);
    let guardrail = name.zip(never).map(|(name, never)| {
        let guardrail = NewGuardrail::of(name, never).agents(agents);
        match mode {
            Mode::Enforce => guardrail,
            Mode::Shadow => guardrail.shadow(),
        }
    });
    (guardrail, places)
}

/// By whom: of `agents`, `kind` and `owner` at most one.
fn agents(reader: &mut Reader, table: &Table<'_, '_>, places: &mut FieldPlaces) -> Guarded {
    let kind: Option<AgentKind> = reader.parsed(table, "kind", places);
    let owner: Option<Subject> = reader.parsed(table, "owner", places);
    let named = names(reader, table, places);
    let selectors = ["agents", "kind", "owner"];
    let given = selectors
        .iter()
        .filter_map(|key| table.entries.get(*key))
        .map(toml::Spanned::span);
    if let Some(second) = given.skip(1).last() {
        let words = "a guardrail has one of `agents`, `kind` and `owner`; make one for each";
        reader.fault(second, words);
    }
    named
        .map(Guarded::Agents)
        .or(kind.map(Guarded::Kind))
        .or(owner.map(Guarded::Owner))
        .unwrap_or_default()
}

fn names(
    reader: &mut Reader,
    table: &Table<'_, '_>,
    places: &mut FieldPlaces,
) -> Option<Vec<Name>> {
    let value = table.entries.get("agents")?;
    places.note("agents", value.span());
    let DeValue::Array(array) = value.get_ref() else {
        let words = "`agents` is not a list; write the names of agents, as in `[\"searcher\"]`";
        reader.fault(value.span(), words);
        return None;
    };
    let mut names = Vec::new();
    for item in array.iter() {
        if let Some((at, text)) = reader.text(item, "agents") {
            match text.parse() {
                Ok(name) => names.push(name),
                Err(error) => reader.fault(at, format!("{error}")),
            }
        }
    }
    Some(names)
}

/// Whether it denies, or only notes.
#[derive(Clone, Copy)]
enum Mode {
    Enforce,
    Shadow,
}

impl std::str::FromStr for Mode {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "enforce" => Ok(Self::Enforce),
            "shadow" => Ok(Self::Shadow),
            _ => Err("`mode` is `enforce`, or `shadow` to only note what would be denied"),
        }
    }
}
