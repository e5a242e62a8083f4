use kavach_core::{
    Agent, AgentKind, AgentName, AgentStatus, Credential, CredentialHash, Delegation, Grants,
    Owner, OwnerStatus, Record, SubjectName, TenantId, Timestamp,
};

use super::*;

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(prefix: &str, last: char) -> T {
    format!("{prefix}_0000000000e00800000000000{last}")
        .parse()
        .unwrap()
}

fn agent() -> Agent {
    Agent {
        id: id("agt", '1'),
        tenant: TenantId::DEFAULT,
        owner: id("sub", '2'),
        owner_generation: 0,
        name: "searcher".parse().unwrap(),
        kind: AgentKind::Delegated,
        status: AgentStatus::Active,
        generation: 3,
        created_at: Timestamp::from_s(1_790_000_000),
        expires_at: Some(Timestamp::from_s(1_790_003_600)),
        grants: Grants::of(["read:mcp:github:*?depth=2".parse().unwrap()]),
        credentials: vec![Credential {
            hash: CredentialHash::from_bytes([7; 32]),
            prefix: "kv_abcde".into(),
            created_at: Timestamp::from_s(1_790_000_000),
            expires_at: None,
        }],
        metadata: [("team".to_owned(), "=HYPERLINK(\u{1f600})".to_owned())].into(),
    }
}

fn records() -> Vec<(&'static str, Record)> {
    let delegation = Delegation {
        id: id("dlg", '3'),
        tenant: TenantId::DEFAULT,
        from: id("agt", '1'),
        to: id("agt", '4'),
        parent: Some(id("dlg", '5')),
        parent_generation: 1,
        depth: 2,
        grants: Grants::of(["read:mcp:github:issues".parse().unwrap()]),
        expires_at: None,
        max_depth: Some(0),
        revoked: true,
        generation: 1,
        created_at: Timestamp::from_s(1_790_000_000),
    };
    let owner = Owner {
        id: id("sub", '2'),
        tenant: TenantId::DEFAULT,
        status: OwnerStatus::Offboarded,
        generation: 1,
        grants: Grants::default(),
    };
    let subject = SubjectName {
        id: id("sub", '2'),
        tenant: id("ten", '6'),
        subject: "user:alice".parse().unwrap(),
    };
    let name = AgentName {
        name: "searcher".parse().unwrap(),
        tenant: TenantId::DEFAULT,
        agent: id("agt", '1'),
    };
    vec![
        ("agent_v1.json", Record::Agent(agent())),
        ("delegation_v1.json", Record::Delegation(delegation)),
        ("owner_v1.json", Record::Owner(owner)),
        ("subject_v1.json", Record::Subject(subject)),
        ("agent_name_v1.json", Record::Name(name)),
    ]
}

#[test]
fn every_released_encoding_is_still_written_and_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
    for (file, record) in records() {
        let written = encode(&record).unwrap();
        let golden = std::fs::read(format!("{folder}/{file}")).unwrap();
        assert_eq!(
            String::from_utf8_lossy(&written),
            String::from_utf8_lossy(&golden),
            "{file}"
        );
        let space = key_of(&record.key()).space();
        assert_eq!(
            decode(space.name(), &golden).unwrap(),
            Some(record),
            "{file}"
        );
    }
}

#[test]
fn records_of_one_tenant_lie_together_and_apart_from_others() {
    let keys: Vec<_> = records()
        .iter()
        .map(|(_, record)| key_of(&record.key()))
        .collect();
    for (key, (file, record)) in keys.iter().zip(records()) {
        let elsewhere: TenantId = id("ten", '6');
        let in_it = matches!(record, Record::Subject(_));
        let tenant = if in_it { elsewhere } else { TenantId::DEFAULT };
        assert!(
            key.bytes().starts_with(&tenant.as_u128().to_be_bytes()),
            "{file}"
        );
        assert!(key.bytes().len() > 16, "{file}");
    }
}

#[test]
fn a_subjects_name_is_not_in_its_key() {
    let (_, subject) = records()
        .into_iter()
        .find(|(file, _)| *file == "subject_v1.json")
        .unwrap();
    let key = key_of(&subject.key());
    let text = String::from_utf8_lossy(key.bytes()).into_owned();
    assert!(!text.contains("alice"));
}

#[track_caller]
fn refused(bytes: &[u8], want: &StoreErrorKind) {
    let error = decode("agent", bytes).unwrap_err();
    assert_eq!(error.kind(), want, "{}", String::from_utf8_lossy(bytes));
}

#[test]
fn bytes_that_are_no_record_are_told_from_those_of_a_newer_version() {
    let good = String::from_utf8(encode(&Record::Agent(agent())).unwrap()).unwrap();
    let newer = good.replace(r#""v":1"#, r#""v":2"#);
    refused(newer.as_bytes(), &StoreErrorKind::SchemaTooNew);
    let unknown = good.replace(r#""record":{"#, r#""record":{"trusted":true,"#);
    for damaged in [
        "",
        "{}",
        "null",
        r#"{"v":1}"#,
        &good[..good.len() - 1],
        &format!("{good} x"),
        &good.replace("agt_", "dlg_"),
        &good.replace("active", "Active"),
        &good.replace("read:", "read"),
        &unknown,
    ] {
        refused(damaged.as_bytes(), &StoreErrorKind::Corrupt);
    }
    refused(b"\xff\xfe", &StoreErrorKind::Corrupt);
}

#[test]
fn a_space_of_another_domain_holds_no_record_of_the_graph() {
    assert_eq!(decode("session", b"whatever").unwrap(), None);
}

/// The fuzz body over the golden records and 20,000 mutations of each, from a fixed seed.
#[test]
fn mutated_records_are_refused_or_read_back_the_same() {
    let mut dice: u64 = 0x6b61_7661_6368;
    let mut roll = |below: usize| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        (dice % below as u64) as usize
    };
    for (_, record) in records() {
        let good = encode(&record).unwrap();
        crate::fuzz::records(&good);
        for _ in 0..20_000 {
            let mut bytes = good.clone();
            for _ in 0..=roll(3) {
                let at = roll(bytes.len());
                match roll(3) {
                    0 => bytes[at] = roll(256) as u8,
                    1 => drop(bytes.remove(at)),
                    _ => bytes.insert(at, good[roll(good.len())]),
                }
            }
            crate::fuzz::records(&bytes);
        }
    }
}
