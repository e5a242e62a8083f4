//! The same with every constraint, counts, approvals, trust and guardrails.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use kavach_core::{
    AgentId, Charge, Decision, Leaf, NothingRecorded, Recorded, Request, Timestamp, decide,
    decide_via,
};
use proptest::collection::vec;
use proptest::prelude::Strategy;

use crate::forest::{Forest, Spelling, Step, UNIVERSE, bounded_steps};
use crate::meters::{Counted, Fixed};
use crate::runs::check;
use crate::world::{World, call, request};

type Answers = BTreeMap<(AgentId, Option<Leaf>, usize), u8>;

/// Calls in circumstances of all kinds, by their numbers.
fn calls() -> impl Iterator<Item = (usize, Request)> {
    calls_each(11)
}

fn calls_each(step: usize) -> impl Iterator<Item = (usize, Request)> {
    (0..UNIVERSE.len()).step_by(step).map(|place| {
        let (action, resource) = UNIVERSE[place].clone();
        let nobody = AgentId::from_u128(0);
        let request = Request::new(crate::world::TENANT, nobody, action, resource);
        (place, call(request, place * 31))
    })
}

fn recorded(forest: &Forest) -> Fixed {
    Fixed {
        seed: 1,
        start: forest.start,
    }
}

fn answers(forest: &Forest) -> Answers {
    let (graph, now, recorded) = (&forest.world.graph, forest.world.now, recorded(forest));
    let mut answers = Answers::new();
    for (place, mut request) in calls() {
        for (tenant, agent) in &forest.agents {
            (request.tenant, request.agent) = (*tenant, *agent);
            let rank = decide(graph, &request, &recorded, now).decision.rank();
            answers.insert((*agent, None, place), rank);
        }
        for (tenant, agent, leaf) in forest.lines() {
            (request.tenant, request.agent) = (tenant, agent);
            let rank = decide_via(graph, &request, leaf, &recorded, now)
                .decision
                .rank();
            answers.insert((agent, Some(leaf), place), rank);
        }
    }
    answers
}

/// Takes each step, and checks those that `counts` against the answers before it.
fn walk(steps: &[Step], counts: fn(&Step) -> bool, check: impl Fn(u8, u8, &Step)) {
    let mut forest = Forest::new(Spelling::PLAIN);
    for step in steps {
        let before = counts(step).then(|| answers(&forest));
        let rails = forest.world.graph.guardrails(crate::world::TENANT).count();
        let taken = forest.take(step);
        let now = forest.world.graph.guardrails(crate::world::TENANT).count();
        // A guardrail in the place of another one may forbid less.
        let replaces = matches!(step, Step::Guard { .. }) && rails == now;
        let (Some(before), Some(Ok(()))) = (before.filter(|_| !replaces), taken) else {
            continue;
        };
        let after = answers(&forest);
        for (asked, rank) in before {
            check(rank, after[&asked], step);
        }
    }
}

#[test]
fn whatever_narrows_never_raises_an_answer() {
    check(12, &bounded_steps(40), |steps| {
        // Time opens windows and frees limits.
        walk(
            &steps,
            |step| step.narrows() && !step.waits(),
            |before, after, step| {
                assert!(after <= before, "{step:?}");
            },
        );
    });
}

#[test]
fn whatever_adds_never_lowers_an_answer() {
    check(12, &bounded_steps(40), |steps| {
        walk(&steps, Step::widens, |before, after, step| {
            assert!(after >= before, "{step:?}");
        });
    });
}

/// The grants of a line at its hops, the leaf's first, with whether any is bounded by depth or by trust.
fn depends_on_the_leaf(forest: &Forest, tenant: kavach_core::TenantId, leaf: Leaf) -> bool {
    let graph = &forest.world.graph;
    let grants = match leaf {
        Leaf::Root(id) => &graph.agent(tenant, id).unwrap().grants,
        Leaf::Delegation(id) => &graph.delegation(tenant, id).unwrap().grants,
    };
    let bound = |bounds: &kavach_core::Constraints| {
        bounds.max_depth.is_some() || bounds.min_trust.is_some()
    };
    let above = match leaf {
        Leaf::Root(_) => None,
        Leaf::Delegation(id) => {
            let known = graph.delegation(tenant, id).unwrap();
            Some(
                known
                    .parent
                    .map_or(Leaf::Root(known.from), Leaf::Delegation),
            )
        }
    };
    grants.permissions().any(|held| bound(&held.constraints))
        || above.is_some_and(|above| depends_on_the_leaf(forest, tenant, above))
}

/// Holds every delegation against its parent; how many answers were given, and how many charges above.
fn below_its_parent(forest: &Forest, recorded: &impl Recorded) -> (usize, usize) {
    let (graph, now) = (&forest.world.graph, forest.world.now);
    let (mut answered, mut charged) = (0, 0);
    for (tenant, id) in &forest.delegations {
        let below = graph.delegation(*tenant, *id).unwrap();
        let parent = below
            .parent
            .map_or(Leaf::Root(below.from), Leaf::Delegation);
        let differs = depends_on_the_leaf(forest, *tenant, parent);
        for (_, mut request) in calls_each(2) {
            (request.tenant, request.agent) = (*tenant, below.to);
            let mine = decide_via(graph, &request, Leaf::Delegation(*id), recorded, now);
            let my_charges = graph.charges(&request, &mine);
            request.agent = below.from;
            let its = decide_via(graph, &request, parent, recorded, now);
            let its_charges = graph.charges(&request, &its);
            assert!(mine.decision.rank() <= its.decision.rank(), "{request:?}");
            if mine.decision.rank() == 0 {
                continue;
            }
            answered += 1;
            assert!(mine.approvals >= its.approvals, "{mine:?} {its:?}");
            // A hop may take another grant for a leaf that is farther away, or trusted less.
            if differs && mine.matched.grants()[1..] != *its.matched.grants() {
                continue;
            }
            assert_eq!(mine.matched.grants()[1..], *its.matched.grants());
            let has = |charge: &Charge| my_charges.contains(charge);
            assert!(
                its_charges.iter().all(has),
                "{my_charges:?} {its_charges:?}"
            );
            assert!(mine.settles || !its.settles);
            charged += its_charges.len();
        }
    }
    (answered, charged)
}

#[test]
fn a_delegation_answers_no_more_than_its_parent_and_obliges_to_no_less() {
    let (charged, answered) = (Cell::new(0), Cell::new(0));
    check(120, &bounded_steps(50), |steps| {
        let mut forest = Forest::new(Spelling::PLAIN);
        for step in &steps {
            let _ = forest.take(step);
        }
        let fixed = recorded(&forest);
        let (one, two) = (
            below_its_parent(&forest, &fixed),
            below_its_parent(&forest, &NothingRecorded),
        );
        answered.set(answered.get() + one.0 + two.0);
        charged.set(charged.get() + one.1 + two.1);
    });
    let (charged, answered) = (charged.get(), answered.get());
    assert!(
        charged > 20 && answered > 200,
        "{charged} charged in {answered}"
    );
}

/// The same steps spelled in two ways, and the same calls: what is answered.
fn compare_spelled(steps: &[Step], spelling: Spelling, counted: bool) {
    let (mut plain, mut other) = (Forest::new(Spelling::PLAIN), Forest::new(spelling));
    for step in steps {
        let _ = (plain.take(step), other.take(step));
    }
    let now = plain.world.now;
    for (tenant, agent) in &plain.agents {
        for (_, mut request) in calls() {
            (request.tenant, request.agent) = (*tenant, *agent);
            let answer = |forest: &Forest, request: &Request| {
                let graph = &forest.world.graph;
                let verdict = if counted {
                    decide(graph, request, &recorded(forest), now)
                } else {
                    decide(graph, request, &NothingRecorded, now)
                };
                (verdict.decision, verdict.approvals)
            };
            let before = answer(&plain, &request);
            request.action = (spelling.action)(request.action.as_str()).parse().unwrap();
            request.resource = spelling.spell(request.resource.as_str()).parse().unwrap();
            assert_eq!(before, answer(&other, &request), "{request:?}");
        }
    }
}

#[test]
fn the_order_of_bounded_grants_is_irrelevant() {
    let spelling = Spelling {
        reversed: true,
        ..Spelling::PLAIN
    };
    check(12, &bounded_steps(60), |steps| {
        compare_spelled(&steps, spelling, true);
    });
}

#[test]
fn renaming_literals_changes_nothing_whatever_the_bounds() {
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
    check(12, &bounded_steps(60), |mut steps| {
        // A grant is dropped by its place, and counted by its number: both go by the bytes.
        steps.retain(|step| !matches!(step, Step::DropGrant(..)));
        compare_spelled(&steps, spelling, false);
    });
}

/// A call: by whom, how many seconds after the one before, at what cost.
fn traffic() -> impl Strategy<Value = Vec<(usize, u64, u64)>> {
    vec((0..7_usize, 0..40_u64, 0..4_u64), 1..200)
}

#[test]
fn all_descendants_together_never_pass_an_ancestors_limit() {
    let allowed = Cell::new(0);
    check(30, &traffic(), |traffic| {
        let mut world = World::new();
        let root = world.agent("root", &["*:mcp:**?rate=5/60s&budget=12/day"]);
        let names = ["one", "two", "three", "four", "five", "six"];
        let below = names.map(|name| world.agent(name, &[]));
        // Two below the root, two below each of these; the last has a limit of its own beside.
        for (place, to) in below.iter().enumerate() {
            let from = if place < 2 {
                root
            } else {
                below[place / 2 - 1]
            };
            let own = if place == 5 {
                "*:mcp:a:**?rate=2/60s"
            } else {
                "*:mcp:a:**"
            };
            world.delegate(from, *to, &[own]);
        }
        let everyone: Vec<AgentId> = [root].into_iter().chain(below).collect();
        let counted = Counted::default();
        let mut allows: Vec<(Timestamp, AgentId, u64)> = Vec::new();
        for (who, pause_s, cost) in traffic {
            world.wait_s(pause_s);
            let mut request = request(crate::world::TENANT, everyone[who], "read", "mcp:a:b");
            request.cost = Some(cost);
            let verdict = decide(&world.graph, &request, &counted, world.now);
            let charges = world.graph.charges(&request, &verdict);
            assert_eq!(charges.is_empty(), verdict.decision != Decision::Allow);
            counted.charge(&charges, world.now);
            if verdict.decision.is_allow() {
                allows.push((world.now, request.agent, cost));
            }
        }
        allowed.set(allowed.get() + allows.len());
        for (at, _, _) in &allows {
            let within = |end: &Timestamp| *end <= *at && end.as_s() > at.as_s() - 60;
            let calls: Vec<_> = allows.iter().filter(|(end, _, _)| within(end)).collect();
            assert!(calls.len() <= 5, "{calls:?}");
            let by_last = calls
                .iter()
                .filter(|(_, who, _)| *who == everyone[6])
                .count();
            assert!(by_last <= 2, "{calls:?}");
        }
        let mut days: BTreeMap<i64, u64> = BTreeMap::new();
        for (at, _, cost) in &allows {
            *days.entry(at.as_s() / 86_400).or_default() += cost;
        }
        assert!(days.values().all(|cost| *cost <= 12), "{days:?}");
        let distinct: BTreeSet<AgentId> = allows.iter().map(|(_, who, _)| *who).collect();
        assert!(distinct.len() <= everyone.len());
    });
    assert!(allowed.get() > 100, "{} allowed", allowed.get());
}
