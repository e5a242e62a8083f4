//! Passing permissions on, and taking them back.

use alloc::format;
use alloc::vec::Vec;

use super::agents::{AgentDraft, Edit};
use super::{Change, check_future, check_permissions};
use crate::agent::Agent;
use crate::constraint::lesser;
use crate::delegation::{Delegation, Mode};
use crate::grant::Grants;
use crate::graph::{Graph, Leaf, Node, Record, RecordKey};
use crate::id::{AgentId, DelegationId, TenantId};
use crate::limits::{DEPTH_MAX, INCOMING_MAX};
use crate::narrow::narrow_below;
use crate::permission::Permission;
use crate::reason::Reason;
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// A delegation to be.
#[expect(
    clippy::exhaustive_structs,
    reason = "whoever delegates says all of it"
)]
#[derive(Clone, Debug)]
pub struct DelegationDraft {
    /// Its id: fresh.
    pub id: DelegationId,
    /// In which tenant.
    pub tenant: TenantId,
    /// Who passes on.
    pub from: AgentId,
    /// Who receives.
    pub to: AgentId,
    /// By which line `from` holds it; `None` for the one that alone covers the request.
    pub via: Option<Leaf>,
    /// What is asked for.
    pub permissions: Vec<Permission>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// How many hops further it may go.
    pub max_depth: Option<u8>,
    /// What to do with what is wider.
    pub mode: Mode,
}

/// What to change about a delegation; `None` leaves it as it is.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct DelegationEdit {
    /// What is asked for, instead; narrowed anew.
    pub permissions: Option<Vec<Permission>>,
    /// When it ends.
    pub expires_at: Edit<Timestamp>,
    /// How many hops further it may go.
    pub max_depth: Edit<u8>,
    /// What to do with what is wider.
    pub mode: Mode,
}

/// A sub-agent to be, and what it gets.
#[expect(clippy::exhaustive_structs, reason = "an agent and its delegation")]
#[derive(Clone, Debug)]
pub struct SpawnDraft {
    /// The agent; its own permissions are root grants, and normally none.
    pub agent: AgentDraft,
    /// What it gets. Its `to` and `tenant` count for nothing: they are the agent's.
    pub delegation: DelegationDraft,
}

impl Graph {
    /// Passes permissions on.
    ///
    /// # Errors
    /// If either agent is not there, revoked or past its time, the request is wider than what its giver
    /// holds, no single line of the giver covers it (then with candidates), or a limit would be
    /// passed.
    pub fn delegate(&self, draft: DelegationDraft, now: Timestamp) -> Result<Change, Refusal> {
        self.check_fresh(draft.id)?;
        let to = self.changeable(draft.tenant, draft.to, now)?;
        let incoming = self
            .delegations_to(draft.tenant, draft.to)
            .filter(|known| !known.revoked && known.expires_at.is_none_or(|end| now < end));
        if incoming.count() >= INCOMING_MAX {
            let words = "the receiver has 64 delegations already; revoke one first";
            return Err(Refusal::new(Reason::LimitReached, words));
        }
        let receiver = RecordKey::Agent(to.tenant, to.id);
        let (delegation, relies_on) = self.new_delegation(draft, now)?;
        let change = Change::of([Record::Delegation(delegation)]);
        Ok(change.relying_on(relies_on).relying_on([receiver]))
    }

    /// Creates a sub-agent and passes permissions on to it, in one change.
    ///
    /// # Errors
    /// As [`Graph::create_agent`] and [`Graph::delegate`].
    pub fn spawn(&self, draft: SpawnDraft, now: Timestamp) -> Result<Change, Refusal> {
        let draft = SpawnDraft {
            delegation: DelegationDraft {
                to: draft.agent.id,
                tenant: draft.agent.tenant,
                ..draft.delegation
            },
            ..draft
        };
        self.check_fresh(draft.delegation.id)?;
        let (delegation, relies_on) = self.new_delegation(draft.delegation, now)?;
        let mut change = self.create_agent(draft.agent, now)?;
        change.writes.push(Record::Delegation(delegation));
        Ok(change.relying_on(relies_on))
    }

    /// Narrows a delegation anew, to other permissions or bounds, below what its giver holds now.
    ///
    /// # Errors
    /// If it is not there, revoked or past its time, or as [`Graph::delegate`].
    pub fn update_delegation(
        &self,
        tenant: TenantId,
        id: DelegationId,
        edit: DelegationEdit,
        now: Timestamp,
    ) -> Result<Change, Refusal> {
        let known = self.existing_delegation(tenant, id)?;
        if known.expires_at.is_some_and(|end| end <= now) {
            let words = "the delegation is past its time, and cannot be extended; make a new one";
            return Err(Refusal::new(Reason::AlreadyExpired, words));
        }
        let asked = edit.permissions.unwrap_or_else(|| {
            let kept = known.grants.permissions();
            let kept = kept.filter(|permission| permission.constraints.holds_at(now));
            kept.cloned().collect()
        });
        let draft = DelegationDraft {
            id,
            tenant,
            from: known.from,
            to: known.to,
            via: Some(
                known
                    .parent
                    .map_or(Leaf::Root(known.from), Leaf::Delegation),
            ),
            permissions: asked,
            expires_at: edit.expires_at.of(known.expires_at),
            max_depth: edit.max_depth.of(known.max_depth),
            mode: edit.mode,
        };
        let (new, relies_on) = self.new_delegation(draft, now)?;
        let changed = Delegation {
            grants: known.grants.replaced(new.grants.permissions().cloned()),
            expires_at: new.expires_at,
            max_depth: new.max_depth,
            ..known.clone()
        };
        Ok(Change::of([Record::Delegation(changed)]).relying_on(relies_on))
    }

    /// Revokes a delegation for good, and with it everything that rests on it.
    ///
    /// # Errors
    /// If it is not there, or revoked already.
    pub fn revoke_delegation(&self, tenant: TenantId, id: DelegationId) -> Result<Change, Refusal> {
        let mut delegation = self.existing_delegation(tenant, id)?.clone();
        delegation.revoked = true;
        delegation.generation = delegation.generation.saturating_add(1);
        Ok(Change::of([Record::Delegation(delegation)]))
    }

    /// A delegation that was revoked never comes back under its id.
    fn check_fresh(&self, id: DelegationId) -> Result<(), Refusal> {
        if self.knows_delegation(id) {
            let message = format!("the id `{id}` is taken; draw a fresh one");
            return Err(Refusal::new(Reason::NameTaken, message));
        }
        Ok(())
    }

    fn existing_delegation(
        &self,
        tenant: TenantId,
        id: DelegationId,
    ) -> Result<&Delegation, Refusal> {
        let found = self.delegation(tenant, id).ok_or_else(|| {
            let words = "there is no such delegation in this tenant; see `delegation list`";
            Refusal::new(Reason::NotFound, words)
        })?;
        if found.revoked {
            let words = "the delegation is revoked, and stays so; make a new one";
            return Err(Refusal::new(Reason::AlreadyRevoked, words));
        }
        Ok(found)
    }

    /// The delegation narrowed below its giver, and what that relies on.
    fn new_delegation(
        &self,
        draft: DelegationDraft,
        now: Timestamp,
    ) -> Result<(Delegation, Vec<RecordKey>), Refusal> {
        check_future(draft.expires_at, now)?;
        check_permissions(&draft.permissions, now)?;
        let from = self.changeable(draft.tenant, draft.from, now)?;
        let giver = self.giver(from, &draft, now)?;
        let (expires_at, max_depth) = self.bounds_below(giver, &draft, draft.mode)?;
        let permissions = narrow_below(self, giver, &draft.permissions, draft.mode, now)?;
        let mut relies_on = Vec::from([
            RecordKey::Agent(from.tenant, from.id),
            RecordKey::Owner(from.tenant, from.owner),
        ]);
        let (parent, parent_generation, depth) = match self.walk(giver).next() {
            Some((_, holding)) => match holding.delegation {
                Some(parent) => {
                    relies_on.push(RecordKey::Delegation(parent.tenant, parent.id));
                    (
                        Some(parent.id),
                        parent.generation,
                        parent.depth.saturating_add(1),
                    )
                }
                None => (None, from.generation, 1),
            },
            None => (None, from.generation, 1),
        };
        let delegation = Delegation {
            id: draft.id,
            tenant: draft.tenant,
            from: draft.from,
            to: draft.to,
            parent,
            parent_generation,
            depth,
            grants: Grants::of(permissions),
            expires_at,
            max_depth,
            revoked: false,
            generation: 0,
            created_at: now,
        };
        Ok((delegation, relies_on))
    }

    /// The line of `from` that the delegation will rest on.
    fn giver(
        &self,
        from: &Agent,
        draft: &DelegationDraft,
        now: Timestamp,
    ) -> Result<Node, Refusal> {
        let lines: Vec<Node> = match self.agent_node(from.tenant, from.id) {
            Some(node) => self.lines_of(node).collect(),
            None => Vec::new(),
        };
        let leaf_of = |node: &Node| self.walk(*node).next().map(|(_, holding)| holding.leaf());
        let candidates = || lines.iter().filter_map(leaf_of).collect();
        if let Some(via) = draft.via {
            let named = lines
                .iter()
                .copied()
                .find(|node| leaf_of(node) == Some(via));
            let named = named.ok_or_else(|| Refusal {
                candidates: candidates(),
                ..Refusal::new(
                    Reason::NotFound,
                    format!("`{via}` is not a line of the giver's"),
                )
            })?;
            return self.alive(named, now);
        }
        let live: Vec<Node> = lines
            .iter()
            .copied()
            .filter(|node| self.line_fault(*node, now).is_none())
            .collect();
        if let [only] = live.as_slice() {
            return Ok(*only);
        }
        if live.is_empty() {
            let first = lines.first().copied();
            return match first {
                Some(dead) => self.alive(dead, now),
                None => Err(Refusal::new(
                    Reason::NoGrants,
                    "the giver holds nothing to pass on",
                )),
            };
        }
        let covering: Vec<Node> = live
            .into_iter()
            .filter(|node| self.covers(*node, draft, now))
            .collect();
        match covering.as_slice() {
            [only] => Ok(*only),
            others => {
                let (words, shown) = if others.is_empty() {
                    (
                        "no line of the giver's covers the request alone; ask for less, or name a `via`",
                        candidates(),
                    )
                } else {
                    (
                        "several lines of the giver's cover the request; name one as `via`",
                        others.iter().filter_map(leaf_of).collect(),
                    )
                };
                Err(Refusal {
                    candidates: shown,
                    ..Refusal::new(Reason::AmbiguousVia, words)
                })
            }
        }
    }

    /// Whether this line alone has all that is asked for, and may be passed on as asked.
    fn covers(&self, giver: Node, draft: &DelegationDraft, now: Timestamp) -> bool {
        self.bounds_below(giver, draft, Mode::Strict).is_ok()
            && narrow_below(self, giver, &draft.permissions, Mode::Strict, now).is_ok()
    }

    fn alive(&self, node: Node, now: Timestamp) -> Result<Node, Refusal> {
        match self.line_fault(node, now) {
            None => Ok(node),
            Some(fault) => {
                let message =
                    format!("the giver's line does not hold any more ({fault}); use another");
                Err(Refusal::new(fault, message))
            }
        }
    }

    /// The end and the depth that a delegation below `giver` may have.
    fn bounds_below(
        &self,
        giver: Node,
        draft: &DelegationDraft,
        mode: Mode,
    ) -> Result<(Option<Timestamp>, Option<u8>), Refusal> {
        let mut latest = None;
        // INVARIANT (depth): hops left for those below the new one.
        let mut hops_left: i16 = i16::from(DEPTH_MAX);
        let mut depth = 0;
        for (distance, holding) in self.walk(giver) {
            let bounds = holding.bounds();
            latest = lesser(latest, bounds.expires_at);
            if let Some(max_depth) = bounds.max_depth {
                hops_left = hops_left.min(i16::from(max_depth) - i16::from(distance) - 1);
            }
            depth = distance;
        }
        hops_left = hops_left.min(i16::from(DEPTH_MAX) - i16::from(depth) - 1);
        let Ok(hops_left) = u8::try_from(hops_left) else {
            let words = "the line may not be passed on any further; delegate from higher up";
            return Err(Refusal::new(Reason::TooDeep, words));
        };
        if mode == Mode::Strict {
            if let (Some(wanted), Some(latest)) = (draft.expires_at, latest)
                && wanted > latest
            {
                let message = format!(
                    "`expires_at` {wanted} is after its giver's end, {latest}; name an earlier time"
                );
                return Err(Refusal::new(Reason::WiderThanParent, message));
            }
            if draft.max_depth.is_some_and(|wanted| wanted > hops_left) {
                let message = format!(
                    "`max_depth` is more than the {hops_left} hops that are left; name fewer"
                );
                return Err(Refusal::new(Reason::WiderThanParent, message));
            }
        }
        let expires_at = draft
            .expires_at
            .map(|wanted| latest.map_or(wanted, |latest| wanted.min(latest)));
        Ok((
            expires_at,
            draft.max_depth.map(|wanted| wanted.min(hops_left)),
        ))
    }
}
