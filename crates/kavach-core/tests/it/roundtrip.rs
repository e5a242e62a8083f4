//! Whatever a type prints, it reads back as the same, in text and in JSON.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use kavach_core::{
    Action, Actions, AgentId, AgentKind, AgentStatus, Base, CredentialHash, DelegationId, EventId,
    Grants, LogId, Name, OwnerStatus, Pattern, Permission, Reason, Resource, Subject, SubjectId,
    TenantId, Timestamp,
};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any};
use proptest::{option, prop_oneof, sample};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::runs::check;

/// Prints `value`, reads it back, and gives its text; the JSON of all these types is that text.
#[track_caller]
fn print_and_read<T>(value: &T) -> String
where
    T: Debug + Display + FromStr<Err: Debug> + PartialEq + Serialize + DeserializeOwned,
{
    let text = value.to_string();
    assert_eq!(&text.parse::<T>().unwrap(), value, "{text}");
    let json = serde_json::to_string(value).unwrap();
    assert_eq!(json, serde_json::to_string(&text).unwrap());
    assert_eq!(&serde_json::from_str::<T>(&json).unwrap(), value);
    text
}

/// One segment in canonical form: what may stand as itself, and encodings of what may not.
fn segment() -> impl Strategy<Value = String> {
    let plain = sample::select(b"abzAZ09_-.~@+".to_vec()).prop_map(|byte| char::from(byte).into());
    let needs_encoding = |byte: &u8| !byte.is_ascii_alphanumeric() && !b"_-.~@+".contains(byte);
    let encoded = any::<u8>()
        .prop_filter("what may stand as itself is not encoded", needs_encoding)
        .prop_map(|byte| format!("%{byte:02X}"));
    let parts = vec(prop_oneof![5 => plain, 1 => encoded], 1..12);
    let texts = parts.prop_map(|parts| parts.concat());
    texts.prop_filter("no dot segments", |text| text != "." && text != "..")
}

fn kind() -> impl Strategy<Value = String> {
    let known = ["mcp", "a2a", "http", "tool", "data", "app", "x-own", "x-0-"];
    sample::select(known.to_vec()).prop_map(String::from)
}

fn resource() -> impl Strategy<Value = String> {
    let parts = (kind(), vec(segment(), 1..=7));
    parts.prop_map(|(kind, segments)| format!("{kind}:{}", segments.join(":")))
}

fn pattern() -> impl Strategy<Value = String> {
    let part = || prop_oneof![3 => segment(), 1 => Just("*".into())];
    let end = prop_oneof![
        Just(String::new()),
        Just(":**".into()),
        segment().prop_map(|prefix| format!(":{prefix}*")),
    ];
    let parts = (kind(), vec(part(), 1..=6), end);
    let below =
        parts.prop_map(|(kind, segments, end)| format!("{kind}:{}{end}", segments.join(":")));
    prop_oneof![1 => Just("**".into()), 1 => kind().prop_map(|kind| format!("{kind}:**")), 20 => below]
}

fn action() -> impl Strategy<Value = String> {
    let letters = sample::select(b"abzAZ".to_vec());
    let others = sample::select(b"abzAZ09_-.".to_vec());
    (letters, vec(others, 0..20)).prop_map(|(first, others)| {
        let bytes = std::iter::once(first).chain(others);
        bytes.map(char::from).collect()
    })
}

fn actions() -> impl Strategy<Value = String> {
    let listed = vec(action(), 1..=6).prop_map(|actions| actions.join(","));
    prop_oneof![1 => Just("*".into()), 4 => listed]
}

fn permission() -> impl Strategy<Value = Permission> {
    let expires_at = option::of(0..253_402_128_000_i64);
    let parts = (actions(), pattern(), expires_at, option::of(0..=8_u8));
    parts.prop_map(|(actions, pattern, expires_at, max_depth)| {
        let mut permission = Permission::new(pattern.parse().unwrap(), actions.parse().unwrap());
        permission.constraints.expires_at = expires_at.map(Timestamp::from_s);
        permission.constraints.max_depth = max_depth;
        permission
    })
}

#[test]
fn resources_and_patterns_print_as_they_were_written() {
    check(1000, &(resource(), pattern()), |(resource, pattern)| {
        assert_eq!(
            print_and_read::<Resource>(&resource.parse().unwrap()),
            resource
        );
        assert_eq!(
            print_and_read::<Pattern>(&pattern.parse().unwrap()),
            pattern
        );
        let exactly = Pattern::exactly(&resource.parse().unwrap());
        assert_eq!(exactly.to_string(), resource);
    });
}

#[test]
fn actions_print_sorted_and_once() {
    check(500, &(action(), actions()), |(action, listed)| {
        assert_eq!(print_and_read::<Action>(&action.parse().unwrap()), action);
        let read: Actions = listed.parse().unwrap();
        let printed = read.to_string();
        assert_eq!(printed.parse::<Actions>().unwrap(), read);
        let texts: Vec<&str> = printed.split(',').collect();
        assert!(texts.is_sorted_by(|one, next| one < next), "{printed}");
        assert!(
            listed.split(',').all(|action| texts.contains(&action)),
            "{listed}"
        );
    });
}

#[test]
fn a_permission_prints_as_a_scope_token_that_means_the_same_below_every_base() {
    let bases =
        ["app", "mcp:github", "x-own:1:2:3:4:5:6"].map(|text| text.parse::<Base>().unwrap());
    check(500, &permission(), |permission| {
        let printed = print_and_read(&permission);
        let token = |byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        assert!(printed.bytes().all(token), "{printed}");
        for base in &bases {
            assert_eq!(Permission::parse(&printed, base), Ok(permission.clone()));
        }
    });
}

#[test]
fn permissions_meet_as_their_parts_do() {
    check(
        1000,
        &(permission(), permission(), permission()),
        |(one, two, three)| {
            assert_eq!(one.meet(&one), Some(one.clone()));
            assert_eq!(one.meet(&two), two.meet(&one));
            let left = one.meet(&two).and_then(|met| met.meet(&three));
            let right = two.meet(&three).and_then(|met| one.meet(&met));
            assert_eq!(left, right);
            // A meet that is not there by chance: two that share a pattern and the actions.
            let mut other = two;
            (other.pattern, other.actions) = (one.pattern.clone(), one.actions.clone());
            let met = one.meet(&other).unwrap();
            assert!(one.contains(&met) && other.contains(&met));
            assert_eq!(one.contains(&other), met == other);
        },
    );
}

#[test]
fn a_permission_passed_on_reaches_one_hop_less() {
    check(200, &permission(), |permission| {
        let depth = permission.constraints.max_depth;
        match permission.passed_on() {
            None => assert_eq!(depth, Some(0)),
            Some(next) => {
                assert_eq!(next.constraints.max_depth, depth.map(|depth| depth - 1));
                assert!(permission.contains(&next));
            }
        }
        for hops in 0..=9 {
            let reached = (0..hops).try_fold(permission.clone(), |held, _| held.passed_on());
            assert_eq!(permission.constraints.reaches(hops), reached.is_some());
        }
    });
}

#[test]
fn ids_print_with_their_prefix_and_sort_as_text() {
    let numbers = || prop_oneof![any::<u128>(), Just(0), Just(u128::MAX), Just(1)];
    check(500, &(numbers(), numbers()), |(one, other)| {
        let texts = [one, other].map(|number| print_and_read(&AgentId::from_u128(number)));
        assert_eq!(one.cmp(&other), texts[0].cmp(&texts[1]));
        assert_eq!(texts[0].len(), 30);
        assert!(print_and_read(&DelegationId::from_u128(one)).starts_with("dlg_"));
        assert!(print_and_read(&EventId::from_u128(one)).starts_with("evt_"));
        assert!(print_and_read(&LogId::from_u128(one)).starts_with("log_"));
        assert!(print_and_read(&SubjectId::from_u128(one)).starts_with("sub_"));
        assert!(print_and_read(&TenantId::from_u128(one)).starts_with("ten_"));
        assert_eq!(TenantId::from_u128(one).as_u128(), one);
        assert_eq!(AgentId::from_u128(one).as_u128(), one);
    });
}

#[test]
fn an_id_from_parts_is_a_uuid_of_version_7() {
    check(
        200,
        &(0..1_u64 << 48, any::<u128>()),
        |(time_ms, random)| {
            // RFC 9562 section 5.7: 48 bits of time, version 7, variant 0b10.
            let number = AgentId::from_parts(time_ms, random).as_u128();
            assert_eq!(number >> 80, u128::from(time_ms));
            assert_eq!((number >> 76) & 0xf, 7);
            assert_eq!((number >> 62) & 0b11, 0b10);
            let random_a = (number >> 64) & 0xfff;
            let random_b = number & 0x3fff_ffff_ffff_ffff;
            assert_eq!(random_a << 62 | random_b, random & ((1 << 74) - 1));
        },
    );
}

#[test]
fn text_that_is_no_id_is_refused() {
    let id = AgentId::from_u128(7).to_string();
    let digits = id.strip_prefix("agt_").unwrap();
    for text in [
        "".to_owned(),
        "agt_".to_owned(),
        digits.to_owned(),
        format!("dlg_{digits}"),
        format!("AGT_{digits}"),
        format!("agt_{}", digits.replace('7', "l")), // not in the alphabet
        format!("agt_{}", digits.replace('7', "A")),
        format!("agt_8{}", &digits[1..]), // more than 128 bits
        format!("{id}0"),
        format!(" {id}"),
        "agt_\u{660}\u{660}\u{660}\u{660}\u{660}\u{660}\u{660}\u{660}\u{660}\u{660}\u{660}\u{660}\u{660}".to_owned(),
    ] {
        let error = text.parse::<AgentId>().unwrap_err().to_string();
        assert!(error.ends_with("write `agt_` and 26 characters, as printed"), "{error}");
    }
    assert_eq!(TenantId::DEFAULT.to_string(), "ten_default");
    assert_eq!("ten_default".parse(), Ok(TenantId::DEFAULT));
    for text in [
        "ten_00000000000000000000000000",
        "ten_Default",
        "default",
        "ten_",
    ] {
        assert!(text.parse::<TenantId>().is_err(), "{text}");
    }
}

#[test]
fn times_print_in_utc() {
    let edges = [
        0,
        1,
        951_782_400,
        4_107_542_400,
        253_402_127_999,
        253_402_128_000,
    ];
    let seconds = prop_oneof![0..=253_402_128_000_i64, sample::select(edges.to_vec())];
    check(1000, &seconds, |seconds| {
        let text = print_and_read(&Timestamp::from_s(seconds));
        assert_eq!(text.len(), 20, "{text}");
    });
    for (text, seconds) in [
        ("1970-01-01T00:00:00Z", 0),
        ("2000-02-29T00:00:00Z", 951_782_400),
        ("2026-11-21T11:00:00+01:00", 1_795_255_200),
        ("2026-11-21T00:00:00-10:00", 1_795_255_200),
        ("9999-12-30T00:00:00Z", 253_402_128_000),
    ] {
        assert_eq!(text.parse::<Timestamp>().unwrap().as_s(), seconds, "{text}");
    }
}

#[test]
fn times_stay_in_their_range() {
    assert_eq!(Timestamp::from_s(-1), Timestamp::from_s(0));
    assert_eq!(Timestamp::from_s(i64::MIN), Timestamp::from_s(0));
    let last = Timestamp::from_s(i64::MAX);
    assert_eq!(last.to_string(), "9999-12-30T00:00:00Z");
    for seconds in [0, 1, u64::MAX] {
        assert_eq!(last.plus_s(seconds), last);
    }
    assert_eq!(Timestamp::from_s(5).plus_s(u64::MAX), last);
    assert_eq!(Timestamp::from_s(5).plus_s(7), Timestamp::from_s(12));
    for text in [
        "1969-12-31T23:59:59Z",
        "9999-12-30T00:00:01Z",
        "1970-01-01T00:00:00+00:01",
    ] {
        let error = text.parse::<Timestamp>().unwrap_err().to_string();
        assert!(
            error.ends_with("it lies outside the years 1970 to 9999"),
            "{error}"
        );
    }
}

#[test]
fn names_and_subjects_print_as_they_were_written() {
    let letters = "[A-Za-z0-9_.~@+-]";
    let name = proptest::string::string_regex(&format!("[A-Za-z0-9]{letters}{{0,127}}")).unwrap();
    let subject =
        proptest::string::string_regex(&format!("(user|service):{letters}{{1,248}}")).unwrap();
    let not_reserved = |name: &String| !name.starts_with("agt_") && !name.starts_with("kv_");
    let name = name.prop_filter("what could be an id or a secret", not_reserved);
    check(500, &(name, subject), |(name, subject)| {
        assert_eq!(print_and_read::<Name>(&name.parse().unwrap()), name);
        assert_eq!(
            print_and_read::<Subject>(&subject.parse().unwrap()),
            subject
        );
    });
}

#[test]
fn words_print_as_they_are_read() {
    for reason in Reason::ALL {
        print_and_read(reason);
    }
    for kind in [
        AgentKind::Autonomous,
        AgentKind::Delegated,
        AgentKind::Service,
    ] {
        print_and_read(&kind);
    }
    for status in [
        AgentStatus::Active,
        AgentStatus::Suspended,
        AgentStatus::Revoked,
    ] {
        print_and_read(&status);
    }
    for status in [OwnerStatus::Active, OwnerStatus::Offboarded] {
        print_and_read(&status);
    }
    assert!("Active".parse::<AgentStatus>().is_err());
    assert!("".parse::<Reason>().is_err());
    let json = |hash: CredentialHash| serde_json::to_string(&hash).unwrap();
    let hash = CredentialHash::from_bytes(std::array::from_fn(|place| place as u8 * 8));
    assert_eq!(
        serde_json::from_str::<CredentialHash>(&json(hash)).unwrap(),
        hash
    );
    assert!(serde_json::from_str::<CredentialHash>(&json(hash).to_uppercase()).is_err());
}

#[test]
fn grants_are_read_back_only_as_they_were_written() {
    let texts = ["write:mcp:b", "read:mcp:a", "*:**"];
    let grants = Grants::of(texts.iter().map(|text| text.parse().unwrap()));
    let json = serde_json::to_string(&grants).unwrap();
    let stored = "{\"list\":[{\"id\":1,\"permission\":\"*:**\"},{\"id\":2,\"permission\":\"read:mcp:a\"},\
                  {\"id\":3,\"permission\":\"write:mcp:b\"}],\"last\":3}";
    assert_eq!(json, stored);
    assert_eq!(serde_json::from_str::<Grants>(&json).unwrap(), grants);
    for (from, to, words) in [
        (
            "*:**",
            "write:mcp:c",
            "grants stand in the order of their text, each once",
        ),
        (
            "*:**",
            "read:mcp:a",
            "grants stand in the order of their text, each once",
        ),
        (
            "\"id\":2",
            "\"id\":1",
            "each grant has a number of its own, from 1 to `last`",
        ),
        (
            "\"id\":2",
            "\"id\":4",
            "each grant has a number of its own, from 1 to `last`",
        ),
        (
            "\"id\":2",
            "\"id\":0",
            "each grant has a number of its own, from 1 to `last`",
        ),
        (
            "\"last\":3",
            "\"last\":3,\"more\":0",
            "unknown field `more`",
        ),
        ("*:**", "*:***", "is not a pattern"),
    ] {
        let error = serde_json::from_str::<Grants>(&json.replacen(from, to, 1)).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn a_grant_whose_constraints_are_edited_keeps_its_number() {
    let steps: [(&[&str], &[&str]); 9] = [
        (
            &["read:mcp:a?rate=20/h", "read:mcp:b"],
            &["1 read:mcp:a?rate=20/h", "2 read:mcp:b"],
        ),
        // Raised, lowered, and gone for good.
        (
            &["read:mcp:a?rate=30/h", "read:mcp:b"],
            &["1 read:mcp:a?rate=30/h", "2 read:mcp:b"],
        ),
        (
            &["read:mcp:a", "read:mcp:b?rate=1/h"],
            &["1 read:mcp:a", "2 read:mcp:b?rate=1/h"],
        ),
        // Another pattern, and other actions, are another grant.
        (
            &["read:mcp:c", "read,write:mcp:b"],
            &["3 read,write:mcp:b", "4 read:mcp:c"],
        ),
        // A second one beside it is new; the one that is the same keeps its number, whatever the order.
        (
            &["read:mcp:c", "read:mcp:c?approve"],
            &["4 read:mcp:c", "5 read:mcp:c?approve"],
        ),
        (
            &["read:mcp:c?approve", "read:mcp:c?depth=1"],
            &["5 read:mcp:c?approve", "4 read:mcp:c?depth=1"],
        ),
        // Where both are edited, in their order.
        (
            &["read:mcp:c?approve=3", "read:mcp:c?depth=2"],
            &["5 read:mcp:c?approve=3", "4 read:mcp:c?depth=2"],
        ),
        // One of two is left: it is the one that comes first.
        (
            &["read:mcp:c?min_trust=trusted"],
            &["5 read:mcp:c?min_trust=trusted"],
        ),
        (
            &["read:mcp:c", "read:mcp:c?depth=2"],
            &["5 read:mcp:c", "6 read:mcp:c?depth=2"],
        ),
    ];
    let mut grants = Grants::default();
    for (held, want) in steps {
        grants = grants.replaced(held.iter().map(|text| text.parse::<Permission>().unwrap()));
        let numbered: Vec<String> = grants
            .iter()
            .map(|grant| format!("{} {}", grant.id, grant.permission))
            .collect();
        assert_eq!(numbered, want);
    }
}

#[test]
fn a_grant_keeps_its_number_and_no_number_comes_twice() {
    let of = |texts: &[&str]| -> Vec<Permission> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    };
    let numbered = |grants: &Grants| -> Vec<String> {
        grants
            .iter()
            .map(|grant| format!("{} {}", grant.id, grant.permission))
            .collect()
    };
    let first = Grants::of(of(&["read:mcp:b", "read:mcp:a"]));
    assert_eq!(numbered(&first), ["1 read:mcp:a", "2 read:mcp:b"]);
    let second = first.replaced(of(&["read:mcp:b", "read:mcp:0"]));
    assert_eq!(numbered(&second), ["3 read:mcp:0", "2 read:mcp:b"]);
    let third = second.replaced(of(&["read:mcp:a", "read:mcp:a"]));
    assert_eq!(numbered(&third), ["4 read:mcp:a"]);
    assert!(third.replaced([]).is_empty());
}
