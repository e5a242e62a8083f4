//! Native against Datalog, on random chains and requests.
//!
//! Native allow is Datalog allow, always; the converse where nothing but the checks is at fault.

use core::net::{IpAddr, Ipv4Addr};
use std::collections::BTreeMap;

use kavach_core::{AgentId, Mode, Permission, narrow};
use serde_json::{Value, json};

use super::*;
use crate::dice::Dice;
use crate::id::ArgumentsHash;
use crate::key::Sign;
use crate::online::{Answer, Online, Question};
use crate::profile::{Authority, DelegationBlock};
use crate::refusal::Refusal;
use crate::right::{Bounds, Right};
use crate::scene::{
    Forge, SERVICE, audience, authority, call, delegation, invocation, mint, now, root, verifier,
};

mod mischief;

use mischief::{MISCHIEF, Mischief};

const SEGMENTS: [&str; 5] = ["a", "ab", "abc", "b", "*"];
const ACTIONS: [&str; 3] = ["read", "write", "call"];
/// Times at which rights end, and at which calls are made, in seconds after `now()`.
const TIMES_S: [u64; 4] = [0, 10, 20, 30];
const CONDITIONS: [&str; 3] = ["ip=10.0.0.0/8", "ip=10.1.0.0/16", "ip=192.168.0.0/16"];

fn pattern(dice: &mut Dice) -> String {
    let length = dice.below(5);
    if length == 4 && dice.below(8) == 0 {
        return "**".to_owned();
    }
    let mut text = "tool".to_owned();
    for _ in 0..length {
        text.push(':');
        text.push_str(dice.pick(&SEGMENTS));
    }
    match dice.below(4) {
        0 => text.push_str(":**"),
        1 => text.push_str(":a*"),
        _ if length == 0 => text.push_str(":ab"),
        _ => {}
    }
    text
}

fn permission(dice: &mut Dice) -> Permission {
    let actions = match dice.below(4) {
        0 => "*".to_owned(),
        1 => "call,read".to_owned(),
        _ => dice.pick(&ACTIONS).to_owned(),
    };
    let mut text = [&actions, ":", &pattern(dice)].concat();
    if dice.below(4) == 0 {
        text.push('?');
        text.push_str(dice.pick(&CONDITIONS));
    }
    let mut permission: Permission = text.parse().unwrap();
    if dice.below(4) == 0 {
        let until = now().plus_s(dice.pick(&TIMES_S));
        permission.constraints.expires_at = Some(until);
    }
    if dice.below(6) == 0 {
        permission.constraints.max_depth = Some(u8::try_from(dice.below(4)).unwrap());
    }
    permission
}

fn resource(dice: &mut Dice) -> String {
    let mut text = "tool".to_owned();
    for _ in 0..1 + dice.below(4) {
        text.push(':');
        text.push_str(dice.pick(&SEGMENTS[..4]));
    }
    text
}

/// A chain, and what was asked with it. What is wrong with it, if anything is, a checker must find.
struct Case {
    authority: Authority,
    further: Vec<DelegationBlock>,
    call: crate::call::Call,
    at: Timestamp,
    address: Option<IpAddr>,
    args: Value,
}

fn rights(dice: &mut Dice, bounds: Bounds, index: u8) -> Vec<Right> {
    let count = 1 + dice.below(4);
    (0..count)
        .map(|_| Right::new(&permission(dice), bounds, index))
        .collect()
}

fn case(dice: &mut Dice) -> Case {
    let mut first = authority(&["*:**"]);
    first.rights = rights(dice, first.bounds, 0);
    if dice.below(2) == 0 {
        first
            .rights
            .push(Right::new(&"*:**".parse().unwrap(), first.bounds, 0));
    }
    let mut further: Vec<DelegationBlock> = Vec::new();
    for number in 1..=u8::try_from(dice.below(4)).unwrap() {
        let mut block = delegation(number, &["*:**"]);
        let above = further
            .last()
            .map_or((first.bounds, &first.rights), |last| {
                (last.bounds, &last.rights)
            });
        block.bounds.deepest = match dice.below(8) {
            0 => number,
            _ => above.0.deepest.max(number),
        };
        block.rights = match dice.below(10) {
            // Whatever comes to mind, which is mostly wider.
            0 => rights(dice, block.bounds, number),
            _ => {
                let held: Vec<Permission> = above
                    .1
                    .iter()
                    .map(|right| right.passed_on(above.0, number))
                    .collect();
                let asked: Vec<Permission> =
                    (0..1 + dice.below(3)).map(|_| permission(dice)).collect();
                let narrowed = narrow(&held, &asked, Mode::Attenuate).unwrap_or(held);
                narrowed
                    .iter()
                    .map(|permission| Right::new(permission, block.bounds, number))
                    .collect()
            }
        };
        further.push(block);
    }
    let mut call = call(dice.pick(&ACTIONS), &resource(dice));
    let args = json!({"number": dice.below(3)});
    call.arguments = ArgumentsHash::of_json(&args);
    let address = [
        None,
        Some([10, 1, 0, 1]),
        Some([10, 2, 0, 1]),
        Some([192, 168, 1, 1]),
    ];
    Case {
        authority: first,
        further,
        call,
        at: now().plus_s(dice.pick(&TIMES_S)),
        address: dice
            .pick(&address)
            .map(|bytes| IpAddr::V4(Ipv4Addr::from(bytes))),
        args,
    }
}

/// How often each way to end came up.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    allowed: u32,
    denied: u32,
    only_datalog: u32,
}

/// Refusals of checks that Datalog makes too: there both must say no.
fn is_checked_by_both(refusal: Refusal) -> bool {
    matches!(
        refusal,
        Refusal::NotAllowed { .. }
            | Refusal::Condition { .. }
            | Refusal::Expired { .. }
            | Refusal::NotYet
            | Refusal::Audience
    )
}

/// Knows the agent that tokens are minted for, and its key.
struct Register;

impl Online for Register {
    fn holds_key(&mut self, agent: AgentId, key: &PublicKey) -> bool {
        let first = mint(&[]);
        (agent, *key) == (first.agent, first.holder)
    }

    fn ask(&mut self, _question: &Question<'_>) -> Answer {
        Answer::Unknown
    }
}

fn run(case: &Case, mischief: Mischief, presentation: &[u8], tally: &mut Tally) {
    let mut request = Request::with_json(&case.call.action, &case.call.resource, &case.args);
    request.address = case.address;
    // A new verifier each time: the memory of used nonces is no part of this.
    let native = verifier().verify_online(presentation, &request, case.at, &mut Register);
    let known = Known {
        request: &request,
        audience: &audience(SERVICE),
        now: case.at,
        holds: &[],
    };
    let datalog = evaluate(presentation, &root().public_key(), &known);
    match (&native, datalog) {
        (Ok(verified), Ok(())) => {
            tally.allowed += 1;
            assert!(!mischief.is_never_accepted(), "{mischief:?}: {verified}");
            let covers = |right: &Right| {
                let permission = &right.permission;
                permission.matches(&case.call.action, &case.call.resource) && case.at < right.until
            };
            let mut hops = verified.line().iter();
            assert!(hops.all(|hop| hop.rights.iter().any(covers)), "{verified}");
        }
        (Ok(verified), Err(refusal)) => panic!("native alone allows {verified}: {refusal}"),
        (Err(refusal), Ok(())) => {
            assert!(
                !is_checked_by_both(*refusal),
                "Datalog alone allows: {refusal}"
            );
            tally.only_datalog += 1;
        }
        (Err(_), Err(refusal)) => {
            assert_ne!(refusal, DatalogRefusal::Undecided);
            tally.denied += 1;
        }
    }
}

/// Parts of a run, which are done on as many cores as there are. Each has a seed of its own, so that the
/// cases do not depend on the machine.
const PARTS: u32 = 8;

/// Does a part of `rounds` with each part's dice.
fn in_parts<T: Send>(rounds: u32, salt: u64, part: fn(u32, Dice) -> T) -> Vec<T> {
    let seed = crate::dice::seed();
    std::thread::scope(|scope| {
        let parts = (0..u64::from(PARTS)).map(|number| {
            let dice = Dice::new(seed + salt + number * (1 << 32));
            scope.spawn(move || part(rounds / PARTS, dice))
        });
        let parts: Vec<_> = parts.collect();
        let done = parts.into_iter().map(|part| part.join());
        done.map(|done| done.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

fn dishonest_chains(rounds: u32, mut dice: Dice) -> BTreeMap<Mischief, Tally> {
    let mut tallies: BTreeMap<Mischief, Tally> = BTreeMap::new();
    for _ in 0..rounds {
        let case = case(&mut dice);
        let (mischief, presentation) = mischief::done(&case, &mut dice);
        let tally = tallies.entry(mischief).or_default();
        run(&case, mischief, &presentation, tally);
    }
    tallies
}

#[test]
fn native_allows_nothing_that_datalog_denies_and_the_other_way_round_for_what_both_check() {
    let rounds = crate::dice::rounds(10_000, 1_000_000);
    let mut tallies: BTreeMap<Mischief, Tally> = BTreeMap::new();
    for (mischief, part) in in_parts(rounds, 0, dishonest_chains).into_iter().flatten() {
        let tally = tallies.entry(mischief).or_default();
        tally.allowed += part.allowed;
        tally.denied += part.denied;
        tally.only_datalog += part.only_datalog;
    }
    println!("{tallies:#?}");
    let honest = tallies[&Mischief::None];
    let floor = rounds / 20;
    assert!(
        honest.allowed > floor && honest.denied > floor,
        "{tallies:?}"
    );
    let mut sum = 0;
    for mischief in MISCHIEF {
        let Tally {
            allowed,
            denied,
            only_datalog,
        } = tallies[&mischief];
        let count = allowed + denied + only_datalog;
        assert!(count > rounds / 200, "{mischief:?}: {count}");
        sum += count;
    }
    assert_eq!(sum, rounds);
}

/// How many of so many honest chains are let through.
fn honest_chains(rounds: u32, mut dice: Dice) -> u32 {
    (0..rounds)
        .map(|_| u32::from(is_let_through(&case(&mut dice))))
        .sum()
}

/// Whether every hop of the case, on its own, allows what is asked; the verifier must say the same.
fn is_let_through(case: &Case) -> bool {
    let depth = u8::try_from(case.further.len()).unwrap();
    let mut last = invocation(&case.call, depth);
    (last.at, last.bounds.until) = (case.at, case.at.plus_s(30));
    let blocks = case.further.iter().zip(1..);
    let forge = blocks.fold(
        Forge::authority(&case.authority),
        |forge, (block, number)| forge.delegation(number, block),
    );
    let presentation = forge.invocation(depth, &last).present();
    let mut request = Request::with_json(&case.call.action, &case.call.resource, &case.args);
    request.address = case.address;
    let verified = verifier().verify(&presentation, &request, case.at);
    // By hand: each hop on its own.
    let hops = core::iter::once(&case.authority.rights)
        .chain(case.further.iter().map(|block| &block.rights));
    let by_hand = hops.into_iter().all(|rights| {
        rights.iter().any(|right| {
            let constraints = &right.permission.constraints;
            let address = constraints.addresses.as_ref();
            right
                .permission
                .matches(&case.call.action, &case.call.resource)
                && case.at < right.until
                && depth <= right.deepest
                && address.is_none_or(|set| case.address.is_some_and(|address| set.has(address)))
        })
    });
    let structural = |refusal: &Refusal| {
        matches!(
            refusal,
            Refusal::RightWidened { .. } | Refusal::TooDeep { .. }
        )
    };
    match verified {
        Ok(_) => assert!(by_hand, "allowed, and not by every hop"),
        Err(refusal) if structural(&refusal) => {}
        Err(refusal) => assert!(!by_hand, "{refusal}"),
    }
    by_hand
}

#[test]
fn an_honest_chain_allows_exactly_what_every_hop_of_it_allows() {
    let rounds = crate::dice::rounds(2_000, 200_000);
    let allowed: u32 = in_parts(rounds, 1, honest_chains).into_iter().sum();
    println!("{allowed} of {rounds} let through");
    assert!(allowed > 100, "{allowed}");
}
