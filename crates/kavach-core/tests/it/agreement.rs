//! `decide` and `decide_via` against the naive evaluator, after every step of random forests.

use std::cell::RefCell;
use std::collections::BTreeMap;

use kavach_core::oracle::Requests;
use kavach_core::{Decision, Leaf, NothingRecorded, Reason, Request, decide, decide_via};
use proptest::collection::vec;

use crate::forest::{Forest, Spelling, Step, UNIVERSE, steps};
use crate::runs::{hold, is_campaign, report, seed};

mod whole;

/// What a run has seen, so that it can be told from one that saw nothing.
#[derive(Debug, Default)]
struct Tally {
    decisions: u64,
    allowed: u64,
    /// Lines looked at, by the number of delegations in them.
    lines: [u64; 9],
    /// Steps made and refused, by name.
    steps: BTreeMap<&'static str, (u64, u64)>,
    reasons: BTreeMap<Reason, u64>,
}

#[test]
fn decisions_agree_with_the_naive_evaluator() {
    let (seed, least) = (seed(), if is_campaign() { 40_000_000 } else { 500_000 });
    report(format_args!(
        "deciding against the naive evaluator, seed {seed}"
    ));
    let tally = RefCell::new(Tally::default());
    let mut round = 0;
    while tally.borrow().decisions < least {
        let strategy = (steps(80), vec(0..UNIVERSE.len(), 80));
        hold(
            seed.wrapping_add(round),
            8,
            &strategy,
            |(steps, offsets)| {
                let mut forest = Forest::new(Spelling::PLAIN);
                let mut seen = Tally::default();
                for (step, offset) in steps.iter().zip(offsets) {
                    seen.take(&mut forest, step);
                    seen.compare(&forest, offset);
                }
                tally.borrow_mut().add(seen);
            },
        );
        round += 1;
    }
    let tally = tally.into_inner();
    report(format_args!(
        "{} decisions agreed, {} of them allows, seed {seed}",
        tally.decisions, tally.allowed
    ));
    tally.demand_variety();
}

impl Tally {
    fn take(&mut self, forest: &mut Forest, step: &Step) {
        let (made, refused) = self.steps.entry(step.name()).or_default();
        match forest.take(step) {
            Some(Ok(())) => *made += 1,
            Some(Err(_)) => *refused += 1,
            None => {}
        }
    }

    /// Asks an eighth of the universe, beginning at `offset`, of every line and of every agent.
    fn compare(&mut self, forest: &Forest, offset: usize) {
        let world = &forest.world;
        let turned = UNIVERSE.iter().cycle().skip(offset);
        let universe: Vec<_> = turned
            .step_by(7)
            .take(UNIVERSE.len() / 8)
            .cloned()
            .collect();
        let ask = |tenant, agent, place: usize| {
            let (action, resource) = universe[place].clone();
            Request::new(tenant, agent, action, resource)
        };
        for (tenant, agent, leaf) in forest.lines() {
            let want = world.oracle.given(tenant, leaf, &universe, world.now, 0);
            let depth = world.graph.line(tenant, leaf).unwrap().hops.len() - 1;
            self.lines[depth] += 1;
            self.count(&want, universe.len(), |place| {
                let verdict = decide_via(
                    &world.graph,
                    &ask(tenant, agent, place),
                    leaf,
                    &NothingRecorded,
                    world.now,
                );
                assert_eq!(verdict.leaf, Some(leaf));
                verdict.decision
            });
        }
        for (tenant, agent) in &forest.agents {
            let want = world.oracle.allowed(*tenant, *agent, &universe, world.now);
            self.count(&want, universe.len(), |place| {
                let request = ask(*tenant, *agent, place);
                let verdict = decide(&world.graph, &request, &NothingRecorded, world.now);
                if verdict.decision == Decision::Allow {
                    check_grounds(forest, &request, verdict.leaf, verdict.grant);
                }
                verdict.decision
            });
        }
    }

    #[track_caller]
    fn count(&mut self, want: &Requests, most: usize, decide: impl Fn(usize) -> Decision) {
        for place in 0..most {
            let decision = decide(place);
            assert_eq!(decision.is_allow(), want.contains(&place), "{decision:?}");
            assert_eq!(decision.is_allow(), decision.reason() == Reason::Granted);
            self.decisions += 1;
            self.allowed += u64::from(decision.is_allow());
            *self.reasons.entry(decision.reason()).or_default() += 1;
        }
    }

    fn add(&mut self, other: Self) {
        self.decisions += other.decisions;
        self.allowed += other.allowed;
        for (mine, theirs) in self.lines.iter_mut().zip(other.lines) {
            *mine += theirs;
        }
        for (name, (made, refused)) in other.steps {
            let mine = self.steps.entry(name).or_default();
            *mine = (mine.0 + made, mine.1 + refused);
        }
        for (reason, count) in other.reasons {
            *self.reasons.entry(reason).or_default() += count;
        }
    }

    /// Fails if the run was too uniform to prove anything.
    fn demand_variety(&self) {
        let share = self.allowed as f64 / self.decisions as f64;
        assert!((0.05..0.6).contains(&share), "{share} of the answers allow");
        assert!(
            self.lines[..6].iter().all(|count| *count > 20),
            "{:?}",
            self.lines
        );
        let all_made = self.steps.values().all(|(made, _)| *made > 0);
        assert!(self.steps.len() == 14 && all_made, "{:?}", self.steps);
        for reason in [
            Reason::NoGrants,
            Reason::NoMatchingGrant,
            Reason::GrantExpired,
            Reason::AgentSuspended,
            Reason::AgentRevoked,
            Reason::AgentExpired,
            Reason::OwnerRevoked,
            Reason::DelegationRevoked,
            Reason::DelegationExpired,
            Reason::AncestorSuspended,
            Reason::AncestorRevoked,
            Reason::AncestorExpired,
            Reason::AncestorNarrowed,
            Reason::TooDeep,
        ] {
            assert!(
                self.reasons.contains_key(&reason),
                "nothing was ever {reason}"
            );
        }
    }
}

/// What an allow names is one of the agent's own lines, and a grant there that speaks of the request.
#[track_caller]
fn check_grounds(forest: &Forest, request: &Request, leaf: Option<Leaf>, grant: Option<u32>) {
    let graph = &forest.world.graph;
    let grants = match leaf.unwrap() {
        Leaf::Root(id) => {
            assert_eq!(id, request.agent);
            &graph.agent(request.tenant, id).unwrap().grants
        }
        Leaf::Delegation(id) => {
            let delegation = graph.delegation(request.tenant, id).unwrap();
            assert_eq!(delegation.to, request.agent);
            &delegation.grants
        }
    };
    let named = grants.iter().find(|known| Some(known.id) == grant).unwrap();
    assert!(named.permission.matches(&request.action, &request.resource));
    assert!(named.permission.constraints.holds_at(forest.world.now));
}
