//! JWT with EdDSA: one flat token, which is what most systems have; and a chain in which each holder signs the
//! next token with its own key, as nothing standard does.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use kavach_token::{HolderKey, Sign};
use serde::{Deserialize, Serialize};

use super::{ASKED, NAMES, Scheme};
use crate::Failed;

#[derive(Deserialize, Serialize)]
struct Claims {
    exp: u64,
    aud: String,
    rights: Vec<String>,
    /// The next holder's public key (RFC 7800), as hexadecimal digits.
    cnf: String,
}

const SERVICE: &str = "https://files.example";

fn key(number: usize) -> HolderKey {
    HolderKey::from_bytes(&[u8::try_from(number + 1).unwrap_or(u8::MAX); 32])
}

/// PKCS#8 version 1 of an Ed25519 secret (RFC 8410 section 7).
fn encoding(key: &HolderKey) -> EncodingKey {
    let start = [48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32];
    EncodingKey::from_ed_der(&[&start[..], key.expose()].concat())
}

fn token(number: usize, rights: &[&str]) -> Result<String, Failed> {
    let claims = Claims {
        exp: 4_000_000_000,
        aud: SERVICE.to_owned(),
        rights: rights
            .iter()
            .map(|name| format!("read:mcp:github:{name}"))
            .collect(),
        cnf: key(number + 1).public_key().to_string(),
    };
    Ok(encode(
        &Header::new(Algorithm::EdDSA),
        &claims,
        &encoding(&key(number)),
    )?)
}

fn read(token: &str, signer: &[u8; 32]) -> Option<Claims> {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&[SERVICE]);
    let read = decode::<Claims>(token, &DecodingKey::from_ed_der(signer), &validation);
    read.ok().map(|read| read.claims)
}

fn allows(claims: &Claims, name: &str) -> bool {
    let asked = format!("read:mcp:github:{name}");
    claims.rights.contains(&asked)
}

/// One token, whatever the number of hops: nobody can narrow it without its issuer, and whoever has it may
/// use it.
#[derive(Debug)]
pub struct FlatJwt(String);

impl Scheme for FlatJwt {
    const NAME: &'static str = "JWT EdDSA, one, bearer";
    type Proof = String;

    fn of(_hops: usize) -> Result<Self, Failed> {
        token(0, &NAMES).map(Self)
    }

    fn prove(&self, _number: u64) -> Result<String, Failed> {
        Ok(self.0.clone())
    }

    fn accepts(&self, proof: &String, name: &str) -> bool {
        let claims = read(proof, key(0).public_key().as_bytes());
        claims.is_some_and(|claims| allows(&claims, name))
    }

    fn bytes(&self, proof: &String) -> usize {
        proof.len()
    }
}

/// A token for each hop, each signed by the key that the one above names, and one more for the call.
#[derive(Debug)]
pub struct NestedJwt {
    chain: Vec<String>,
    hops: usize,
}

impl Scheme for NestedJwt {
    const NAME: &'static str = "JWT EdDSA, chain and proof";
    type Proof = Vec<String>;

    fn of(hops: usize) -> Result<Self, Failed> {
        let tokens = (0..hops).map(|number| token(number, &NAMES));
        let chain = tokens.collect::<Result<_, Failed>>()?;
        Ok(Self { chain, hops })
    }

    fn prove(&self, _number: u64) -> Result<Vec<String>, Failed> {
        let call = token(self.hops, &[ASKED])?;
        Ok(self.chain.iter().cloned().chain([call]).collect())
    }

    fn accepts(&self, proof: &Vec<String>, name: &str) -> bool {
        let mut signer = *key(0).public_key().as_bytes();
        for token in proof {
            let Some(claims) = read(token, &signer) else {
                return false;
            };
            let next = claims.cnf.parse::<kavach_token::PublicKey>();
            let (true, Ok(next)) = (allows(&claims, name), next) else {
                return false;
            };
            signer = *next.as_bytes();
        }
        true
    }

    fn bytes(&self, proof: &Vec<String>) -> usize {
        proof.iter().map(String::len).sum()
    }
}
