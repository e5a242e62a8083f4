//! A line of agents to narrow below.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::agent::{AgentKind, Credential, CredentialHash};
use crate::change::{
    AgentDraft, AgentEdit, Change, DelegationDraft, DelegationEdit, Edit, OwnerDraft,
};
use crate::delegation::{Delegation, Mode};
use crate::graph::{Graph, Leaf, Record, Stamp};
use crate::id::{AgentId, DelegationId, SubjectId, TenantId};
use crate::name::Subject;
use crate::permission::Permission;
use crate::refusal::Refusal;
use crate::time::Timestamp;

pub(super) const TENANT: TenantId = TenantId::DEFAULT;
/// When everything here happens, unless it says otherwise.
pub(super) const NEW_YEAR: &str = "2026-01-01T00:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) fn permissions(texts: &[&str]) -> Vec<Permission> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// One line of agents, each of which got what it holds from the one before.
pub(super) struct Line {
    pub(super) graph: Graph,
    pub(super) now: Timestamp,
    /// The agents, and the delegation that each but the first has it by.
    pub(super) hops: Vec<(AgentId, Option<DelegationId>)>,
}

/// The bounds of a delegation, besides its permissions.
#[derive(Clone, Copy, Default)]
pub(super) struct Bounds {
    expires_at: Option<&'static str>,
    max_depth: Option<u8>,
}

pub(super) const UNBOUND: Bounds = Bounds {
    expires_at: None,
    max_depth: None,
};

pub(super) fn until(expires_at: &'static str) -> Bounds {
    Bounds {
        expires_at: Some(expires_at),
        ..UNBOUND
    }
}

pub(super) fn deep(max_depth: u8) -> Bounds {
    Bounds {
        max_depth: Some(max_depth),
        ..UNBOUND
    }
}

impl Line {
    /// A first agent with these root grants.
    pub(super) fn of(held: &[&str]) -> Self {
        let mut line = Self {
            graph: Graph::new(),
            now: at(NEW_YEAR),
            hops: Vec::new(),
        };
        let first = line.agent(held);
        line.hops.push((first, None));
        line
    }

    fn agent(&mut self, held: &[&str]) -> AgentId {
        let number = self.graph.size().0 as u128 + 1;
        let draft = AgentDraft {
            id: AgentId::from_u128(number),
            tenant: TENANT,
            owner: OwnerDraft::Named {
                subject: Subject::user("alice").unwrap(),
                fresh: SubjectId::from_u128(1),
            },
            name: format!("agent-{number}").parse().unwrap(),
            kind: AgentKind::Autonomous,
            expires_at: None,
            permissions: permissions(held),
            credential: Credential {
                hash: CredentialHash::from_bytes([number as u8; 32]),
                prefix: String::new(),
                created_at: self.now,
                expires_at: None,
            },
            metadata: BTreeMap::new(),
            recreate: false,
        };
        let change = self.graph.create_agent(draft, self.now);
        self.apply(change.unwrap());
        AgentId::from_u128(number)
    }

    pub(super) fn apply(&mut self, change: Change) {
        for record in change.writes {
            self.graph.apply(record, Stamp(1)).unwrap();
        }
    }

    /// What the last agent would pass on to a new one.
    fn draft(&mut self, mode: Mode, asked: &[&str], bounds: Bounds) -> DelegationDraft {
        let (from, via) = *self.hops.last().unwrap();
        DelegationDraft {
            id: DelegationId::from_u128(self.graph.size().1 as u128 + 1),
            tenant: TENANT,
            from,
            to: self.agent(&[]),
            via: Some(via.map_or(Leaf::Root(from), Leaf::Delegation)),
            permissions: permissions(asked),
            expires_at: bounds.expires_at.map(at),
            max_depth: bounds.max_depth,
            mode,
        }
    }

    /// The line with one hop more.
    #[track_caller]
    pub(super) fn then(mut self, held: &[&str], bounds: Bounds) -> Self {
        let draft = self.draft(Mode::Strict, held, bounds);
        let (id, to) = (draft.id, draft.to);
        let change = self.graph.delegate(draft, self.now);
        self.apply(change.unwrap());
        self.hops.push((to, Some(id)));
        self
    }

    /// The line after the first agent's root grants were replaced.
    #[track_caller]
    pub(super) fn since_then_the_first_holds(mut self, held: &[&str]) -> Self {
        let edit = AgentEdit {
            permissions: Some(permissions(held)),
            ..AgentEdit::default()
        };
        let (first, _) = self.hops[0];
        let change = self.graph.update_agent(TENANT, first, edit, self.now);
        self.apply(change.unwrap());
        self
    }

    /// The line after the first delegation got other bounds.
    #[track_caller]
    pub(super) fn since_then_the_first_hop_is(mut self, bounds: Bounds) -> Self {
        let edit = DelegationEdit {
            expires_at: bounds
                .expires_at
                .map_or(Edit::Clear, |end| Edit::Set(at(end))),
            max_depth: bounds.max_depth.map_or(Edit::Clear, Edit::Set),
            mode: Mode::Attenuate,
            ..DelegationEdit::default()
        };
        let first = self.hops[1].1.unwrap();
        let change = self.graph.update_delegation(TENANT, first, edit, self.now);
        self.apply(change.unwrap());
        self
    }

    pub(super) fn at(mut self, now: &str) -> Self {
        self.now = at(now);
        self
    }

    pub(super) fn ask(
        &mut self,
        mode: Mode,
        asked: &[&str],
        bounds: Bounds,
    ) -> Result<Delegation, Refusal> {
        let draft = self.draft(mode, asked, bounds);
        let change = self.graph.delegate(draft, self.now)?;
        match change.writes.as_slice() {
            [Record::Delegation(delegation)] => Ok(delegation.clone()),
            others => panic!("a delegation is one record, not {others:?}"),
        }
    }

    /// What would be stored, or the reason of the refusal and its message.
    pub(super) fn told(&mut self, mode: Mode, asked: &[&str], bounds: Bounds) -> String {
        match self.ask(mode, asked, bounds) {
            Err(refusal) => format!("{}: {refusal}", refusal.reason),
            Ok(delegation) => {
                let grants = delegation.grants.permissions().map(ToString::to_string);
                let mut told = grants.collect::<Vec<_>>().join(" + ");
                if let Some(end) = delegation.expires_at {
                    told = format!("{told} until {end}");
                }
                if let Some(depth) = delegation.max_depth {
                    told = format!("{told} deep {depth}");
                }
                told
            }
        }
    }
}
