//! Tokens: who held the one that a call was made with, and what was changed about them.

use std::fmt;

use kavach_core::{AgentId, Timestamp};

use super::Sentence;
use crate::event::Detail;

/// In the detail of a decision: everybody who held the token that the call was made with, the agent that it
/// was minted for first. Each is the time since when, the `jti` and the key, and the agent's id if the key is
/// a registered one, separated by spaces.
pub(super) const HOLDERS: &str = "holders";
/// In the same: what the invocation is told apart by.
pub(super) const NONCE: &str = "nonce";
/// What [`Sentence::holders`] says, or nobody reads.
pub(super) const SAID: &[&str] = &[HOLDERS, NONCE];

/// Digits of a key that people are shown.
const KEY_DIGITS: usize = 12;

/// One of those who held a token.
struct Holder<'a> {
    at: Timestamp,
    key: &'a str,
    agent: Option<AgentId>,
}

impl<'a> Holder<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(' ');
        let (at, _, key) = (parts.next()?, parts.next()?, parts.next()?);
        let digits = key.bytes().all(|byte| byte.is_ascii_hexdigit());
        Some(Self {
            at: at.parse().ok()?,
            key: key.get(..KEY_DIGITS).filter(|_| digits)?,
            agent: parts.next().and_then(|agent| agent.parse().ok()),
        })
    }
}

impl Sentence<'_> {
    /// That a call was made with a token, and to whom it was passed on before.
    pub(super) fn holders(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Detail::List(holders)) = self.event.detail.get(HOLDERS) else {
            return Ok(());
        };
        f.write_str(", with a token")?;
        let mut separator = " that was passed on to ";
        let mut further = holders.iter().skip(1);
        let known = further.by_ref().map_while(|text| Holder::parse(text));
        for holder in known {
            f.write_str(separator)?;
            match holder.agent {
                Some(agent) => self.agent(f, agent)?,
                None => write!(f, "key {}…", holder.key)?,
            }
            f.write_str(" at ")?;
            self.time(f, holder.at)?;
            separator = ", then to ";
        }
        f.write_str(",")
    }

    pub(super) fn change_of_tokens(&self, f: &mut fmt::Formatter<'_>, what: &str) -> fmt::Result {
        let verb = if self.event.kind == crate::kind::EventKind::TokenRevoked {
            "revoked"
        } else {
            "rotated"
        };
        write!(f, "{what}{}{verb}", self.either(" ", " not "))?;
        self.change_ends(f)
    }
}
