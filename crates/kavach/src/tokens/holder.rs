//! Who held a token: for the answer, for the event, and for people.

use std::fmt;

use kavach_audit::{Detail, Event, Hop as EventHop};
use kavach_core::{AgentId, LineHop, Timestamp};
use kavach_token::{BlockId, Hop, Party, PublicKey, Refusal, TokenId};

use super::book::Pages;

/// Everybody who held a token, in the detail of an event: see `kavach_audit`'s sentence.
const HOLDERS: &str = "holders";

/// Somebody who held a token that was presented.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Holder {
    /// The agent whose registered key it is; `None` for a key that nobody registered.
    pub agent: Option<AgentId>,
    /// The key.
    pub key: PublicKey,
    /// What the delegator calls its holder: for a key that nobody registered, only a claim.
    pub called: Party,
    /// Why it was passed on, in the delegator's words.
    pub why: String,
    /// When.
    pub at: Timestamp,
    /// What the delegator calls the delegation.
    pub id: TokenId,
    /// The block.
    pub block: BlockId,
}

impl Holder {
    /// Who, without anything that somebody made up: by the agent's id, or by the key.
    pub(crate) fn without_words(&self) -> String {
        let at = self.at;
        match self.agent {
            Some(agent) => format!("{agent} since {at}"),
            None => format!("key {} since {at}", self.key),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.agent {
            Some(agent) => write!(f, "{agent}")?,
            None => write!(
                f,
                "key {}, called {} by its delegator",
                self.key, self.called
            )?,
        }
        write!(f, " since {}", self.at)
    }
}

/// Writes into the event why a token was refused.
pub(crate) fn refuse(refusal: Refusal, event: &mut Event) {
    let code = Detail::Text(refusal.code().to_owned());
    event.detail.insert("token_refusal".to_owned(), code);
    if let Some(block) = refusal.block() {
        let block = Detail::Text(block.to_string());
        event.detail.insert("token_block".to_owned(), block);
    }
}

/// The last of them that is an agent of this tenant: who answers for the call.
pub(crate) fn acting(holders: &[Holder]) -> Option<AgentId> {
    holders.iter().rev().find_map(|holder| holder.agent)
}

/// The registered ones that the token was passed on to, as a line goes on with them.
pub(crate) fn further(holders: &[Holder]) -> impl Iterator<Item = LineHop> + '_ {
    let known = holders.iter().skip(1);
    known.filter_map(|holder| {
        Some(LineHop {
            agent: holder.agent?,
            delegation: None,
            at: holder.at,
        })
    })
}

/// What people wrote into a token, for beside the event: names and reasons are theirs, and can be erased.
pub(crate) fn words(holders: &[Holder]) -> Option<String> {
    let said = holders.iter().enumerate().skip(1).map(|(number, holder)| {
        let called = &holder.called;
        match holder.why.as_str() {
            "" => format!("holder {number} is called {called}"),
            why => format!("holder {number} is called {called}: {why}"),
        }
    });
    let said: Vec<String> = said.collect();
    (!said.is_empty()).then(|| said.join("; "))
}

/// Writes into the event who held a token.
pub(super) fn describe(holders: &[Holder], event: &mut Event) {
    if holders.is_empty() {
        return;
    }
    event.agent = acting(holders).or(event.agent);
    event.line.extend(further(holders).map(|hop| EventHop {
        agent: hop.agent,
        delegation: None,
        at: hop.at,
    }));
    event.token_ids = holders
        .iter()
        .map(|holder| holder.block.to_string())
        .collect();
    let told = holders.iter().map(|holder| {
        let (at, id, key) = (holder.at, holder.id, holder.key);
        match holder.agent {
            Some(agent) => format!("{at} {id} {key} {agent}"),
            None => format!("{at} {id} {key}"),
        }
    });
    event
        .detail
        .insert(HOLDERS.to_owned(), Detail::List(told.collect()));
}

/// Everybody on a chain, with whose the keys are.
pub(super) fn holders(pages: &Pages, line: &[Hop]) -> Vec<Holder> {
    let told = line.iter().map(|hop| Holder {
        agent: pages.holder(hop.key()).map(|known| known.agent),
        key: *hop.key(),
        called: hop.party().clone(),
        why: hop.why().to_owned(),
        at: hop.at(),
        id: hop.id(),
        block: hop.block(),
    });
    told.collect()
}
