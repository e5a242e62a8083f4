//! What dishonest holders, and whoever sees a presentation, may do to one.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "most mischief is done in one place, and leaves the others as they are"
)]

use super::super::traps::appended;
use super::Case;
use crate::block::{BlockWriter, Term};
use crate::claim::Party;
use crate::dice::Dice;
use crate::envelope::Envelope;
use crate::id::CallHash;
use crate::id::{Nonce, TokenId};
use crate::key::{HolderKey, Sign, TERMINAL_KEY, TERMINAL_SECRET};
use crate::profile::{ApprovalBlock, DelegationBlock, InvocationBlock, Profiled};
use crate::right::Right;
use crate::scene::{Forge, audience, holder, invocation};
use crate::symbols::Symbols;
use kavach_core::AgentId;

/// One way to be dishonest.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Mischief {
    /// Blocks as the case has them, which may themselves be wider than what they follow.
    None,
    /// A delegation states a right to everything.
    Widened,
    /// The delegations in another order.
    Reordered,
    /// The last delegations left out.
    Truncated,
    /// The end of another chain with the same holders.
    Spliced,
    /// A block by another library, after the invocation.
    ForeignBlock,
    /// A third party's block that is no approval.
    ForeignThird,
    /// A fact more than the profile has.
    ExtraFact,
    /// An invocation by whoever knows the terminal secret, after the holder's.
    SecondInvocation,
    /// An invocation that another holder goes on from.
    InvocationForAFriend,
    /// A delegation to the terminal key.
    TerminalHolder,
    /// An invocation by a key that does not hold the token.
    WrongSigner,
    /// A hop that takes a registered agent's name.
    AgentsName,
    /// An invocation that says another depth.
    WrongDepth,
    /// An invocation for another service.
    OtherAudience,
    /// An invocation that lasts for an hour.
    LongInvocation,
}

pub(super) const MISCHIEF: [Mischief; 16] = [
    Mischief::None,
    Mischief::Widened,
    Mischief::Reordered,
    Mischief::Truncated,
    Mischief::Spliced,
    Mischief::ForeignBlock,
    Mischief::ForeignThird,
    Mischief::ExtraFact,
    Mischief::SecondInvocation,
    Mischief::InvocationForAFriend,
    Mischief::TerminalHolder,
    Mischief::WrongSigner,
    Mischief::AgentsName,
    Mischief::WrongDepth,
    Mischief::OtherAudience,
    Mischief::LongInvocation,
];

impl Mischief {
    /// Whether it is refused whatever else is right.
    pub(super) fn is_never_accepted(self) -> bool {
        // What is stated twice is no wider than what is stated once.
        !matches!(self, Self::None | Self::Widened)
    }

    /// How many delegations it takes.
    fn delegations(self) -> usize {
        match self {
            Self::Reordered => 2,
            Self::Widened | Self::Truncated | Self::ExtraFact | Self::AgentsName => 1,
            _ => 0,
        }
    }
}

/// The case's presentation after some mischief, or, half of the time, none.
pub(super) fn done(case: &Case, dice: &mut Dice) -> (Mischief, Vec<u8>) {
    let mut mischief = match dice.below(2) {
        0 => Mischief::None,
        _ => dice.pick(&MISCHIEF),
    };
    if case.further.len() < mischief.delegations() {
        mischief = Mischief::None;
    }
    let depth = u8::try_from(case.further.len()).unwrap();
    let mut last = invocation(&case.call, depth);
    (last.at, last.bounds.until) = (case.at, case.at.plus_s(30));
    last.nonce = Nonce::from_bytes([u8::try_from(dice.below(256)).unwrap(); 16]);
    let mut further = case.further.clone();
    change(mischief, &mut further, &mut last, dice);
    let place = usize::try_from(dice.below(1 + further.len() as u64)).unwrap();
    let presentation = match mischief {
        Mischief::Spliced => {
            let one = present(mischief, Forge::authority(&case.authority), &further, &last);
            let mut other = case.authority.clone();
            other.id = TokenId::from_bytes([99; 16]);
            let other = present(mischief, Forge::authority(&other), &further, &last);
            let [one_end, other_end] = [&one, &other].map(|bytes| end(bytes, place));
            [&one[..one_end], &other[other_end..]].concat()
        }
        _ => present(mischief, Forge::authority(&case.authority), &further, &last),
    };
    (mischief, presentation)
}

/// Where block number `place` ends.
fn end(bytes: &[u8], place: usize) -> usize {
    Envelope::read(bytes).unwrap().blocks[place].end
}

fn change(
    mischief: Mischief,
    further: &mut Vec<DelegationBlock>,
    last: &mut InvocationBlock,
    dice: &mut Dice,
) {
    let place = usize::try_from(dice.below(further.len().max(1) as u64)).unwrap();
    match mischief {
        Mischief::Widened => {
            let block = &mut further[place];
            let everything = "*:**".parse().unwrap();
            block.rights.push(Right::new(&everything, block.bounds, 1));
        }
        Mischief::Reordered => further.reverse(),
        Mischief::Truncated => further.truncate(place),
        Mischief::AgentsName => {
            further[place].to = Party::Agent(AgentId::from_parts(5, 5));
            if let Some(next) = further.get_mut(place + 1) {
                next.from = Party::Agent(AgentId::from_parts(5, 5));
            }
        }
        Mischief::WrongDepth => last.bounds.deepest = last.bounds.deepest.wrapping_sub(1),
        Mischief::OtherAudience => last.audience = audience("https://other.example"),
        Mischief::LongInvocation => last.bounds.until = last.at.plus_s(3600),
        _ => {}
    }
}

/// Signs all blocks, each by the holder that its delegation number says, and does the rest of the mischief.
fn present(
    mischief: Mischief,
    mut forge: Forge,
    further: &[DelegationBlock],
    last: &InvocationBlock,
) -> Vec<u8> {
    for (index, block) in further.iter().enumerate() {
        let number = (0..8).find(|number| *holder(*number).public_key().as_bytes() == block.holder);
        let signer = holder(number.unwrap().max(1) - 1);
        forge = if mischief == Mischief::ExtraFact && index + 1 == further.len() {
            with_extra_fact(forge, block, &signer)
        } else {
            forge.then(block, &signer, &block.holder)
        };
    }
    let depth = last.bounds.deepest;
    let caller = holder(match mischief {
        Mischief::WrongSigner => 6,
        Mischief::WrongDepth => depth.wrapping_add(1),
        _ => depth,
    });
    let terminal = HolderKey::from_bytes(&TERMINAL_SECRET);
    match mischief {
        Mischief::ForeignThird => {
            let yes = ApprovalBlock {
                call: CallHash::from_bytes([3; 32]),
                at: last.at,
                until: last.bounds.until,
            };
            let nothing = Symbols::default();
            let mut payload = BlockWriter::after(&nothing, 5);
            yes.write_block(&mut payload);
            payload.fact("operation", &[Term::Text("write")]);
            let payload = payload.finish().payload;
            let key = *caller.public_key().as_bytes();
            let forge = forge.then_third(&payload, &holder(7), &caller, &key);
            forge.then(last, &caller, &TERMINAL_KEY).present()
        }
        Mischief::ForeignBlock => {
            let presentation = forge.then(last, &caller, &TERMINAL_KEY).present();
            appended(&presentation, "operation(\"write\"); check if kv(1);")
        }
        Mischief::SecondInvocation => {
            let forge = forge.then(last, &caller, &TERMINAL_KEY);
            forge.then(last, &terminal, &TERMINAL_KEY).present()
        }
        Mischief::InvocationForAFriend => {
            let friend = holder(7).public_key();
            let forge = forge.then(last, &caller, friend.as_bytes());
            forge.then(last, &holder(7), &TERMINAL_KEY).present()
        }
        Mischief::TerminalHolder => {
            let mut block = crate::scene::delegation(depth + 1, &["*:**"]);
            block.holder = TERMINAL_KEY;
            let forge = forge.then(&block, &caller, &TERMINAL_KEY);
            forge.then(last, &terminal, &TERMINAL_KEY).present()
        }
        _ => forge.then(last, &caller, &TERMINAL_KEY).present(),
    }
}

fn with_extra_fact(forge: Forge, block: &DelegationBlock, signer: &dyn Sign) -> Forge {
    let mut out = BlockWriter::after(&forge.symbols, 3);
    block.write_block(&mut out);
    out.fact("operation", &[Term::Text("write")]);
    let written = out.finish();
    let mut forge = forge.then_bytes(&written.payload, signer, &block.holder);
    forge.symbols.extend(&written.symbols);
    forge
}
