//! Macaroons: one HMAC for each caveat, under a key that the service has to have.
//!
//! Written here, because the one crate that is used stands on a binding that nobody keeps up any more. It is
//! the scheme of the paper without third parties, on the primitives that ours are built on.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{NAMES, Scheme};
use crate::Failed;

/// A macaroon with three caveats for each hop.
#[derive(Debug)]
pub struct Macaroons {
    caveats: Vec<String>,
}

/// What is sent: the caveats, and the last of the HMACs.
#[expect(clippy::exhaustive_structs, reason = "a macaroon is these two")]
#[derive(Debug)]
pub struct Macaroon {
    /// In order.
    pub caveats: Vec<String>,
    /// Over all of them.
    pub tag: [u8; 32],
}

const KEY: &[u8] = b"a key that issuer and service share";

fn chained(caveats: &[String]) -> Result<[u8; 32], Failed> {
    let start = ["an identifier".to_owned()];
    let mut key: [u8; 32] = [0; 32];
    key.iter_mut().zip(KEY).for_each(|(to, byte)| *to = *byte);
    for caveat in start.iter().chain(caveats) {
        let mut mac = Hmac::<Sha256>::new_from_slice(&key)?;
        mac.update(caveat.as_bytes());
        key = mac.finalize().into_bytes().into();
    }
    Ok(key)
}

fn holds(caveat: &str, name: &str) -> bool {
    match caveat.split_once(" = ") {
        Some(("operation", operation)) => operation == "read",
        Some(("names", names)) => names.split(',').any(|one| one == name),
        Some(("until", end)) => end.parse::<i64>().is_ok_and(|end| 1_795_255_200 < end),
        _ => false,
    }
}

impl Scheme for Macaroons {
    const NAME: &'static str = "macaroon, bearer, shared key";
    type Proof = Macaroon;

    fn of(hops: usize) -> Result<Self, Failed> {
        let names = format!("names = {}", NAMES.join(","));
        let hop = ["operation = read", "until = 4000000000", &names];
        let caveats = (0..hops).flat_map(|_| hop.map(str::to_owned));
        Ok(Self {
            caveats: caveats.collect(),
        })
    }

    fn prove(&self, _number: u64) -> Result<Macaroon, Failed> {
        let caveats = self.caveats.clone();
        let tag = chained(&caveats)?;
        Ok(Macaroon { caveats, tag })
    }

    fn accepts(&self, proof: &Macaroon, name: &str) -> bool {
        let tag = chained(&proof.caveats);
        tag.is_ok_and(|tag| tag == proof.tag) && proof.caveats.iter().all(|one| holds(one, name))
    }

    fn bytes(&self, proof: &Macaroon) -> usize {
        proof
            .caveats
            .iter()
            .map(|caveat| caveat.len() + 4)
            .sum::<usize>()
            + 48
    }
}
