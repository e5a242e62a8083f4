//! What the tests play with: an issuer, five agents, one service; and a forger who holds all their keys.

use kavach_core::{AgentId, Mode, SubjectId, TenantId, Timestamp};

use crate::call::Call;
use crate::claim::{Audience, Source, SourceRecord};
use crate::envelope::{self, External};
use crate::id::{ArgumentsHash, Nonce, TokenId};
use crate::key::{HolderKey, RootKey, Sign, TERMINAL_KEY, TERMINAL_SECRET};
use crate::key_set::KeySet;
use crate::profile::{Authority, DelegationBlock, InvocationBlock, Profiled};
use crate::refusal::Refusal;
use crate::replay::ReplayCache;
use crate::request::Request;
use crate::revocation::Revocations;
use crate::right::{Bounds, Right};
use crate::symbols::Symbols;
use crate::token::{Mint, Moment, Narrowing, Token};
use crate::verified::Verified;
use crate::verifier::Verifier;

pub(crate) const SERVICE: &str = "https://files.example";
pub(crate) const ISSUER: &str = "https://kavach.example";

pub(crate) fn now() -> Timestamp {
    Timestamp::from_s(1_795_255_200)
}

/// Holder number `number`; 0 is the agent.
pub(crate) fn holder(number: u8) -> HolderKey {
    HolderKey::from_bytes(&[100 + number; 32])
}

pub(crate) fn root() -> RootKey {
    RootKey::new(1, HolderKey::from_bytes(&[99; 32]))
}

pub(crate) fn keys() -> KeySet {
    let start = Timestamp::from_s(0);
    KeySet::new(
        audience(ISSUER),
        TenantId::DEFAULT,
        root().public_key(),
        start,
    )
}

pub(crate) fn audience(text: &str) -> Audience {
    text.parse().unwrap()
}

pub(crate) fn mint(permissions: &[&str]) -> Mint {
    let agent = AgentId::from_parts(1, 1);
    Mint {
        issuer: audience(ISSUER),
        id: TokenId::from_bytes([1; 16]),
        agent,
        holder: holder(0).public_key(),
        owner: SubjectId::from_parts(1, 2),
        tenant: TenantId::DEFAULT,
        source: Source {
            record: SourceRecord::Agent(agent),
            generation: 1,
        },
        issued_at: now(),
        not_before: now(),
        expires_at: now().plus_s(3600),
        max_depth: 4,
        audiences: vec![audience(SERVICE), audience("https://other.example")],
        permissions: permissions
            .iter()
            .map(|text| text.parse().unwrap())
            .collect(),
    }
}

pub(crate) fn minted(permissions: &[&str]) -> Token {
    Token::mint(&root(), mint(permissions)).unwrap()
}

/// To holder `number`, of all that there is.
pub(crate) fn narrowing(number: u8) -> Narrowing {
    Narrowing {
        id: TokenId::from_bytes([10 + number; 16]),
        to: format!("helper-{number}").parse().unwrap(),
        why: "because".parse().unwrap(),
        at: now(),
        expires_at: None,
        max_depth: None,
        audiences: None,
        permissions: None,
        mode: Mode::Strict,
    }
}

/// A chain of `hops` delegations of all that `permissions` allow.
pub(crate) fn chain(permissions: &[&str], hops: u8) -> Token {
    (1..=hops).fold(minted(permissions), |token, number| {
        let key = holder(number).public_key();
        token
            .delegate(&holder(number - 1), &key, narrowing(number))
            .unwrap()
    })
}

pub(crate) fn call(action: &str, resource: &str) -> Call {
    Call {
        audience: audience(SERVICE),
        action: action.parse().unwrap(),
        resource: resource.parse().unwrap(),
        arguments: ArgumentsHash::of(b"{}"),
    }
}

pub(crate) fn moment(nonce: u8) -> Moment {
    Moment {
        at: now(),
        ttl_s: 60,
        nonce: Nonce::from_bytes([nonce; 16]),
    }
}

pub(crate) fn verifier() -> Verifier {
    let replays = ReplayCache::danger_first_start(1000);
    Verifier::new(
        audience(SERVICE),
        keys(),
        Revocations::danger_ignored(),
        replays,
    )
}

/// Whether a fresh verifier accepts `presentation` for `call`, at `at`.
pub(crate) fn verify_at(
    presentation: &[u8],
    call: &Call,
    at: Timestamp,
) -> Result<Verified, Refusal> {
    let request = Request::new(&call.action, &call.resource, call.arguments);
    verifier().verify(presentation, &request, at)
}

/// Builds tokens block by block, whatever anybody allows.
#[derive(Clone)]
pub(crate) struct Forge {
    pub(crate) bytes: Vec<u8>,
    pub(crate) previous: [u8; 64],
    pub(crate) symbols: Symbols,
}

impl Forge {
    pub(crate) fn begin(
        payload: &[u8],
        signer: &dyn Sign,
        next: &[u8; 32],
        symbols: &Symbols,
    ) -> Self {
        let signed = envelope::sign_block(signer, payload, next, None, None).unwrap();
        let mut known = Symbols::default();
        known.extend(symbols);
        Self {
            bytes: envelope::first(1, &signed.block),
            previous: signed.signature,
            symbols: known,
        }
    }

    /// Goes on from a token.
    pub(crate) fn after(token: &Token) -> Self {
        let mut symbols = Symbols::default();
        symbols.extend(&token.chain().symbols);
        Self {
            bytes: token.as_bytes().to_vec(),
            previous: token.chain().last_signature,
            symbols,
        }
    }

    /// Begins with what the root key signs, for holder 0.
    pub(crate) fn authority(authority: &Authority) -> Self {
        let written = authority.write(&Symbols::default());
        Self::begin(
            &written.payload,
            &root(),
            &authority.holder,
            &written.symbols,
        )
    }

    pub(crate) fn then(
        mut self,
        block: &impl Profiled,
        signer: &dyn Sign,
        next: &[u8; 32],
    ) -> Self {
        let written = block.write(&self.symbols);
        self.symbols.extend(&written.symbols);
        self.then_bytes(&written.payload, signer, next)
    }

    pub(crate) fn then_bytes(mut self, payload: &[u8], signer: &dyn Sign, next: &[u8; 32]) -> Self {
        let signed =
            envelope::sign_block(signer, payload, next, Some(&self.previous), None).unwrap();
        envelope::append(&mut self.bytes, &signed.block);
        self.previous = signed.signature;
        self
    }

    pub(crate) fn then_third(
        mut self,
        payload: &[u8],
        third: &dyn Sign,
        signer: &dyn Sign,
        next: &[u8; 32],
    ) -> Self {
        let message = envelope::external_payload(payload, &self.previous);
        let (signature, key) = (third.sign(&message).unwrap(), third.public_key());
        let external = External {
            signature: signature.as_bytes(),
            key: key.as_bytes(),
        };
        let signed =
            envelope::sign_block(signer, payload, next, Some(&self.previous), Some(external))
                .unwrap();
        envelope::append(&mut self.bytes, &signed.block);
        self.previous = signed.signature;
        self
    }

    /// A delegation to holder `number` by the one before.
    pub(crate) fn delegation(self, number: u8, block: &DelegationBlock) -> Self {
        self.then(block, &holder(number - 1), &block.holder)
    }

    /// An invocation by holder `number`.
    pub(crate) fn invocation(self, number: u8, block: &InvocationBlock) -> Self {
        self.then(block, &holder(number), &TERMINAL_KEY)
    }

    pub(crate) fn present(mut self) -> Vec<u8> {
        envelope::prove(&mut self.bytes, &TERMINAL_SECRET);
        self.bytes
    }
}

pub(crate) fn right(permission: &str, bounds: Bounds, index: u8) -> Right {
    Right::new(&permission.parse().unwrap(), bounds, index)
}

/// The first block of [`minted`].
pub(crate) fn authority(permissions: &[&str]) -> Authority {
    let mint = mint(permissions);
    let bounds = Bounds {
        until: mint.expires_at,
        deepest: mint.max_depth,
    };
    Authority {
        issuer: mint.issuer,
        id: mint.id,
        agent: mint.agent,
        holder: *mint.holder.as_bytes(),
        owner: mint.owner,
        tenant: mint.tenant,
        source: mint.source,
        issued_at: mint.issued_at,
        not_before: mint.not_before,
        bounds,
        audiences: mint.audiences,
        rights: permissions
            .iter()
            .map(|text| right(text, bounds, 0))
            .collect(),
    }
}

/// The delegation to holder `number` in [`chain`].
pub(crate) fn delegation(number: u8, permissions: &[&str]) -> DelegationBlock {
    let from = match number {
        1 => mint(&[]).agent.to_string(),
        _ => format!("helper-{}", number - 1),
    };
    let bounds = Bounds {
        until: now().plus_s(3600),
        deepest: 4,
    };
    let narrowing = narrowing(number);
    DelegationBlock {
        id: narrowing.id,
        from: from.parse().unwrap(),
        to: narrowing.to,
        at: now(),
        holder: *holder(number).public_key().as_bytes(),
        why: narrowing.why,
        bounds,
        audiences: mint(&[]).audiences,
        rights: permissions
            .iter()
            .map(|text| right(text, bounds, number))
            .collect(),
    }
}

/// The invocation of `call` in a chain of `depth` delegations.
pub(crate) fn invocation(call: &Call, depth: u8) -> InvocationBlock {
    InvocationBlock {
        nonce: Nonce::from_bytes([9; 16]),
        at: now(),
        bounds: Bounds {
            until: now().plus_s(60),
            deepest: depth,
        },
        audience: call.audience.clone(),
        action: call.action.clone(),
        resource: call.resource.clone(),
        arguments: call.arguments,
    }
}
