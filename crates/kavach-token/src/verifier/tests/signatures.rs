//! Signatures that a Biscuit may have, and a presentation may not.

use super::*;
use crate::envelope::External;
use crate::profile::Profiled;
use crate::token::Token;
use crate::wire::{put_bytes, put_integer, put_message};

#[test]
fn a_first_block_that_a_third_party_signed_too_is_none() {
    // Its signature could not be looked at: there is no block before, which it would name.
    let first = authority(ALL);
    let written = first.write(&Symbols::default());
    let (signature, key) = ([7; 64], holder(7).public_key());
    let external = External {
        signature: &signature,
        key: key.as_bytes(),
    };
    for (external, want) in [(Some(external), Some(Refusal::Malformed)), (None, None)] {
        let signed =
            envelope::sign_block(&root(), &written.payload, &first.holder, None, external).unwrap();
        let token = Token::from_bytes(&envelope::first(1, &signed.block));
        assert_eq!(token.err(), want);
    }
}

/// A presentation whose first block is signed as before biscuit 3.3, with `version` after it.
fn of_version_zero(version: &[u8]) -> Vec<u8> {
    let first = authority(ALL);
    let written = first.write(&Symbols::default());
    let message = [&written.payload[..], &[0; 4], &first.holder].concat();
    let signature = *root().sign(&message).unwrap().as_bytes();
    let mut block = Vec::new();
    put_bytes(&mut block, 1, &written.payload);
    put_message(&mut block, 2, |out| {
        put_integer(out, 1, 0);
        put_bytes(out, 2, &first.holder);
    });
    put_bytes(&mut block, 3, &signature);
    block.extend_from_slice(version);
    let forge = Forge {
        bytes: envelope::first(1, &block),
        previous: signature,
        symbols: written.symbols,
    };
    forge.invocation(0, &invocation(&read(), 0)).present()
}

#[test]
fn a_block_of_version_zero_is_refused_although_its_signature_holds() {
    let bytes = of_version_zero(&[]);
    let envelope = Envelope::read(&bytes).unwrap();
    let first = envelope.blocks[0].check(0, &root().public_key(), None);
    assert_eq!(first, Ok(()));
    let refusal = verify_at(&bytes, &read(), now()).err();
    assert_eq!(refusal, Some(Refusal::SignatureVersion { block: 0 }));
    // And zero is spelled in one way: by leaving it out.
    let spelled = Envelope::read(&of_version_zero(&[0x28, 0x00])).err();
    assert_eq!(spelled, Some(Refusal::Malformed));
}
