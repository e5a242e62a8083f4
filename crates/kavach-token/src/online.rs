//! What no token can say, and whom to ask.

use kavach_core::{AgentId, Timestamp};

use crate::call::Call;
use crate::chain::{Chain, Hop};
use crate::claim::{Party, Source};
use crate::id::BlockId;
use crate::key::PublicKey;
use crate::refusal::Refusal;
use crate::right::{Circumstances, Judgement, Right};
use crate::verified::Approved;

/// What a verifier may ask about that no token can say.
pub trait Online {
    /// Whether `key` is a live key of the registered agent `agent`.
    fn holds_key(&mut self, agent: AgentId, key: &PublicKey) -> bool;

    /// Whether a grant's condition holds for the call that `question` describes.
    fn ask(&mut self, question: &Question<'_>) -> Answer;
}

/// A condition on a call.
#[derive(Debug)]
#[non_exhaustive]
pub struct Question<'a> {
    /// In words, as in a permission's shorthand: `approve=1&rate=20/h`.
    pub condition: &'a str,
    /// The block that states it: for counters, each block's are its own.
    pub block: BlockId,
    /// The number of the right in that block that it is a condition of: each right has counters of its own.
    pub right: usize,
    /// From which record the token was minted.
    pub source: Source,
    /// Everybody who held the token, the agent first.
    pub line: &'a [Hop],
    /// The call.
    pub call: &'a Call,
    /// Who said yes to it.
    pub approvals: &'a [Approved],
    /// Now.
    pub now: Timestamp,
}

/// Whether a condition holds.
#[expect(clippy::exhaustive_enums, reason = "a verifier must think about each")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer {
    /// It holds.
    Yes,
    /// It does not.
    No,
    /// Nobody here can tell.
    Unknown,
}

/// Knows only what the token says. Names of agents are the delegators' claims, and what must be asked is
/// refused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offline;

impl Online for Offline {
    fn holds_key(&mut self, _agent: AgentId, _key: &PublicKey) -> bool {
        true
    }

    fn ask(&mut self, _question: &Question<'_>) -> Answer {
        Answer::Unknown
    }
}

/// What the token alone does not tell: whose the names of agents are, and whether conditions hold where no
/// right goes without.
pub(crate) fn check_online(
    chain: &Chain,
    taken: &[Vec<&Right>],
    call: &Call,
    approvals: &[Approved],
    known: &Circumstances<'_>,
    online: &mut dyn Online,
) -> Result<(), Refusal> {
    for (block, hop) in chain.hops.iter().enumerate() {
        if let Party::Agent(agent) = hop.party()
            && !online.holds_key(*agent, hop.key())
        {
            return Err(Refusal::Impostor { block });
        }
    }
    for (block, (hop, rights)) in chain.hops.iter().zip(taken).enumerate() {
        let judged: Vec<Judgement> = rights.iter().map(|right| right.judge(known)).collect();
        if judged.contains(&Judgement::Holds) {
            continue;
        }
        let mut open: Vec<(&Right, &str)> = rights
            .iter()
            .zip(&judged)
            .filter_map(|(right, judged)| Some((*right, judged.question()?)))
            .collect();
        // The cheapest that holds is taken: the fewest approvals, the fewest counters, the smallest text.
        open.sort_by_cached_key(|(right, _)| right.price());
        let mut refusal = Refusal::Condition { block };
        let mut answered = false;
        for (right, condition) in open {
            let mut places = hop.rights.iter();
            let question = Question {
                condition,
                block: hop.block(),
                source: chain.source,
                line: &chain.hops,
                right: places
                    .position(|known| core::ptr::eq(known, right))
                    .unwrap_or(0),
                call,
                approvals,
                now: known.now,
            };
            match online.ask(&question) {
                Answer::Yes => answered = true,
                Answer::No => {}
                Answer::Unknown => refusal = Refusal::CannotAsk { block },
            }
            if answered {
                break;
            }
        }
        if !answered {
            return Err(refusal);
        }
    }
    Ok(())
}
