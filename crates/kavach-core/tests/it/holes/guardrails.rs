//! Guardrails that did not hold, elsewhere.

use kavach_core::oracle::constraints::described;
use kavach_core::{GuardrailDraft, NothingRecorded, Permission, Reason, Refusal, Selector, decide};
use serde_json::json;

use crate::world::{TENANT, World, denied, request};

fn draft(name: &str, never: &str) -> GuardrailDraft {
    GuardrailDraft {
        name: name.parse().unwrap(),
        tenant: TENANT,
        never: never.parse::<Permission>().unwrap(),
        agents: Selector::Everyone,
        shadow: false,
    }
}

/// Seventy guardrails that were all worked out while there was none: each denies `read` of its own resource.
fn set_at_once(world: &mut World, change: impl Fn(usize, &mut GuardrailDraft)) {
    let planned = (0..70).map(|number| {
        let mut draft = draft(&format!("g{number:02}"), &format!("read:app:r{number}"));
        change(number, &mut draft);
        world.graph.set_guardrail(draft, world.now)
    });
    let planned: Vec<_> = planned.collect();
    planned
        .into_iter()
        .for_each(|change| world.commit(change).unwrap());
}

#[test]
fn the_65th_is_refused() {
    let mut world = World::new();
    let set = |world: &mut World, number: usize| {
        let draft = draft(&format!("g{number}"), "read:app:x");
        let change = world.graph.set_guardrail(draft, world.now);
        world.commit(change)
    };
    (0..64).for_each(|number| set(&mut world, number).unwrap());
    let refused: Refusal = set(&mut world, 64).unwrap_err();
    assert_eq!(refused.reason, Reason::LimitReached);
    // One that is there is replaced all the same.
    set(&mut world, 0).unwrap();
    let name = "g0".parse().unwrap();
    let change = world.graph.remove_guardrail(TENANT, &name);
    world.commit(change).unwrap();
    set(&mut world, 64).unwrap();
}

#[test]
fn more_than_64_that_were_set_at_once_all_hold() {
    let mut world = World::new();
    let agent = world.agent("first", &["read:app:**"]);
    set_at_once(&mut world, |_, _| {});
    for number in 0..70 {
        let verdict = world.answer(agent, "read", &format!("app:r{number}"));
        assert_eq!(
            verdict.decision.reason(),
            Reason::GuardrailApplies,
            "{number}"
        );
        let place = verdict.guardrail.unwrap();
        let named = world.graph.guardrail_at(TENANT, place).unwrap();
        assert_eq!(named.name.as_str(), format!("g{number:02}"));
    }
    assert_eq!(world.ask(agent, "read", "app:r70"), "allow");
}

#[test]
fn those_past_the_64th_mean_whom_they_say_and_note_where_they_only_note() {
    let mut world = World::new();
    let [first, second] = ["first", "second"].map(|name| world.agent(name, &["read:app:**"]));
    let third = world.agent("third", &[]);
    world.delegate(first, third, &["read:app:**"]);
    set_at_once(&mut world, |number, draft| {
        draft.shadow = number % 2 == 1;
        draft.agents = Selector::Agents([first].into());
    });
    let forbidden = denied(Reason::GuardrailApplies);
    for number in [0, 1, 62, 63, 64, 65, 68, 69] {
        let resource = format!("app:r{number}");
        let want = if number % 2 == 1 { "allow" } else { &forbidden };
        for (agent, want) in [(first, want), (third, want), (second, "allow")] {
            assert_eq!(world.ask(agent, "read", &resource), want, "{number}");
        }
    }
}

#[test]
fn another_spelling_of_an_argument_evades_nothing() {
    for (rule, forbidden, allowed) in [
        (
            "amount.min=1000",
            json!([1000, "1000", "5", [1], null, true]),
            json!([999, 999.5]),
        ),
        ("amount.eq=5", json!([5, 5.0, "5", true]), json!([5.5, 6])),
        (
            "force.eq=true",
            json!([true, "true", 1, "no"]),
            json!([false]),
        ),
        (
            "path.subpath=/prod",
            json!([
                "/prod",
                "/./prod//x",
                "/data/../prod",
                "//prod",
                "prod",
                "~/x",
                ["/prod"]
            ]),
            json!(["/data/prod", "/prods"]),
        ),
        (
            "url.host=*.example.com",
            json!(["https://a.example.com", "https://a@b/", "a.example.com.", 7]),
            json!(["https://example.org/a.example.com"]),
        ),
        (
            "to.cidr=127.0.0.0/8",
            json!(["127.0.0.1", "::ffff:127.0.0.1", "127.1", 2_130_706_433]),
            json!(["10.0.0.1"]),
        ),
        (
            "name.prefix=prod-",
            json!(["prod-1", ["prod-1"], 1]),
            json!(["dev-1", "Prod-1"]),
        ),
        // Where a type is named, others are none that it means.
        ("n.type=integer", json!([1, 1.0]), json!([1.5, "1", null])),
    ] {
        let mut world = World::new();
        let agent = world.agent("first", &["*:app:*"]);
        let never = format!("*:app:*?args/{rule}");
        let change = world.graph.set_guardrail(draft("g", &never), world.now);
        world.commit(change).unwrap();
        let (key, _) = rule.split_once('.').unwrap();
        for (values, means) in [(forbidden, true), (allowed, false)] {
            for value in values.as_array().unwrap() {
                let args = json!({ key: value });
                assert_eq!(
                    described(&never, &args),
                    means,
                    "{rule} {value}, by the oracle"
                );
                let mut request = request(TENANT, agent, "read", "app:x");
                request.args = Some(args.into());
                let verdict = decide(&world.graph, &request, &NothingRecorded, world.now);
                let denied = verdict.decision.reason() == Reason::GuardrailApplies;
                assert_eq!(denied, means, "{rule} {value}");
            }
        }
    }
}
