//! What the program does: one file for each command.

pub(crate) mod agent;
pub(crate) mod apply;
pub(crate) mod audit;
pub(crate) mod authorize;
pub(crate) mod blast_radius;
pub(crate) mod completions;
pub(crate) mod delegate;
pub(crate) mod delegation;
pub(crate) mod demo;
pub(crate) mod explain;
pub(crate) mod owner;
pub(crate) mod permissions;
pub(crate) mod spawn;

use crate::arguments::Command;
use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};

/// Does what was asked for.
pub(crate) async fn run(
    command: Command,
    data: &Data,
    console: &mut Console,
) -> Result<Exit, Failure> {
    match command {
        Command::Demo(demo) => demo.run(console).await,
        Command::Apply(apply) => apply.run(data, console).await,
        Command::Authorize(authorize) => authorize.run(data, console).await,
        Command::Agent(agent) => agent.run(data, console).await,
        Command::Owner(owner) => owner.run(data, console).await,
        Command::Delegate(delegate) => delegate.run(data, console).await,
        Command::Spawn(spawn) => spawn.run(data, console).await,
        Command::Delegation(delegation) => delegation.run(data, console).await,
        Command::Explain(explain) => explain.run(data, console).await,
        Command::Permissions(permissions) => permissions.run(data, console).await,
        Command::BlastRadius(blast_radius) => blast_radius.run(data, console).await,
        Command::Audit(audit) => audit.run(data, console).await,
        Command::Completions(completions) => completions.run(console),
    }
}
