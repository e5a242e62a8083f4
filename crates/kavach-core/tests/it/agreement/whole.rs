//! Whole decisions: every constraint, counts, approvals, trust, guardrails and clocks.

use std::cell::RefCell;
use std::collections::BTreeMap;

use kavach_core::oracle::decisions::Expected;
use kavach_core::{Charge, Decision, Graph, Reason, Request, Verdict, decide, decide_via};
use proptest::collection::vec;

use crate::forest::{Forest, Spelling, Step, UNIVERSE, bounded_steps};
use crate::meters::Fixed;
use crate::runs::{hold, is_campaign, report, seed};
use crate::world::call;

/// What a run has seen, so that it can be told from one that saw nothing.
#[derive(Debug, Default)]
struct Seen {
    decisions: u64,
    steps: BTreeMap<&'static str, u64>,
    reasons: BTreeMap<Reason, u64>,
    /// Answers that people must say yes to: allows with their approval, and those without.
    approved: u64,
    charged: u64,
    settled: u64,
    shadowed: u64,
    retries: u64,
    /// Answers that were the best of several that differed.
    chosen: u64,
}

#[test]
fn whole_decisions_agree_with_the_naive_evaluator() {
    let (seed, least) = (seed(), if is_campaign() { 12_000_000 } else { 60_000 });
    let seen = RefCell::new(Seen::default());
    let mut round = 0;
    while seen.borrow().decisions < least {
        let strategy = (bounded_steps(60), vec(0..10_000_usize, 60));
        hold(
            seed.wrapping_add(round),
            8,
            &strategy,
            |(steps, offsets)| {
                let mut forest = Forest::new(Spelling::PLAIN);
                let mut ours = Seen::default();
                for (step, offset) in steps.iter().zip(offsets) {
                    ours.take(&mut forest, step);
                    ours.compare(&forest, offset);
                }
                seen.borrow_mut().add(ours);
            },
        );
        round += 1;
    }
    let seen = seen.into_inner();
    report(format_args!(
        "{} whole decisions agreed, seed {seed}: {seen:?}",
        seen.decisions
    ));
    seen.demand_variety();
}

impl Seen {
    fn take(&mut self, forest: &mut Forest, step: &Step) {
        if let Some(Ok(())) = forest.take(step) {
            *self.steps.entry(step.name()).or_default() += 1;
        }
    }

    /// A few calls of every line and of every agent, in circumstances of all kinds.
    fn compare(&mut self, forest: &Forest, offset: usize) {
        let world = &forest.world;
        let recorded = Fixed {
            seed: offset as u64 % 7,
            start: forest.start,
        };
        let mut number = offset;
        let mut next = |tenant, agent| {
            // A step that is prime to all of the sizes.
            number += 1009;
            let (action, resource) = UNIVERSE[number % UNIVERSE.len()].clone();
            call(Request::new(tenant, agent, action, resource), number / 7)
        };
        for (tenant, agent, leaf) in forest.lines() {
            for _ in 0..2 {
                let request = next(tenant, agent);
                let want = world
                    .oracle
                    .decide_via(&request, leaf, &recorded, world.now);
                let verdict = decide_via(&world.graph, &request, leaf, &recorded, world.now);
                assert_eq!(verdict.leaf, Some(leaf));
                self.check(&world.graph, &request, &verdict, &want);
                let later = verdict.retry_at.inspect(|at| assert!(*at > world.now));
                if let Some(at) = later {
                    let then = world.oracle.decide_via(&request, leaf, &recorded, at);
                    assert!(then.rank > 0, "{request:?} at {at}: {verdict:?}");
                }
            }
        }
        for (tenant, agent) in &forest.agents {
            for _ in 0..2 {
                let request = next(*tenant, *agent);
                let want = world.oracle.decide(&request, &recorded, world.now);
                let verdict = decide(&world.graph, &request, &recorded, world.now);
                self.check(&world.graph, &request, &verdict, &want);
                if let Some(at) = verdict.retry_at {
                    let then = world.oracle.decide(&request, &recorded, at);
                    assert!(then.rank > 0, "{request:?} at {at}: {verdict:?}");
                }
                let lines = world.oracle.lines(*tenant, *agent);
                let ranks = lines.iter().map(|leaf| {
                    world
                        .oracle
                        .decide_via(&request, *leaf, &recorded, world.now)
                        .rank
                });
                let ranks: Vec<u8> = ranks.collect();
                self.chosen += u64::from(ranks.iter().min() != ranks.iter().max());
            }
        }
    }

    #[track_caller]
    fn check(&mut self, graph: &Graph, request: &Request, verdict: &Verdict, want: &Expected) {
        let told = || format!("{request:?}: {verdict:?}, not {want:?}");
        assert_eq!(verdict.decision.rank(), want.rank, "{}", told());
        let guarded = verdict.decision == Decision::Deny(Reason::GuardrailApplies);
        assert_eq!(guarded, verdict.guardrail.is_some(), "{}", told());
        if want.guarded {
            assert!(guarded, "{}", told());
        }
        let mut charges = graph.charges(request, verdict);
        if want.rank > 0 {
            assert_eq!(verdict.leaf, want.leaf, "{}", told());
            assert_eq!(verdict.matched.grants(), want.grants, "{}", told());
            assert_eq!(verdict.grant, want.grants.first().copied(), "{}", told());
            assert_eq!(verdict.approvals, want.approvals, "{}", told());
            let shadowed = graph.shadowed(request.tenant, verdict);
            let shadowed: Vec<String> = shadowed.map(|rail| rail.name.to_string()).collect();
            assert_eq!(shadowed, want.shadowed, "{}", told());
            self.shadowed += u64::from(!shadowed.is_empty());
        }
        let mut expected = want.charges.clone();
        let order = |charge: &Charge| charge.counter;
        charges.sort_by_key(order);
        expected.sort_by_key(order);
        assert_eq!(charges, expected, "{}", told());
        let settles = verdict.decision.is_allow() && !verdict.obligations().is_empty();
        let budget =
            |charge: &Charge| !matches!(charge.counter.span, kavach_core::Span::Sliding(_));
        assert_eq!(
            settles,
            want.rank == 2 && expected.iter().any(budget),
            "{}",
            told()
        );
        self.decisions += 1;
        self.approved += u64::from(verdict.decision.is_allow() && verdict.approvals > 0);
        self.charged += u64::from(verdict.decision.is_allow() && !charges.is_empty());
        self.settled += u64::from(settles);
        self.retries += u64::from(verdict.retry_at.is_some());
        *self.reasons.entry(verdict.decision.reason()).or_default() += 1;
    }

    fn add(&mut self, other: Self) {
        self.decisions += other.decisions;
        self.approved += other.approved;
        self.charged += other.charged;
        self.settled += other.settled;
        self.shadowed += other.shadowed;
        self.retries += other.retries;
        self.chosen += other.chosen;
        for (name, count) in other.steps {
            *self.steps.entry(name).or_default() += count;
        }
        for (reason, count) in other.reasons {
            *self.reasons.entry(reason).or_default() += count;
        }
    }

    /// Fails if the run was too uniform to prove anything.
    fn demand_variety(&self) {
        let counts = [
            self.approved,
            self.charged,
            self.settled,
            self.shadowed,
            self.retries,
            self.chosen,
        ];
        assert!(counts.iter().all(|count| *count > 50), "{self:?}");
        assert_eq!(self.steps.len(), 16, "{:?}", self.steps);
        for reason in [
            Reason::Granted,
            Reason::ApprovalRequired,
            Reason::GuardrailApplies,
            Reason::OutsideWindow,
            Reason::AddressNotAllowed,
            Reason::ArgumentsNotAllowed,
            Reason::TrustTooLow,
            Reason::RateUsedUp,
            Reason::BudgetUsedUp,
            Reason::AncestorNarrowed,
            Reason::TooDeep,
        ] {
            let count = self.reasons.get(&reason).copied().unwrap_or(0);
            assert!(count > 20, "{reason}: {count}");
        }
    }
}
