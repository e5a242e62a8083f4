//! biscuit-auth, used as its documentation does: a bearer token with random keys, a right for each resource
//! in the first block, and a check in each further one.

use std::time::Duration;

use biscuit_auth::builder::{BlockBuilder, date, fact, string};
use biscuit_auth::{AuthorizerBuilder, AuthorizerLimits, Biscuit, KeyPair};

use super::{NAMES, Scheme};
use crate::Failed;

/// A chain of attenuations; no holder signs anything, and nothing tells one call from another.
#[expect(missing_debug_implementations, reason = "it holds a key")]
pub struct Biscuits {
    root: KeyPair,
    bytes: Vec<u8>,
}

impl Scheme for Biscuits {
    const NAME: &'static str = "biscuit-auth 6.0, bearer";
    type Proof = Vec<u8>;

    fn of(hops: usize) -> Result<Self, Failed> {
        let root = KeyPair::new();
        let mut builder = Biscuit::builder();
        for name in NAMES {
            let right = fact(
                "right",
                &[string("mcp:github"), string(name), string("read")],
            );
            builder = builder.fact(right)?;
        }
        let mut biscuit = builder.build(&root)?;
        for _ in 1..hops {
            let block = BlockBuilder::new()
                .code("check if operation(\"read\");")?
                .code("check if time($t), $t < 2100-01-01T00:00:00Z;")?
                .code("check if resource($s, $n), right($s, $n, \"read\");")?;
            biscuit = biscuit.append(block)?;
        }
        let bytes = biscuit.to_vec()?;
        Ok(Self { root, bytes })
    }

    fn prove(&self, _number: u64) -> Result<Vec<u8>, Failed> {
        Ok(self.bytes.clone())
    }

    fn accepts(&self, proof: &Vec<u8>, name: &str) -> bool {
        let authorized = || -> Result<(), biscuit_auth::error::Token> {
            let biscuit = Biscuit::from(proof, self.root.public())?;
            // Its own limit is a millisecond on the wall, which refuses good tokens on a busy machine.
            let limits = AuthorizerLimits {
                max_time: Duration::from_secs(10),
                ..AuthorizerLimits::default()
            };
            let time = std::time::UNIX_EPOCH + Duration::from_secs(1_795_255_200);
            let mut authorizer = AuthorizerBuilder::new()
                .set_limits(limits)
                .fact(fact("operation", &[string("read")]))?
                .fact(fact("resource", &[string("mcp:github"), string(name)]))?
                .fact(fact("time", &[date(&time)]))?
                .policy("allow if resource($s, $n), operation($o), right($s, $n, $o)")?
                .build(&biscuit)?;
            authorizer.authorize().map(|_| ())
        };
        authorized().is_ok()
    }

    fn bytes(&self, proof: &Vec<u8>) -> usize {
        proof.len()
    }
}
