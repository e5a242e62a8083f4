//! Where the fields of a declaration stand in its file.

use std::collections::BTreeMap;
use std::ops::Range;

use kavach::declare::{Place, Problem};
use kavach::{Action, Permission};

use super::Fault;

/// Where everything stands.
#[derive(Debug, Default)]
pub(crate) struct Places {
    pub(super) agents: Vec<FieldPlaces>,
    pub(super) delegations: Vec<FieldPlaces>,
    pub(super) guardrails: Vec<FieldPlaces>,
    pub(super) owners: Vec<FieldPlaces>,
}

/// Where the fields of one table stand.
#[derive(Debug, Default)]
pub(crate) struct FieldPlaces {
    header: Range<usize>,
    fields: BTreeMap<&'static str, Range<usize>>,
    pub(super) permissions: Vec<(Permission, Range<usize>)>,
}

impl Places {
    /// The problem with the bytes that it speaks of.
    pub(crate) fn fault(&self, problem: &Problem) -> Fault {
        Fault {
            at: self.find(problem.place, &problem.message),
            message: problem.message.clone(),
        }
    }

    /// The bytes that a message about this place speaks of; none where there is no such place.
    pub(crate) fn find(&self, place: Place, message: &str) -> Range<usize> {
        let (tables, number, field) = match place {
            Place::Agent(number, field) => (&self.agents, number, field),
            Place::Delegation(number, field) => (&self.delegations, number, field),
            Place::Guardrail(number, field) => (&self.guardrails, number, field),
            Place::Owner(number, field) => (&self.owners, number, field),
        };
        let table = tables.get(number);
        table
            .map(|table| table.find(field, message))
            .unwrap_or_default()
    }
}

impl FieldPlaces {
    pub(crate) fn of(header: Range<usize>) -> Self {
        Self {
            header,
            ..Self::default()
        }
    }

    pub(crate) fn note(&mut self, field: &'static str, at: Range<usize>) {
        self.fields.insert(field, at);
    }

    /// The narrowest place that the message can mean: the permission that it quotes, the bound that it names,
    /// or else the field, or the table.
    fn find(&self, field: &str, message: &str) -> Range<usize> {
        if field == "permissions" {
            let quoted =
                |(permission, _): &&(Permission, Range<usize>)| quotes(message, permission);
            if let Some((_, at)) = self.permissions.iter().find(quoted) {
                return at.clone();
            }
        }
        let named = if message.contains("`expires_at`") || message.contains("lies in the past") {
            self.fields.get("expires_at")
        } else if message.contains("`max_depth`") {
            self.fields.get("max_depth")
        } else if message.contains("metadata") {
            self.fields.get("metadata")
        } else {
            None
        };
        named
            .or_else(|| self.fields.get(field))
            .unwrap_or(&self.header)
            .clone()
    }
}

/// Whether the message repeats this permission: all of it, an action with its pattern, or its end.
fn quotes(message: &str, permission: &Permission) -> bool {
    let pattern = &permission.pattern;
    let actions = match permission.actions.listed() {
        None => vec!["*"],
        Some(actions) => actions.iter().map(Action::as_str).collect(),
    };
    let end = permission.constraints.expires_at;
    message.contains(&format!("`{permission}`"))
        || actions
            .iter()
            .any(|action| message.contains(&format!("`{action}` on `{pattern}`")))
        || end.is_some_and(|end| message.contains(&format!("`{end}` lies")))
}
