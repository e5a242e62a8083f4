//! What people may do in Kavach itself, as declared.

use std::collections::HashSet;

use kavach_audit::EventKind;
use kavach_core::{Grants, Permission, Reason, Refusal, Subject, SubjectId};

use super::agents::differences;
use super::plan::Plan;
use super::{ApplyError, DeclaredOwner, Doing, Place, Step};
use crate::change::About;
use crate::error::ChangeError;
use crate::random;

impl Plan<'_> {
    pub(super) fn owners(&mut self, declared: &[DeclaredOwner]) -> Result<(), ApplyError> {
        let mut seen: HashSet<&Subject> = HashSet::new();
        for (number, owner) in declared.iter().enumerate() {
            if seen.insert(&owner.subject) {
                self.owner(number, owner)?;
            } else {
                let message = format!("owner `{}` is declared twice; keep one", owner.subject);
                self.problem(Place::Owner(number, "name"), message);
            }
        }
        Ok(())
    }

    fn owner(&mut self, number: usize, declared: &DeclaredOwner) -> Result<(), ApplyError> {
        let known = self.graph.subject_id(self.tenant(), &declared.subject);
        let none = Grants::default();
        let owner = known.and_then(|id| self.graph.owner(self.tenant(), id));
        let present = owner.map_or(&none, |owner| &owner.grants);
        let details = differences(present, &declared.permissions);
        let doing = match known {
            None => Doing::Create,
            Some(_) if details.is_empty() => Doing::Keep,
            Some(_) => Doing::Update,
        };
        if doing == Doing::Keep {
            self.named_owners.extend(known);
        } else {
            match self.grant(&declared.subject, &declared.permissions)? {
                Ok(id) => self.named_owners.push(id),
                Err(refusal) => {
                    let field = if refusal.reason == Reason::OwnerRevoked {
                        "name"
                    } else {
                        "permissions"
                    };
                    self.refused(Place::Owner(number, field), &refusal);
                    return Ok(());
                }
            }
        }
        self.steps.push(Step {
            doing,
            what: format!("owner {}", declared.subject),
            details,
            credential: None,
        });
        Ok(())
    }

    fn grant(
        &mut self,
        subject: &Subject,
        permissions: &[Permission],
    ) -> Result<Result<SubjectId, Refusal>, ApplyError> {
        let tenant = self.tenant();
        let fresh = random::subject_id(self.kavach.node.clock.now_ns());
        let fresh = fresh.map_err(ChangeError::from)?;
        let id = self.graph.subject_id(tenant, subject).unwrap_or(fresh);
        let change = self
            .graph
            .grant_owner(tenant, subject, fresh, permissions, self.now);
        let change = match change {
            Ok(change) => change,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let about = About {
            owner: Some(id),
            ..About::default()
        };
        let about = about.with_list("permissions", permissions);
        self.absorb(EventKind::OwnerUpdated, about, change)?;
        Ok(Ok(id))
    }

    /// The name of somebody who was declared and may still do something in Kavach itself.
    pub(super) fn lasting_owner(&self, id: SubjectId) -> Option<Subject> {
        let owner = self.graph.owner(self.tenant(), id)?;
        let subject = self.graph.subject(self.tenant(), id)?;
        (!owner.grants.is_empty()).then(|| subject.clone())
    }

    /// Takes everything from somebody who is no longer named.
    pub(super) fn strip_owner(&mut self, subject: &Subject) -> Result<(), ApplyError> {
        // Nothing stands against taking.
        self.grant(subject, &[]).map(drop)
    }
}
