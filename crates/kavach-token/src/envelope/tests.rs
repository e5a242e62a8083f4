//! The specification's vectors, of which every signature is looked at here too.

use serde_json::Value;

use super::*;
use crate::vectors::{root, samples};

#[test]
fn the_signatures_of_all_vectors_are_judged_as_the_specification_says() {
    let mut counted = [0; 3];
    for case in samples() {
        let read = Envelope::read(&case.token).and_then(|envelope| envelope.check(&root()));
        let bad = case.validations.iter().any(|validation| {
            let error = validation.pointer("/result/Err/Format");
            error.is_some_and(Value::is_object)
        });
        // Ed25519 is the only algorithm that chain keys have here.
        let p256 = case.file.contains("secp256r1");
        counted[usize::from(bad) + 2 * usize::from(p256)] += 1;
        match (p256, bad) {
            (true, _) => assert_eq!(read, Err(Refusal::Algorithm), "{}", case.file),
            (false, true) => assert!(read.is_err(), "{}", case.file),
            (false, false) => assert_eq!(read, Ok(()), "{}", case.file),
        }
    }
    assert_eq!(counted, [31, 5, 2]);
}

#[test]
fn no_vector_is_in_the_profile() {
    for case in samples() {
        let Ok(envelope) = Envelope::read(&case.token) else {
            continue;
        };
        let begun = crate::chain::Chain::begin(0, &envelope.blocks[0]);
        assert_eq!(
            begun.err(),
            Some(Refusal::Profile { block: 0 }),
            "{}",
            case.file
        );
    }
}
