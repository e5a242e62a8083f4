//! The keeper against a book that is worked out from every event that is in the trail.

use std::collections::BTreeMap;

use kavach_audit::{Detail, EventKind, Outcome};
use kavach_core::{CredentialKind, EventId, Reason, Resource, Standing, Timestamp, trust_score};
use kavach_store::{Call, Fault, Faults, FaultyStore, MemoryStore, Migration, When};

use super::super::{SENSITIVE, SPAWNER_SCORE};
use super::*;

const START_NS: u64 = 1_795_255_200_000_000_000;
const DAY_NS: u64 = super::DAY_NS;
const TENANTS: [TenantId; 2] = [TenantId::DEFAULT, TenantId::from_u128(1 << 100)];

/// A log that grows, and the keeper of what is in it.
struct Log {
    faults: Faults,
    store: FaultyStore<MemoryStore>,
    head: Head,
    keeper: Keeper,
    now_ns: u64,
    /// Every event, as sealed.
    events: Vec<Event>,
    dice: Dice,
}

/// Choices that follow from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % end
    }
}

impl Log {
    async fn new(seed: u64) -> Self {
        let (faults, inner) = (Faults::new(), MemoryStore::new());
        inner.migrate(Migration::Apply).await.unwrap();
        let store = FaultyStore::new(Arc::new(inner), faults.clone());
        let head = Head::empty(LogId::from_u128(3));
        let keeper = Keeper::load(&store, &head, &TENANTS, START_NS, false)
            .await
            .unwrap();
        Self {
            faults,
            store,
            head,
            keeper,
            now_ns: START_NS,
            events: Vec::new(),
            dice: Dice(seed),
        }
    }

    fn event(&mut self) -> Event {
        self.now_ns += 1_000_000;
        let dice = &mut self.dice;
        let tenant = TENANTS[dice.below(2) as usize];
        let (kind, outcome, reason) = match dice.below(12) {
            0..4 => (EventKind::Authorize, Outcome::Allow, Reason::Granted),
            4 => (EventKind::Authorize, Outcome::Deny, Reason::NoMatchingGrant),
            5 => (
                EventKind::Authorize,
                Outcome::Deny,
                Reason::GuardrailApplies,
            ),
            6 => (
                EventKind::Authorize,
                Outcome::Deny,
                Reason::ArgumentsNotAllowed,
            ),
            7 => (EventKind::Authorize, Outcome::Deny, Reason::RateUsedUp),
            8 => (EventKind::ApprovalDenied, Outcome::Done, Reason::Done),
            9 => (EventKind::Delegated, Outcome::Done, Reason::Done),
            10 => (EventKind::Withdrawn, Outcome::Deny, Reason::Withdrawn),
            _ => (EventKind::Authorize, Outcome::Deny, Reason::UnknownAgent),
        };
        let id = EventId::from_u128(u128::from(self.head.size()));
        let mut event = Event::new(id, tenant, kind, outcome, reason);
        event.agent = (dice.below(9) > 0).then(|| AgentId::from_u128(u128::from(dice.below(4))));
        let resource: Resource = format!("app:x:{}", dice.below(30)).parse().unwrap();
        event.resource = Some(resource);
        if dice.below(3) == 0 {
            let text = Detail::Text("true".to_owned());
            event.detail.insert(SENSITIVE.to_owned(), text);
        }
        if kind == EventKind::Delegated {
            let text = Detail::Text(dice.below(101).to_string());
            event.detail.insert(SPAWNER_SCORE.to_owned(), text);
        }
        // Now and then the clock goes back; the log does not.
        let back = if dice.below(8) == 0 { 2 * DAY_NS } else { 0 };
        event.time_ns = self.now_ns - back;
        event
    }

    /// Commits so many events. Whether the keeper is told is what the callers differ in.
    async fn commit(&mut self, count: u64) -> Vec<Event> {
        let handed_in: Vec<Event> = (0..count).map(|_| self.event()).collect();
        let mut batch = Batch::default();
        for event in &handed_in {
            let (sealed, _) = self.head.append(event.clone(), event.time_ns);
            self.events.push(sealed.event.clone());
            batch.events.push(sealed);
        }
        self.store.commit(batch).await.unwrap();
        handed_in
    }

    async fn commit_and_tell(&mut self, count: u64) {
        let before = self.head.clone();
        let events = self.commit(count).await;
        self.keeper.landed(&before, events.iter());
    }

    /// What a process does that starts on this store.
    async fn start_anew(&mut self) {
        self.keeper = Keeper::load(&self.store, &self.head, &TENANTS, self.now_ns, false)
            .await
            .unwrap();
    }

    /// Looks whether the book says of each agent what every event in the trail says.
    fn check(&self) {
        let mut want: BTreeMap<(TenantId, AgentId), (Facts, Timestamp)> = BTreeMap::new();
        for event in &self.events {
            if let Some(noted) = Noted::of(event, event.time_ns) {
                let known = want.entry((noted.tenant, noted.agent));
                let (facts, _) = known.or_insert((Facts::new(), noted.at));
                facts.note(noted.at, noted.fact);
            }
        }
        assert!(!self.keeper.in_doubt);
        assert_eq!(self.keeper.next, self.head.size());
        let last = self.events.last().map_or(Timestamp::from_s(0), Event::at);
        let counts = |facts: &Facts| {
            let days = facts.days().iter();
            let ours = days.filter(|day| day.number + TRUST_DAYS_KEPT > day_of(last));
            ours.cloned().collect::<Vec<_>>()
        };
        let pages = self.keeper.book.pages.read().unwrap();
        let nothing = Facts::new();
        for (who, (facts, since)) in &want {
            let found = pages.get(who).map_or(&nothing, |page| &page.facts);
            assert_eq!(counts(found), counts(facts), "{who:?}");
            let standing = Standing {
                created_at: *since,
                credential: CredentialKind::Bearer,
                credential_since: Some(*since),
            };
            let score = |facts| trust_score(facts, &standing, last);
            assert_eq!(score(found), score(facts), "{who:?}");
        }
        assert!(pages.keys().all(|who| want.contains_key(who)));
    }

    /// What lies in the store for trust.
    async fn records(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let all = (Bound::Unbounded, Bound::Unbounded);
        let page = self.store.scan(TRUST, all, 4_096).await.unwrap();
        assert!(page.next.is_none());
        page.records
            .into_iter()
            .map(|(key, record)| (key, record.bytes))
            .collect()
    }
}

#[tokio::test]
async fn a_book_says_what_the_trail_says_whatever_happens_in_between() {
    for seed in 0..12 {
        let mut log = Log::new(seed).await;
        for _ in 0..60 {
            log.now_ns += match log.dice.below(20) {
                0 => 70 * DAY_NS,
                1 => 20 * DAY_NS,
                2..6 => DAY_NS,
                _ => 60 * 60 * 1_000_000_000,
            };
            let count = log.dice.below(9);
            match log.dice.below(10) {
                // Stored, or not, or nobody knows.
                0 => log.keeper.store(&log.store).await,
                1..4 => {
                    let fault = match log.dice.below(4) {
                        0 => Fault::Unavailable,
                        1 => Fault::OutOfSpace,
                        2 => Fault::UnknownNotDone,
                        _ => Fault::UnknownDone,
                    };
                    log.faults.inject(Call::Commit, When::Nth(1), fault);
                    log.keeper.store(&log.store).await;
                    log.faults.clear();
                    let (store, head) = (&log.store, &log.head);
                    log.keeper.catch_up(store, head, &TENANTS).await.unwrap();
                }
                // The commit landed, and nobody told the keeper.
                4 => {
                    log.commit(count).await;
                    let (store, head) = (&log.store, &log.head);
                    log.keeper.catch_up(store, head, &TENANTS).await.unwrap();
                }
                // The same, and reading the trail fails in the middle.
                5 => {
                    log.commit(count).await;
                    let nth = When::Nth(1 + log.dice.below(2));
                    log.faults.inject(Call::AuditScan, nth, Fault::Unavailable);
                    let (store, head) = (&log.store, &log.head);
                    let _ = log.keeper.catch_up(store, head, &TENANTS).await;
                    log.faults.clear();
                    log.keeper.catch_up(store, head, &TENANTS).await.unwrap();
                }
                // The process is gone.
                6 => log.start_anew().await,
                _ => log.commit_and_tell(count).await,
            }
            log.check();
        }
        log.keeper.store(&log.store).await;
        log.start_anew().await;
        log.check();
    }
}

#[tokio::test]
async fn what_is_stored_in_part_does_not_count_twice() {
    let mut log = Log::new(1).await;
    log.commit_and_tell(200).await;
    // Whoever has more to store than fits stores some of it, and says nothing of how far all of it goes.
    let places: Vec<Place> = log.keeper.changed.iter().copied().take(3).collect();
    let batch = Batch {
        puts: log.keeper.encoded(&places),
        ..Batch::default()
    };
    log.store.commit(batch).await.unwrap();
    log.commit_and_tell(50).await;
    log.start_anew().await;
    log.check();
    log.commit_and_tell(50).await;
    log.keeper.store(&log.store).await;
    log.start_anew().await;
    log.check();
}

#[tokio::test]
async fn an_opening_reads_no_event_that_is_stored() {
    let mut log = Log::new(2).await;
    log.commit_and_tell(2_000).await;
    log.keeper.store(&log.store).await;
    assert_eq!(log.keeper.stored, 2_000);
    let before = log.faults.seen(Call::AuditScan);
    log.start_anew().await;
    assert_eq!(log.faults.seen(Call::AuditScan), before, "nothing is new");
    log.check();
    log.commit_and_tell(1).await;
    log.start_anew().await;
    // One page for each tenant, from the time at which the stored ones end.
    assert_eq!(log.faults.seen(Call::AuditScan), before + 2);
    log.check();
}

#[tokio::test]
async fn it_is_stored_when_due_and_not_asked_again_at_once_of_a_store_that_fails() {
    let mut log = Log::new(3).await;
    log.commit_and_tell(TRUST_STORED_EVERY - 1).await;
    let commits = log.faults.seen(Call::Commit);
    log.keeper.store_if_due(&log.store).await;
    assert_eq!(log.faults.seen(Call::Commit), commits);
    log.commit_and_tell(1).await;
    log.faults
        .inject(Call::Commit, When::Nth(1), Fault::Unavailable);
    let commits = log.faults.seen(Call::Commit);
    for _ in 0..3 {
        log.keeper.store_if_due(&log.store).await;
    }
    assert_eq!(log.faults.seen(Call::Commit), commits + 1);
    assert!(log.records().await.is_empty());
    log.commit_and_tell(TRUST_STORED_EVERY).await;
    log.keeper.store_if_due(&log.store).await;
    assert_eq!(log.keeper.stored, 2 * TRUST_STORED_EVERY);
    assert!(!log.records().await.is_empty());
}

#[tokio::test]
async fn a_closing_node_leaves_little_to_read() {
    for (events, stored) in [
        (TRUST_STORED_AT_CLOSE - 1, 0),
        (TRUST_STORED_AT_CLOSE, TRUST_STORED_AT_CLOSE),
    ] {
        let mut log = Log::new(4).await;
        log.commit_and_tell(events).await;
        log.keeper.close(&log.store).await;
        assert_eq!(log.keeper.stored, stored);
    }
}

#[tokio::test]
async fn what_is_forgotten_leaves_the_store() {
    let mut log = Log::new(5).await;
    for _ in 0..30 {
        log.commit_and_tell(20).await;
        log.now_ns += 3 * DAY_NS;
        log.keeper.store(&log.store).await;
    }
    // Nine or ten records of eight days for each of eight agents, their origins, and the mark.
    let full = log.records().await.len();
    assert!(full <= 8 * 11 + 1, "{full}");
    // Another process never knew of what was forgotten; it clears away what it finds.
    log.now_ns += 64 * DAY_NS;
    log.start_anew().await;
    log.commit_and_tell(20).await;
    log.keeper.store(&log.store).await;
    let left = log.records().await.len();
    assert!(left <= 8 * 3 + 1, "{left}");
    log.start_anew().await;
    log.check();
}

#[tokio::test]
async fn what_a_killed_process_did_not_clear_away_the_next_one_does() {
    let mut log = Log::new(8).await;
    for _ in 0..40 {
        log.commit_and_tell(20).await;
        log.now_ns += 3 * DAY_NS;
        log.keeper.forgotten.clear();
        log.keeper.store(&log.store).await;
    }
    let left = log.records().await.len();
    assert!(left > 8 * 11 + 1, "{left}");
    log.start_anew().await;
    log.check();
    log.keeper.store(&log.store).await;
    let left = log.records().await.len();
    assert!(left <= 8 * 11 + 1, "{left}");
    log.start_anew().await;
    log.check();
}

#[tokio::test]
async fn a_store_that_somebody_else_wrote_to_is_read_anew() {
    let mut log = Log::new(6).await;
    log.commit_and_tell(100).await;
    let mut other = Keeper::load(&log.store, &log.head, &TENANTS, log.now_ns, false)
        .await
        .unwrap();
    other.changed = log.keeper.changed.clone();
    other.store(&log.store).await;
    log.keeper.store(&log.store).await;
    assert!(
        log.keeper.is_in_doubt(),
        "the mark is not the one that it knew"
    );
    let (store, head) = (&log.store, &log.head);
    log.keeper.catch_up(store, head, &TENANTS).await.unwrap();
    log.check();
    log.commit_and_tell(10).await;
    log.keeper.store(&log.store).await;
    assert!(!log.keeper.is_in_doubt());
}

#[tokio::test]
async fn events_of_another_log_are_not_its_business() {
    let mut log = Log::new(7).await;
    let mut theirs = Head::empty(LogId::from_u128(4));
    let mut batch = Batch::default();
    for _ in 0..50 {
        let event = log.event();
        let (sealed, _) = theirs.append(event, log.now_ns);
        batch.events.push(sealed);
    }
    log.store.commit(batch).await.unwrap();
    log.commit_and_tell(20).await;
    log.start_anew().await;
    log.check();
}
