use kavach_core::{EventId, Reason};

use super::*;

fn event(kind: EventKind, outcome: Outcome, reason: Reason) -> Event {
    let mut event = Event::new(
        EventId::from_u128(1),
        TenantId::DEFAULT,
        kind,
        outcome,
        reason,
    );
    event.agent = Some(AgentId::from_u128(7));
    event.resource = Some("app:payroll".parse().unwrap());
    event
}

fn fact(event: &Event) -> Option<Fact> {
    Noted::of(event, 0).map(|noted| noted.fact)
}

#[test]
fn nothing_but_an_agents_own_calls_and_what_people_said_to_them_counts() {
    use EventKind::{ApprovalDenied, ApprovalGranted, ApprovalRequested, Authorize, Withdrawn};
    let print = Fingerprint::of(&"app:payroll".parse().unwrap());
    for (kind, outcome, reason, want) in [
        (
            Authorize,
            Outcome::Allow,
            Reason::Granted,
            Some(Fact::Allowed(None)),
        ),
        (
            Authorize,
            Outcome::Deny,
            Reason::NoMatchingGrant,
            Some(Fact::Denied(Offence::Unmatched)),
        ),
        (Authorize, Outcome::Deny, Reason::TrustTooLow, None),
        (Authorize, Outcome::Deny, Reason::AgentSuspended, None),
        (Authorize, Outcome::Deny, Reason::CredentialExpired, None),
        (Authorize, Outcome::Deny, Reason::ApprovalDenied, None),
        (
            Authorize,
            Outcome::NeedsApproval,
            Reason::ApprovalRequired,
            None,
        ),
        (Withdrawn, Outcome::Deny, Reason::Withdrawn, None),
        (ApprovalRequested, Outcome::Done, Reason::Done, None),
        (ApprovalGranted, Outcome::Done, Reason::Done, None),
        (
            ApprovalDenied,
            Outcome::Done,
            Reason::Done,
            Some(Fact::Refused),
        ),
        (ApprovalDenied, Outcome::Refused, Reason::WrongState, None),
    ] {
        let mut event = event(kind, outcome, reason);
        assert_eq!(fact(&event), want, "{kind} {outcome} {reason}");
        event.agent = None;
        assert_eq!(
            fact(&event),
            None,
            "{kind} {outcome} {reason}, by nobody known"
        );
    }
    let mut sensitive = event(Authorize, Outcome::Allow, Reason::Granted);
    let text = Detail::Text("true".into());
    sensitive.detail.insert(SENSITIVE.into(), text);
    assert_eq!(fact(&sensitive), Some(Fact::Allowed(Some(print))));
}

#[test]
fn a_spawn_says_how_far_the_spawner_was_trusted() {
    let mut spawn = event(EventKind::Delegated, Outcome::Done, Reason::Done);
    assert_eq!(fact(&spawn), None);
    for (text, want) in [("37", Some(Fact::Spawned(37))), ("300", None), ("", None)] {
        let score = Detail::Text(text.into());
        spawn.detail.insert(SPAWNER_SCORE.into(), score);
        assert_eq!(fact(&spawn), want, "{text}");
    }
    let refused = Event {
        outcome: Outcome::Refused,
        ..spawn
    };
    assert_eq!(fact(&refused), None);
}

#[test]
fn what_counts_is_the_time_in_the_log() {
    let event = event(EventKind::Authorize, Outcome::Allow, Reason::Granted);
    for (time_ns, want) in [(1_999_999_999, 1), (2_000_000_000, 2)] {
        let noted = Noted::of(&event, time_ns).unwrap();
        assert_eq!(noted.at, Timestamp::from_s(want));
    }
}
