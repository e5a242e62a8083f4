//! Which history of migrations is taken for ours.

use kavach_store::StoreErrorKind;

use super::{Step, judge, wanted};

const STEPS: [Step; 2] = [
    Step {
        version: 1,
        name: "first",
        sql: "one",
    },
    Step {
        version: 2,
        name: "second",
        sql: "two",
    },
];

#[track_caller]
fn check(found: &[(i64, Vec<u8>)], want: Result<u32, StoreErrorKind>) {
    let judged = judge(&STEPS, found, "it").map_err(|error| error.kind().clone());
    assert_eq!(judged, want);
}

#[test]
fn a_newer_or_another_history_is_refused() {
    let [one, two] = STEPS.map(|step| step.checksum());
    check(
        &[(1, one.clone()), (2, two.clone()), (3, vec![])],
        Err(StoreErrorKind::SchemaTooNew),
    );
    check(&[(7, vec![])], Err(StoreErrorKind::SchemaTooNew));
    check(&[(1, two.clone())], Err(StoreErrorKind::Corrupt));
    check(&[(2, two.clone())], Err(StoreErrorKind::Corrupt));
    check(&[(1, one), (2, vec![])], Err(StoreErrorKind::Corrupt));
}

#[test]
fn the_schema_is_the_last_step_that_was_run() {
    let [one, two] = STEPS.map(|step| step.checksum());
    check(&[], Ok(0));
    check(&[(1, one.clone())], Ok(1));
    check(&[(1, one), (2, two)], Ok(2));
    assert_eq!(wanted(&STEPS), 2);
}
