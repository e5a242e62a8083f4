//! What a caller may say.

use serde_json::json;

use super::*;

#[track_caller]
fn check(args: &Value, want: Result<(), &str>) {
    match (check_args(args), want) {
        (Ok(()), Ok(())) => {}
        (Err(words), Err(part)) => assert!(words.contains(part), "{words}"),
        (have, want) => panic!("{have:?}, not {want:?}"),
    }
}

#[test]
fn arguments_are_told_apart_or_refused() {
    let most = ARGUMENTS_INTEGER_MAX;
    check(&json!([most, -9_007_199_254_740_991_i64]), Ok(()));
    check(&json!({"a": [{"b": most + 1}]}), Err("2^53"));
    check(&json!(-9_007_199_254_740_992_i64), Err("2^53"));
    check(&json!(i64::MIN), Err("2^53"));
    // A fraction is a double already, whatever its size.
    check(&json!([1e300, 9_007_199_254_740_993.0, -0.0]), Ok(()));
}

#[test]
fn the_size_that_is_counted_is_never_more_than_the_canonical_one() {
    for args in [
        json!(null),
        json!(true),
        json!(""),
        json!([]),
        json!({}),
        json!([[], {}, [null]]),
        json!({"a": "b", "c": [1, 2.5, -3]}),
        json!("\u{1}\"é🙂"),
    ] {
        let canonical = serde_json_canonicalizer::to_vec(&args).unwrap();
        let padding = ARGUMENTS_BYTES_MAX - canonical.len();
        // One text more takes its quotes and a comma, and the list its brackets.
        let long = json!([args, "x".repeat(padding - 5)]);
        assert_eq!(
            serde_json_canonicalizer::to_vec(&long).unwrap().len(),
            ARGUMENTS_BYTES_MAX
        );
        check(&long, Ok(()));
    }
    check(&json!("x".repeat(ARGUMENTS_BYTES_MAX)), Err("longer than"));
}

#[test]
fn a_caller_is_an_id_a_credential_or_a_name() {
    let id = AgentId::from_parts(1, 1);
    let secret = format!("kv_{}", "0".repeat(52));
    let claim = |text: &str| Caller::parse(text).map(|caller| caller.0);
    assert!(matches!(claim(&id.to_string()), Ok(Claim::Id(found)) if found == id));
    assert!(matches!(claim(&secret), Ok(Claim::Credential(_))));
    assert!(matches!(claim("searcher"), Ok(Claim::Name(_))));
    assert!(matches!(claim("agt"), Ok(Claim::Name(_))));
    // Of a name, what is wrong is repeated; of what may be a credential, nothing is.
    assert!(
        claim("two words")
            .unwrap_err()
            .to_string()
            .contains("two words")
    );
    for text in [
        &secret[..54],
        &format!("{secret} "),
        &format!("\"{secret}\""),
    ] {
        let error = claim(text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("000"), "{error}");
    }
}
