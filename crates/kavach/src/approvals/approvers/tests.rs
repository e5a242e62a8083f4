use kavach_core::{Grants, OwnerStatus, Record, Stamp, Subject, SubjectName};

use super::*;

/// A store that somebody wrote to by hand is no way around "people only".
#[test]
fn a_system_approves_nothing_even_if_its_record_says_so() {
    let now = Timestamp::from_s(1_800_000_000);
    for (name, may) in [("user:bob", true), ("service:bot", false)] {
        let subject: Subject = name.parse().unwrap();
        let (id, tenant) = (SubjectId::from_u128(7), TenantId::DEFAULT);
        let owner = Owner {
            id,
            tenant,
            status: OwnerStatus::Active,
            generation: 0,
            grants: Grants::of(["approve:app:kavach:approvals".parse().unwrap()]),
        };
        let mut graph = Graph::new();
        let named = SubjectName {
            id,
            tenant,
            subject,
        };
        for record in [Record::Owner(owner), Record::Subject(named)] {
            graph.apply(record, Stamp::default()).unwrap();
        }
        assert_eq!(approver(&graph, tenant, id, now).is_some(), may, "{name}");
    }
}
