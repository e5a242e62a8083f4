use alloc::vec;

use proptest::prelude::*;

use super::*;

extern crate std;

const NOON_S: i64 = 1_795_262_400;

fn at(s: i64) -> Timestamp {
    Timestamp::from_s(s)
}

fn ask(holder: u128, limit: u64, amount: u64) -> Ask {
    Ask {
        holder: LogId::from_u128(holder),
        number: 0,
        limit,
        amount,
        wanted: 0,
        lease_s: 10,
    }
}

fn pool(span: Span) -> Pool {
    Pool::new(Tally::new(span))
}

#[test]
fn slices_shrink_to_single_units() {
    let mut shared = pool(Span::Sliding(60));
    let sizes = (0..40).map_while(|holder| {
        let slice = shared.take(&ask(holder, 100, 1), at(NOON_S)).ok()?;
        assert_eq!(slice.ends_at, at(NOON_S + 10));
        Some(slice.units)
    });
    let sizes: Vec<u64> = sizes.collect();
    let want = [12, 11, 9, 8, 7, 6, 5, 5, 4, 4, 3, 3, 2, 2, 2, 2];
    assert_eq!(sizes[..16], want);
    assert!(sizes[16..].iter().all(|size| *size == 1));
    assert_eq!(sizes.iter().sum::<u64>(), 100);
}

#[test]
fn who_can_use_more_at_once_gets_it_if_it_is_free() {
    let mut shared = pool(Span::Sliding(60));
    let mut take = |wanted| {
        shared
            .take(
                &Ask {
                    wanted,
                    ..ask(1, 100, 1)
                },
                at(100),
            )
            .map(|slice| slice.units)
    };
    assert_eq!(take(5), Ok(12));
    assert_eq!(take(50), Ok(50));
    assert_eq!(take(50), Ok(38));
    assert_eq!(take(0), Err(Room::From(at(169))));
}

#[test]
fn nothing_is_taken_that_is_not_free() {
    let mut shared = pool(Span::Sliding(60));
    assert_eq!(shared.take(&ask(1, 0, 1), at(100)), Err(Room::Never));
    assert_eq!(shared.take(&ask(1, 0, 0), at(100)), Err(Room::Never));
    assert_eq!(shared.take(&ask(1, 5, 6), at(100)), Err(Room::Never));
    assert_eq!(shared.take(&ask(1, 5, 5), at(100)).unwrap().units, 5);
    // The last of it may be spent at 109, and counts until 168.
    for now in [100, 110, 168] {
        assert_eq!(
            shared.take(&ask(2, 5, 1), at(now)),
            Err(Room::From(at(169)))
        );
    }
    assert_eq!(shared.take(&ask(2, 5, 5), at(169)).unwrap().units, 5);
}

#[test]
fn what_is_handed_in_is_free_and_what_was_spent_counts_from_its_second() {
    let mut shared = pool(Span::Sliding(60));
    let slice = shared.take(&ask(1, 5, 5), at(100)).unwrap();
    shared.hand_in(&slice, 2, at(104));
    assert_eq!(shared.used(at(105)), 2);
    assert_eq!(shared.frees_at(at(105)), Some(at(164)));
    assert_eq!(
        shared.take(&ask(2, 5, 4), at(105)),
        Err(Room::From(at(164)))
    );
    assert_eq!(shared.room(5, 5, at(105)), Room::From(at(164)));
    shared.take(&ask(2, 5, 3), at(105)).unwrap();
    assert_eq!(shared.room(5, 2, at(105)), Room::From(at(164)));
    assert_eq!(shared.room(5, 3, at(105)), Room::From(at(174)));
    // Twice is once.
    shared.hand_in(&slice, 2, at(104));
    assert_eq!(shared.used(at(105)), 5);
}

#[test]
fn a_slice_of_somebody_who_never_came_back_is_spent() {
    let mut shared = pool(Span::Day);
    let slice = shared.take(&ask(1, 5, 2), at(NOON_S)).unwrap();
    shared.take(&ask(2, 5, 1), at(NOON_S + 69)).unwrap();
    assert_eq!(shared.slices.len(), 2);
    shared.take(&ask(2, 5, 1), at(NOON_S + 70)).unwrap();
    assert_eq!(shared.slices.len(), 2);
    shared.hand_in(&slice, 0, at(NOON_S + 70));
    assert_eq!(shared.used(at(NOON_S + 70)), 4);
}

#[test]
fn a_node_whose_clock_is_behind_takes_what_it_takes_at_the_latest_second_spent() {
    let mut shared = pool(Span::Sliding(60));
    let first = shared.take(&ask(1, 5, 5), at(100)).unwrap();
    shared.hand_in(&first, 5, at(100));
    let ahead = shared.take(&ask(1, 5, 1), at(160)).unwrap();
    shared.hand_in(&ahead, 1, at(160));
    assert_eq!(shared.counts_at(at(159)), at(160));
    let behind = shared.take(&ask(2, 5, 1), at(150)).unwrap();
    assert_eq!(behind.ends_at, at(170));
}

#[test]
fn a_slice_of_a_day_is_not_spent_on_the_next() {
    let midnight = NOON_S + 12 * 3_600;
    let mut shared = pool(Span::Day);
    let slice = shared.take(&ask(1, 5, 5), at(midnight - 3)).unwrap();
    assert_eq!(slice.ends_at, at(midnight));
    assert_eq!(shared.used(at(midnight - 1)), 5);
    assert_eq!(shared.used(at(midnight)), 0);
    assert_eq!(
        shared.take(&ask(2, 5, 5), at(midnight)).unwrap().ends_at,
        at(midnight + 10)
    );
}

#[test]
fn who_goes_on_alone_counts_every_slice() {
    let mut shared = pool(Span::Sliding(60));
    shared.take(&ask(1, 9, 2), at(100)).unwrap();
    shared.take(&ask(2, 9, 3), at(120)).unwrap();
    let alone = shared.into_spent(at(115));
    assert_eq!(
        (
            alone.used(at(115)),
            alone.used(at(169)),
            alone.used(at(175))
        ),
        (5, 3, 0)
    );
}

#[test]
fn a_pool_is_read_back_as_it_was_written() {
    let mut shared = pool(Span::Sliding(60));
    let slice = shared.take(&ask(1, u64::MAX, 5), at(NOON_S)).unwrap();
    shared.hand_in(&slice, 3, at(NOON_S + 1));
    shared.take(&ask(2, u64::MAX, 5), at(NOON_S + 2)).unwrap();
    let json = serde_json::to_string(&shared.part()).unwrap();
    let read = Pool::restore(Span::Sliding(60), serde_json::from_str(&json).unwrap()).unwrap();
    assert_eq!(read, shared);
    assert!(Pool::restore(Span::Day, shared.part()).is_err());
}

#[derive(Clone, Debug)]
enum Step {
    /// This node calls at this amount.
    Call(u128, u64),
    /// This node hands in what it has.
    HandIn(u128),
    /// This node dies.
    Die(u128),
    Wait(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0_u128..4, 0_u64..4).prop_map(|(node, amount)| Step::Call(node, amount)),
        2 => (0_u128..4).prop_map(Step::HandIn),
        1 => (0_u128..4).prop_map(Step::Die),
        2 => (1_i64..30).prop_map(Step::Wait),
        1 => (1_i64..50_000).prop_map(Step::Wait),
    ]
}

struct Node {
    slice: Slice,
    left: u64,
    spent: u64,
    last: i64,
}

proptest! {
    /// Whatever nodes take, spend, hand in, and lose: in no window is more spent than the limit.
    #[test]
    fn what_nodes_spend_never_exceeds_the_limit_in_any_window(
        span in prop_oneof![(1_u32..90).prop_map(Span::Sliding), Just(Span::Day), Just(Span::Total)],
        limit in 0_u64..30,
        steps in prop::collection::vec(step(), 0..300),
    ) {
        let mut shared = pool(span);
        let mut nodes: std::collections::BTreeMap<u128, Node> = Default::default();
        let mut spent: Vec<(i64, u64)> = vec![];
        let (mut now, mut number) = (NOON_S, 0);
        for step in steps {
            match step {
                Step::Wait(seconds) => now += seconds,
                Step::Die(node) => drop(nodes.remove(&node)),
                Step::HandIn(node) => {
                    if let Some(node) = nodes.remove(&node) {
                        shared.hand_in(&node.slice, node.spent, at(node.last));
                    }
                }
                Step::Call(id, amount) => {
                    let can = |node: &Node| now < node.slice.ends_at.as_s() && amount <= node.left;
                    if !nodes.get(&id).is_some_and(can) {
                        if let Some(node) = nodes.remove(&id) {
                            shared.hand_in(&node.slice, node.spent, at(node.last));
                        }
                        number += 1;
                        let ask = Ask { number, ..ask(id, limit, amount) };
                        let Ok(slice) = shared.take(&ask, at(now)) else { continue };
                        nodes.insert(id, Node { slice, left: slice.units, spent: 0, last: now });
                    }
                    let node = nodes.get_mut(&id).unwrap();
                    node.left -= amount;
                    node.spent += amount;
                    node.last = now;
                    spent.push((now, amount));
                }
            }
            let counts = |second: i64| match span {
                Span::Sliding(window) => now < second + i64::from(window),
                Span::Day => second / 86_400 == now / 86_400,
                Span::Month | Span::Total => true,
            };
            let sum: u64 = spent.iter().filter(|(second, _)| counts(*second)).map(|(_, units)| units).sum();
            prop_assert!(sum <= limit, "{} of {}", sum, limit);
            prop_assert!(shared.used(at(now)) >= sum);
        }
    }

    /// Where every node hands in what it does not need, all of the limit is used.
    #[test]
    fn all_of_the_limit_is_used_where_nodes_hand_in(
        limit in 1_u64..200,
        calls in prop::collection::vec(0_u128..5, 200..300),
    ) {
        let mut shared = pool(Span::Sliding(60));
        let mut allowed = 0;
        for (number, node) in (0..).zip(&calls) {
            let ask = Ask { number, ..ask(*node, limit, 1) };
            if let Ok(slice) = shared.take(&ask, at(NOON_S)) {
                allowed += 1;
                shared.hand_in(&slice, 1, at(NOON_S));
            }
        }
        prop_assert_eq!(allowed, limit.min(calls.len() as u64));
    }
}
