//! Tenuo: a chain of warrants, each signed by the holder of the one above, and a proof of possession.
//!
//! Measured as in its own benchmarks: warrants that are decoded already, so that reading bytes is left out.

use std::collections::HashMap;
use std::time::Duration;

use tenuo::planes::Authorizer;
use tenuo::{ConstraintSet, ConstraintValue, OneOf, Signature, SigningKey, Warrant, wire};

use super::{ASKED, NAMES, Scheme};
use crate::Failed;

const TTL: Duration = Duration::from_secs(3600);
const TOOL: &str = "mcp:github:read";

/// A chain with distinct keys, and a service that trusts the first.
#[expect(missing_debug_implementations, reason = "it holds a key")]
pub struct Tenuo {
    chain: Vec<Warrant>,
    last: SigningKey,
    authorizer: Authorizer,
}

fn arguments(name: &str) -> HashMap<String, ConstraintValue> {
    HashMap::from([("name".to_owned(), ConstraintValue::String(name.to_owned()))])
}

fn key(number: usize) -> SigningKey {
    SigningKey::from_bytes(&[u8::try_from(number + 1).unwrap_or(u8::MAX); 32])
}

impl Scheme for Tenuo {
    const NAME: &'static str = "Tenuo 0.3.5";
    type Proof = Signature;

    fn of(hops: usize) -> Result<Self, Failed> {
        let mut constraints = ConstraintSet::new();
        constraints.insert("name", OneOf::new(NAMES));
        let root = Warrant::builder()
            .ttl(TTL)
            .capability(TOOL, constraints)
            .holder(key(1).public_key())
            .build(&key(0))?;
        let mut chain = vec![root];
        for number in 1..hops {
            let above = chain.last().ok_or("no warrant")?;
            let below = above.attenuate().inherit_all();
            let below = below.holder(key(number + 1).public_key());
            chain.push(below.build(&key(number))?);
        }
        let authorizer = Authorizer::new().with_trusted_root(key(0).public_key());
        let last = key(hops);
        Ok(Self {
            chain,
            last,
            authorizer,
        })
    }

    fn prove(&self, _number: u64) -> Result<Signature, Failed> {
        let leaf = self.chain.last().ok_or("no warrant")?;
        Ok(leaf.sign(&self.last, TOOL, &arguments(ASKED))?)
    }

    fn accepts(&self, proof: &Signature, name: &str) -> bool {
        let arguments = arguments(name);
        let checked = self
            .authorizer
            .check_chain(&self.chain, TOOL, &arguments, Some(proof), &[]);
        checked.is_ok()
    }

    fn bytes(&self, _proof: &Signature) -> usize {
        let encoded = self.chain.iter().map(|warrant| wire::encode(warrant));
        encoded
            .map(|bytes| bytes.map_or(0, |bytes| bytes.len()))
            .sum::<usize>()
            + 64
    }
}
