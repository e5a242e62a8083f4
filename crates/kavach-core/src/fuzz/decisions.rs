//! Decisions against the naive evaluator, over a world that the bytes build.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::agent::{AgentKind, Credential, CredentialHash};
use crate::change::{AgentDraft, Change, DelegationDraft, GuardrailDraft, OwnerDraft};
use crate::counter::{Charge, Recorded, Room, Span};
use crate::decide::{Decision, Request, Verdict, decide};
use crate::delegation::Mode;
use crate::graph::{Graph, Leaf, Stamp};
use crate::guardrail::Selector;
use crate::id::{AgentId, DelegationId, SubjectId, TenantId};
use crate::name::Subject;
use crate::oracle::Oracle;
use crate::oracle::decisions::Expected;
use crate::permission::Permission;
use crate::reason::Reason;
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::trust::TrustLevel;

/// A Thursday at noon.
const NOON: Timestamp = Timestamp::from_s(1_795_089_600);
const TENANT: TenantId = TenantId::DEFAULT;
/// Steps that build a world: more only repeat themselves.
const STEPS_MAX: usize = 48;

const PERMISSIONS: [&str; 36] = [
    "read:app:x",
    "read:app:*",
    "*:app:**",
    "*:**",
    "write:app:x",
    "read,write:app:y",
    "read:app:x*",
    "read:app:x:y",
    "read:app:*?depth=0",
    "*:app:**?depth=1",
    "read:app:x?expires=2026-11-19T12:00:30Z",
    "*:app:*?expires=2026-11-19T12:02:00Z",
    "read:app:*?rate=1/h",
    "*:app:**?rate=2/m,9/d",
    "read:app:x?rate=0/s",
    "read:app:*?budget=3/day",
    "*:app:*?budget=0/total&rate=5/h",
    "read:app:*?window=mon-fri+09:00-12:01+UTC",
    "*:app:*?window=thu+12:00-13:00+Europe/London",
    "read:app:*?ip=10.0.0.0/8",
    "*:app:*?ip=none",
    "read:app:*?approve",
    "*:app:*?approve=2&rate=1/h",
    "read:app:*?min_trust=trusted",
    "*:app:**?min_trust=limited&approve",
    "read:app:*?args/a.max=5",
    "*:app:*?args/a.max=9&args/b.optional&ip=10.0.0.0/8",
    "read:app:*?args=none",
    "*:app:**?budget=0/day",
    "read:app:*?args/a.in=5,five&args/b.optional",
    "*:app:**?args/a.prefix=fi&args/a.len_max=4",
    "read:app:*?args/a.type=null,integer",
    "*:app:*?args/b/0.max=3",
    "read:app:**?args/b.len_min=1&args/a.optional",
    "*:app:*?args/c/d.bool=true&args/a.optional",
    "read:app:x?args/c.type=object&args/c/d.closed",
];
const RESOURCES: [&str; 6] = ["app:x", "app:y", "app:xy", "app:x:y", "app:x:y:z", "data:x"];
/// What rules ask for, and the same of another type, in another place, or not at all.
const ARGUMENTS: [&str; 20] = [
    "{}",
    r#"{"a":5}"#,
    r#"{"a":6}"#,
    r#"{"a":"5"}"#,
    r#"{"a":1,"b":[2]}"#,
    r#"{"a":"five"}"#,
    r#"{"a":5.0}"#,
    r#"{"a":[5]}"#,
    r#"{"a":null}"#,
    r#"{"a":{"max":5}}"#,
    r#"{"b":[4,5]}"#,
    r#"{"b":["2"]}"#,
    r#"{"b":{"0":2}}"#,
    r#"{"b":[]}"#,
    r#"{"c":{"d":true}}"#,
    r#"{"c":{"d":"true"}}"#,
    r#"{"c":[{"d":true}]}"#,
    r#"{"c":{"d":{"d":true}}}"#,
    "null",
    "[5]",
];

/// Numbers from bytes; zeros once they are used up.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn below(&mut self, bound: usize) -> usize {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        usize::from(*first) % bound.max(1)
    }

    fn of<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        let place = self.below(texts.len());
        texts.get(place).copied().unwrap_or_default()
    }
}

/// Some limits are used up and some agents trusted, by their numbers alone.
struct Fixed(usize);

impl Recorded for Fixed {
    fn room(&self, _: TenantId, charge: &Charge, now: Timestamp) -> Room {
        let holder = match charge.counter.holder {
            Leaf::Root(id) => id.as_u128(),
            Leaf::Delegation(id) => id.as_u128(),
        };
        let mixed = holder as usize ^ charge.counter.grant as usize ^ self.0;
        match (
            charge.amount <= charge.limit,
            mixed % 4,
            charge.counter.span,
        ) {
            (true, 0, Span::Total) | (false, ..) => Room::Never,
            (true, 0, _) => Room::From(now.plus_s(60)),
            (true, ..) => Room::Enough,
        }
    }

    fn trust(&self, _: TenantId, agent: AgentId, _: Timestamp) -> TrustLevel {
        let levels = TrustLevel::ALL;
        let place = (agent.as_u128() as usize ^ self.0) % levels.len();
        levels.get(place).copied().unwrap_or(TrustLevel::Untrusted)
    }
}

/// A world in both forms.
#[derive(Default)]
struct World {
    graph: Graph,
    oracle: Oracle,
    agents: Vec<AgentId>,
    delegations: Vec<DelegationId>,
    steps: u64,
}

/// Builds a world step by step, and asks both evaluators the same of every agent. Returns how many answers
/// were no denial.
pub fn decisions(bytes: &[u8]) -> usize {
    let mut bytes = Bytes(bytes);
    let mut world = World::default();
    let mut now = NOON;
    let recorded = Fixed(bytes.below(256));
    for _ in 0..STEPS_MAX {
        if bytes.0.is_empty() {
            break;
        }
        if bytes.below(9) == 8 {
            now = now.plus_s(bytes.below(120) as u64);
        } else {
            let change = world.propose(&mut bytes, now);
            world.commit(change);
        }
    }
    let mut granted = 0;
    for agent in world.agents.clone() {
        for _ in 0..3 {
            let request = request(agent, &mut bytes);
            let verdict = decide(&world.graph, &request, &recorded, now);
            let expected = world.oracle.decide(&request, &recorded, now);
            check(&world.graph, &request, &verdict, &expected);
            granted += usize::from(verdict.decision.rank() > 0);
        }
    }
    granted
}

impl World {
    fn propose(
        &mut self,
        bytes: &mut Bytes<'_>,
        now: Timestamp,
    ) -> Option<Result<Change, Refusal>> {
        self.steps += 1;
        match bytes.below(8) {
            0 | 1 => Some(self.create(bytes, now)),
            2..=4 => self.delegate(bytes, now),
            5 => {
                let agent = *self.agents.get(bytes.below(self.agents.len()))?;
                Some(match bytes.below(3) {
                    0 => self.graph.suspend_agent(TENANT, agent, now),
                    1 => self.graph.resume_agent(TENANT, agent, now),
                    _ => self.graph.revoke_agent(TENANT, agent),
                })
            }
            6 => {
                let place = bytes.below(self.delegations.len());
                let delegation = *self.delegations.get(place)?;
                Some(self.graph.revoke_delegation(TENANT, delegation))
            }
            _ => Some(self.guard(bytes, now)),
        }
    }

    fn create(&mut self, bytes: &mut Bytes<'_>, now: Timestamp) -> Result<Change, Refusal> {
        let number = u128::from(self.steps);
        let id = AgentId::from_parts(1, number);
        let subject = format!("user:u{}", bytes.below(2));
        let missing = |_| Refusal::new(Reason::NotFound, "a word of ours is none");
        let change = self.graph.create_agent(
            AgentDraft {
                id,
                tenant: TENANT,
                owner: OwnerDraft::Named {
                    subject: subject.parse::<Subject>().map_err(missing)?,
                    fresh: SubjectId::from_parts(1, number),
                },
                name: format!("a{number}").parse().map_err(missing)?,
                kind: AgentKind::Autonomous,
                expires_at: None,
                permissions: permissions(bytes),
                credential: Credential {
                    hash: CredentialHash::from_bytes([number as u8; 32]),
                    prefix: "kv_".into(),
                    created_at: now,
                    expires_at: None,
                },
                metadata: Default::default(),
                recreate: false,
            },
            now,
        )?;
        self.agents.push(id);
        Ok(change)
    }

    fn delegate(
        &mut self,
        bytes: &mut Bytes<'_>,
        now: Timestamp,
    ) -> Option<Result<Change, Refusal>> {
        let from = *self.agents.get(bytes.below(self.agents.len()))?;
        let to = *self.agents.get(bytes.below(self.agents.len()))?;
        let id = DelegationId::from_parts(1, u128::from(self.steps));
        let via = match bytes.below(3) {
            0 => None,
            1 => Some(Leaf::Root(from)),
            _ => {
                let place = bytes.below(self.delegations.len());
                self.delegations.get(place).copied().map(Leaf::Delegation)
            }
        };
        let draft = DelegationDraft {
            id,
            tenant: TENANT,
            from,
            to,
            via,
            permissions: permissions(bytes),
            expires_at: (bytes.below(3) == 0).then(|| now.plus_s(45)),
            max_depth: None,
            mode: Mode::Attenuate,
        };
        let change = self.graph.delegate(draft, now);
        if change.is_ok() {
            self.delegations.push(id);
        }
        Some(change)
    }

    fn guard(&self, bytes: &mut Bytes<'_>, now: Timestamp) -> Result<Change, Refusal> {
        let missing = |_| Refusal::new(Reason::NotFound, "a word of ours is none");
        let name = format!("g{}", bytes.below(3)).parse().map_err(missing)?;
        if bytes.below(4) == 0 {
            return self.graph.remove_guardrail(TENANT, &name);
        }
        let never = bytes.of(&[
            "read:app:y",
            "*:app:x?ip=10.0.0.0/8",
            "write:**?args/a.min=3",
            "*:app:*?args/c/d.bool=true",
            "read:**?args/a.prefix=fi&args/b.len_max=1",
            "read:app:*?window=thu+12:00-12:01+UTC",
        ]);
        let never: Permission = never.parse().map_err(missing)?;
        let agents = match self.agents.get(bytes.below(self.agents.len())) {
            Some(agent) if bytes.below(2) == 0 => Selector::Agents([*agent].into()),
            _ => Selector::Everyone,
        };
        let shadow = bytes.below(2) == 0;
        let draft = GuardrailDraft {
            name,
            tenant: TENANT,
            never,
            agents,
            shadow,
        };
        self.graph.set_guardrail(draft, now)
    }

    fn commit(&mut self, change: Option<Result<Change, Refusal>>) {
        let Some(Ok(change)) = change else {
            return;
        };
        for record in change.writes {
            self.oracle.put(&record);
            let applied = self.graph.apply(record, Stamp(self.steps));
            assert_eq!(applied, Ok(()), "a change fits the graph it was made for");
        }
        for key in &change.erases {
            self.graph.erase(key);
            self.oracle.erase(key);
        }
    }
}

fn permissions(bytes: &mut Bytes<'_>) -> Vec<Permission> {
    let count = bytes.below(4);
    let texts = (0..count).map(|_| bytes.of(&PERMISSIONS));
    texts.filter_map(|text| text.parse().ok()).collect()
}

fn request(agent: AgentId, bytes: &mut Bytes<'_>) -> Request {
    let (action, resource) = (bytes.of(&["read", "write", "admin"]), bytes.of(&RESOURCES));
    let parsed = action.parse().ok().zip(resource.parse().ok());
    let (action, resource) = parsed.unwrap_or_else(|| unreachable!("they are well formed"));
    let mut request = Request::new(TENANT, agent, action, resource);
    let address = bytes.of(&["", "10.1.2.3", "::ffff:10.1.2.3", "11.0.0.1"]);
    request.address = address.parse().ok();
    let place = bytes.below(ARGUMENTS.len() + 1);
    let arguments = ARGUMENTS
        .get(place)
        .and_then(|text| serde_json::from_str(text).ok());
    request.args = arguments.map(Arc::new);
    request.cost = [None, Some(0), Some(3), Some(4)]
        .get(bytes.below(4))
        .copied()
        .flatten();
    request.approvals = bytes.below(3) as u8;
    request
}

fn check(graph: &Graph, request: &Request, verdict: &Verdict, expected: &Expected) {
    let told = || format!("{request:?}: {verdict:?}, not {expected:?}");
    assert_eq!(verdict.decision.rank(), expected.rank, "{}", told());
    if expected.guarded {
        let guarded = Decision::Deny(Reason::GuardrailApplies);
        assert_eq!(verdict.decision, guarded, "{}", told());
    }
    if expected.rank == 0 {
        return;
    }
    assert_eq!(verdict.leaf, expected.leaf, "{}", told());
    assert_eq!(verdict.matched.grants(), expected.grants, "{}", told());
    assert_eq!(verdict.approvals, expected.approvals, "{}", told());
    let shadowed = graph.shadowed(request.tenant, verdict);
    let shadowed: Vec<String> = shadowed.map(|rail| rail.name.to_string()).collect();
    assert_eq!(shadowed, expected.shadowed, "{}", told());
    let mut charges = graph.charges(request, verdict);
    let mut wanted = expected.charges.clone();
    charges.sort_by_key(|charge| charge.counter);
    wanted.sort_by_key(|charge| charge.counter);
    assert_eq!(charges, wanted, "{}", told());
}
