//! Every change and every decision leaves exactly one event that says all of it.

use std::collections::BTreeMap;

use kavach::audit::{Detail, Event, EventKind, Outcome, Private};
use kavach::{
    AgentEdit, AgentId, Authorization, Caller, ChangeError, DelegationEdit, EventId, Leaf, Secret,
};

use crate::world::{
    World, authorize, name, new_agent, new_delegation, new_spawn, on_each_store, short, subject,
};

on_each_store! {
    a_story_is_told_in_full,
}

/// Puts words in place of ids, which differ from run to run: the first `agt_` becomes `agt_1`.
#[derive(Default)]
struct Legend(BTreeMap<String, String>);

impl Legend {
    fn translate(&mut self, text: &str) -> String {
        let mut told = String::new();
        let mut rest = text;
        let starts = ["agt_", "dlg_", "sub_", "evt_", "log_", "ten_"];
        while let Some(at) = starts.iter().filter_map(|prefix| rest.find(prefix)).min() {
            let (before, found) = rest.split_at(at);
            let digits = found[4..]
                .bytes()
                .take_while(u8::is_ascii_alphanumeric)
                .count();
            let (id, after) = found.split_at(4 + digits);
            told.push_str(before);
            match digits {
                26 => told.push_str(&self.label(id)),
                _ => told.push_str(id),
            }
            rest = after;
        }
        told.push_str(rest);
        // Credentials begin differently each time too.
        match told.find("prefix: kv_") {
            Some(at) => told.replace(&told[at..at + "prefix: kv_".len() + 5], "prefix: kv_....."),
            None => told,
        }
    }

    fn label(&mut self, id: &str) -> String {
        let prefix = &id[..4];
        let next = self
            .0
            .keys()
            .filter(|known| known.starts_with(prefix))
            .count()
            + 1;
        let label = self
            .0
            .entry(id.to_owned())
            .or_insert_with(|| format!("{prefix}{next}"));
        label.clone()
    }
}

/// What an event says, in one line.
fn row(world: &World, event: &Event) -> String {
    let name = |id: &AgentId| {
        let agent = world.kavach.agent(id);
        agent.map_or_else(|| "nobody".to_owned(), |agent| agent.name.to_string())
    };
    let owner = event.owner.map(|owner| match world.kavach.subject(&owner) {
        Some(subject) => subject.to_string(),
        None => "erased".to_owned(),
    });
    let mut line = vec![owner.unwrap_or_else(|| "-".to_owned())];
    line.extend(event.line.iter().map(|hop| name(&hop.agent)));
    format!(
        "{:>2} r{:<2} {} {}: {} | {} | {}{}",
        event.index,
        event.revision,
        event.kind,
        event.outcome,
        event.reason,
        event.agent.as_ref().map_or_else(|| "-".to_owned(), name),
        line.join(" > "),
        event
            .grant
            .map(|grant| format!(" | grant {grant}"))
            .unwrap_or_default(),
    )
}

/// Every kind of change and decision, made and refused.
#[expect(
    clippy::too_many_lines,
    reason = "one line for each thing that can happen"
)]
async fn tell(world: &World) -> Vec<(String, Option<EventId>)> {
    let kavach = &world.kavach;
    let mut told: Vec<(String, Option<EventId>)> = Vec::new();
    macro_rules! made {
        ($change:expr) => {{
            let made = $change.await.unwrap();
            told.push((format!("r{}", made.revision), Some(made.audit_id)));
            made
        }};
    }
    macro_rules! refused {
        ($change:expr) => {
            match $change.await {
                Err(ChangeError::Refused(refusal)) => told.push((refusal.reason.to_string(), None)),
                other => panic!("{other:?}"),
            }
        };
    }
    macro_rules! answered {
        ($who:expr, $what:expr) => {{
            let answer: Authorization = authorize(kavach, $who, $what).await;
            told.push((short(&answer), answer.audit_id));
        }};
    }
    let permissions = ["read,write:app:**"];
    let top = made!(kavach.create_agent(new_agent("user:alice", "top", &permissions)));
    refused!(kavach.create_agent(new_agent("user:alice", "top", &permissions)));
    let low = made!(kavach.spawn(&top.id, new_spawn("low", &["read:app:*"]).ttl_s(60)));
    refused!(kavach.spawn(&top.id, new_spawn("wide", &["delete:app:*"])));
    let bob = made!(kavach.create_agent(new_agent("user:bob", "bob", &["read:app:*"])));
    // Lines of one age have no order of their own.
    world.clock.advance_s(1);
    let given = made!(kavach.delegate(&bob.id, &low.id, new_delegation(&["read:app:wiki"])));
    refused!(kavach.delegate(&low.id, &bob.id, new_delegation(&["write:app:wiki"])));
    answered!(&low.id, "read app:repos");
    answered!(&low.id, "read app:wiki");
    answered!(&low.id, "write app:repos");
    answered!(&name("low"), "read app:repos");
    answered!(&low.credential, "read app:repos");
    answered!(&name("nobody"), "read app:repos");
    answered!(AgentId::from_parts(1, 1), "read app:repos");
    let unknown: Secret = format!("kv_{}", "0".repeat(52)).parse().unwrap();
    answered!(&unknown, "read app:repos");
    let rotated = made!(kavach.rotate_credential(&low.id, 5));
    world.clock.advance_s(5);
    answered!(&low.credential, "read app:repos");
    answered!(&rotated.credential, "read app:repos");
    let mut edit = AgentEdit::default();
    edit.permissions = Some(vec!["read:app:repos".parse().unwrap()]);
    made!(kavach.update_agent(&top.id, edit));
    answered!(&low.id, "read app:x");
    let mut edit = DelegationEdit::default();
    edit.permissions = Some(vec!["read:app:repos".parse().unwrap()]);
    made!(kavach.update_delegation(&low.delegation, edit));
    made!(kavach.suspend_agent(&top.id));
    refused!(kavach.suspend_agent(&top.id));
    answered!(&low.id, "read app:repos");
    made!(kavach.resume_agent(&top.id));
    refused!(kavach.resume_agent(&top.id));
    made!(kavach.revoke_delegation(&given.id));
    refused!(kavach.revoke_delegation(&given.id));
    made!(kavach.revoke_agent(&top.id));
    refused!(kavach.revoke_agent(&AgentId::from_parts(1, 1)));
    answered!(&low.id, "read app:repos");
    made!(kavach.revoke_owner(&subject("user:bob")));
    answered!(&bob.id, "read app:repos");
    refused!(kavach.revoke_owner(&subject("user:bob")));
    made!(kavach.reinstate_owner(&subject("user:bob")));
    refused!(kavach.reinstate_owner(&subject("user:carol")));
    made!(kavach.erase_subject(&subject("user:bob")));
    refused!(kavach.erase_subject(&subject("user:bob")));
    told
}

async fn a_story_is_told_in_full(world: World) {
    let told = tell(&world).await;
    let events = world.events().await;
    assert_eq!(
        events.len(),
        told.len(),
        "one event for each change and each decision"
    );
    let mut rows = Vec::new();
    for (event, (answer, id)) in events.iter().zip(&told) {
        if let Some(id) = id {
            assert_eq!(event.id, *id, "{answer}: the event that the answer names");
        }
        let said = match event.outcome {
            Outcome::Allow => "allow".to_owned(),
            Outcome::Deny => format!("deny: {}", event.reason),
            Outcome::Done => format!("r{}", event.revision + 1),
            _ => event.reason.to_string(),
        };
        assert_eq!(said, *answer);
        rows.push(row(&world, event));
    }
    insta::assert_snapshot!("a_story_in_the_trail", rows.join("\n"));
    assert_eq!(world.check_log().await, told.len() as u64);
    world.check_graph().await;

    let mut legend = Legend::default();
    let sentences = events.iter().map(|event| {
        let sentence = world.kavach.sentence(event, &Private::None);
        legend.translate(&sentence)
    });
    let sentences: Vec<String> = sentences.collect();
    insta::assert_snapshot!("a_story_in_sentences", sentences.join("\n"));
}

#[tokio::test]
async fn an_answer_prints_as_a_sentence() {
    let world = World::on_memory().await;
    let top = world
        .agent("top", &["read:app:**", "write:app:notes"])
        .await;
    world.clock.advance_s(3 * 3600);
    let low = world.spawn(&top.id, "low", &["read:app:*"]).await;
    let mut legend = Legend::default();
    let mut sentences = Vec::new();
    for (who, what) in [
        (Caller::from(top.id), "write app:notes"),
        (Caller::from(low.id), "read app:notes"),
        (Caller::from(low.id), "write app:notes"),
        (Caller::from(&name("stranger")), "read app:notes"),
        (Caller::from(AgentId::from_parts(1, 1)), "read app:notes"),
    ] {
        let answer = world.authorize(who, what).await;
        sentences.push(legend.translate(&answer.to_string()));
    }
    insta::assert_snapshot!(sentences.join("\n"));
}

#[tokio::test]
async fn an_event_of_a_change_says_what_was_asked_and_what_was_given() {
    let world = World::on_memory().await;
    let top = world.agent("top", &["read:app:*"]).await;
    let wide = new_delegation(&["read:app:**"]).attenuate();
    let low = world
        .kavach
        .spawn(&top.id, new_spawn("low", &[]).delegation(wide))
        .await
        .unwrap();
    let event = world.events().await.pop().unwrap();
    let list = |text: &str| Some(Detail::List(vec![text.to_owned()]));
    assert_eq!(event.kind, EventKind::Delegated);
    assert_eq!(event.agent, Some(low.id));
    assert_eq!(event.detail.get("asked").cloned(), list("read:app:**"));
    assert_eq!(event.detail.get("permissions").cloned(), list("read:app:*"));
    let text = |value: &dyn ToString| Some(Detail::Text(value.to_string()));
    assert_eq!(event.detail.get("from").cloned(), text(&top.id));
    assert_eq!(event.detail.get("to").cloned(), text(&low.id));
    assert_eq!(event.detail.get("spawned").cloned(), text(&low.id));
    assert_eq!(
        event.detail.get("delegation").cloned(),
        text(&low.delegation)
    );
    let hops: Vec<_> = event
        .line
        .iter()
        .map(|hop| (hop.agent, hop.delegation))
        .collect();
    assert_eq!(hops, [(top.id, None), (low.id, Some(low.delegation))]);
}

#[tokio::test]
async fn simulating_and_explaining_leave_nothing() {
    let world = World::on_memory().await;
    let top = world.agent("top", &["read:app:*"]).await;
    let before = (world.events().await.len(), world.kavach.revision());
    let call = kavach::Call::new(top.id, "read".parse().unwrap(), "app:x".parse().unwrap());
    let answer = world.kavach.simulate(&call, None).unwrap();
    assert_eq!((short(&answer).as_str(), answer.audit_id), ("allow", None));
    world
        .kavach
        .explain(&call, &kavach::Supposed::default())
        .unwrap();
    world.kavach.blast_radius_of_agent(&top.id).unwrap();
    world.kavach.permissions_of(&top.id).unwrap();
    assert_eq!(world.kavach.fault_of(Leaf::Root(top.id)), None);
    assert_eq!(
        (world.events().await.len(), world.kavach.revision()),
        before
    );
}
