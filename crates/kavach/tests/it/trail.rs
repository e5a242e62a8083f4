//! Questions to the trail, and getting it out.

use std::collections::BTreeSet;

use kavach::audit::{Event, EventKind, Outcome, Query, leaf_hash};
use kavach::store::{Call, Fault, When};
use kavach::{Format, Kavach, Reason};

use crate::world::{
    World, authorize, found, head, name, new_agent, new_spawn, on_each_store, short, subject,
};

on_each_store! {
    each_filter_finds_what_it_says,
    an_export_is_what_was_hashed,
    an_export_as_csv_parses_back,
    a_long_trail_comes_in_pages_and_whole,
}

/// A few hundred events: three owners' agents, two levels, allows, denials and changes over six hours.
async fn happened(world: &World) {
    let kavach = &world.kavach;
    for (owner, top) in [
        ("user:alice", "one"),
        ("user:bob", "two"),
        ("service:cron", "three"),
    ] {
        let new = new_agent(owner, top, &["read,write:mcp:**", "read:app:*"]);
        let top = kavach.create_agent(new).await.unwrap();
        let low = format!("{owner}-low").replace(':', "-");
        let low = kavach
            .spawn(&top.id, new_spawn(&low, &["read:mcp:github:*"]))
            .await
            .unwrap();
        for round in 0..6 {
            world.clock.advance_s(1200);
            for what in [
                "read mcp:github:issues",
                "write mcp:github:issues",
                "read mcp:payroll:salaries",
                "read app:x",
            ] {
                authorize_quietly(kavach, &top.credential, what).await;
                authorize_quietly(kavach, &low.credential, what).await;
            }
            if round == 3 {
                kavach.suspend_agent(&top.id).await.unwrap();
            }
        }
        authorize_quietly(kavach, &name("nobody"), "read app:x").await;
        kavach.resume_agent(&top.id).await.unwrap();
        kavach.suspend_agent(&low.id).await.unwrap();
    }
}

async fn authorize_quietly(kavach: &Kavach, who: impl Into<kavach::Caller>, what: &str) {
    drop(short(&authorize(kavach, who, what).await));
}

#[expect(clippy::too_many_lines, reason = "a table")]
async fn each_filter_finds_what_it_says(world: World) {
    happened(&world).await;
    let kavach = &world.kavach;
    let all = world.events().await;
    assert_eq!(all.len() as u64, world.check_log().await);
    let agent = |called: &str| kavach.find_agent(called).unwrap().id;
    let (one, two) = (agent("one"), agent("two"));
    let low = agent("user-alice-low");
    let alice = kavach.subject_id(&subject("user:alice"));
    let middle = all[all.len() / 2].time_ns;
    let under = |event: &Event| event.line.iter().any(|hop| hop.agent == one);
    let within = |event: &Event, start: &str| {
        event
            .resource
            .as_ref()
            .is_some_and(|resource| resource.as_str().starts_with(start))
    };
    let is_read = |event: &Event| {
        event
            .action
            .as_ref()
            .is_some_and(|it| it.as_str() == "read")
    };
    type Holds<'a> = Box<dyn Fn(&Event) -> bool + 'a>;
    let cases: Vec<(&str, Query, Holds<'_>)> = vec![
        ("all", Query::default(), Box::new(|_| true)),
        (
            "agent",
            Query {
                agent: Some(low),
                ..Query::default()
            },
            Box::new(|event| event.agent == Some(low)),
        ),
        (
            "under",
            Query {
                under: Some(one),
                ..Query::default()
            },
            Box::new(|event| event.agent == Some(one) || under(event)),
        ),
        (
            "owner",
            Query {
                owner: alice,
                ..Query::default()
            },
            Box::new(|event| event.owner == alice),
        ),
        (
            "action",
            Query {
                action: Some("read".parse().unwrap()),
                ..Query::default()
            },
            Box::new(is_read),
        ),
        (
            "resource",
            Query {
                resource: Some("mcp:payroll:**".parse().unwrap()),
                ..Query::default()
            },
            Box::new(|event| within(event, "mcp:payroll:")),
        ),
        (
            "resource with a star",
            Query {
                resource: Some("mcp:*:issues".parse().unwrap()),
                ..Query::default()
            },
            Box::new(|event| within(event, "mcp:github:issues")),
        ),
        (
            "outcome",
            Query {
                outcome: Some(Outcome::Deny),
                ..Query::default()
            },
            Box::new(|event| event.outcome == Outcome::Deny),
        ),
        (
            "reason",
            Query {
                reason: Some(Reason::AncestorSuspended),
                ..Query::default()
            },
            Box::new(|event| event.reason == Reason::AncestorSuspended),
        ),
        (
            "kind",
            Query {
                kind: Some(EventKind::AgentSuspended),
                ..Query::default()
            },
            Box::new(|event| event.kind == EventKind::AgentSuspended),
        ),
        (
            "since",
            Query {
                since_ns: Some(middle),
                ..Query::default()
            },
            Box::new(|event| event.time_ns >= middle),
        ),
        (
            "until",
            Query {
                until_ns: Some(middle),
                ..Query::default()
            },
            Box::new(|event| event.time_ns < middle),
        ),
        (
            "several at once",
            Query {
                under: Some(two),
                outcome: Some(Outcome::Allow),
                action: Some("read".parse().unwrap()),
                resource: Some("mcp:**".parse().unwrap()),
                since_ns: Some(all[10].time_ns),
                ..Query::default()
            },
            Box::new(|event| {
                event.line.iter().any(|hop| hop.agent == two)
                    && event.outcome == Outcome::Allow
                    && is_read(event)
                    && within(event, "mcp:")
                    && event.time_ns >= all[10].time_ns
            }),
        ),
        (
            "nothing",
            Query {
                agent: Some(one),
                reason: Some(Reason::Withdrawn),
                ..Query::default()
            },
            Box::new(|_| false),
        ),
    ];
    for (what, query, holds) in cases {
        let want: Vec<&Event> = all.iter().filter(|event| holds(event)).collect();
        let have = found(kavach, query).await;
        let have: Vec<&Event> = have.iter().map(|sealed| &sealed.event).collect();
        assert_eq!(have, want, "{what}");
        assert_eq!(want.is_empty(), what == "nothing", "{what}");
    }
}

async fn export(kavach: &Kavach, query: Query, format: Format) -> (Vec<u8>, u64, Vec<u64>) {
    let mut out = Vec::new();
    let mut progress = Vec::new();
    let mut note = |count| progress.push(count);
    let count = kavach
        .export(query, format, &mut out, &mut note)
        .await
        .unwrap();
    (out, count, progress)
}

async fn an_export_is_what_was_hashed(world: World) {
    happened(&world).await;
    let sealed = found(&world.kavach, Query::default()).await;
    let (out, count, progress) = export(&world.kavach, Query::default(), Format::Jsonl).await;
    assert_eq!(count, sealed.len() as u64);
    assert_eq!(progress.last(), Some(&count));
    let lines: Vec<&[u8]> = out.split_inclusive(|byte| *byte == b'\n').collect();
    assert_eq!(lines.len(), sealed.len());
    let mut rebuilt = kavach::audit::Head::empty(head(&*world.store).await.unwrap().log());
    for (line, sealed) in lines.iter().zip(&sealed) {
        let line = line.strip_suffix(b"\n").unwrap();
        assert_eq!(line, sealed.bytes);
        rebuilt.push(&leaf_hash(line), sealed.event.time_ns);
    }
    assert_eq!(
        rebuilt,
        head(&*world.store).await.unwrap(),
        "the file alone gives the head"
    );
}

async fn an_export_as_csv_parses_back(world: World) {
    happened(&world).await;
    let odd = new_agent("user:alice", "odd", &["read:app:*"]).note("x", "=1+1");
    world.kavach.create_agent(odd).await.unwrap();
    let sealed = found(&world.kavach, Query::default()).await;
    let (out, count, _) = export(&world.kavach, Query::default(), Format::Csv).await;
    let mut reader = csv::Reader::from_reader(out.as_slice());
    let headers = reader.headers().unwrap().clone();
    let place = |column: &str| headers.iter().position(|header| header == column).unwrap();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(
        (rows.len() as u64, count),
        (sealed.len() as u64, sealed.len() as u64)
    );
    for (row, sealed) in rows.iter().zip(&sealed) {
        let event = &sealed.event;
        let cell = |column: &str| row.get(place(column)).unwrap().to_owned();
        assert_eq!(row.len(), headers.len());
        assert_eq!(cell("hash_verifiable"), "no");
        assert_eq!(cell("id"), event.id.to_string());
        assert_eq!(cell("index"), event.index.to_string());
        assert_eq!(cell("outcome"), event.outcome.to_string());
        assert_eq!(cell("reason"), event.reason.to_string());
        let text = |value: Option<String>| value.unwrap_or_default();
        assert_eq!(cell("agent"), text(event.agent.map(|id| id.to_string())));
        assert_eq!(
            cell("resource"),
            text(event.resource.as_ref().map(ToString::to_string))
        );
        let line: Vec<String> = event.line.iter().map(|hop| hop.agent.to_string()).collect();
        assert_eq!(cell("line"), line.join(">"));
        let owner = event.owner.and_then(|owner| world.kavach.subject(&owner));
        assert_eq!(
            cell("owner_name"),
            text(owner.map(|owner| owner.to_string()))
        );
        for cell in row {
            assert!(
                !cell.starts_with(['=', '+', '-', '@', '\t', '\r']),
                "{cell}"
            );
        }
    }
    let (empty, count, _) = export(
        &world.kavach,
        Query {
            reason: Some(Reason::Withdrawn),
            ..Query::default()
        },
        Format::Csv,
    )
    .await;
    assert_eq!(
        (count, empty.split(|byte| *byte == b'\n').count()),
        (0, 2),
        "the header alone"
    );
}

async fn a_long_trail_comes_in_pages_and_whole(world: World) {
    let kavach = &world.kavach;
    let top = world.agent("top", &["read:app:*"]).await.id;
    for round in 0..30 {
        let calls = (0..100).map(|number| {
            let what = if (round + number) % 10 == 0 {
                "write"
            } else {
                "read"
            };
            let resource = format!("app:x{number}");
            let kavach = kavach.clone();
            tokio::spawn(async move { kavach.authorize(&top, what, &resource).await.unwrap() })
        });
        let calls: Vec<_> = calls.collect();
        for call in calls {
            drop(short(&call.await.unwrap()));
        }
    }
    let mut trail = kavach.audit(Query::default());
    let (mut seen, mut pages, mut last) = (BTreeSet::new(), 0, 0);
    while let Some(page) = trail.next_page().await.unwrap() {
        assert!(!page.is_empty() && page.len() <= 1000);
        pages += 1;
        for sealed in page {
            assert!(sealed.event.time_ns >= last, "out of order");
            last = sealed.event.time_ns;
            assert!(seen.insert(sealed.event.index), "twice");
        }
        if pages == 1 {
            // What is added meanwhile is found too, or not; nothing is lost.
            authorize_quietly(kavach, top, "read app:later").await;
        }
    }
    assert!(trail.next_page().await.unwrap().is_none());
    assert!(
        seen.len() >= 3001 && pages >= 4,
        "{} events in {pages} pages",
        seen.len()
    );
    assert!((0..3001).all(|index| seen.contains(&index)));
    let denied = Query {
        outcome: Some(Outcome::Deny),
        ..Query::default()
    };
    assert_eq!(found(kavach, denied).await.len(), 300);
    assert_eq!(world.check_log().await, 3002);
}

#[tokio::test]
async fn a_page_that_fails_is_asked_for_again() {
    let world = World::on_memory().await;
    happened(&world).await;
    let all = world.events().await.len();
    let mut trail = world.kavach.audit(Query::default());
    world
        .faults
        .inject(Call::AuditScan, When::Nth(1), Fault::Unavailable);
    trail.next_page().await.unwrap_err();
    assert_eq!(trail.next_page().await.unwrap().unwrap().len(), all);
    world
        .faults
        .inject(Call::AuditScan, When::Nth(1), Fault::Unavailable);
    let mut out = Vec::new();
    let mut quiet = |_| {};
    let export = world
        .kavach
        .export(Query::default(), Format::Jsonl, &mut out, &mut quiet);
    assert!(matches!(export.await, Err(kavach::ExportError::Store(_))));
}

/// A writer that is full after so many bytes.
struct Full(usize);

impl std::io::Write for Full {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0 == 0 {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        let written = bytes.len().min(self.0);
        self.0 -= written;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn an_export_whose_output_fails_says_so() {
    let world = World::on_memory().await;
    happened(&world).await;
    for format in [Format::Jsonl, Format::Csv] {
        for bytes in [0, 1, 1000] {
            let mut full = Full(bytes);
            let mut quiet = |_| {};
            let export = world
                .kavach
                .export(Query::default(), format, &mut full, &mut quiet);
            let error = export.await.unwrap_err();
            assert!(
                matches!(error, kavach::ExportError::Output(_)),
                "{format:?}: {error}"
            );
        }
    }
}
