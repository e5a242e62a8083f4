//! What happened, as those saw it who asked, and whether that may be.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Bound;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use kavach::audit::{Head, Query, SealedEvent, leaf_hash, node_hash};
use kavach::store::Space;
use kavach::{AgentId, ApprovalId, Authorization, Decision, EventId, Reason, Store, TenantId};

use super::dice::Dice;
use super::far_store::Database;
use super::node::LIMIT;

/// What was seen in all stories: enough of everything, or they prove nothing.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    allowed: usize,
    denied: usize,
    stale: usize,
    withdrawn: usize,
    unrecorded: usize,
    revoked: usize,
    everywhere: usize,
    approved: usize,
    faults: usize,
}

impl Seen {
    pub(crate) fn add(&mut self, more: &Self) {
        self.allowed += more.allowed;
        self.denied += more.denied;
        self.stale += more.stale;
        self.withdrawn += more.withdrawn;
        self.unrecorded += more.unrecorded;
        self.revoked += more.revoked;
        self.everywhere += more.everywhere;
        self.approved += more.approved;
        self.faults += more.faults;
    }

    pub(crate) fn check(&self) {
        let all = [
            self.allowed,
            self.denied,
            self.stale,
            self.unrecorded,
            self.revoked,
            self.everywhere,
            self.approved,
            self.faults,
        ];
        assert!(all.iter().all(|count| *count > 0), "{self:?}");
    }
}

/// A call, and when it was made.
pub(crate) struct Asked {
    pub(crate) node: usize,
    pub(crate) agent: AgentId,
    pub(crate) at: Duration,
    pub(crate) at_least: Option<u64>,
}

struct Allowed {
    node: usize,
    agent: AgentId,
    asked: Duration,
    answered: Duration,
    at_least: Option<u64>,
    revision: u64,
}

#[derive(Clone, Copy)]
struct Revoked {
    node: usize,
    returned: Duration,
    revision: u64,
    everywhere: Option<Duration>,
}

#[derive(Default)]
struct Told {
    agents: Vec<AgentId>,
    above: HashMap<AgentId, AgentId>,
    special: Option<(AgentId, AgentId)>,
    allowed: Vec<Allowed>,
    revoked: BTreeMap<AgentId, Revoked>,
    yeses: BTreeSet<ApprovalId>,
    recorded: Vec<(EventId, Decision)>,
    seen: Seen,
}

/// What happened.
pub(crate) struct History {
    lease: Duration,
    told: Mutex<Told>,
    newest: AtomicU64,
    over: AtomicBool,
}

impl History {
    pub(crate) fn new(lease: Duration) -> Self {
        Self {
            lease,
            told: Mutex::default(),
            newest: AtomicU64::new(0),
            over: AtomicBool::new(false),
        }
    }

    pub(crate) fn born(&self, agent: AgentId, above: Option<AgentId>) {
        let mut told = self.told.lock().unwrap();
        told.agents.push(agent);
        told.above.extend(above.map(|above| (agent, above)));
    }

    pub(crate) fn special(&self, limited: AgentId, payer: AgentId) {
        self.told.lock().unwrap().special = Some((limited, payer));
    }

    pub(crate) fn limited(&self) -> AgentId {
        self.told.lock().unwrap().special.unwrap().0
    }

    pub(crate) fn payer(&self) -> AgentId {
        self.told.lock().unwrap().special.unwrap().1
    }

    /// One of the agents, a young one more often: the old ones are soon revoked.
    pub(crate) fn some_agent(&self, dice: &mut Dice) -> AgentId {
        let told = self.told.lock().unwrap();
        let recent = told.agents.len().saturating_sub(12);
        if dice.once_in(3) {
            *dice.pick(&told.agents)
        } else {
            *dice.pick(&told.agents[recent..])
        }
    }

    pub(crate) fn answered(&self, asked: &Asked, answered: Duration, answer: &Authorization) {
        let mut told = self.told.lock().unwrap();
        if let Some(id) = answer.audit_id {
            told.recorded.push((id, answer.decision));
        }
        match answer.decision {
            Decision::Allow => {
                told.seen.allowed += 1;
                assert!(answer.audit_id.is_some(), "an allow without its event");
                told.allowed.push(Allowed {
                    node: asked.node,
                    agent: asked.agent,
                    asked: asked.at,
                    answered,
                    at_least: asked.at_least,
                    revision: answer.revision,
                });
            }
            Decision::NeedsApproval => {}
            Decision::Deny(Reason::StaleState) => told.seen.stale += 1,
            Decision::Deny(Reason::Withdrawn) => told.seen.withdrawn += 1,
            Decision::Deny(Reason::AuditUnavailable) => told.seen.unrecorded += 1,
            Decision::Deny(_) => told.seen.denied += 1,
        }
    }

    pub(crate) fn revoked(&self, node: usize, agent: AgentId, returned: Duration, revision: u64) {
        let mut told = self.told.lock().unwrap();
        told.seen.revoked += 1;
        self.newest.fetch_max(revision, Ordering::SeqCst);
        let revoked = Revoked {
            node,
            returned,
            revision,
            everywhere: None,
        };
        told.revoked.entry(agent).or_insert(revoked);
    }

    pub(crate) fn revoked_everywhere(&self, agent: AgentId, at: Duration) {
        let mut told = self.told.lock().unwrap();
        told.seen.everywhere += 1;
        if let Some(revoked) = told.revoked.get_mut(&agent) {
            revoked.everywhere.get_or_insert(at);
        }
    }

    pub(crate) fn newest(&self) -> u64 {
        self.newest.load(Ordering::SeqCst)
    }

    pub(crate) fn said_yes(&self, id: ApprovalId) {
        self.told.lock().unwrap().yeses.insert(id);
    }

    pub(crate) fn fault(&self) {
        self.told.lock().unwrap().seen.faults += 1;
    }

    pub(crate) fn stop(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// Whether all that may be.
    pub(crate) fn check(&self, database: &Database) -> Seen {
        let mut told = std::mem::take(&mut *self.told.lock().unwrap());
        let (limited, payer) = told.special.unwrap();
        for allowed in &told.allowed {
            assert!(
                allowed
                    .at_least
                    .is_none_or(|least| allowed.revision >= least),
                "an answer older than was asked for"
            );
            let line = [Some(allowed.agent), told.above.get(&allowed.agent).copied()];
            for agent in line.into_iter().flatten() {
                if let Some(revoked) = told.revoked.get(&agent) {
                    self.check_allowed(allowed, *revoked);
                }
            }
        }
        let by = |agent| {
            told.allowed
                .iter()
                .filter(|known| known.agent == agent)
                .count()
        };
        assert!(by(limited) <= LIMIT, "{} of {LIMIT}", by(limited));
        assert!(by(payer) <= told.yeses.len(), "more calls than yeses");
        told.seen.approved += by(payer);
        check_trail(database, &told.recorded);
        told.seen
    }

    fn check_allowed(&self, allowed: &Allowed, revoked: Revoked) {
        let Revoked {
            node,
            returned,
            revision,
            everywhere,
        } = revoked;
        let (asked, answered) = (allowed.asked, allowed.answered);
        assert!(
            answered <= returned + self.lease,
            "node {} let somebody through at {answered:?}, revoked at {returned:?}",
            allowed.node
        );
        assert!(
            everywhere.is_none_or(|everywhere| answered <= everywhere),
            "node {} let somebody through at {answered:?}, revoked everywhere at {everywhere:?}",
            allowed.node
        );
        assert!(
            allowed.node != node || asked <= returned,
            "the node that revoked let somebody through"
        );
        assert!(
            allowed.at_least.is_none_or(|least| least < revision),
            "a call that asked for the revocation was let through"
        );
    }
}

/// Every answer that was given is on record as it was given, and every log is whole.
fn check_trail(database: &Database, recorded: &[(EventId, Decision)]) {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(async {
        let store = &database.store;
        let query = Query {
            tenant: TenantId::DEFAULT,
            ..Query::default()
        };
        let (mut events, mut cursor): (Vec<SealedEvent>, _) = (Vec::new(), None);
        loop {
            let page = store.audit_scan(&query, cursor.as_ref(), 1_000).await;
            let page = page.unwrap();
            events.extend(page.events);
            match page.next {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        let known: HashMap<EventId, Reason> = events
            .iter()
            .map(|sealed| (sealed.event.id, sealed.event.reason))
            .collect();
        let withdrawn: HashSet<EventId> = events
            .iter()
            .filter_map(|sealed| sealed.event.withdraws)
            .collect();
        for (id, decision) in recorded {
            assert_eq!(known.get(id), Some(&decision.reason()), "{id}");
            assert!(!decision.is_allow() || !withdrawn.contains(id), "{id}");
        }
        let heads = store
            .scan(
                Space::quiet("log_head"),
                (Bound::Unbounded, Bound::Unbounded),
                1_000,
            )
            .await
            .unwrap();
        let mut counted = 0;
        for (_, record) in heads.records {
            let head = Head::decode(&record.bytes).unwrap();
            let mut of_log: Vec<&SealedEvent> = events
                .iter()
                .filter(|sealed| sealed.event.log == head.log())
                .collect();
            of_log.sort_by_key(|sealed| sealed.event.index);
            let leaves: Vec<_> = of_log
                .iter()
                .map(|sealed| leaf_hash(&sealed.bytes))
                .collect();
            assert_eq!(leaves.len() as u64, head.size());
            assert_eq!(root(&leaves), head.root());
            counted += leaves.len();
        }
        assert_eq!(counted, events.len());
    });
}

/// RFC 9162 section 2.1.1, word for word.
fn root(leaves: &[[u8; 32]]) -> [u8; 32] {
    match leaves {
        [only] => *only,
        _ => {
            let left = leaves.len().next_power_of_two() / 2;
            node_hash(&root(&leaves[..left]), &root(&leaves[left..]))
        }
    }
}
