//! Guardrails as declared.

use std::collections::HashSet;

use kavach_audit::EventKind;
use kavach_core::{Guardrail, Name, Record};

use super::plan::Plan;
use super::{ApplyError, Doing, Place, Step};
use crate::change::About;
use crate::guardrails::NewGuardrail;

impl Plan<'_> {
    pub(super) fn guardrails(&mut self, declared: &[NewGuardrail]) -> Result<(), ApplyError> {
        let mut seen: HashSet<&Name> = HashSet::new();
        for (number, guardrail) in declared.iter().enumerate() {
            if seen.insert(&guardrail.name) {
                self.guardrail(number, guardrail)?;
            } else {
                let message = format!("guardrail `{}` is declared twice; keep one", guardrail.name);
                self.problem(Place::Guardrail(number, "name"), message);
            }
        }
        self.named_guardrails = declared
            .iter()
            .map(|guardrail| guardrail.name.clone())
            .collect();
        Ok(())
    }

    fn guardrail(&mut self, number: usize, declared: &NewGuardrail) -> Result<(), ApplyError> {
        let known = self.known_guardrail(&declared.name);
        let change = match declared.set(&self.graph, self.tenant(), self.now) {
            Ok(change) => change,
            Err(refusal) => {
                let field = if refusal.message.contains("names") {
                    "agents"
                } else {
                    "never"
                };
                self.refused(Place::Guardrail(number, field), &refusal);
                return Ok(());
            }
        };
        let details = change
            .writes
            .iter()
            .find_map(|record| match record {
                Record::Guardrail(new) => Some(differences(known.as_ref(), new)),
                Record::Owner(_)
                | Record::Subject(_)
                | Record::Agent(_)
                | Record::Name(_)
                | Record::Delegation(_) => None,
            })
            .unwrap_or_default();
        let doing = match &known {
            None => Doing::Create,
            Some(_) if details.is_empty() => Doing::Keep,
            Some(_) => Doing::Update,
        };
        if doing != Doing::Keep {
            let about = declared.about(&self.graph, self.tenant());
            self.absorb(EventKind::GuardrailSet, about, change)?;
        }
        self.steps.push(Step {
            doing,
            what: format!("guardrail {}", declared.name),
            details,
            credential: None,
        });
        Ok(())
    }

    pub(super) fn known_guardrail(&self, name: &Name) -> Option<Guardrail> {
        let mut ours = self.graph.guardrails(self.tenant());
        ours.find(|known| known.name == *name).cloned()
    }

    /// Takes away a guardrail that is no longer named.
    pub(super) fn remove_guardrail(&mut self, name: &Name) -> Result<(), ApplyError> {
        let about = About::default().with("guardrail", name);
        match self.graph.remove_guardrail(self.tenant(), name) {
            Ok(change) => self.absorb(EventKind::GuardrailRemoved, about, change),
            Err(_) => Ok(()),
        }
    }
}

/// What of a guardrail changes, for people; nothing if nothing does.
fn differences(known: Option<&Guardrail>, new: &Guardrail) -> Vec<String> {
    let mut details = Vec::new();
    if known.is_none_or(|known| known.never != new.never) {
        details.push(format!("never {}", new.never));
    }
    if known.is_some_and(|known| known.agents != new.agents) {
        details.push("for other agents".to_owned());
    }
    if known.map_or(new.shadow, |known| known.shadow != new.shadow) {
        let words = if new.shadow {
            "only notes what it would deny"
        } else {
            "denies"
        };
        details.push(words.to_owned());
    }
    details
}
