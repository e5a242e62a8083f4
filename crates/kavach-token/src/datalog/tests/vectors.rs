//! The specification's vectors, through the library.

use std::collections::HashMap;
use std::sync::Arc;

use biscuit_auth::datalog::ExternFunc;
use serde_json::Value;

use super::*;
use crate::vectors::{Sample, root, samples};

/// The function that one of the vectors calls.
fn function() -> HashMap<String, ExternFunc> {
    let text = |text: &str| Ok(Term::Str(text.to_owned()));
    let function = ExternFunc::new(Arc::new(move |left, right| match (left, right) {
        (left, None) => Ok(left),
        (Term::Str(left), Some(Term::Str(right))) if left == right => text("equal strings"),
        (Term::Str(_), Some(Term::Str(_))) => text("different strings"),
        _ => Err("unsupported operands".to_owned()),
    }));
    HashMap::from([("test".to_owned(), function)])
}

/// How it ended: the policy that matched, or the kind of error.
fn run(sample: &Sample, validation: &Value) -> String {
    let root = biscuit_auth::PublicKey::from_bytes(root().as_bytes(), Algorithm::Ed25519).unwrap();
    let biscuit = match Biscuit::from(&sample.token, root) {
        Ok(biscuit) => biscuit,
        Err(error::Token::Format(_)) => return "Format".to_owned(),
        Err(other) => panic!("{}: {other}", sample.file),
    };
    let limits = AuthorizerLimits {
        max_time: Duration::from_secs(60),
        ..AuthorizerLimits::default()
    };
    let builder = AuthorizerBuilder::new()
        .set_limits(limits)
        .set_extern_funcs(function());
    let code = validation["authorizer_code"].as_str().unwrap();
    let built = builder.code(code).unwrap().build(&biscuit);
    match built.and_then(|mut authorizer| authorizer.authorize()) {
        Ok(policy) => policy.to_string(),
        Err(error::Token::FailedLogic(_)) => "FailedLogic".to_owned(),
        Err(error::Token::Execution(_)) => "Execution".to_owned(),
        Err(other) => panic!("{}: {other}", sample.file),
    }
}

#[test]
fn all_fifty_validations_end_as_the_specification_says() {
    let mut count = 0;
    for sample in samples() {
        for validation in &sample.validations {
            let want = match &validation["result"] {
                result if result.get("Ok").is_some() => result["Ok"].to_string(),
                result => result["Err"]
                    .as_object()
                    .unwrap()
                    .keys()
                    .next()
                    .unwrap()
                    .clone(),
            };
            assert_eq!(run(&sample, validation), want, "{}", sample.file);
            count += 1;
        }
    }
    assert_eq!(count, 50);
}
