//! A graph, its records and the oracle side by side, and a clock that only the test moves.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use kavach_core::oracle::Oracle;
use kavach_core::{
    AgentDraft, AgentId, AgentKind, Change, Credential, CredentialHash, Decision, DelegationDraft,
    DelegationId, Graph, Leaf, Mode, NothingRecorded, OwnerDraft, Permission, Reason, Record,
    RecordKey, Refusal, Request, Stamp, Subject, SubjectId, TenantId, Timestamp, Verdict, decide,
    decide_via,
};
use serde_json::json;

/// Where everything happens that does not say otherwise.
pub(crate) const TENANT: TenantId = TenantId::DEFAULT;

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) graph: Graph,
    pub(crate) oracle: Oracle,
    pub(crate) now: Timestamp,
    records: HashMap<RecordKey, (Record, Stamp)>,
    revision: u64,
    drawn: u128,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            graph: Graph::new(),
            oracle: Oracle::default(),
            now: at("2026-01-01T00:00:00Z"),
            records: HashMap::new(),
            revision: 0,
            drawn: 0,
        }
    }

    /// A number for an id. Later ones are not larger, so that nothing can rely on that.
    pub(crate) fn draw(&mut self) -> u128 {
        self.drawn += 1;
        self.drawn
            .wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    }

    pub(crate) fn commit(&mut self, change: Result<Change, Refusal>) -> Result<(), Refusal> {
        let change = change?;
        self.revision += 1;
        for record in change.writes {
            let stamp = Stamp(self.revision);
            self.graph.apply(record.clone(), stamp).unwrap();
            self.oracle.put(&record);
            self.records.insert(record.key(), (record, stamp));
        }
        for key in change.erases {
            self.graph.erase(&key);
            self.oracle.erase(&key);
            self.records.remove(&key);
        }
        Ok(())
    }

    /// All records as they are now, in no order.
    pub(crate) fn records(&self) -> Vec<(Record, Stamp)> {
        self.records.values().cloned().collect()
    }

    /// An agent of `user:alice`, as its draft.
    pub(crate) fn agent_draft(&mut self, name: &str, grants: &[&str]) -> AgentDraft {
        let id = self.draw();
        AgentDraft {
            id: AgentId::from_u128(id),
            tenant: TENANT,
            owner: self.owner("alice"),
            name: name.parse().unwrap(),
            kind: AgentKind::Autonomous,
            expires_at: None,
            permissions: permissions(grants),
            credential: credential(id, self.now),
            metadata: BTreeMap::new(),
            recreate: false,
        }
    }

    pub(crate) fn owner(&mut self, name: &str) -> OwnerDraft {
        OwnerDraft::Named {
            subject: Subject::user(name).unwrap(),
            fresh: SubjectId::from_u128(self.draw()),
        }
    }

    #[track_caller]
    pub(crate) fn create(&mut self, draft: AgentDraft) -> AgentId {
        let id = draft.id;
        let change = self.graph.create_agent(draft, self.now);
        self.commit(change).unwrap();
        id
    }

    /// An agent of `user:alice` with these root grants.
    #[track_caller]
    pub(crate) fn agent(&mut self, name: &str, grants: &[&str]) -> AgentId {
        let draft = self.agent_draft(name, grants);
        self.create(draft)
    }

    /// A strict delegation without bounds of its own, as its draft.
    pub(crate) fn delegation_draft(
        &mut self,
        from: AgentId,
        to: AgentId,
        grants: &[&str],
    ) -> DelegationDraft {
        DelegationDraft {
            id: DelegationId::from_u128(self.draw()),
            tenant: TENANT,
            from,
            to,
            via: None,
            permissions: permissions(grants),
            expires_at: None,
            max_depth: None,
            mode: Mode::Strict,
        }
    }

    pub(crate) fn try_delegate(&mut self, draft: DelegationDraft) -> Result<DelegationId, Refusal> {
        let id = draft.id;
        let change = self.graph.delegate(draft, self.now);
        self.commit(change).map(|()| id)
    }

    #[track_caller]
    pub(crate) fn delegate(&mut self, from: AgentId, to: AgentId, grants: &[&str]) -> DelegationId {
        let draft = self.delegation_draft(from, to, grants);
        self.try_delegate(draft).unwrap()
    }

    /// Why `from` cannot delegate that to `to`.
    #[track_caller]
    pub(crate) fn refused(&mut self, from: AgentId, to: AgentId, grants: &[&str]) -> Refusal {
        let draft = self.delegation_draft(from, to, grants);
        self.try_delegate(draft).unwrap_err()
    }

    pub(crate) fn wait_s(&mut self, seconds: u64) {
        self.now = self.now.plus_s(seconds);
    }

    pub(crate) fn answer(&self, agent: AgentId, action: &str, resource: &str) -> Verdict {
        let request = request(TENANT, agent, action, resource);
        decide(&self.graph, &request, &NothingRecorded, self.now)
    }

    /// The answer in words: `allow`, or `deny: ` and the reason's code.
    pub(crate) fn ask(&self, agent: AgentId, action: &str, resource: &str) -> String {
        told(self.answer(agent, action, resource).decision)
    }

    pub(crate) fn ask_via(
        &self,
        agent: AgentId,
        leaf: Leaf,
        action: &str,
        resource: &str,
    ) -> String {
        let request = request(TENANT, agent, action, resource);
        told(decide_via(&self.graph, &request, leaf, &NothingRecorded, self.now).decision)
    }

    /// What the agent may do, line by line, with the reason where a line gives nothing.
    pub(crate) fn holds(&self, agent: AgentId) -> Vec<String> {
        let lines = self.graph.permissions_of(TENANT, agent, self.now).unwrap();
        let told = lines.iter().map(|line| match line.fault {
            Some(fault) => format!("nothing: {fault}"),
            None => {
                let permissions = line.permissions.iter().map(ToString::to_string);
                permissions.collect::<Vec<_>>().join(" + ")
            }
        });
        told.collect()
    }
}

pub(crate) fn told(decision: Decision) -> String {
    match decision {
        Decision::Allow => "allow".into(),
        Decision::NeedsApproval => "needs approval".into(),
        Decision::Deny(reason) => format!("deny: {reason}"),
    }
}

pub(crate) fn denied(reason: Reason) -> String {
    told(Decision::Deny(reason))
}

pub(crate) fn request(tenant: TenantId, agent: AgentId, action: &str, resource: &str) -> Request {
    Request::new(
        tenant,
        agent,
        action.parse().unwrap(),
        resource.parse().unwrap(),
    )
}

/// The circumstances of a call, one of many by its number: address, arguments, cost and approvals.
pub(crate) fn call(mut request: Request, number: usize) -> Request {
    let addresses = [
        None,
        Some("10.1.2.3"),
        Some("192.0.2.1"),
        Some("2001:db8::1"),
    ];
    // What rules ask for, and the same of another type, in another place, or not at all.
    let args = [
        json!({}),
        json!({ "amount": 5 }),
        json!({ "amount": 50 }),
        json!({ "amount": 5, "note": "x", "more": 1 }),
        json!({ "amount": "5" }),
        json!({ "amount": "five", "name": null }),
        json!({ "amount": [5] }),
        json!({ "amount": null }),
        json!({ "amount": { "max": 5 } }),
        json!({ "amount": 5.0 }),
        json!({ "amount": 4.5, "note": [] }),
        json!({ "name": "abc" }),
        json!({ "name": "/ab/c" }),
        json!({ "name": 7 }),
        json!({ "name": ["ab"] }),
        json!({ "list": [1, 2] }),
        json!({ "list": [1, "2"] }),
        json!({ "list": [] }),
        json!({ "list": { "1": 2 } }),
        json!({ "nested": { "flag": true } }),
        json!({ "nested": { "flag": "true" } }),
        json!({ "nested": [{ "flag": true }] }),
        json!({ "nested": { "flag": { "flag": true } } }),
        json!({ "nested": {} }),
        json!(null),
        json!([5]),
        json!("amount"),
        json!(5),
    ];
    request.address = addresses[number % 4].map(|text| text.parse().unwrap());
    // One more than there are: none.
    let rest = number / 4 / (args.len() + 1);
    request.args = args
        .get(number / 4 % (args.len() + 1))
        .cloned()
        .map(Arc::new);
    request.cost = [None, None, Some(0), Some(4)][rest % 4];
    request.approvals = [0, 0, 1, 2][rest / 4 % 4];
    request
}

pub(crate) fn permissions(texts: &[&str]) -> Vec<Permission> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

pub(crate) fn credential(number: u128, now: Timestamp) -> Credential {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(&number.to_be_bytes());
    Credential {
        hash: CredentialHash::from_bytes(bytes),
        prefix: "kv_0000".into(),
        created_at: now,
        expires_at: None,
    }
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}
