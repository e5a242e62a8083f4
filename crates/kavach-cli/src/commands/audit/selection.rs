//! Which events: `--agent`, `--since` and the others.

use kavach::audit::{EventKind, Outcome, Query};
use kavach::{AgentId, Kavach, Reason, Subject, SubjectId};

use crate::failure::{Failure, quoted};
use crate::lookup;
use crate::when::{self, Range};

/// The events that are asked for: those for which everything that is said holds.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Which events")]
pub(super) struct Selection {
    /// Those of this agent
    #[arg(long, value_name = "AGENT")]
    agent: Option<String>,
    /// Those of this agent, and of everything below it
    #[arg(long, value_name = "AGENT")]
    under: Option<String>,
    /// Those of this owner's agents, or about this owner
    #[arg(long, value_name = "SUBJECT")]
    owner: Option<String>,
    /// With this action
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// On what this pattern matches: mcp:github:*
    #[arg(long, value_name = "PATTERN")]
    resource: Option<String>,
    /// That ended so: allow, needs_approval, deny, done or refused
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<String>,
    /// For this reason: no_matching_grant, agent_revoked, …
    #[arg(long, value_name = "REASON")]
    reason: Option<String>,
    /// Of this kind: authorize, agent.created, delegated, …
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// At or after this: 2026-11-17T14:00:00Z, 2026-11-17, "2h ago", "last tuesday"
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Before this
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// On this day: 2026-11-17, today, yesterday, "last tuesday"
    #[arg(long, value_name = "DAY", conflicts_with_all = ["since", "until"])]
    on: Option<String>,
    /// The zone of days and of times without one, by its IANA name [default: the system's]
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
}

impl Selection {
    /// When, half-open.
    pub(super) fn range(&self) -> Result<Range, Failure> {
        let now = when::now_in(self.zone.as_deref())?;
        if let Some(day) = &self.on {
            return when::day(day, &now).map_err(Failure::Error);
        }
        let moment = |text: &Option<String>| {
            let text = text.as_deref();
            text.map(|text| when::moment(text, &now))
                .transpose()
                .map_err(Failure::Error)
        };
        let range = Range {
            since: moment(&self.since)?,
            until: moment(&self.until)?,
        };
        if let (Some(since), Some(until)) = (&range.since, &range.until)
            && since >= until
        {
            let words = "`--until` is not after `--since`, so that nothing can lie between them";
            return Err(Failure::error(words));
        }
        Ok(range)
    }

    /// The whole question.
    pub(super) fn query(&self, kavach: &Kavach, range: &Range) -> Result<Query, Failure> {
        let coded = |what: &str, text: &String, known: Vec<&str>| {
            let (text, known) = (quoted(text), known.join(", "));
            Failure::error(format!("{text} is not {what}; known are: {known}"))
        };
        let outcome = self.outcome.as_ref().map(|text| {
            let known = || Outcome::ALL.iter().map(|outcome| outcome.code()).collect();
            Outcome::from_code(text).ok_or_else(|| coded("an outcome", text, known()))
        });
        let kind = self.kind.as_ref().map(|text| {
            let known = || EventKind::ALL.iter().map(|kind| kind.code()).collect();
            EventKind::from_code(text).ok_or_else(|| coded("a kind of event", text, known()))
        });
        let reason = self.reason.as_ref().map(|text| {
            let known = || Reason::ALL.iter().map(|reason| reason.code()).collect();
            text.parse::<Reason>()
                .map_err(|_| coded("a reason", text, known()))
        });
        Ok(Query {
            tenant: kavach.tenant(),
            agent: self
                .agent
                .as_deref()
                .map(|text| agent(kavach, text))
                .transpose()?,
            under: self
                .under
                .as_deref()
                .map(|text| agent(kavach, text))
                .transpose()?,
            owner: self
                .owner
                .as_deref()
                .map(|text| owner(kavach, text))
                .transpose()?,
            action: self.action.as_deref().map(str::parse).transpose()?,
            resource: self.resource.as_deref().map(str::parse).transpose()?,
            outcome: outcome.transpose()?,
            reason: reason.transpose()?,
            kind: kind.transpose()?,
            since_ns: range.since.as_ref().map(when::as_ns),
            until_ns: range.until.as_ref().map(when::as_ns),
        })
    }
}

/// An agent by its name, or by any id: the trail may know one that is known nowhere else.
fn agent(kavach: &Kavach, text: &str) -> Result<AgentId, Failure> {
    if text.starts_with(AgentId::PREFIX) {
        return Ok(text.parse()?);
    }
    lookup::agent(kavach, text).map(|agent| agent.id)
}

/// An owner by name, or by the id that is left of one who was erased.
fn owner(kavach: &Kavach, text: &str) -> Result<SubjectId, Failure> {
    if text.starts_with(SubjectId::PREFIX) {
        return Ok(text.parse()?);
    }
    let subject: Subject = text.parse()?;
    kavach.subject_id(&subject).ok_or_else(|| {
        Failure::error(format!(
            "nobody called `{subject}` is known in this tenant; see `kavach agent list`, and where the name \
             was erased, use the `sub_…` id in the trail"
        ))
    })
}
