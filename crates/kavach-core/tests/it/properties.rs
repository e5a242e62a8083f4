//! What always holds, whatever the forest: semantics, section 4.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use kavach_core::oracle::{Requests, asked};
use kavach_core::{
    AgentId, BlastRadius, Change, Delegation, DelegationId, Graph, Leaf, Mode, NothingRecorded,
    Reason, Record, Refusal, Request, TenantId, Verdict, decide, decide_via,
};
use proptest::prelude::Strategy;

use crate::forest::{Forest, Spelling, Step, UNIVERSE, steps};
use crate::runs::check;

mod whole;

/// The rank of every answer of every line and agent, by what it was asked of and the request's place.
type Answers = BTreeMap<(AgentId, Option<Leaf>, usize), u8>;

/// Every seventh request of the universe, with its place.
fn some_requests() -> impl Iterator<Item = (usize, Request)> {
    let nobody = AgentId::from_u128(0);
    let universe = UNIVERSE.iter().enumerate().step_by(7);
    universe.map(move |(place, (action, resource))| {
        let (action, resource) = (action.clone(), resource.clone());
        (
            place,
            Request::new(TenantId::DEFAULT, nobody, action, resource),
        )
    })
}

fn answers(forest: &Forest) -> Answers {
    let (graph, now) = (&forest.world.graph, forest.world.now);
    let mut answers = Answers::new();
    for (place, mut request) in some_requests() {
        for (tenant, agent) in &forest.agents {
            (request.tenant, request.agent) = (*tenant, *agent);
            let verdict = decide(graph, &request, &NothingRecorded, now);
            answers.insert((*agent, None, place), verdict.decision.rank());
        }
        for (tenant, agent, leaf) in forest.lines() {
            (request.tenant, request.agent) = (tenant, agent);
            let verdict = decide_via(graph, &request, leaf, &NothingRecorded, now);
            answers.insert((agent, Some(leaf), place), verdict.decision.rank());
        }
    }
    answers
}

/// Takes each step in turn, if there is something to do it to and it is not refused, and then checks.
fn walk(steps: &[Step], mut check: impl FnMut(&mut Forest, &Step, Option<&Answers>)) {
    let mut forest = Forest::new(Spelling::PLAIN);
    let mut before = None;
    for step in steps {
        if let Some(Ok(())) = forest.take(step) {
            check(&mut forest, step, before.as_ref());
            before = Some(answers(&forest));
        }
    }
}

#[test]
fn no_delegation_answers_more_than_its_parent() {
    check(24, &steps(40), |steps| {
        walk(&steps, |forest, _, _| {
            let answers = answers(forest);
            for (tenant, id) in &forest.delegations {
                let below = forest.world.graph.delegation(*tenant, *id).unwrap();
                let parent = below
                    .parent
                    .map_or(Leaf::Root(below.from), Leaf::Delegation);
                for (place, _) in some_requests() {
                    let mine = answers[&(below.to, Some(Leaf::Delegation(*id)), place)];
                    let theirs = answers[&(below.from, Some(parent), place)];
                    assert!(mine <= theirs, "{:?} below {parent}", UNIVERSE[place]);
                }
            }
        });
    });
}

#[test]
fn narrowing_revoking_and_waiting_never_raise_an_answer() {
    check(24, &steps(40), |steps| {
        walk(&steps, |forest, step, before| {
            let Some(before) = before.filter(|_| step.narrows()) else {
                return;
            };
            for (asked, rank) in answers(forest) {
                // What an owner's first off-boarding makes known has nobody to ask.
                assert!(rank <= before[&asked], "{asked:?} after {step:?}");
            }
        });
    });
}

#[test]
fn adding_a_grant_a_line_or_an_agent_never_lowers_an_answer() {
    check(24, &steps(40), |steps| {
        walk(&steps, |forest, step, before| {
            let Some(before) = before.filter(|_| step.widens()) else {
                return;
            };
            let after = answers(forest);
            for (asked, rank) in before {
                assert!(after[asked] >= *rank, "{asked:?} after {step:?}");
            }
        });
    });
}

/// The verdicts of two forests that took the same steps, spelled differently.
fn compare_spelled(steps: &[Step], spelling: Spelling, same: impl Fn(Verdict, Verdict) -> bool) {
    let (mut plain, mut other) = (Forest::new(Spelling::PLAIN), Forest::new(spelling));
    for step in steps {
        // Which of several wrong permissions a refusal names goes by their order.
        let outcome = |taken: Option<Result<(), Refusal>>| taken.map(|taken| taken.is_ok());
        assert_eq!(
            outcome(plain.take(step)),
            outcome(other.take(step)),
            "{step:?}"
        );
    }
    let now = plain.world.now;
    for (tenant, agent) in &plain.agents {
        for (_, mut request) in some_requests() {
            (request.tenant, request.agent) = (*tenant, *agent);
            let before = decide(&plain.world.graph, &request, &NothingRecorded, now);
            request.action = (spelling.action)(request.action.as_str()).parse().unwrap();
            request.resource = spelling.spell(request.resource.as_str()).parse().unwrap();
            let after = decide(&other.world.graph, &request, &NothingRecorded, now);
            assert!(same(before, after), "{request:?}: {before:?} and {after:?}");
        }
    }
}

#[test]
fn the_order_of_grants_is_irrelevant() {
    let spelling = Spelling {
        reversed: true,
        ..Spelling::PLAIN
    };
    check(24, &steps(60), |steps| {
        compare_spelled(&steps, spelling, |plain, reversed| plain == reversed);
    });
}

#[test]
fn renaming_literals_changes_nothing() {
    let spelling = Spelling {
        letter: |letter| match letter {
            'a' => 'y',
            'b' => 'c',
            'z' => 'a',
            other => other,
        },
        action: |action| match action {
            "read" => "zip",
            "write" => "add",
            "zap" => "read",
            other => other,
        },
        reversed: false,
    };
    check(24, &steps(60), |mut steps| {
        // A grant is dropped by its place among the others, and that does go by the bytes.
        steps.retain(|step| !matches!(step, Step::DropGrant(..)));
        // Which of two lines is named, and which grant, goes by the bytes.
        compare_spelled(&steps, spelling, |plain, renamed| {
            plain.decision == renamed.decision
        });
    });
}

#[test]
fn records_applied_in_any_order_of_rank_give_equal_answers() {
    let orders = proptest::collection::vec(proptest::prelude::any::<u64>(), 400);
    check(24, &(steps(60), orders), |(steps, order)| {
        let mut forest = Forest::new(Spelling::PLAIN);
        for step in &steps {
            let _ = forest.take(step);
        }
        let records = forest.world.records();
        let mut shuffled: Vec<_> = records.iter().zip(order).collect();
        shuffled.sort_by_key(|((record, _), order)| (record.rank(), *order));
        let mut graph = Graph::new();
        for ((record, stamp), _) in shuffled {
            graph.apply(record.clone(), *stamp).unwrap();
        }
        for (record, stamp) in &records {
            assert_eq!(graph.stamp(&record.key()), Some(*stamp));
        }
        let now = forest.world.now;
        for (tenant, agent) in &forest.agents {
            for (_, mut request) in some_requests() {
                (request.tenant, request.agent) = (*tenant, *agent);
                let (before, after) = (
                    forest.world.graph.explain(&request, &NothingRecorded, now),
                    graph.explain(&request, &NothingRecorded, now),
                );
                assert_eq!(before, after, "{request:?}");
            }
            let before = forest
                .world
                .graph
                .blast_radius_of_agent(*tenant, *agent, now);
            assert_eq!(before, graph.blast_radius_of_agent(*tenant, *agent, now));
        }
    });
}

#[test]
fn permissions_of_is_what_the_naive_evaluator_gives() {
    check(16, &steps(60), |steps| {
        let mut forest = Forest::new(Spelling::PLAIN);
        for step in &steps {
            let _ = forest.take(step);
        }
        let (graph, oracle, now) = (&forest.world.graph, &forest.world.oracle, forest.world.now);
        for (tenant, agent) in &forest.agents {
            let lines = graph.permissions_of(*tenant, *agent, now).unwrap();
            for line in &lines {
                assert!(line.complete);
                assert_eq!(line.fault.is_none(), oracle.holds(*tenant, line.leaf, now));
                // Later, and for somebody further down, as far as the bounds that are listed say.
                for (later_s, hops) in [(0, 0), (0, 1), (0, 3), (1, 0), (7, 1), (40, 0)] {
                    let later = now.plus_s(later_s);
                    let listed = asked(&line.permissions, &UNIVERSE, later, hops);
                    let given = oracle.given(*tenant, line.leaf, &UNIVERSE, later, hops);
                    if line.fault.is_none() {
                        assert_eq!(listed, given, "{} later, {hops} below", later_s);
                    } else {
                        assert!(listed.is_empty());
                    }
                }
            }
            let listed: BTreeSet<Leaf> = lines.iter().map(|line| line.leaf).collect();
            let all = oracle.lines(*tenant, *agent);
            let without = |leaf: &Leaf| {
                let root = graph.agent(*tenant, *agent).unwrap();
                *leaf == Leaf::Root(*agent) && root.grants.is_empty()
            };
            assert_eq!(
                listed,
                all.into_iter().filter(|leaf| !without(leaf)).collect()
            );
        }
    });
}

/// The lines that hold, and the agents that have one.
fn live(forest: &Forest) -> (BTreeSet<DelegationId>, BTreeSet<AgentId>) {
    let world = &forest.world;
    let mut delegations = BTreeSet::new();
    let mut agents = BTreeSet::new();
    for (tenant, agent, leaf) in forest.lines() {
        if !world.oracle.holds(tenant, leaf, world.now) {
            continue;
        }
        match leaf {
            Leaf::Delegation(id) => {
                delegations.insert(id);
                agents.insert(agent);
            }
            Leaf::Root(id) => {
                let known = world.graph.agent(tenant, id).unwrap();
                if !known.grants.is_empty() {
                    agents.insert(agent);
                }
            }
        }
    }
    (delegations, agents)
}

fn foretold(forest: &Forest, step: &Change) -> Option<(Option<AgentId>, BlastRadius)> {
    let (graph, now) = (&forest.world.graph, forest.world.now);
    match step.writes.as_slice() {
        [Record::Agent(agent)] => {
            let radius = graph.blast_radius_of_agent(agent.tenant, agent.id, now);
            Some((Some(agent.id), radius.unwrap()))
        }
        [Record::Delegation(revoked)] => {
            let radius = graph.blast_radius_of_delegation(revoked.tenant, revoked.id, now);
            Some((None, radius.unwrap()))
        }
        _ => None,
    }
}

#[test]
fn the_blast_radius_is_what_stops_when_it_is_revoked() {
    let stops = Cell::new(0);
    check(80, &steps(80), |steps| {
        let mut forest = Forest::new(Spelling::PLAIN);
        for step in &steps {
            let revokes = matches!(step, Step::RevokeAgent(_) | Step::RevokeDelegation(_));
            let Some(Ok(change)) = (if revokes { forest.propose(step) } else { None }) else {
                let _ = forest.take(step);
                continue;
            };
            let (revoked, radius) = foretold(&forest, &change).unwrap();
            let (lines_before, _) = live(&forest);
            forest.world.commit(Ok(change)).unwrap();
            let (lines_after, agents_after) = live(&forest);

            let stopped: Vec<_> = lines_before.difference(&lines_after).copied().collect();
            assert_eq!(radius.delegations, stopped);
            stops.set(stops.get() + stopped.len());
            let losers = stopped.iter().map(|id| {
                let (tenant, _) = forest
                    .delegations
                    .iter()
                    .find(|known| known.1 == *id)
                    .unwrap();
                forest.world.graph.delegation(*tenant, *id).unwrap().to
            });
            let losers: BTreeSet<AgentId> = losers.chain(revoked).collect();
            assert_eq!(radius.agents, losers.iter().copied().collect::<Vec<_>>());
            let bare: Vec<_> = losers.difference(&agents_after).copied().collect();
            assert_eq!(radius.left_with_nothing, bare);
        }
    });
    assert!(
        stops.get() > 50,
        "only {} delegations ever stopped",
        stops.get()
    );
}

/// The delegation that a change writes.
fn written(change: &Change) -> &Delegation {
    let found = change.writes.iter().find_map(|record| match record {
        Record::Delegation(delegation) => Some(delegation),
        Record::Owner(_)
        | Record::Subject(_)
        | Record::Agent(_)
        | Record::Name(_)
        | Record::Guardrail(_) => None,
    });
    found.expect("a delegation is written")
}

/// What is stored is what was asked for and what the giver has, at any time and depth.
#[track_caller]
fn check_stored(forest: &Forest, asked_for: &[kavach_core::Permission], stored: &Delegation) {
    let (oracle, now) = (&forest.world.oracle, forest.world.now);
    let parent = stored
        .parent
        .map_or(Leaf::Root(stored.from), Leaf::Delegation);
    for (later_s, hops) in [(0, 0), (0, 1), (0, 2), (1, 0), (9, 1), (40, 0)] {
        let at = now.plus_s(later_s);
        let got = asked(stored.grants.permissions(), &UNIVERSE, at, hops);
        let wanted = asked(asked_for, &UNIVERSE, at, hops);
        let given = oracle.given(stored.tenant, parent, &UNIVERSE, at, hops + 1);
        let both: Requests = wanted.intersection(&given).copied().collect();
        assert_eq!(got, both, "{later_s} s later, {hops} hops below");
    }
}

#[test]
fn narrowing_is_the_intersection_and_strict_refuses_exactly_what_is_wider() {
    let draft = steps(2).prop_filter_map("a delegation", |steps| {
        steps
            .into_iter()
            .find(|step| matches!(step, Step::Delegate { .. }))
    });
    let (accepted, wider) = (Cell::new(0), Cell::new(0));
    check(900, &(steps(14), draft), |(steps, draft)| {
        let mut forest = Forest::new(Spelling::PLAIN);
        for step in &steps {
            let _ = forest.take(step);
        }
        let Step::Delegate {
            from,
            to,
            via,
            grants,
            mut bounds,
        } = draft
        else {
            return;
        };
        (bounds.lifetime_s, bounds.depth) = (None, None);
        let Some(mut draft) = forest.draft(from, to, via, &grants, &bounds) else {
            return;
        };
        let (graph, oracle, now) = (&forest.world.graph, &forest.world.oracle, forest.world.now);
        let mut both = [Mode::Strict, Mode::Attenuate].map(|mode| {
            draft.mode = mode;
            graph.delegate(draft.clone(), now)
        });
        let within =
            |leaf: &Leaf| oracle.is_within(draft.tenant, *leaf, &draft.permissions, &UNIVERSE, now);
        let live = |leaf: &Leaf| {
            oracle.holds(draft.tenant, *leaf, now) && !is_bare(graph, draft.tenant, *leaf)
        };
        let mut lines = oracle.lines(draft.tenant, draft.from);
        lines.retain(live);
        match &both[0] {
            Ok(change) => {
                accepted.set(accepted.get() + 1);
                let stored = written(change);
                let parent = stored
                    .parent
                    .map_or(Leaf::Root(stored.from), Leaf::Delegation);
                assert!(within(&parent), "{parent} does not give all of it");
                let covering = lines.iter().filter(|leaf| within(leaf)).count();
                assert!(
                    draft.via.is_some() || covering == 1,
                    "{covering} lines cover it"
                );
                assert_eq!(
                    both[1].as_ref().map(written),
                    Ok(stored),
                    "attenuating differs"
                );
            }
            Err(refusal) => {
                wider.set(wider.get() + u32::from(refusal.reason == Reason::WiderThanParent));
                check_refusal(refusal, draft.via, &lines, within);
            }
        }
        if let [_, Ok(change)] = &mut both {
            check_stored(&forest, &draft.permissions, written(change));
        }
    });
    let (accepted, wider) = (accepted.get(), wider.get());
    assert!(
        accepted > 25 && wider > 50,
        "{accepted} accepted, {wider} refused as wider"
    );
}

fn is_bare(graph: &Graph, tenant: TenantId, leaf: Leaf) -> bool {
    match leaf {
        Leaf::Root(id) => graph
            .agent(tenant, id)
            .is_none_or(|agent| agent.grants.is_empty()),
        Leaf::Delegation(_) => false,
    }
}

/// A strict refusal is right: the line it speaks of does not give all of it.
#[track_caller]
fn check_refusal(
    refusal: &Refusal,
    via: Option<Leaf>,
    live: &[Leaf],
    within: impl Fn(&Leaf) -> bool,
) {
    let reason = refusal.reason;
    let about_the_request = [
        Reason::WiderThanParent,
        Reason::TooDeep,
        Reason::GrantExpired,
        Reason::NothingLeft,
    ];
    let about_the_receiver = [
        Reason::NotFound,
        Reason::AlreadyRevoked,
        Reason::AlreadyExpired,
        Reason::OwnerRevoked,
    ];
    if about_the_request.contains(&reason) {
        let only = via.as_ref().or(live.first()).unwrap();
        assert!(
            !within(only),
            "{only} gives all of it, and still: {refusal}"
        );
    } else if reason == Reason::AmbiguousVia {
        let covering: Vec<Leaf> = live.iter().copied().filter(within).collect();
        assert_ne!(covering.len(), 1, "{refusal}");
        let shown: BTreeSet<Leaf> = refusal.candidates.iter().copied().collect();
        if !covering.is_empty() {
            assert_eq!(shown, covering.into_iter().collect());
        }
    } else {
        let dead = via.map_or(live.is_empty(), |via| !live.contains(&via));
        assert!(dead || about_the_receiver.contains(&reason), "{refusal}");
    }
}
