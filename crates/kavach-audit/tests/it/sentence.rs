//! Every event is a sentence.

use std::collections::BTreeMap;
use std::fmt::Write;

use kavach_audit::{Detail, Event, EventKind, NoNames, Outcome, Private, PrivateFields, Sentence};
use kavach_core::{AgentId, EventId, Reason};

use crate::sample::{
    ALICE, BOB, Directory, NOW_MS, ORCHESTRATOR, PLANNER, SEARCHER, blank, hop, typical,
};

fn sentence(event: &Event) -> String {
    Sentence::new(event, &Directory, &Private::None).to_string()
}

fn usual_reason(kind: EventKind, outcome: Outcome) -> Reason {
    match (kind, outcome) {
        (EventKind::Withdrawn, _) => Reason::Withdrawn,
        (_, Outcome::Allow | Outcome::NeedsApproval) => Reason::Granted,
        (_, Outcome::Deny) => Reason::NoMatchingGrant,
        (_, Outcome::Done) => Reason::Done,
        _ => Reason::WrongState,
    }
}

/// What an event of this kind and outcome usually holds.
fn usual(kind: EventKind, outcome: Outcome) -> Event {
    let reason = usual_reason(kind, outcome);
    let grants = Detail::List(vec!["read:mcp:github:repos".to_owned()]);
    let by = |detail: Detail| {
        [
            ("by".to_owned(), Detail::Text(ALICE.to_string())),
            ("grants".to_owned(), detail),
        ]
    };
    let event = Event {
        owner: Some(ALICE),
        ..blank(kind, outcome, reason)
    };
    let line = vec![hop(ORCHESTRATOR, None, 3_600), hop(SEARCHER, Some(9), 30)];
    match kind {
        EventKind::Authorize => Event {
            kind,
            outcome,
            reason,
            ..typical()
        },
        EventKind::Withdrawn => {
            let withdraws = Some(EventId::from_parts(NOW_MS, 10));
            Event {
                kind,
                outcome,
                reason,
                withdraws,
                ..typical()
            }
        }
        EventKind::AgentCreated => Event {
            agent: Some(ORCHESTRATOR),
            detail: by(grants).into(),
            ..event
        },
        EventKind::Delegated => {
            let mut detail = BTreeMap::from(by(grants));
            detail.insert("from".to_owned(), Detail::Text(ORCHESTRATOR.to_string()));
            detail.insert("to".to_owned(), Detail::Text(SEARCHER.to_string()));
            if outcome == Outcome::Done {
                Event {
                    agent: Some(SEARCHER),
                    line,
                    detail,
                    ..event
                }
            } else {
                let line = vec![hop(ORCHESTRATOR, None, 3_600)];
                Event {
                    agent: Some(ORCHESTRATOR),
                    line,
                    detail,
                    ..event
                }
            }
        }
        EventKind::OwnerRevoked
        | EventKind::OwnerReinstated
        | EventKind::OwnerUpdated
        | EventKind::SubjectErased => event,
        EventKind::ApprovalRequested | EventKind::ApprovalGranted | EventKind::ApprovalDenied => {
            approval(Event { line, ..event })
        }
        _ => Event {
            agent: Some(SEARCHER),
            line,
            ..event
        },
    }
}

fn approval(event: Event) -> Event {
    let asked = event.kind == EventKind::ApprovalRequested;
    let by = (!asked).then_some(("by", ALICE.to_string()));
    let detail = by.into_iter().chain([("approval", "apr_1".to_owned())]);
    let detail = detail.map(|(key, value)| (key.to_owned(), Detail::Text(value)));
    Event {
        agent: Some(SEARCHER),
        action: typical().action,
        resource: typical().resource,
        detail: detail.collect(),
        ..event
    }
}

#[test]
fn every_kind_and_outcome_has_a_sentence() {
    let mut table = String::new();
    for kind in EventKind::ALL {
        for outcome in Outcome::ALL {
            let sentence = sentence(&usual(*kind, *outcome));
            writeln!(table, "{kind} {outcome}\n    {sentence}").unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn every_reason_has_a_sentence() {
    let mut table = String::new();
    for reason in Reason::ALL {
        let event = Event {
            reason: *reason,
            ..blank(EventKind::Authorize, Outcome::Deny, *reason)
        };
        writeln!(table, "{reason}\n    {}", sentence(&event)).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[track_caller]
fn check(event: &Event, want: &str) {
    // Ids differ only in their last characters here.
    let short = |text: &str| {
        let mut text = text.to_owned();
        for (id, short) in [
            (ORCHESTRATOR.to_string(), "agt_1"),
            (PLANNER.to_string(), "agt_2"),
            (SEARCHER.to_string(), "agt_3"),
            (ALICE.to_string(), "sub_4"),
            (BOB.to_string(), "sub_5"),
        ] {
            text = text.replace(&id, short);
        }
        text
    };
    assert_eq!(short(&sentence(event)), want);
}

#[test]
fn the_promised_sentence() {
    let event = Event {
        agent: Some(PLANNER),
        line: vec![
            hop(AgentId::from_u128(89), None, 0),
            hop(PLANNER, Some(8), 0),
        ],
        ..typical()
    };
    let sentence = sentence(&event);
    let (agent, parent) = (PLANNER, AgentId::from_u128(89));
    assert_eq!(
        sentence,
        format!(
            "{agent} (child of {parent}, delegated by user:alice at 14:23) read mcp:github:repos: \
             allowed by grant 2"
        )
    );
}

#[test]
fn the_whole_line_is_named_from_the_agent_up_to_its_owner() {
    check(
        &typical(),
        "searcher agt_3 (child of agt_2, child of orchestrator agt_1, delegated by user:alice at \
         13:23) read mcp:github:repos: allowed by grant 2",
    );
    check(
        &Event {
            agent: Some(ORCHESTRATOR),
            line: vec![hop(ORCHESTRATOR, None, 0)],
            ..typical()
        },
        "orchestrator agt_1 (delegated by user:alice at 14:23) read mcp:github:repos: allowed by \
         grant 2",
    );
    check(
        &Event {
            owner: None,
            ..typical()
        },
        "searcher agt_3 (child of agt_2, child of orchestrator agt_1) read mcp:github:repos: allowed \
         by grant 2",
    );
    check(
        &Event {
            line: Vec::new(),
            grant: None,
            ..typical()
        },
        "searcher agt_3 (of user:alice) read mcp:github:repos: allowed",
    );
}

#[test]
fn another_day_has_its_date() {
    let event = |before_s| Event {
        line: vec![hop(SEARCHER, None, before_s)],
        ..typical()
    };
    let day_s = 14 * 3_600 + 23 * 60 + 5;
    assert!(sentence(&event(day_s)).contains("user:alice at 00:00) read"));
    assert!(sentence(&event(day_s + 1)).contains("user:alice at 2026-11-20 23:59:59Z) read"));
}

#[test]
fn ids_stand_where_names_are_not_known_and_erased_subjects_are_erased() {
    let event = Event {
        owner: Some(BOB),
        ..typical()
    };
    assert!(sentence(&event).contains("delegated by erased at 13:23"));
    let plain = Sentence::new(&event, &NoNames, &Private::None).to_string();
    assert!(plain.starts_with(&format!(
        "{SEARCHER} (child of {PLANNER}, child of {ORCHESTRATOR}, "
    )));
    assert!(plain.contains(&format!("delegated by {BOB} at")));
}

#[test]
fn unknown_agents_are_called_what_they_said_made_safe() {
    let event = blank(EventKind::Authorize, Outcome::Deny, Reason::UnknownAgent);
    check(
        &event,
        "an unknown agent tried to act: denied, because no agent here has this name, id or credential",
    );
    check(
        &Event {
            claimed: Some("root\u{1b}[2J\u{202e}".to_owned()),
            ..event
        },
        r#"an unknown agent that was called "root\u{1b}[2J\u{202e}" tried to act: denied, because no agent here has this name, id or credential"#,
    );
}

#[test]
fn obligations_are_part_of_the_answer() {
    let obligations = vec!["redact\n".to_owned(), "notify".to_owned()];
    check(
        &Event {
            obligations,
            line: Vec::new(),
            owner: None,
            ..typical()
        },
        r#"searcher agt_3 read mcp:github:repos: allowed by grant 2, on condition of "redact\u{a}", notify"#,
    );
}

#[test]
fn what_stands_beside_the_event_follows_it() {
    let event = Event {
        line: Vec::new(),
        owner: None,
        ..typical()
    };
    let with = |private| Sentence::new(&event, &NoNames, &private).to_string();
    let fields = |address: Option<&str>, note: Option<&str>| {
        Private::Shown(PrivateFields {
            address: address.map(str::to_owned),
            note: note.map(str::to_owned),
        })
    };
    for (private, want) in [
        (Private::None, "allowed by grant 2"),
        (
            Private::Erased,
            "allowed by grant 2; address and note: erased",
        ),
        (
            fields(Some("203.0.113.7"), None),
            "allowed by grant 2; from 203.0.113.7",
        ),
        (
            fields(None, Some("a\u{7}b")),
            r#"allowed by grant 2; note: "a\u{7}b""#,
        ),
    ] {
        let sentence = with(private);
        assert!(sentence.ends_with(want), "{sentence}");
    }
}

#[test]
fn no_text_passes_for_the_sentence_around_it() {
    let claim = r#"searcher" read a:b: allowed \"#;
    check(
        &Event {
            claimed: Some(claim.to_owned()),
            detail: [("by".to_owned(), Detail::Text("x): allowed".to_owned()))].into(),
            ..blank(EventKind::Authorize, Outcome::Deny, Reason::NoGrants)
        },
        r#"an unknown agent that was called "searcher\" read a:b: allowed \\" tried to act (by: "x): allowed"): denied, because the agent holds no grants"#,
    );
}

#[test]
fn long_texts_and_lists_are_cut() {
    let event = Event {
        claimed: Some("x".repeat(10_000)),
        obligations: vec!["y".repeat(10_000); 1_000],
        detail: (0..1_000)
            .map(|key| (format!("{key:04}"), Detail::Text("z".repeat(10_000))))
            .collect(),
        ..blank(EventKind::Authorize, Outcome::Allow, Reason::Granted)
    };
    let sentence = sentence(&event);
    assert!(sentence.len() < 10_000, "{}", sentence.len());
    assert!(
        sentence.contains(&format!("called {}… acted (0000: zzz", "x".repeat(200))),
        "{sentence}"
    );
    assert!(
        sentence.contains("… and 984 more): allowed, on"),
        "{sentence}"
    );
    assert!(sentence.ends_with("… and 984 more"), "{sentence}");
}

#[test]
fn a_delegation_names_giver_and_receiver() {
    let text = |key: &str, id: String| (key.to_owned(), Detail::Text(id));
    let from_to = || {
        [
            text("from", PLANNER.to_string()),
            text("to", SEARCHER.to_string()),
        ]
    };
    let done = Event {
        agent: Some(SEARCHER),
        owner: Some(ALICE),
        line: typical().line,
        ..blank(EventKind::Delegated, Outcome::Done, Reason::Done)
    };
    let giver = "agt_2 (child of orchestrator agt_1, delegated by user:alice at 13:23)";
    check(
        &done,
        &format!("{giver} passed permissions on to searcher agt_3"),
    );
    let named = Event {
        detail: from_to().into(),
        ..done.clone()
    };
    check(
        &named,
        &format!("{giver} passed permissions on to searcher agt_3"),
    );
    let mut spawned = named.clone();
    spawned
        .detail
        .extend([text("spawned", SEARCHER.to_string())]);
    check(
        &spawned,
        &format!("{giver} created a sub-agent and passed permissions on to searcher agt_3"),
    );
    let refused = Event {
        agent: Some(PLANNER),
        line: typical().line[..2].to_vec(),
        outcome: Outcome::Refused,
        reason: Reason::WiderThanParent,
        ..named
    };
    check(
        &refused,
        &format!(
            "{giver} did not pass permissions on to searcher agt_3: refused, because more was asked \
             for than the giver holds"
        ),
    );
    let unknown = Event {
        line: Vec::new(),
        agent: None,
        owner: None,
        detail: [].into(),
        ..refused
    };
    check(
        &unknown,
        "an unknown agent did not pass permissions on: refused, because more was asked for than the \
         giver holds",
    );
}

#[test]
fn a_delegation_that_nobody_knows_is_named_by_what_was_asked_for() {
    let id = hop(SEARCHER, Some(9), 0).delegation.unwrap();
    let event = Event {
        detail: [("delegation".to_owned(), Detail::Text(id.to_string()))].into(),
        ..blank(
            EventKind::DelegationRevoked,
            Outcome::Refused,
            Reason::NotFound,
        )
    };
    check(
        &event,
        &format!("the delegation {id} was not revoked: refused, because there is no such record"),
    );
}

#[test]
fn a_withdrawal_says_what_changed_meanwhile() {
    let because = Detail::Text(Reason::AncestorRevoked.code().to_owned());
    let event = Event {
        kind: EventKind::Withdrawn,
        outcome: Outcome::Deny,
        reason: Reason::Withdrawn,
        owner: None,
        line: Vec::new(),
        detail: [("because".to_owned(), because)].into(),
        ..typical()
    };
    check(
        &event,
        "searcher agt_3 tried to read mcp:github:repos: the permission was taken back before it \
         left, because an agent further up the line is revoked",
    );
}

#[test]
fn whoever_asked_for_a_change_is_named() {
    let by = |id: String| Event {
        owner: None,
        agent: Some(SEARCHER),
        detail: [("by".to_owned(), Detail::Text(id))].into(),
        ..blank(EventKind::AgentSuspended, Outcome::Done, Reason::Done)
    };
    check(
        &by(ALICE.to_string()),
        "searcher agt_3 was suspended (by: user:alice)",
    );
    check(
        &by(ORCHESTRATOR.to_string()),
        "searcher agt_3 was suspended (by: orchestrator agt_1)",
    );
    check(
        &by("the\tcat".to_owned()),
        r#"searcher agt_3 was suspended (by: "the\u{9}cat")"#,
    );
}
