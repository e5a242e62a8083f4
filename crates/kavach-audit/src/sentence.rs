//! An event as one English sentence.

use std::fmt;
use std::str::FromStr;

use kavach_core::{AgentId, DelegationId, SubjectId, Timestamp};

use crate::event::{Detail, Event, Hop};
use crate::kind::{EventKind, Outcome};
use crate::limits::{SENTENCE_LIST_MAX, SENTENCE_TEXT_CHARS_MAX};
use crate::names::Names;
use crate::private::Private;
use crate::shown::shown;

mod approvals;
mod because;
mod restored;
mod tokens;
use because::because;

/// An event as one English sentence, for people who do not program; print it.
///
/// `agt_123 (child of agt_89, delegated by user:alice at 14:23) read mcp:github:repos: allowed by
/// grant 2`: after the agent that acted stand those above it, the nearest first, then the owner, and
/// when the owner gave the first of them its permissions. Times are UTC, and have a date unless it is
/// the event's own. The event's own time is left to the caller.
///
/// Text that came from outside is shortened, [made safe](shown), and in quotes unless it is one word.
#[derive(Clone, Copy)]
pub struct Sentence<'a> {
    event: &'a Event,
    names: &'a dyn Names,
    private: &'a Private,
}

impl<'a> Sentence<'a> {
    /// The sentence for `event`, with what the caller knows about names, and may see of what stands
    /// beside it.
    #[must_use]
    pub const fn new(event: &'a Event, names: &'a dyn Names, private: &'a Private) -> Self {
        Self {
            event,
            names,
            private,
        }
    }
}

impl fmt::Debug for Sentence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sentence")
            .field("event", self.event)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Sentence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.event.kind {
            EventKind::Authorize => self.decision(f)?,
            EventKind::Withdrawn => self.withdrawal(f)?,
            EventKind::Settled => self.settlement(f)?,
            EventKind::AgentCreated => self.change_of_agent(f, "created")?,
            EventKind::AgentUpdated => self.change_of_agent(f, "changed")?,
            EventKind::AgentRotated => self.change_of_agent(f, "given a new credential")?,
            EventKind::AgentSuspended => self.change_of_agent(f, "suspended")?,
            EventKind::AgentResumed => self.change_of_agent(f, "resumed")?,
            EventKind::AgentRevoked => self.change_of_agent(f, "revoked")?,
            EventKind::Delegated => self.delegation(f)?,
            EventKind::DelegationUpdated => self.change_of_delegation(f, "changed")?,
            EventKind::DelegationRevoked => self.change_of_delegation(f, "revoked")?,
            EventKind::OwnerRevoked => self.off_boarding(f)?,
            EventKind::OwnerReinstated => self.reinstatement(f)?,
            EventKind::GuardrailSet => self.guardrail(f, "set")?,
            EventKind::GuardrailRemoved => self.guardrail(f, "taken away")?,
            EventKind::OwnerUpdated => self.change_of_owner(f)?,
            EventKind::ApprovalRequested => self.asking(f)?,
            EventKind::ApprovalGranted => self.saying(f, "yes")?,
            EventKind::ApprovalDenied => self.saying(f, "no")?,
            EventKind::SubjectErased => self.erasure(f)?,
            EventKind::HolderKeyAdded => self.change_of_agent(f, "given a holder key")?,
            EventKind::HolderKeyRemoved => self.change_of_agent(f, "stripped of a holder key")?,
            EventKind::RootKeyRotated => self.change_of_tokens(f, "the root key of tokens was")?,
            EventKind::TokenMinted => self.change_of_agent(f, "given a token")?,
            EventKind::TokenRevoked => self.change_of_tokens(f, "tokens were")?,
            EventKind::StoreRestored => self.restoring(f)?,
            EventKind::StoreReopened => self.reopening(f)?,
        }
        self.private(f)
    }
}

impl Sentence<'_> {
    fn decision(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.actor(f)?;
        self.holders(f)?;
        match self.event.outcome {
            Outcome::Allow | Outcome::Done => self.call(f, " ", "acted")?,
            Outcome::NeedsApproval | Outcome::Deny | Outcome::Refused => {
                self.call(f, " tried to ", "act")?;
            }
        }
        self.details(f, tokens::SAID)?;
        self.ending(f)?;
        if let (Outcome::Allow, Some(grant)) = (self.event.outcome, self.event.grant) {
            write!(f, " by grant {grant}")?;
        }
        if !self.event.obligations.is_empty() {
            f.write_str(", on condition of ")?;
            list(f, &self.event.obligations)?;
        }
        Ok(())
    }

    fn withdrawal(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.actor(f)?;
        self.holders(f)?;
        self.call(f, " tried to ", "act")?;
        self.details(f, &["because", tokens::HOLDERS, tokens::NONCE])?;
        f.write_str(": the permission")?;
        if let Some(event) = self.event.withdraws {
            write!(f, " given in {event}")?;
        }
        let reason = because(self.named("because").unwrap_or(self.event.reason));
        write!(f, " was taken back before it left, {reason}")
    }

    fn settlement(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.actor(f)?;
        f.write_str(self.either(" spent ", " did not spend "))?;
        match self.event.cost {
            Some(cost) => write!(f, "{cost}")?,
            None => f.write_str("an unknown cost")?,
        }
        if let Some(Detail::Text(call)) = self.event.detail.get("of") {
            write!(f, " on the call in {}", shown(call))?;
        }
        if let Some(Detail::Text(reserved)) = self.event.detail.get("reserved") {
            write!(f, ", having reserved {}", shown(reserved))?;
        }
        self.details(f, &["of", "reserved"])?;
        self.ending(f)
    }

    fn change_of_agent(&self, f: &mut fmt::Formatter<'_>, changed: &str) -> fmt::Result {
        self.actor(f)?;
        f.write_str(self.either(" was ", " was not "))?;
        f.write_str(changed)?;
        self.change_ends(f)
    }

    fn delegation(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let giver = self.named("from").or_else(|| {
            let mut agents = self.event.line.iter().rev().map(|hop| hop.agent);
            agents.find(|agent| Some(*agent) != self.event.agent)
        });
        match giver {
            Some(giver) => self.giver(f, giver)?,
            None => f.write_str("an unknown agent")?,
        }
        f.write_str(if self.event.detail.contains_key("spawned") {
            self.either(
                " created a sub-agent and passed",
                " did not create a sub-agent and pass",
            )
        } else {
            self.either(" passed", " did not pass")
        })?;
        f.write_str(" permissions on")?;
        let receiver = self.event.agent.filter(|agent| Some(*agent) != giver);
        if let Some(receiver) = self.named("to").or(receiver) {
            f.write_str(" to ")?;
            self.agent(f, receiver)?;
        }
        self.details(f, &["from", "to", "spawned", "spawner_score"])?;
        self.ending(f)
    }

    fn change_of_delegation(&self, f: &mut fmt::Formatter<'_>, changed: &str) -> fmt::Result {
        let (above, last) = self.line();
        let id: Option<DelegationId> = last.and_then(|hop| hop.delegation);
        match id.or_else(|| self.named("delegation")) {
            Some(id) => write!(f, "the delegation {id}")?,
            None => f.write_str("a delegation")?,
        }
        if let Some(giver) = above.last() {
            f.write_str(" from ")?;
            self.giver(f, giver.agent)?;
        }
        if let Some(receiver) = self.event.agent {
            f.write_str(" to ")?;
            self.agent(f, receiver)?;
        }
        f.write_str(self.either(" was ", " was not "))?;
        f.write_str(changed)?;
        self.details(f, &["delegation"])?;
        self.ending(f)
    }

    fn off_boarding(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.owner(f)?;
        f.write_str(self.either(
            " was off-boarded, and all their agents with them",
            " was not off-boarded",
        ))?;
        self.change_ends(f)
    }

    fn reinstatement(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.owner(f)?;
        f.write_str(self.either(
            " may have new agents again",
            " may still have no new agents",
        ))?;
        self.change_ends(f)
    }

    fn guardrail(&self, f: &mut fmt::Formatter<'_>, changed: &str) -> fmt::Result {
        f.write_str("the guardrail")?;
        if let Some(Detail::Text(name)) = self.event.detail.get("guardrail") {
            write!(f, " {}", shown(name))?;
        }
        f.write_str(self.either(" was ", " was not "))?;
        f.write_str(changed)?;
        self.details(f, &["guardrail"])?;
        self.ending(f)
    }

    fn erasure(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the names and private fields of ")?;
        // The name is what is gone: here the id says more.
        match self.event.owner {
            Some(owner) => write!(f, "{owner}")?,
            None => f.write_str("an unknown subject")?,
        }
        f.write_str(self.either(" were erased", " were not erased"))?;
        self.change_ends(f)
    }

    /// The agent in question, and who stands above it.
    fn actor(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.agent_in_question(f)?;
        self.authority(f, self.line().0)
    }

    /// An agent of the line that passes permissions on, and who stands above it.
    fn giver(&self, f: &mut fmt::Formatter<'_>, giver: AgentId) -> fmt::Result {
        self.agent(f, giver)?;
        let mut above = self.event.line.as_slice();
        while let Some((last, before)) = above.split_last() {
            above = before;
            if last.agent == giver {
                return self.authority(f, above);
            }
        }
        Ok(())
    }

    /// What a detail names, where it is one text that parses.
    fn named<T: FromStr>(&self, key: &str) -> Option<T> {
        match self.event.detail.get(key) {
            Some(Detail::Text(text)) => text.parse().ok(),
            Some(Detail::List(_)) | None => None,
        }
    }

    fn agent_in_question(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.event.agent, &self.event.claimed) {
            (Some(agent), _) => self.agent(f, agent),
            (None, Some(claimed)) => {
                write!(f, "an unknown agent that was called {}", told(claimed))
            }
            (None, None) => f.write_str("an unknown agent"),
        }
    }

    /// The hops above the agent in question, and its own, if the line leads to it.
    fn line(&self) -> (&[Hop], Option<&Hop>) {
        match self.event.line.split_last() {
            Some((last, above)) if Some(last.agent) == self.event.agent => (above, Some(last)),
            _ => (&self.event.line, None),
        }
    }

    /// In brackets, those above an agent and the owner above them all.
    fn authority(&self, f: &mut fmt::Formatter<'_>, above: &[Hop]) -> fmt::Result {
        if above.is_empty() && self.event.owner.is_none() {
            return Ok(());
        }
        let mut separator = " (";
        for hop in above.iter().rev() {
            write!(f, "{separator}child of ")?;
            self.agent(f, hop.agent)?;
            separator = ", ";
        }
        match (self.event.owner, self.event.line.first()) {
            (Some(owner), Some(first)) => {
                write!(f, "{separator}delegated by ")?;
                self.subject(f, owner)?;
                f.write_str(" at ")?;
                self.time(f, first.at)?;
            }
            (Some(owner), None) => {
                write!(f, "{separator}of ")?;
                self.subject(f, owner)?;
            }
            (None, _) => {}
        }
        f.write_str(")")
    }

    /// What was called, as `verb action resource`.
    fn call(&self, f: &mut fmt::Formatter<'_>, verb: &str, unnamed: &str) -> fmt::Result {
        let action = self
            .event
            .action
            .as_ref()
            .map_or(unnamed, |action| action.as_str());
        write!(f, "{verb}{action}")?;
        match &self.event.resource {
            Some(resource) => write!(f, " {resource}"),
            None => Ok(()),
        }
    }

    /// The first if the change was made, the second if it was not.
    const fn either<'w>(&self, made: &'w str, refused: &'w str) -> &'w str {
        match self.event.outcome {
            Outcome::Allow | Outcome::Done => made,
            Outcome::NeedsApproval | Outcome::Deny | Outcome::Refused => refused,
        }
    }

    fn change_ends(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.details(f, &[])?;
        self.ending(f)
    }

    fn ending(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = because(self.event.reason);
        match self.event.outcome {
            Outcome::Allow => f.write_str(": allowed"),
            Outcome::NeedsApproval => f.write_str(": a person must approve it first"),
            Outcome::Deny => write!(f, ": denied, {reason}"),
            Outcome::Refused => write!(f, ": refused, {reason}"),
            Outcome::Done => Ok(()),
        }
    }

    /// In brackets, what a change set, but for what is `said` already.
    fn details(&self, f: &mut fmt::Formatter<'_>, said: &[&str]) -> fmt::Result {
        let left = || {
            self.event
                .detail
                .iter()
                .filter(|(key, _)| !said.contains(&key.as_str()))
        };
        let mut separator = " (";
        for (key, value) in left().take(SENTENCE_LIST_MAX) {
            write!(f, "{separator}{}: ", told(key))?;
            match value {
                Detail::Text(text) => self.named_or_told(f, text)?,
                Detail::List(texts) => list(f, texts)?,
            }
            separator = "; ";
        }
        match left().count() {
            0 => Ok(()),
            count => {
                more(f, count)?;
                f.write_str(")")
            }
        }
    }

    fn private(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.private {
            Private::None => {}
            Private::Shown(fields) => {
                if let Some(address) = &fields.address {
                    write!(f, "; from {}", told(address))?;
                }
                if let Some(note) = &fields.note {
                    write!(f, "; note: {}", told(note))?;
                }
            }
            Private::Erased => f.write_str("; address and note: erased")?,
        }
        Ok(())
    }

    fn agent(&self, f: &mut fmt::Formatter<'_>, id: AgentId) -> fmt::Result {
        if let Some(name) = self.names.agent(id) {
            write!(f, "{} ", told(&name))?;
        }
        write!(f, "{id}")
    }

    fn subject(&self, f: &mut fmt::Formatter<'_>, id: SubjectId) -> fmt::Result {
        match self.names.subject(id) {
            Some(name) => write!(f, "{}", told(&name)),
            None => write!(f, "{id}"),
        }
    }

    fn owner(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.event.owner {
            Some(owner) => self.subject(f, owner),
            None => f.write_str("an unknown owner"),
        }
    }

    /// Whoever has this id, if it is one.
    fn named_or_told(&self, f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
        if let Ok(subject) = text.parse() {
            return self.subject(f, subject);
        }
        match text.parse() {
            Ok(agent) => self.agent(f, agent),
            Err(_) => write!(f, "{}", told(text)),
        }
    }

    /// `14:23` on the day of the event, `2026-11-21 14:23:05Z` on any other.
    fn time(&self, f: &mut fmt::Formatter<'_>, at: Timestamp) -> fmt::Result {
        let (text, own) = (at.to_string(), self.event.at().to_string());
        match (text.split_once('T'), own.split_once('T')) {
            (Some((day, time)), Some((own_day, _))) if day == own_day => {
                f.write_str(time.get(..5).unwrap_or(time))
            }
            (Some((day, time)), _) => write!(f, "{day} {time}"),
            (None, _) => f.write_str(&text),
        }
    }
}

/// Text from outside as a part of the sentence, shortened: as it is if it is one word, in quotes
/// otherwise, so that no text can pass for the sentence around it.
const fn told(text: &str) -> Told<'_> {
    Told(text)
}

struct Told<'a>(&'a str);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cut = self.0.char_indices().nth(SENTENCE_TEXT_CHARS_MAX);
        let kept = cut.and_then(|(end, _)| self.0.get(..end)).unwrap_or(self.0);
        let more = if cut.is_some() { "…" } else { "" };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.~@+:/?&=%*,".contains(&byte);
        if !kept.is_empty() && kept.bytes().all(plain) {
            return write!(f, "{kept}{more}");
        }
        f.write_str("\"")?;
        for (place, part) in kept.split('"').enumerate() {
            write!(f, "{}{}", if place > 0 { "\\\"" } else { "" }, shown(part))?;
        }
        write!(f, "{more}\"")
    }
}

fn list(f: &mut fmt::Formatter<'_>, texts: &[String]) -> fmt::Result {
    if texts.is_empty() {
        return f.write_str("none");
    }
    for (place, text) in texts.iter().take(SENTENCE_LIST_MAX).enumerate() {
        write!(f, "{}{}", if place > 0 { ", " } else { "" }, told(text))?;
    }
    more(f, texts.len())
}

/// How many of so many entries are not shown.
fn more(f: &mut fmt::Formatter<'_>, entries: usize) -> fmt::Result {
    match entries.saturating_sub(SENTENCE_LIST_MAX) {
        0 => Ok(()),
        more => write!(f, " and {more} more"),
    }
}
