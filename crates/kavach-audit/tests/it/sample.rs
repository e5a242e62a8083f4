//! Events to test with, and names for those in them.

use kavach_audit::{Detail, Event, EventKind, Hop, Names, Outcome};
use kavach_core::{AgentId, DelegationId, EventId, LogId, Reason, SubjectId, TenantId, Timestamp};

/// 2026-11-21T14:23:05Z.
pub(crate) const NOW_S: i64 = 1_795_270_985;
pub(crate) const NOW_MS: u64 = 1_795_270_985_000;
pub(crate) const NOW_NS: u64 = 1_795_270_985_123_456_789;

pub(crate) const ORCHESTRATOR: AgentId = AgentId::from_parts(NOW_MS, 1);
pub(crate) const PLANNER: AgentId = AgentId::from_parts(NOW_MS, 2);
pub(crate) const SEARCHER: AgentId = AgentId::from_parts(NOW_MS, 3);
pub(crate) const ALICE: SubjectId = SubjectId::from_parts(NOW_MS, 4);
pub(crate) const BOB: SubjectId = SubjectId::from_parts(NOW_MS, 5);
pub(crate) const LOG: LogId = LogId::from_parts(NOW_MS, 6);

/// A blank event at [`NOW_NS`], first in its log.
pub(crate) fn blank(kind: EventKind, outcome: Outcome, reason: Reason) -> Event {
    let id = EventId::from_parts(NOW_MS, 7);
    Event {
        log: LOG,
        time_ns: NOW_NS,
        ..Event::new(id, TenantId::DEFAULT, kind, outcome, reason)
    }
}

pub(crate) fn hop(agent: AgentId, delegation: Option<u128>, before_s: i64) -> Hop {
    Hop {
        agent,
        delegation: delegation.map(|random| DelegationId::from_parts(NOW_MS, random)),
        at: Timestamp::from_s(NOW_S - before_s),
    }
}

/// What most events are like: an agent at the end of a line of three was allowed to read.
pub(crate) fn typical() -> Event {
    Event {
        index: 123_456,
        agent: Some(SEARCHER),
        owner: Some(ALICE),
        line: vec![
            hop(ORCHESTRATOR, None, 3_600),
            hop(PLANNER, Some(8), 60),
            hop(SEARCHER, Some(9), 30),
        ],
        action: Some("read".parse().unwrap()),
        resource: Some("mcp:github:repos".parse().unwrap()),
        grant: Some(2),
        revision: 4_711,
        request_id: Some("4bf92f3577b34da6a3ce929d0e0e4736".to_owned()),
        duration_ns: Some(640),
        ..blank(EventKind::Authorize, Outcome::Allow, Reason::Granted)
    }
}

/// An event with every field that there is.
pub(crate) fn full() -> Event {
    let detail = [
        ("by", Detail::Text(BOB.to_string())),
        ("empty", Detail::Text(String::new())),
        (
            "grants",
            Detail::List(vec![
                "read:mcp:github:repos".to_owned(),
                "\u{7f}\u{80}".to_owned(),
            ]),
        ),
        ("none", Detail::List(Vec::new())),
        // Canonical order is that of UTF-16, in which the last comes before the one above it.
        ("\u{e000}", Detail::Text("\u{e000}".to_owned())),
        ("\u{10000}", Detail::Text("\u{10000}".to_owned())),
    ];
    Event {
        claimed: Some("naïve \"search\\er\"".to_owned()),
        obligations: vec!["log:full".to_owned(), String::new()],
        cost: Some(u64::MAX),
        audience: Some("https://mcp.example/\u{8}\t\n\u{c}\r\u{1f}/\u{2028}".to_owned()),
        args_hash: Some([0xa5; 32]),
        token_ids: vec!["jti-1".to_owned(), "block-2".to_owned()],
        withdraws: Some(EventId::from_parts(NOW_MS, 10)),
        private: Some([0x0f; 32]),
        tenant: TenantId::from_parts(NOW_MS, 11),
        grant: Some(u32::MAX),
        detail: detail.map(|(key, value)| (key.to_owned(), value)).into(),
        ..typical()
    }
}

/// The least that an event of this kind holds in practice.
pub(crate) fn sparse(kind: EventKind) -> Event {
    let mut event = blank(kind, Outcome::Done, Reason::Done);
    match kind {
        EventKind::Authorize => {
            (event.outcome, event.reason) = (Outcome::Deny, Reason::UnknownAgent);
        }
        EventKind::Withdrawn => {
            (event.outcome, event.reason) = (Outcome::Deny, Reason::Withdrawn);
            event.withdraws = Some(EventId::from_parts(NOW_MS, 10));
        }
        EventKind::OwnerRevoked
        | EventKind::OwnerReinstated
        | EventKind::OwnerUpdated
        | EventKind::SubjectErased => {
            event.owner = Some(ALICE);
        }
        EventKind::RootKeyRotated
        | EventKind::TokenRevoked
        | EventKind::StoreRestored
        | EventKind::StoreReopened => {}
        _ => event.agent = Some(SEARCHER),
    }
    event
}

/// Knows everybody but the planner; Bob was erased.
pub(crate) struct Directory;

impl Names for Directory {
    fn agent(&self, id: AgentId) -> Option<String> {
        match id {
            ORCHESTRATOR => Some("orchestrator".to_owned()),
            SEARCHER => Some("searcher".to_owned()),
            _ => None,
        }
    }

    fn subject(&self, id: SubjectId) -> Option<String> {
        match id {
            ALICE => Some("user:alice".to_owned()),
            BOB => Some(kavach_audit::ERASED.to_owned()),
            _ => None,
        }
    }
}
