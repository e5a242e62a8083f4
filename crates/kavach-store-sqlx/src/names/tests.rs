//! Names, and what is refused as one.

use kavach_store::StoreErrorKind;

use super::Names;

#[test]
fn what_is_no_name_is_refused() {
    let long = "a".repeat(31);
    for name in [
        "", "1", "1a", "A", "é", "a b", "a-b", "a\"b", "a;b", "a.b", "a\0", "a'b", "a{b", "a}",
        &long,
    ] {
        for (schema, prefix) in [(None, name), (Some(name), "fine")] {
            let error = Names::new(schema, prefix).unwrap_err();
            assert_eq!(*error.kind(), StoreErrorKind::InvalidInput, "{name:?}");
        }
    }
}

#[test]
fn a_prefix_stands_in_front_of_tables_and_indexes() {
    let names = Names::new(None, "kavach_").unwrap();
    let filled = names.fill("CREATE INDEX {:by} ON {event} (log)");
    assert_eq!(
        filled,
        "CREATE INDEX \"kavach_by\" ON \"kavach_event\" (log)"
    );
    assert!(Names::new(None, &"a".repeat(30)).is_ok());
}

#[test]
fn a_schema_stands_in_front_of_tables_only() {
    let names = Names::new(Some("host"), "k_").unwrap();
    let filled = names.fill("CREATE INDEX {:by} ON {event} (log)");
    assert_eq!(
        filled,
        "CREATE INDEX \"k_by\" ON \"host\".\"k_event\" (log)"
    );
    let again = [names.sql("{event}").0, names.sql("{event}").0];
    assert_eq!(&*again[0], "\"host\".\"k_event\"");
    assert_eq!(again[0], again[1]);
}
