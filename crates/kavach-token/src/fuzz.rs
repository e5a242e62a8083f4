//! What the fuzzers call, with bytes from anywhere. Panics if a promise is broken.

use kavach_core::{TenantId, Timestamp};

use crate::chain::Chain;
use crate::envelope::{self, Envelope};
use crate::inspection::{Form, Inspection};
use crate::key::{HolderKey, RootKey, Sign, TERMINAL_KEY};
use crate::key_set::KeySet;
use crate::limits::{COMPARISONS_MAX, TOKEN_BYTES_MAX};
use crate::presentation::Presentation;
use crate::profile::{
    ApprovalBlock, Authority, DelegationBlock, InvocationBlock, Profiled, ReceiptBlock,
};
use crate::revocation::RevocationList;
use crate::symbols::Symbols;
use crate::token::Token;

/// A root key that everybody knows.
fn root() -> RootKey {
    RootKey::new(1, HolderKey::from_bytes(&[99; 32]))
}

/// The bytes of a token, or its text: what is read as a token is written as the same bytes and the same
/// text, and keeps to its limits.
pub fn token(bytes: &[u8]) {
    if let Ok(envelope) = Envelope::read(bytes) {
        assert!(bytes.len() <= TOKEN_BYTES_MAX, "too large");
        let ends: Vec<usize> = envelope.blocks.iter().map(|block| block.end).collect();
        assert!(
            ends.is_sorted() && ends.iter().all(|end| *end <= bytes.len()),
            "{ends:?}"
        );
    }
    let shown = Inspection::from_bytes(bytes);
    if let Ok(token) = Token::from_bytes(bytes) {
        let shown = shown.map(|shown| (shown.form(), shown.fault()));
        assert_eq!(shown, Ok((Form::Open, None)), "shown otherwise");
        assert_eq!(token.as_bytes(), bytes, "another token");
        let again: Result<Token, _> = token.to_string().parse();
        let again = again.map(|again| again.as_bytes().to_vec());
        assert_eq!(again.as_deref(), Ok(bytes), "another spelling");
        assert_ne!(
            token.line().last().map(|hop| *hop.key().as_bytes()),
            Some(TERMINAL_KEY)
        );
    }
    let Ok(text) = core::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(presentation) = text.parse::<Presentation>() {
        assert_eq!(presentation.to_string(), text, "a second spelling");
    }
    if let Ok(token) = text.parse::<Token>() {
        assert_eq!(token.to_string(), text, "a second spelling");
    }
    if let Ok(keys) = KeySet::parse(text) {
        assert_eq!(
            KeySet::parse(&keys.to_json()).as_ref(),
            Ok(&keys),
            "other keys"
        );
    }
}

/// The contents of blocks, each after its length as two bytes: whatever kind of block is read from them is
/// written as the same bytes, and a chain of them widens nowhere and costs no more than it may.
pub fn chain(bytes: &[u8]) {
    let mut payloads = Vec::new();
    let mut rest = bytes;
    while let Some((length, further)) = rest.split_at_checked(2) {
        let length = length
            .iter()
            .fold(0, |length, byte| length << 8 | usize::from(*byte));
        let (payload, further) = further.split_at(length.min(further.len()));
        payloads.push(payload);
        rest = further;
    }
    let mut symbols = Symbols::default();
    for payload in &payloads {
        let read = [
            written::<Authority>(payload, &symbols),
            written::<DelegationBlock>(payload, &symbols),
            written::<InvocationBlock>(payload, &symbols),
            written::<ApprovalBlock>(payload, &symbols),
            written::<ReceiptBlock>(payload, &symbols),
        ];
        assert!(read.iter().flatten().count() <= 1, "a block of two kinds");
        if let Some(new) = read.into_iter().flatten().next() {
            symbols.extend(&new);
        }
    }
    signed(&payloads);
}

/// The strings that the block brings, if it is of this kind.
fn written<B: Profiled>(payload: &[u8], symbols: &Symbols) -> Option<Symbols> {
    let (block, new) = B::read(payload, symbols).ok()?;
    assert_eq!(
        block.write(symbols).payload,
        payload,
        "it is written otherwise"
    );
    Some(new.symbols)
}

/// Makes the chain that the blocks would be if everybody had signed what stands there.
fn signed(payloads: &[&[u8]]) -> Option<()> {
    let (first, further) = payloads.split_first()?;
    let (authority, _) = Authority::read(first, &Symbols::default()).ok()?;
    let block = envelope::sign_block(&root(), first, &authority.holder, None, None).ok()?;
    let mut bytes = envelope::first(1, &block.block);
    let mut previous = block.signature;
    let mut chain = begun(&bytes)?;
    for payload in further {
        let (delegation, _) = DelegationBlock::read(payload, &chain.symbols).ok()?;
        let holder = &delegation.holder;
        let block = envelope::sign_block(&root(), payload, holder, Some(&previous), None).ok()?;
        previous = block.signature;
        envelope::append(&mut bytes, &block.block);
        let envelope = Envelope::read(&bytes).ok()?;
        let above = chain.last().ok()?.rights.clone();
        chain.follow(envelope.blocks.last()?).ok()?;
        let rights = &chain.last().ok()?.rights;
        let held = |right| {
            above
                .iter()
                .any(|above: &crate::right::Right| above.contains(right).0)
        };
        assert!(rights.iter().all(held), "a right out of nowhere");
        assert!(chain.comparisons() <= COMPARISONS_MAX, "too much work");
    }
    Some(())
}

fn begun(bytes: &[u8]) -> Option<Chain> {
    let envelope = Envelope::read(bytes).ok()?;
    Chain::begin(1, envelope.blocks.first()?).ok()
}

/// The body of a revocation list, signed by a key that everybody knows, or the text of a list: what is read
/// is signed again and read as the same.
pub fn revocation_list(bytes: &[u8]) {
    let now = Timestamp::from_s(1_795_255_200);
    let Ok(issuer) = "https://kavach.example".parse() else {
        return;
    };
    let keys = KeySet::new(
        issuer,
        TenantId::DEFAULT,
        root().public_key(),
        Timestamp::from_s(0),
    );
    let text = RevocationList::sign_body(&root(), bytes);
    let texts = [text.as_deref().ok(), core::str::from_utf8(bytes).ok()];
    for text in texts.into_iter().flatten() {
        let Ok(mut list) = RevocationList::open(text, &keys, now) else {
            continue;
        };
        let (version, issued_at) = (list.version(), list.issued_at());
        let before = list.clone();
        let again = list.sign(&root(), &keys, version, issued_at);
        let again = again
            .ok()
            .map(|text| RevocationList::open(&text, &keys, now));
        assert_eq!(again, Some(Ok(before)), "another list");
    }
}
