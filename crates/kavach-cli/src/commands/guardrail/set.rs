//! `kavach guardrail set`

use kavach::{Base, Guarded, Name, NewGuardrail, Permission};

use super::told;
use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::paint::Ink;

/// Set a guardrail, or replace the one of this name
#[derive(clap::Args, Debug)]
pub(crate) struct Set {
    /// What to call it
    #[arg(value_name = "NAME")]
    name: String,
    /// What is never to be done, as in `delete:data:prod:**` or `*:mcp:payments:**?window=sat-sun+00:00-24:00+UTC`
    #[arg(value_name = "NEVER")]
    never: String,
    /// Only for lines with this agent in them; may be repeated
    #[arg(long, value_name = "NAME", conflicts_with_all = ["kind", "owner"])]
    agent: Vec<String>,
    /// Only for lines with an agent of this kind in them
    #[arg(long, value_name = "KIND", conflicts_with = "owner")]
    kind: Option<String>,
    /// Only for agents of this owner
    #[arg(long, value_name = "SUBJECT")]
    owner: Option<String>,
    /// Deny nothing yet; note in the trail what would be denied
    #[arg(long)]
    shadow: bool,
    /// What a target is relative to that does not begin with a known kind
    #[arg(long, value_name = "PREFIX", default_value = "app")]
    base: String,
}

impl Set {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        let base: Base = self.base.parse()?;
        let never = Permission::parse(&self.never, &base)?;
        let name: Name = self.name.parse()?;
        let mut guardrail = NewGuardrail::of(name, never).agents(self.agents()?);
        if self.shadow {
            guardrail = guardrail.shadow();
        }
        let done = data
            .change(async |kavach| Ok(kavach.set_guardrail(&guardrail).await?))
            .await?;
        let what_else = if self.shadow {
            format!(": notes what would be denied of {}", guardrail.never)
        } else {
            format!(": never {}", guardrail.never)
        };
        told(
            console,
            (Ink::Good, "set"),
            &guardrail.name,
            &done,
            &what_else,
        )
    }

    fn agents(&self) -> Result<Guarded, Failure> {
        if let Some(kind) = &self.kind {
            return Ok(Guarded::Kind(kind.parse()?));
        }
        if let Some(owner) = &self.owner {
            return Ok(Guarded::Owner(owner.parse()?));
        }
        if self.agent.is_empty() {
            return Ok(Guarded::Everyone);
        }
        let names: Result<Vec<Name>, _> = self.agent.iter().map(|name| name.parse()).collect();
        Ok(Guarded::Agents(names?))
    }
}
