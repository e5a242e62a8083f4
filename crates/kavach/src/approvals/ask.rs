//! Asking people about a call, and using up what they said.

use std::sync::Arc;

use kavach_audit::{EventKind, Hash};
use kavach_core::{
    AgentId, ApprovalId, EventId, Graph, Leaf, Line, Reason, RecordKey, TenantId, Timestamp,
};
use kavach_store::records::key_of;
use kavach_store::{Expect, Key, StoreError, Version};

use super::approvers::people_who_say_yes;
use super::notice::News;
use super::record::{New, Stored, approval_key, arguments_key};
use super::{Entry, Open, Standing, Step, arguments, binding};
use crate::answer::hop_of;
use crate::call::Call;
use crate::change::About;
use crate::committer::Work;
use crate::error::CannotDecide;
use crate::limits::{
    APPROVAL_ARGUMENTS_BYTES_MAX, APPROVALS_OF_AGENT_MAX, APPROVALS_OF_ROOT_MAX,
    APPROVALS_OF_TENANT_MAX, APPROVALS_SWEPT_MAX,
};
use crate::node::Kavach;
use crate::random;
use crate::tokens::Holder;

/// A call that people are asked about.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    /// What the approval is bound to: see [`binding`](super::binding).
    pub(crate) bound: Hash,
    /// The line that needs it.
    pub(crate) line: &'a Line,
    pub(crate) call: &'a Call,
    /// Everybody who held the token that it is made with, if it is.
    pub(crate) holders: &'a [Holder],
    /// How many people must say yes.
    pub(crate) needed: u8,
    /// The revision that it was decided at.
    pub(crate) revision: u64,
    pub(crate) now: Timestamp,
}

/// What to commit along with the event of the call.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) id: ApprovalId,
    pub(crate) work: Work,
}

/// Why people were not asked.
#[derive(Debug)]
pub(crate) enum NotAsked {
    /// The call is denied for this reason instead; in words, for the log.
    Denied(Reason, &'static str),
    /// It could not be worked out.
    Failed(CannotDecide),
}

impl<E: Into<CannotDecide>> From<E> for NotAsked {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// What people said yes to, by one line.
#[derive(Debug)]
pub(crate) struct Yes {
    pub(crate) id: ApprovalId,
    pub(crate) bound: Hash,
    pub(crate) people: u8,
}

impl Open {
    /// Why nothing more is laid before people, for the log.
    fn is_too_much(&self) -> Option<&'static str> {
        if self.of_agent >= APPROVALS_OF_AGENT_MAX {
            Some("too many calls of this agent wait for approval, or were denied it")
        } else if self.of_root >= APPROVALS_OF_ROOT_MAX {
            Some("too many calls below the same agent wait for approval, or were denied it")
        } else if self.of_tenant >= APPROVALS_OF_TENANT_MAX {
            Some("too many calls in this tenant wait for approval, or were denied it")
        } else {
            None
        }
    }
}

impl Kavach {
    /// The lines of the agent by which people said yes to this call, the best one first: which one is best
    /// without a yes may change between two tries, with what limits have left.
    pub(crate) fn lines_with_yes(
        &self,
        graph: &Graph,
        ((best, token), agent): ((Leaf, Option<&[String]>), Option<AgentId>),
        (call, args): (&Call, Option<&Hash>),
        now: Timestamp,
    ) -> Vec<(Leaf, Yes)> {
        let (tenant, approvals) = (self.tenant, &self.node.approvals);
        let Some(agent) = agent.filter(|agent| approvals.has_open(tenant, *agent, now)) else {
            return Vec::new();
        };
        let token = token.map(|token| (best, token));
        let mut bound = self.bindings(graph, (Some(agent), token), (call, args));
        // The sort is stable: only the best one moves.
        bound.sort_by_key(|(leaf, _)| *leaf != best);
        bound
            .into_iter()
            .filter_map(
                |(leaf, bound)| match approvals.standing(graph, tenant, &bound, now) {
                    Standing::Open { id, people } if people > 0 => {
                        Some((leaf, Yes { id, bound, people }))
                    }
                    Standing::Open { .. } | Standing::None | Standing::Denied { .. } => None,
                },
            )
            .collect()
    }

    /// What an approval of the call would be bound to, by each line of the agent; by the one line of a token,
    /// where it is made with one.
    pub(crate) fn bindings(
        &self,
        graph: &Graph,
        (agent, token): (Option<AgentId>, Option<(Leaf, &[String])>),
        (call, args): (&Call, Option<&Hash>),
    ) -> Vec<(Leaf, Hash)> {
        let tenant = self.tenant;
        let given = agent.map(|agent| graph.delegations_to(tenant, agent));
        let lines = given
            .into_iter()
            .flatten()
            .map(|known| Leaf::Delegation(known.id));
        let what = (&call.action, &call.resource);
        let bound_by = |leaf, token| {
            let by = (leaf, token);
            let bound = binding(graph, tenant, by, what, &call.context, args)?;
            Some((leaf, bound))
        };
        if let Some((leaf, token)) = token {
            return bound_by(leaf, Some(token)).into_iter().collect();
        }
        agent
            .map(Leaf::Root)
            .into_iter()
            .chain(lines)
            .filter_map(|leaf| bound_by(leaf, None))
            .collect()
    }

    /// What lays a call before people. Only for a call whose standing is [`Standing::None`].
    ///
    /// INVARIANT (asked once): the work expects that nothing is open for the same call, so of two that ask
    /// at the same time one gets a conflict, and finds the other's when it looks again.
    pub(crate) fn ask_approval(&self, asked: &Asked<'_>) -> Result<Parts, NotAsked> {
        let approvals = &self.node.approvals;
        let (Some(root), Some(leaf)) = (asked.line.hops.first(), asked.line.hops.last()) else {
            return Err(NotAsked::Denied(Reason::UnknownAgent, "a line of nobody"));
        };
        let agent = leaf.agent;
        let open = approvals.open(self.tenant, agent, root.agent, asked.now);
        if let Some(words) = open.is_too_much() {
            return Err(NotAsked::Denied(Reason::LimitReached, words));
        }
        let id = random::approval_id(self.node.clock.now_ns())?;
        let mut work = Work::default();
        if let Some(args) = &asked.call.context.args {
            let canonical = serde_json_canonicalizer::to_vec(&**args)
                .map_err(|error| CannotDecide::Arguments(error.to_string()))?;
            if canonical.len() > APPROVAL_ARGUMENTS_BYTES_MAX {
                let words = "the arguments are too long for people to look through";
                return Err(NotAsked::Denied(Reason::LimitReached, words));
            }
            let master = self.node.people.master();
            let kept = arguments::kept(master, (self.tenant, id), canonical)?;
            work.puts.push((arguments_key(self.tenant, id), kept));
        }
        let context = &asked.call.context;
        let stored = Stored::new(New {
            id,
            agent,
            owner: asked.line.owner,
            line: asked.line.hops.clone(),
            holders: asked.holders.iter().map(Holder::without_words).collect(),
            action: asked.call.action.clone(),
            resource: asked.call.resource.clone(),
            has_args: context.args.is_some(),
            request_id: context.request_id.clone(),
            audience: context.audience.clone(),
            cost: context.cost,
            needed: asked.needed,
            asked_at: asked.now,
            expires_at: asked.now.plus_s(approvals.ttl_s),
        });
        self.asked_event(asked, &stored, &mut work)?;
        let before = approvals.entry(self.tenant, &asked.bound);
        if let Some(before) = &before {
            work.deletes
                .push(arguments_key(self.tenant, before.stored.id));
        }
        approvals.announce(self.tenant, &asked.bound, id, News::Requested, &mut work);
        put(
            self.tenant,
            &asked.bound,
            before.as_ref(),
            stored,
            &mut work,
        )?;
        self.sweep(&asked.bound, asked.now, &mut work);
        Ok(Parts { id, work })
    }

    fn asked_event(
        &self,
        asked: &Asked<'_>,
        stored: &Stored,
        work: &mut Work,
    ) -> Result<(), NotAsked> {
        let about = About {
            agent: Some(stored.agent),
            owner: Some(stored.owner),
            line: asked.line.hops.iter().map(hop_of).collect(),
            ..About::default()
        };
        let about = about
            .with("approval", stored.id)
            .with("needed", stored.needed)
            .with("expires_at", stored.expires_at);
        let kind = EventKind::ApprovalRequested;
        let mut event = self.event_of(kind, None, about, asked.revision)?;
        event.action = Some(stored.action.clone());
        event.resource = Some(stored.resource.clone());
        event.cost = asked.call.context.cost;
        event.audience.clone_from(&stored.audience);
        event.request_id.clone_from(&stored.request_id);
        work.events.push(event);
        Ok(())
    }

    /// Clears away a few approvals whose time is over.
    fn sweep(&self, but: &Hash, now: Timestamp, work: &mut Work) {
        let tenant = self.tenant;
        let over = self
            .node
            .approvals
            .over(tenant, but, now, APPROVALS_SWEPT_MAX);
        for (bound, entry) in over {
            let key = approval_key(tenant, &bound);
            work.expectations
                .push((key.clone(), Expect::Version(entry.version)));
            work.deletes
                .extend([key, arguments_key(tenant, entry.stored.id)]);
            work.approvals.push(Step::Gone(tenant, bound));
        }
    }

    /// What uses an approval up for the call that `used_by` records. `None` if it is gone, over or used.
    ///
    /// INVARIANT (spent once): the work expects the approval as it is now, and those who said yes too, so of
    /// two that spend it one gets a conflict, and so does one for whom an approver was stripped or
    /// off-boarded since `graph`.
    pub(crate) fn spend_approval(
        &self,
        graph: &Graph,
        bound: &Hash,
        used_by: EventId,
        now: Timestamp,
    ) -> Result<Option<Parts>, StoreError> {
        let tenant = self.tenant;
        let Some(entry) = self.node.approvals.entry(tenant, bound) else {
            return Ok(None);
        };
        let stored = &entry.stored;
        if stored.is_over(now) || stored.used.is_some() {
            return Ok(None);
        }
        let mut work = Work::default();
        for person in people_who_say_yes(graph, tenant, stored, now) {
            let mut keys = vec![RecordKey::Owner(tenant, person.id)];
            let subject = graph.subject(tenant, person.id);
            keys.extend(subject.map(|name| RecordKey::Subject(tenant, name.clone())));
            let expected = keys.iter().map(|key| expected(graph, key));
            work.expectations.extend(expected);
        }
        let id = stored.id;
        let mut used = Stored::clone(stored);
        used.used = Some(used_by);
        work.deletes.push(arguments_key(tenant, id));
        put(tenant, bound, Some(&entry), used, &mut work)?;
        Ok(Some(Parts { id, work }))
    }
}

/// That a record of the graph is as it is there.
pub(super) fn expected(graph: &Graph, key: &RecordKey) -> (Key, Expect) {
    let expect = graph.stamp(key).map_or(Expect::Absent, |stamp| {
        Expect::Version(Version::from_u64(stamp.0))
    });
    (key_of(key), expect)
}

/// Puts an approval in the place of what is there now.
pub(super) fn put(
    tenant: TenantId,
    bound: &Hash,
    before: Option<&Entry>,
    stored: Stored,
    work: &mut Work,
) -> Result<(), StoreError> {
    let key = approval_key(tenant, bound);
    let expect = before.map_or(Expect::Absent, |before| Expect::Version(before.version));
    work.expectations.push((key.clone(), expect));
    work.puts.push((key, stored.encode()?));
    work.approvals
        .push(Step::Put(tenant, *bound, Arc::new(stored)));
    Ok(())
}
