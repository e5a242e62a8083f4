//! What happened, as those saw it who asked, and whether that may be.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Bound;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kavach::audit::{Head, Query, SealedEvent, leaf_hash};
use kavach::store::Space;
use kavach::{AgentId, ApprovalId, EventId, Store, TenantId};

use crate::tree::root;
use crate::work::{LIMIT, Told};

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
            self.stale + self.unrecorded,
            self.revoked,
            self.everywhere,
            self.approved,
            self.faults,
        ];
        assert!(all.iter().all(|count| *count > 0), "{self:?}");
    }
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
struct Heard {
    above: HashMap<AgentId, AgentId>,
    special: Option<(AgentId, AgentId)>,
    allowed: Vec<Allowed>,
    revoked: BTreeMap<AgentId, Revoked>,
    yeses: BTreeSet<ApprovalId>,
    recorded: Vec<(EventId, String)>,
    seen: Seen,
}

/// What happened.
pub(crate) struct History {
    lease: Duration,
    heard: Mutex<Heard>,
    over: AtomicBool,
}

impl History {
    pub(crate) fn new(lease: Duration) -> Self {
        Self {
            lease,
            heard: Mutex::default(),
            over: AtomicBool::new(false),
        }
    }

    /// The agent with a limit, and the one that asks people.
    pub(crate) fn special(&self, limited: AgentId, payer: AgentId) {
        self.heard.lock().unwrap().special = Some((limited, payer));
    }

    /// Takes down what a node saw.
    pub(crate) fn hear(&self, node: usize, told: Told) {
        let mut heard = self.heard.lock().unwrap();
        match told {
            Told::Born { agent, above } => {
                heard.above.extend(above.map(|above| (agent, above)));
            }
            Told::Revoked {
                agent,
                returned_ns,
                revision,
            } => {
                heard.seen.revoked += 1;
                let revoked = Revoked {
                    node,
                    returned: Duration::from_nanos(returned_ns),
                    revision,
                    everywhere: None,
                };
                heard.revoked.entry(agent).or_insert(revoked);
            }
            Told::RevokedEverywhere { agent, at_ns } => {
                heard.seen.everywhere += 1;
                if let Some(revoked) = heard.revoked.get_mut(&agent) {
                    let at = Duration::from_nanos(at_ns);
                    revoked.everywhere.get_or_insert(at);
                }
            }
            Told::SaysYes { id } => {
                heard.yeses.insert(id);
            }
            answered @ Told::Answered { .. } => heard.answered(node, answered),
        }
    }

    pub(crate) fn fault(&self) {
        self.heard.lock().unwrap().seen.faults += 1;
    }

    pub(crate) fn stop(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// Whether all that may be, and what is in the store is what was said.
    pub(crate) async fn check(&self, store: &dyn Store) -> Seen {
        let mut told = std::mem::take(&mut *self.heard.lock().unwrap());
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
        check_trail(store, &told.recorded).await;
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

impl Heard {
    fn answered(&mut self, node: usize, told: Told) {
        let Told::Answered {
            agent,
            asked_ns,
            answered_ns,
            at_least,
            reason,
            revision,
            audit_id,
        } = told
        else {
            return;
        };
        let count = match reason.as_str() {
            "granted" => {
                assert!(audit_id.is_some(), "an allow without its event");
                self.allowed.push(Allowed {
                    node,
                    agent,
                    asked: Duration::from_nanos(asked_ns),
                    answered: Duration::from_nanos(answered_ns),
                    at_least,
                    revision,
                });
                &mut self.seen.allowed
            }
            "stale_state" => &mut self.seen.stale,
            "withdrawn" => &mut self.seen.withdrawn,
            "audit_unavailable" => &mut self.seen.unrecorded,
            _ => &mut self.seen.denied,
        };
        *count += 1;
        self.recorded.extend(audit_id.map(|id| (id, reason)));
    }
}

/// Every answer that was given is on record as it was given, and every log is whole.
async fn check_trail(store: &dyn Store, recorded: &[(EventId, String)]) {
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
    let known: HashMap<EventId, &str> = events
        .iter()
        .map(|sealed| (sealed.event.id, sealed.event.reason.code()))
        .collect();
    let withdrawn: HashSet<EventId> = events
        .iter()
        .filter_map(|sealed| sealed.event.withdraws)
        .collect();
    for (id, reason) in recorded {
        assert_eq!(known.get(id).copied(), Some(reason.as_str()), "{id}");
        assert!(reason != "granted" || !withdrawn.contains(id), "{id}");
    }
    let all = (Bound::Unbounded, Bound::Unbounded);
    let heads = store.scan(Space::quiet("log_head"), all, 1_000).await;
    let mut counted = 0;
    for (_, record) in heads.unwrap().records {
        let head = Head::decode(&record.bytes).unwrap();
        let ours = events
            .iter()
            .filter(|sealed| sealed.event.log == head.log());
        let mut of_log: Vec<&SealedEvent> = ours.collect();
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
}
