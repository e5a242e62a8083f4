use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use kavach_audit::{Event, EventKind, Outcome};
use kavach_core::{AgentId, Ask, DelegationId, Leaf, Pool, Reason, Tally};
use kavach_store::{Batch, Key, MemoryStore, Space};

use super::ledger::Sharing;
use super::record::{
    COUNTERS, POOLS, RESERVATIONS, decode_part, decode_pool, encode_part, encode_pool,
    parse_part_key, part_key,
};
use super::*;

mod many_nodes;

pub(super) const NOON_S: i64 = 1_795_262_400;

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_s(NOON_S + second)
}

pub(super) fn counter(holder: u128, span: Span) -> Counter {
    Counter {
        holder: Leaf::Root(AgentId::from_u128(holder)),
        grant: 1,
        span,
    }
}

pub(super) fn charge(counter: Counter, limit: u64, amount: u64) -> Charge {
    Charge {
        counter,
        limit,
        amount,
    }
}

pub(super) fn call(number: u128) -> EventId {
    EventId::from_u128(number)
}

fn event(number: u128) -> Event {
    let mut event = Event::new(
        call(number),
        TenantId::DEFAULT,
        EventKind::Authorize,
        Outcome::Allow,
        Reason::Granted,
    );
    event.time_ns = at(0).as_s().unsigned_abs() * 1_000_000_000;
    event
}

async fn empty() -> (Ledger, Meters) {
    let ledger = Ledger::load(&MemoryStore::new(), Sharing::Alone)
        .await
        .unwrap();
    let meters = Meters::alone(&ledger, at(0), 3_600);
    (ledger, meters)
}

/// What a batch writes, by space.
fn written(ledger: &Ledger, staged: &Staged) -> BTreeMap<&'static str, (usize, usize)> {
    let mut batch = Batch::default();
    staged.write(ledger, &mut batch).unwrap();
    batch.check().unwrap();
    let mut counts: BTreeMap<&'static str, (usize, usize)> = BTreeMap::new();
    for (key, _) in &batch.puts {
        counts.entry(key.space().name()).or_default().0 += 1;
    }
    for key in &batch.deletes {
        counts.entry(key.space().name()).or_default().1 += 1;
    }
    counts
}

#[tokio::test]
async fn however_many_calls_count_at_one_counter_it_is_written_once() {
    let (mut ledger, meters) = empty().await;
    let rate = charge(counter(1, Span::Sliding(60)), 5_000, 1);
    let budget = charge(counter(1, Span::Total), 5_000, 3);
    let mut staged = Staged::default();
    for number in 0..1_000 {
        let debit = meters.debit(TenantId::DEFAULT, call(number), &[rate, budget], at(0));
        let debit = debit.unwrap();
        staged.debit(&ledger, &debit, &[event(number)]);
        debit.has_landed();
    }
    let counts = written(&ledger, &staged);
    assert_eq!(counts["counter"], (2, 0));
    assert_eq!(counts["reservation"], (1_000, 0));
    assert_eq!(ledger.adopt(staged), []);
    let found: BTreeMap<Span, u64> = ledger
        .tallies()
        .map(|(meter, tally)| (meter.counter.span, tally.used(at(0))))
        .collect();
    assert_eq!(found[&Span::Sliding(60)], 1_000);
    assert_eq!(found[&Span::Total], 3_000);
}

#[tokio::test]
async fn a_batch_that_fails_leaves_the_ledger_as_it_was() {
    let (ledger, meters) = empty().await;
    let rate = charge(counter(1, Span::Sliding(60)), 5, 1);
    let mut staged = Staged::default();
    let debit = meters
        .debit(TenantId::DEFAULT, call(1), &[rate], at(0))
        .unwrap();
    staged.debit(&ledger, &debit, &[event(1)]);
    drop(staged);
    assert_eq!(ledger.tallies().count(), 0);
    assert_eq!(meters.used(TenantId::DEFAULT, rate.counter, at(0)).0, 1);
    drop(debit);
    assert_eq!(meters.used(TenantId::DEFAULT, rate.counter, at(0)).0, 0);
}

#[tokio::test]
async fn a_debit_is_for_all_charges_or_for_none_and_names_the_one_without_room() {
    let (_, meters) = empty().await;
    let charges = [
        charge(counter(1, Span::Sliding(60)), 5, 1),
        charge(counter(2, Span::Day), 9, 4),
        charge(counter(3, Span::Total), 7, 4),
    ];
    let debit = |number| meters.debit(TenantId::DEFAULT, call(number), &charges, at(0));
    let used = || charges.map(|charge| meters.used(TenantId::DEFAULT, charge.counter, at(0)).0);
    let first = debit(1).unwrap();
    assert_eq!(used(), [1, 4, 4]);
    assert_eq!(debit(2).unwrap_err(), 2);
    assert_eq!(used(), [1, 4, 4]);
    // The same counter twice is twice as much.
    let twice = [charges[2], charges[2]];
    let twice = meters.debit(TenantId::from_u128(5), call(3), &twice, at(0));
    assert_eq!(twice.unwrap_err(), 1);
    drop(first);
    assert_eq!(used(), [0, 0, 0]);
}

#[tokio::test]
async fn a_debit_is_given_back_once_and_only_if_it_did_not_land() {
    let (_, meters) = empty().await;
    let rate = charge(counter(1, Span::Sliding(60)), 9, 1);
    let debit = || {
        meters
            .debit(TenantId::DEFAULT, call(1), &[rate], at(0))
            .unwrap()
    };
    let used = || meters.used(TenantId::DEFAULT, rate.counter, at(0)).0;
    let kept = debit();
    let landed = debit();
    landed.has_landed();
    drop(landed);
    assert_eq!(used(), 2);
    let doubted = debit();
    doubted.is_in_doubt();
    let handle = doubted.clone();
    drop(doubted);
    assert_eq!(used(), 3);
    handle.did_not_land();
    assert_eq!(used(), 2);
    handle.did_not_land();
    drop(handle);
    assert_eq!(used(), 2);
    drop(kept.clone());
    assert_eq!(used(), 2);
    drop(kept);
    assert_eq!(used(), 1);
}

#[tokio::test]
async fn a_withdrawn_call_gives_its_cost_back_only_while_that_is_not_settled() {
    for settled in [false, true] {
        let (mut ledger, meters) = empty().await;
        let charges = [
            charge(counter(1, Span::Sliding(60)), 9, 1),
            charge(counter(1, Span::Day), 9, 4),
        ];
        let debit = meters
            .debit(TenantId::DEFAULT, call(1), &charges, at(0))
            .unwrap();
        let mut staged = Staged::default();
        staged.debit(&ledger, &debit, &[event(1)]);
        debit.has_landed();
        ledger.adopt(staged);
        if settled {
            let mut staged = Staged::default();
            let back = vec![Share {
                amount: 3,
                ..debit.shares()[1]
            }];
            staged.settle(&ledger, &Settlement { of: call(1), back });
            meters.landed(&ledger.adopt(staged));
        }
        let mut staged = Staged::default();
        staged.refund(&ledger, &debit);
        meters.landed(&ledger.adopt(staged));
        let used = charges.map(|charge| meters.used(TenantId::DEFAULT, charge.counter, at(0)).0);
        assert_eq!(used, [0, u64::from(settled)], "{settled}");
    }
}

#[tokio::test]
async fn too_many_reservations_end_the_oldest_first() {
    let (mut ledger, meters) = empty().await;
    let budget = charge(counter(1, Span::Total), u64::MAX, 1);
    let most = crate::limits::RESERVATIONS_MAX as u128;
    let stage = |ledger: &Ledger, numbers: std::ops::Range<u128>| {
        let mut staged = Staged::default();
        for number in numbers {
            let debit = meters
                .debit(TenantId::DEFAULT, call(number), &[budget], at(0))
                .unwrap();
            staged.debit(ledger, &debit, &[]);
            debit.has_landed();
        }
        staged.sweep(ledger, at(0));
        staged
    };
    let staged = stage(&ledger, 0..most);
    ledger.adopt(staged);
    let staged = stage(&ledger, most..most + 3);
    let mut batch = Batch::default();
    staged.write(&ledger, &mut batch).unwrap();
    let oldest = [0, 1, 2].map(|number| reservation_key(call(number)));
    batch.deletes.sort_unstable();
    assert_eq!(batch.deletes, oldest);
}

#[test]
fn a_key_says_which_counter_it_is_of() {
    let holders = [
        Leaf::Root(AgentId::from_u128(u128::MAX)),
        Leaf::Delegation(DelegationId::from_u128(7)),
    ];
    let spans = [
        Span::Sliding(0),
        Span::Sliding(u32::MAX),
        Span::Day,
        Span::Month,
        Span::Total,
    ];
    let mut keys = Vec::new();
    for holder in holders {
        for span in spans {
            let meter = Meter {
                tenant: TenantId::from_u128(3),
                counter: Counter {
                    holder,
                    grant: u32::MAX,
                    span,
                },
            };
            let key = part_key(&meter, 9);
            assert_eq!(parse_part_key(key.bytes()).unwrap(), (meter, 9));
            keys.push(key);
        }
    }
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 10);
    let good = part_key(
        &Meter {
            tenant: TenantId::DEFAULT,
            counter: counter(1, Span::Day),
        },
        0,
    );
    for (place, odd) in [(16, 2), (37, 4), (41, 1)] {
        let mut bytes = good.bytes().to_vec();
        bytes[place] = odd;
        parse_part_key(&bytes).unwrap_err();
    }
    for length in 0..good.bytes().len() {
        parse_part_key(&good.bytes()[..length]).unwrap_err();
    }
    parse_part_key(&[good.bytes(), &[0]].concat()).unwrap_err();
}

#[track_caller]
fn golden(name: &str, bytes: &[u8]) {
    let file = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let known = std::fs::read_to_string(file);
    assert_eq!(
        known.unwrap_or_else(|_| panic!("no {name}; for a new one: {text}")),
        text
    );
}

/// Encodings that must never change. A new one gets a new file.
#[test]
fn encodings_of_version_1_are_as_ever() {
    let mut calls = Tally::new(Span::Sliding(60));
    calls.count(1, at(0));
    calls.count(u64::MAX, at(7));
    let mut spent = Tally::new(Span::Month);
    spent.count(u64::MAX, at(0));
    spent.count(1, at(0));
    for (name, tally) in [
        ("counter_v1_calls.json", calls.clone()),
        ("counter_v1_spent.json", spent),
    ] {
        let parts = tally.changes_since(None);
        let [(number, Some(part))] = parts.as_slice() else {
            panic!("one part: {parts:?}")
        };
        let bytes = encode_part(part).unwrap();
        golden(name, &bytes);
        let mut again = Tally::new(tally.span());
        again
            .restore(*number, decode_part(&bytes).unwrap())
            .unwrap();
        assert_eq!(again, tally);
    }
    let mut pool = Pool::new(calls);
    let ask = Ask {
        holder: LogId::from_u128(5),
        number: 3,
        limit: u64::MAX,
        amount: 2,
        wanted: 0,
        lease_s: 10,
    };
    pool.take(&ask, at(70)).unwrap();
    let bytes = encode_pool(&pool.part()).unwrap();
    golden("counter_pool_v1.json", &bytes);
    assert_eq!(
        Pool::restore(Span::Sliding(60), decode_pool(&bytes).unwrap()).unwrap(),
        pool
    );
    let share = |holder, span, amount| Share {
        meter: Meter {
            tenant: TenantId::from_u128(9),
            counter: Counter {
                holder,
                grant: 2,
                span,
            },
        },
        amount,
        at: at(0),
        slice: 0,
    };
    let (agent, given) = (AgentId::from_u128(1), DelegationId::from_u128(2));
    let shares = [
        share(Leaf::Delegation(given), Span::Day, 5),
        share(Leaf::Root(agent), Span::Sliding(60), 1),
        share(Leaf::Root(agent), Span::Month, 5),
        share(Leaf::Root(agent), Span::Total, u64::MAX),
    ];
    let caller = Some(Leaf::Delegation(given));
    let reservation = Reservation::of(TenantId::from_u128(9), caller, &shares, at(3_600));
    let bytes = reservation.encode().unwrap();
    golden("reservation_v1.json", &bytes);
    let again = Reservation::decode(&bytes).unwrap();
    assert_eq!((again.caller(), again.expires_at), (caller, at(3_600)));
    let costs: Vec<Share> = again.shares().collect();
    assert_eq!(costs, [shares[0], shares[2], shares[3]]);
}

#[test]
fn what_a_newer_version_wrote_is_not_guessed_at() {
    use kavach_store::StoreErrorKind::{Corrupt, SchemaTooNew};
    for (text, want) in [
        (r#"{"record":{"x":1},"v":2}"#, SchemaTooNew),
        (r#"{"record":{"x":1},"v":1}"#, Corrupt),
        (
            r#"{"record":{"spent":{"from":"2026-11-01T00:00:00Z","units":"1"}},"v":0}"#,
            Corrupt,
        ),
        (
            r#"{"record":{"spent":{"from":"2026-11-01T00:00:00Z","units":"1"}},"v":1,"w":1}"#,
            Corrupt,
        ),
        (
            r#"{"record":{"spent":{"from":"2026-11-01T00:00:00Z","units":1}},"v":1}"#,
            Corrupt,
        ),
        ("[]", Corrupt),
        ("", Corrupt),
    ] {
        let error = decode_part(text.as_bytes()).unwrap_err();
        assert_eq!(*error.kind(), want, "{text}");
    }
}

/// How many records lie in a space.
pub(super) async fn records(store: &MemoryStore, space: Space) -> Vec<Key> {
    let all = (Bound::Unbounded, Bound::Unbounded);
    let page = store.scan(space, all, 1_000).await.unwrap();
    page.records
        .into_iter()
        .map(|(bytes, _)| Key::new(space, bytes))
        .collect()
}

#[test]
fn spaces_are_quiet_and_apart() {
    let names = [COUNTERS, POOLS, RESERVATIONS].map(|space| space.name());
    assert_eq!(names, ["counter", "counter_pool", "reservation"]);
}

#[tokio::test]
async fn tallies_that_have_passed_go_from_memory_and_others_stay() {
    let many = crate::limits::TALLIES_SWEPT_FROM as u128;
    for (now, want) in [(119, many + 1), (120, 1)] {
        let (_, meters) = empty().await;
        for number in 0..many {
            let rate = charge(counter(number, Span::Sliding(60)), 5, 1);
            let debit = meters
                .debit(TenantId::DEFAULT, call(1), &[rate], at(0))
                .unwrap();
            debit.has_landed();
        }
        let known = || match &*meters.counts {
            Counts::Alone(shelf) => shelf.len(),
            Counts::Shared(_) => 0,
        };
        let late = charge(counter(many, Span::Sliding(60)), 5, 1);
        let debit = meters
            .debit(TenantId::DEFAULT, call(1), &[late], at(now))
            .unwrap();
        debit.has_landed();
        assert_eq!(known() as u128, want, "{now}");
    }
}
