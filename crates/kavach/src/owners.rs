//! Owners: off-boarding, taking back, erasing.

use std::ops::Bound;

use kavach_audit::EventKind;
use kavach_core::{Owner, Permission, Subject};
use kavach_store::Key;

use crate::change::{About, Done};
use crate::committer::Work;
use crate::error::{ChangeError, FailedCommit};
use crate::limits::PAGE_RECORDS;
use crate::node::Kavach;
use crate::people::{PRIVATE_FIELDS, person_record, private_prefix};
use crate::random;

impl Kavach {
    /// Off-boards an owner: all their agents are dead for good, they get no new ones until reinstated, and
    /// they may do nothing in Kavach itself any more, not even once they are reinstated.
    ///
    /// Somebody who has no agents is off-boarded too, so that nobody makes them one later.
    ///
    /// # Errors
    /// If they are off-boarded already, or the store fails.
    pub async fn revoke_owner(&self, subject: &Subject) -> Result<Done, ChangeError> {
        let tenant = self.tenant;
        let fresh = random::subject_id(self.node.clock.now_ns())?;
        self.change(EventKind::OwnerRevoked, |graph, _| {
            let id = graph.subject_id(tenant, subject).unwrap_or(fresh);
            let about = About {
                owner: Some(id),
                ..About::default()
            };
            let agents = graph.agents_of(tenant, id).count();
            (
                graph.revoke_owner(tenant, subject, fresh),
                about.with("agents", agents),
            )
        })
        .await
    }

    /// Says what a person may do in Kavach itself, instead of what they may do now; nothing, if
    /// `permissions` is empty. Who may say yes or no to calls holds `approve` on `app:kavach:approvals`.
    /// Their agents get nothing of it.
    ///
    /// Somebody whom nobody met yet is met by this.
    ///
    /// # Errors
    /// If the subject is no person or is off-boarded, a permission has another bound than `expires` and
    /// `window`, or the store fails.
    pub async fn grant_owner(
        &self,
        subject: &Subject,
        permissions: &[Permission],
    ) -> Result<Done, ChangeError> {
        let tenant = self.tenant;
        let fresh = random::subject_id(self.node.clock.now_ns())?;
        self.change(EventKind::OwnerUpdated, |graph, now| {
            let about = About {
                owner: Some(graph.subject_id(tenant, subject).unwrap_or(fresh)),
                ..About::default()
            };
            (
                graph.grant_owner(tenant, subject, fresh, permissions, now),
                about.with_list("permissions", permissions),
            )
        })
        .await
    }

    /// The standing of a person, and what they may do in Kavach itself; `None` if nobody of this name is
    /// known.
    #[must_use]
    pub fn owner(&self, subject: &Subject) -> Option<Owner> {
        let state = self.node.view.read();
        let id = state.graph.subject_id(self.tenant, subject)?;
        state.graph.owner(self.tenant, id).cloned()
    }

    /// Lets an off-boarded owner have new agents. The earlier ones stay dead.
    ///
    /// # Errors
    /// If they are unknown or not off-boarded, or the store fails.
    pub async fn reinstate_owner(&self, subject: &Subject) -> Result<Done, ChangeError> {
        let tenant = self.tenant;
        self.change(EventKind::OwnerReinstated, |graph, _| {
            let about = About {
                owner: graph.subject_id(tenant, subject),
                ..About::default()
            };
            (graph.reinstate_owner(tenant, subject), about)
        })
        .await
    }

    /// Erases a person: their name, the key of everything that was sealed for them, and the sealed fields
    /// themselves. The trail stays whole, and still verifies; those fields read "erased".
    ///
    /// Their agents stay as they are: off-board the owner first if they should stop. A person who comes back
    /// is somebody new.
    ///
    /// A file may keep the name, and the sealed key, on pages that are free, until it uses them again: a few
    /// commits later, as a rule. So may backups and the disk beneath.
    ///
    /// # Errors
    /// If nobody of this name is known, or the store fails. After a failure, call it again: it goes on where
    /// it stopped, as long as the name is still there.
    pub async fn erase_subject(&self, subject: &Subject) -> Result<Done, ChangeError> {
        let tenant = self.tenant;
        let person = self.subject_id(subject);
        let mut key = None;
        if let Some(person) = person {
            self.erase_private(person).await?;
            key = Some(person_record(tenant, person));
        }
        // Calls may have gone on meanwhile, and have had a key made for them. From here on, nothing is
        // sealed for this person any more: see INVARIANT (erased for good).
        let done = self
            .change_deleting(EventKind::SubjectErased, key.as_slice(), |graph, _| {
                let about = About {
                    owner: graph.subject_id(tenant, subject),
                    ..About::default()
                };
                (graph.erase_subject(tenant, subject), about)
            })
            .await?;
        if let Some(person) = person
            && let Err(error) = self.erase_private(person).await
        {
            tracing::warn!(%error, "sealed fields of an erased person are left; nobody can open them");
        }
        Ok(done)
    }

    /// The key first, so that nothing can be read any more, then what it sealed, page by page.
    async fn erase_private(&self, person: kavach_core::SubjectId) -> Result<(), ChangeError> {
        self.node.people.forget(self.tenant, person);
        let mut keys = self.node.approvals.arguments_of_owner(self.tenant, person);
        keys.push(person_record(self.tenant, person));
        self.delete(keys).await?;
        // Somebody may have read it just before.
        self.node.people.forget(self.tenant, person);
        let prefix = private_prefix(self.tenant, person);
        loop {
            let range = (Bound::Included(prefix.clone()), Bound::Unbounded);
            let page = self
                .node
                .store
                .scan(PRIVATE_FIELDS, range, PAGE_RECORDS)
                .await;
            let page = page.map_err(FailedCommit::from)?;
            let keys: Vec<Key> = page
                .records
                .into_iter()
                .filter(|(key, _)| key.starts_with(&prefix))
                .map(|(key, _)| Key::new(PRIVATE_FIELDS, key))
                .collect();
            if keys.is_empty() {
                return Ok(());
            }
            self.delete(keys).await?;
        }
    }

    async fn delete(&self, deletes: Vec<Key>) -> Result<(), ChangeError> {
        let work = Work {
            deletes,
            ..Work::default()
        };
        self.node.commit(work).await?.map_err(FailedCommit::from)?;
        Ok(())
    }
}
