//! What the people of the story do, and how it is told.

use std::fmt;

use kavach::{
    AgentId, Authorization, Caller, ChangeError, Decision, Kavach, Name, NewAgent, Spawn, Subject,
};

use crate::console::Console;
use crate::failure::Failure;
use crate::paint::Ink;
use crate::requests::word;

/// Where the third column of the story begins.
const ROW_INDENT: usize = 26;

/// Where the story plays.
pub(super) struct Stage<'a> {
    kavach: &'a Kavach,
    console: &'a mut Console,
    chapter: u32,
}

/// Somebody in the story.
pub(super) struct Told {
    name: &'static str,
    /// `None` if nobody knows them.
    id: Option<AgentId>,
}

impl Told {
    pub(super) fn unknown(name: &'static str) -> Self {
        Self { name, id: None }
    }

    fn known(name: &'static str, id: AgentId) -> Self {
        Self { name, id: Some(id) }
    }

    fn id(&self) -> Result<&AgentId, Failure> {
        self.id
            .as_ref()
            .ok_or_else(|| Failure::error(format!("nobody knows {}", self.name)))
    }
}

impl<'a> Stage<'a> {
    pub(super) fn new(kavach: &'a Kavach, console: &'a mut Console) -> Self {
        Self {
            kavach,
            console,
            chapter: 0,
        }
    }

    pub(super) fn say(&mut self, words: &str) -> Result<(), Failure> {
        let gap = if self.chapter == 0 { "" } else { "\n" };
        self.chapter += 1;
        let words = self
            .console
            .paint
            .ink(Ink::Strong, format!("{}. {words}", self.chapter));
        self.console.line(format_args!("{gap}{words}"))
    }

    pub(super) async fn create(
        &mut self,
        owner: &Subject,
        name: &'static str,
        permissions: &[&str],
    ) -> Result<Told, Failure> {
        let mut new = NewAgent::new(owner.clone(), name);
        for permission in permissions {
            new = new.allow(permission)?;
        }
        let created = self.kavach.create_agent(new).await?;
        let (mut word, mut who) = ("new", name);
        for permission in permissions {
            self.row(Ink::Good, word, who, permission)?;
            (word, who) = ("", "");
        }
        Ok(Told::known(name, created.id))
    }

    pub(super) async fn spawn(
        &mut self,
        from: &Told,
        name: &'static str,
        permission: &str,
    ) -> Result<Told, Failure> {
        let new = Spawn::new(name).allow(permission)?;
        let spawned = self.kavach.spawn(from.id()?, new).await?;
        self.row(Ink::Good, "new", name, permission)?;
        Ok(Told::known(name, spawned.id))
    }

    pub(super) async fn spawn_for(
        &mut self,
        seconds: u64,
        from: &Told,
        name: &'static str,
        permission: &str,
    ) -> Result<Told, Failure> {
        let new = Spawn::new(name).allow(permission)?.ttl_s(seconds);
        let spawned = self.kavach.spawn(from.id()?, new).await?;
        let hours = seconds / 3_600;
        self.row(
            Ink::Good,
            "new",
            name,
            format!("{permission}  for {hours} h"),
        )?;
        Ok(Told::known(name, spawned.id))
    }

    /// Tries to spawn what cannot be, and tells why.
    pub(super) async fn spawn_in_vain(
        &mut self,
        from: &Told,
        name: &'static str,
        permission: &str,
    ) -> Result<(), Failure> {
        let new = Spawn::new(name).allow(permission)?;
        match self.kavach.spawn(from.id()?, new).await {
            Err(ChangeError::Refused(refusal)) => {
                let asked = format!("spawn {name} with {permission}");
                self.row(Ink::Bad, "refused", from.name, asked)?;
                let (reason, indent) = (refusal.reason, " ".repeat(ROW_INDENT));
                // What to do about it is for those who meant it.
                let words = refusal.message.split(';').next().unwrap_or_default();
                self.console.line(format_args!("{indent}{reason}: {words}"))
            }
            Err(error) => Err(error.into()),
            Ok(_) => Err(Failure::error(
                "the demo is broken: more was passed on than was held",
            )),
        }
    }

    pub(super) async fn call(
        &mut self,
        who: &Told,
        action: &str,
        resource: &str,
    ) -> Result<(), Failure> {
        let caller = match &who.id {
            Some(id) => Caller::from(id),
            None => Caller::from(&who.name.parse::<Name>()?),
        };
        let given: Authorization = self.kavach.authorize(caller, action, resource).await?;
        let call = format!("{action} {resource}");
        match given.decision {
            Decision::Allow => self.row(Ink::Good, "allow", who.name, call),
            decision @ (Decision::NeedsApproval | Decision::Deny(_)) => {
                let reason = self.console.paint.ink(Ink::Faint, given.reason());
                let call = format!("{call:<34}  {reason}");
                self.row(Ink::Bad, word(decision), who.name, call)
            }
        }
    }

    pub(super) async fn revoke(&mut self, who: &Told) -> Result<(), Failure> {
        let radius = self
            .kavach
            .blast_radius_of_agent(who.id()?)
            .unwrap_or_default();
        self.kavach.revoke_agent(who.id()?).await?;
        let (delegations, agents) = (radius.delegations.len(), radius.agents.len());
        let stopped =
            format!("with {delegations} delegations: {agents} agents are left with nothing");
        self.row(Ink::Bad, "revoked", who.name, stopped)
    }

    fn row(
        &mut self,
        ink: Ink,
        word: &str,
        name: &str,
        what: impl fmt::Display,
    ) -> Result<(), Failure> {
        let word = self.console.paint.ink(ink, format!("{word:<7}"));
        // As wide as `ROW_INDENT`.
        self.console.line(
            format_args!("   {word}  {name:<12}  {what}")
                .to_string()
                .trim_end(),
        )
    }
}
