//! Delegations as declared.

use std::collections::{BTreeMap, HashMap, HashSet};

use kavach_audit::EventKind;
use kavach_core::{
    Agent, AgentDraft, AgentId, AgentKind, AgentStatus, Delegation, DelegationDraft,
    DelegationEdit, Edit, Grants, Leaf, Name, OwnerDraft, Reason, SpawnDraft,
};

use super::agents::{differences, field_of, revoked_name};
use super::plan::Plan;
use super::{ApplyError, DeclaredDelegation, DeclaredVia, Doing, Place, Step};
use crate::change::{About, written_delegation};
use crate::delegations::{described, edited, giving};
use crate::error::ChangeError;
use crate::random;
use crate::secret::Secret;
use crate::trust::SPAWNER_SCORE;

impl Plan<'_> {
    /// Plans delegations in the order in which their givers come to be, whatever their order in the file.
    pub(super) fn delegations(
        &mut self,
        declared: &[DeclaredDelegation],
    ) -> Result<(), ApplyError> {
        let mut seen: HashMap<(&Name, &Name), Vec<&Option<DeclaredVia>>> = HashMap::new();
        let mut open: Vec<(usize, &DeclaredDelegation)> = Vec::new();
        for (number, delegation) in declared.iter().enumerate() {
            let (pair, via) = ((&delegation.from, &delegation.to), &delegation.via);
            let others = seen.entry(pair).or_default();
            // Without a `via`, it could be any of several once they are made.
            let apart = others
                .iter()
                .all(|other| via.is_some() && other.is_some() && *other != via);
            others.push(via);
            if apart {
                open.push((number, delegation));
            } else {
                let message =
                    "this delegation is declared twice; keep one, or tell them apart by `via`";
                self.problem(Place::Delegation(number, "to"), message);
            }
        }
        // By names, so that the order in the file never shows.
        open.sort_by_key(|(_, delegation)| {
            (
                &delegation.from,
                &delegation.to,
                format!("{:?}", delegation.via),
            )
        });
        let mut planned = BTreeMap::new();
        let mut ring = false;
        while !open.is_empty() {
            let left = open.len();
            // Whatever leads to a giver comes before what it passes on.
            let led_to: HashSet<&Name> =
                open.iter().map(|(_, delegation)| &delegation.to).collect();
            let (later, ready): (Vec<_>, Vec<_>) = open
                .iter()
                .partition(|(_, delegation)| led_to.contains(&delegation.from));
            open = later;
            if ready.is_empty() {
                ring = true;
                open = self.one_of_a_ring(open, &mut planned)?;
            }
            for (number, delegation) in ready {
                let steps = self.steps.len();
                self.delegation(number, delegation)?;
                planned.extend(self.steps.drain(steps..).map(|step| (number, step)));
            }
            if open.len() == left {
                // Nobody has anything to begin with: say of each why not.
                for (number, delegation) in open {
                    self.delegation(number, delegation)?;
                }
                break;
            }
        }
        if ring && self.problems.is_empty() {
            self.check_rings(declared)?;
        }
        self.steps.extend(planned.into_values());
        self.problems.sort_by_key(|problem| match problem.place {
            Place::Agent(number, _) => (0, number),
            Place::Delegation(number, _) => (1, number),
            Place::Guardrail(number, _) => (2, number),
            Place::Owner(number, _) => (3, number),
        });
        Ok(())
    }

    /// Where each of them is led to by another: plans the first that can be made. Gives back the others.
    fn one_of_a_ring<'d>(
        &mut self,
        mut open: Vec<(usize, &'d DeclaredDelegation)>,
        planned: &mut BTreeMap<usize, Step>,
    ) -> Result<Vec<(usize, &'d DeclaredDelegation)>, ApplyError> {
        let pairs: HashSet<_> = open
            .iter()
            .map(|(_, other)| (&other.from, &other.to))
            .collect();
        let (late, early): (Vec<_>, Vec<_>) = open
            .iter()
            .partition(|(_, delegation)| self.rests_on_one_of(&pairs, delegation));
        for (number, delegation) in early.into_iter().chain(late) {
            let (steps, problems) = (self.steps.len(), self.problems.len());
            self.delegation(number, delegation)?;
            if let Some(step) = self.steps.drain(steps..).next() {
                planned.insert(number, step);
                open.retain(|(other, _)| *other != number);
                break;
            }
            self.problems.truncate(problems);
        }
        Ok(open)
    }

    /// Makes sure that what was planned for rings stays as it is when the file is applied again.
    fn check_rings(&mut self, declared: &[DeclaredDelegation]) -> Result<(), ApplyError> {
        let named = std::mem::take(&mut self.named_delegations);
        for (number, delegation) in declared.iter().enumerate() {
            let (steps, problems) = (self.steps.len(), self.problems.len());
            self.delegation(number, delegation)?;
            let step = self.steps.drain(steps..).next();
            if step.is_none_or(|step| step.doing != Doing::Keep) {
                self.problems.truncate(problems);
                let message = "it lies on a ring of delegations, each of which rests on another and changes \
                               it; name its line by `via`";
                self.problem(Place::Delegation(number, "via"), message);
            }
        }
        self.named_delegations = named;
        Ok(())
    }

    /// Whether a delegation of a ring rests on another of these, given from one to the other; for one that
    /// is not made yet, whether it must, because its giver holds nothing of its own.
    fn rests_on_one_of(
        &self,
        pairs: &HashSet<(&Name, &Name)>,
        declared: &DeclaredDelegation,
    ) -> bool {
        let (Some(from), Some(to)) = (self.acting(&declared.from), self.acting(&declared.to))
        else {
            return true;
        };
        let named = |id| self.graph.agent(self.tenant(), id).map(|agent| &agent.name);
        let known = self.graph.delegations_to(self.tenant(), to.id);
        let mut known = known
            .filter(|known| known.from == from.id && self.stands(known))
            .peekable();
        if known.peek().is_none() {
            return from.grants.is_empty();
        }
        known.any(|known| {
            let parent = known
                .parent
                .and_then(|id| self.graph.delegation(self.tenant(), id));
            let pair = parent.and_then(|parent| Some((named(parent.from)?, named(parent.to)?)));
            pair.is_some_and(|pair| pairs.contains(&pair))
        })
    }

    /// The agent of this name, if it is not revoked.
    fn acting(&self, name: &Name) -> Option<&Agent> {
        let agent = self.graph.agent_named(self.tenant(), name)?;
        (agent.status != AgentStatus::Revoked).then_some(agent)
    }

    fn delegation(
        &mut self,
        number: usize,
        declared: &DeclaredDelegation,
    ) -> Result<(), ApplyError> {
        let Some(from) = self.acting(&declared.from).cloned() else {
            let message = match self.graph.agent_named(self.tenant(), &declared.from) {
                Some(_) => revoked_name(&declared.from),
                None => format!(
                    "there is no agent `{}`; declare it, or mend the delegation that would spawn it",
                    declared.from
                ),
            };
            self.problem(Place::Delegation(number, "from"), message);
            return Ok(());
        };
        self.mentioned.push(from.id);
        let Ok(via) = self.via(number, declared, &from) else {
            return Ok(());
        };
        let to = self.graph.agent_named(self.tenant(), &declared.to).cloned();
        match to {
            None => self.give(number, declared, &from, via, None),
            Some(to) if to.status == AgentStatus::Revoked => {
                if self.options.recreate.contains(&declared.to) {
                    return self.give(number, declared, &from, via, None);
                }
                self.problem(Place::Delegation(number, "to"), revoked_name(&declared.to));
                Ok(())
            }
            Some(to) => match self.present(number, declared, &from, &to, via) {
                Err(()) => Ok(()),
                Ok(None) => self.give(number, declared, &from, via, Some(&to)),
                Ok(Some(known)) => self.readjust(number, declared, &known),
            },
        }
    }

    /// The line that `via` names; `Err` if it names none, which is a problem then.
    fn via(
        &mut self,
        number: usize,
        declared: &DeclaredDelegation,
        from: &Agent,
    ) -> Result<Option<Leaf>, ()> {
        let giver = match &declared.via {
            None => return Ok(None),
            Some(DeclaredVia::Root) => return Ok(Some(Leaf::Root(from.id))),
            Some(DeclaredVia::Delegation(id)) => return Ok(Some(Leaf::Delegation(*id))),
            Some(DeclaredVia::From(name)) => name,
        };
        let found: Vec<Leaf> = match self.acting(giver).map(|giver| giver.id) {
            None => Vec::new(),
            Some(giver) => {
                let received = self.graph.delegations_to(self.tenant(), from.id);
                let live = received.filter(|known| known.from == giver && self.stands(known));
                live.map(|known| Leaf::Delegation(known.id)).collect()
            }
        };
        if let [only] = found.as_slice() {
            return Ok(Some(*only));
        }
        let message = format!(
            "`{}` has {} delegations from `{giver}`; write one as `dlg_...`, or `root`",
            from.name,
            found.len()
        );
        self.problem(Place::Delegation(number, "via"), message);
        Err(())
    }

    /// Whether a delegation is one that could still be changed, or has merely run out.
    pub(super) fn stands(&self, delegation: &Delegation) -> bool {
        let leaf = Leaf::Delegation(delegation.id);
        let fault = self.graph.fault_of(self.tenant(), leaf, self.now);
        let dead = [
            Reason::AgentRevoked,
            Reason::AncestorRevoked,
            Reason::DelegationRevoked,
            Reason::OwnerRevoked,
        ];
        !delegation.revoked && !fault.is_some_and(|fault| dead.contains(&fault))
    }

    /// The delegation that is meant, if there is one already.
    fn present(
        &mut self,
        number: usize,
        declared: &DeclaredDelegation,
        from: &Agent,
        to: &Agent,
        via: Option<Leaf>,
    ) -> Result<Option<Delegation>, ()> {
        let meant = |known: &&Delegation| {
            let rests_on = known.parent.map_or(Leaf::Root(from.id), Leaf::Delegation);
            known.from == from.id && via.is_none_or(|via| via == rests_on) && self.stands(known)
        };
        let received = self.graph.delegations_to(self.tenant(), to.id);
        let known: Vec<Delegation> = received.filter(meant).cloned().collect();
        let over = |known: &Delegation| known.expires_at.is_some_and(|end| end <= self.now);
        let live: Vec<&Delegation> = known.iter().filter(|known| !over(known)).collect();
        match live.as_slice() {
            [only] => Ok(Some((*only).clone())),
            // One that ran out as declared stays run out; declared with another end, it is a new one.
            [] => Ok(known
                .into_iter()
                .rfind(|known| declared.end.after(known.created_at) == known.expires_at)),
            [..] => {
                let ids: Vec<String> = live
                    .iter()
                    .map(|known| {
                        known
                            .parent
                            .map_or("root".to_owned(), |parent| parent.to_string())
                    })
                    .collect();
                let message = format!(
                    "several delegations are meant; name one by `via`: {}",
                    ids.join(", ")
                );
                self.problem(Place::Delegation(number, "via"), message);
                Err(())
            }
        }
    }

    /// A new delegation; to a new agent if `to` is `None`.
    fn give(
        &mut self,
        number: usize,
        declared: &DeclaredDelegation,
        from: &Agent,
        via: Option<Leaf>,
        to: Option<&Agent>,
    ) -> Result<(), ApplyError> {
        let now_ns = self.kavach.node.clock.now_ns();
        let fresh = random::agent_id(now_ns).map_err(ChangeError::from)?;
        let receiver = to.map_or(fresh, |to| to.id);
        let draft = DelegationDraft {
            id: random::delegation_id(now_ns).map_err(ChangeError::from)?,
            tenant: self.tenant(),
            from: from.id,
            to: receiver,
            via,
            permissions: declared.permissions.clone(),
            expires_at: declared.end.after(self.now),
            max_depth: declared.max_depth,
            mode: declared.mode,
        };
        let mut about = giving(&self.graph, self.tenant(), from.id, &declared.permissions);
        about = about.with("to", receiver);
        let mut credential = None;
        let change = match to {
            Some(_) => self.graph.delegate(draft, self.now),
            None => {
                let secret = Secret::generate().map_err(ChangeError::from)?;
                let spawn = SpawnDraft {
                    agent: self.spawned(fresh, declared, from, &secret),
                    delegation: draft,
                };
                let score = self.kavach.node.trust.points(from, self.now);
                about = about.with("spawned", fresh).with(SPAWNER_SCORE, score);
                credential = Some((declared.to.clone(), secret));
                self.graph.spawn(spawn, self.now)
            }
        };
        let (change, about) = described(&self.graph, self.tenant(), change, about);
        let change = match change {
            Ok(change) => change,
            Err(refusal) => {
                self.refused(Place::Delegation(number, field_of(&refusal)), &refusal);
                return Ok(());
            }
        };
        let made = written_delegation(&change).cloned();
        self.absorb(EventKind::Delegated, about, change)?;
        self.mentioned.push(receiver);
        if to.is_none() {
            self.named_agents.push(receiver);
        }
        let mut details: Vec<String> = Vec::new();
        if let Some(made) = made {
            self.named_delegations.push((number, made.id));
            details.extend(
                made.grants
                    .permissions()
                    .map(|permission| format!("+ {permission}")),
            );
            details.extend(made.expires_at.map(|at| format!("expires {at}")));
        }
        if to.is_none() {
            details.insert(0, format!("spawns {}", declared.to));
        }
        self.steps.push(Step {
            doing: Doing::Create,
            what: format!("delegation {} -> {}", declared.from, declared.to),
            details,
            credential: credential.filter(|_| !self.options.dry_run),
        });
        Ok(())
    }

    /// The receiver, to be spawned.
    fn spawned(
        &self,
        id: AgentId,
        declared: &DeclaredDelegation,
        from: &Agent,
        secret: &Secret,
    ) -> AgentDraft {
        AgentDraft {
            id,
            tenant: self.tenant(),
            owner: OwnerDraft::Known(from.owner),
            name: declared.to.clone(),
            kind: AgentKind::Delegated,
            expires_at: None,
            permissions: Vec::new(),
            credential: secret.record(self.now),
            metadata: BTreeMap::new(),
            recreate: true,
        }
    }

    fn readjust(
        &mut self,
        number: usize,
        declared: &DeclaredDelegation,
        known: &Delegation,
    ) -> Result<(), ApplyError> {
        if self.named_delegations.iter().any(|(_, id)| *id == known.id) {
            let message = "another delegation of the file is the same one; keep one, or tell them apart by `via`";
            self.problem(Place::Delegation(number, "to"), message);
            return Ok(());
        }
        let what = format!("delegation {} -> {}", declared.from, declared.to);
        let mut step = Step {
            doing: Doing::Keep,
            what,
            details: Vec::new(),
            credential: None,
        };
        if let Some(why) = self.at_rest(known) {
            step.details.push(why.to_owned());
            self.adjusted(number, known, step);
            return Ok(());
        }
        let edit = self.edit_of(declared, known);
        let about = About::leaf(&self.graph, self.tenant(), Leaf::Delegation(known.id));
        let about = edited(about.with("delegation", known.id), &edit);
        let change = match self
            .graph
            .update_delegation(self.tenant(), known.id, edit, self.now)
        {
            Ok(change) => change,
            Err(refusal) => {
                self.refused(Place::Delegation(number, field_of(&refusal)), &refusal);
                return Ok(());
            }
        };
        if let Some(after) = written_delegation(&change) {
            let present = known
                .grants
                .permissions()
                .filter(|held| held.constraints.holds_at(self.now));
            let wanted: Vec<_> = after.grants.permissions().cloned().collect();
            step.details = differences(&Grants::of(present.cloned()), &wanted);
            if after.expires_at != known.expires_at {
                let end = after
                    .expires_at
                    .map_or("as its giver".to_owned(), |at| at.to_string());
                step.details.push(format!("expires {end}"));
            }
            if after.max_depth != known.max_depth {
                let depth = after
                    .max_depth
                    .map_or("as its giver".to_owned(), |hops| hops.to_string());
                step.details.push(format!("max_depth {depth}"));
            }
        }
        if !step.details.is_empty() {
            step.doing = Doing::Update;
            self.absorb(EventKind::DelegationUpdated, about, change)?;
        }
        self.adjusted(number, known, step);
        Ok(())
    }

    fn adjusted(&mut self, number: usize, known: &Delegation, step: Step) {
        self.mentioned.push(known.to);
        self.named_delegations.push((number, known.id));
        self.steps.push(step);
    }

    /// Why it is not compared with what is declared: it, or what it rests on, does not hold for now, and
    /// nothing can be narrowed below a line that does not. As it was declared, it still is.
    fn at_rest(&self, known: &Delegation) -> Option<&'static str> {
        let above = known
            .parent
            .map_or(Leaf::Root(known.from), Leaf::Delegation);
        let over = known.expires_at.is_some_and(|end| end <= self.now);
        let mut held = known.grants.permissions();
        match self.graph.fault_of(self.tenant(), above, self.now) {
            _ if over => Some("has run out"),
            Some(Reason::AgentExpired | Reason::AncestorExpired | Reason::DelegationExpired) => {
                Some("has run out further up")
            }
            Some(Reason::AgentSuspended | Reason::AncestorSuspended) => {
                Some("is suspended further up, and was not compared")
            }
            _ => (!held.any(|held| held.constraints.holds_at(self.now))).then_some("has run out"),
        }
    }

    fn edit_of(&self, declared: &DeclaredDelegation, known: &Delegation) -> DelegationEdit {
        let mut edit = DelegationEdit::default();
        // A permission that has run out as declared is no change.
        let wanted = declared
            .permissions
            .iter()
            .filter(|wanted| wanted.constraints.holds_at(self.now));
        edit.permissions = Some(wanted.cloned().collect());
        edit.expires_at = declared
            .end
            .after(known.created_at)
            .map_or(Edit::Clear, Edit::Set);
        edit.max_depth = declared.max_depth.map_or(Edit::Clear, Edit::Set);
        edit.mode = declared.mode;
        edit
    }
}
