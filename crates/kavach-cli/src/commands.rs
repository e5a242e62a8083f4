//! What the program does: one file for each command.

pub(crate) mod agent;
pub(crate) mod analyze;
pub(crate) mod apply;
pub(crate) mod approval;
pub(crate) mod audit;
pub(crate) mod authorize;
pub(crate) mod blast_radius;
mod candidate;
pub(crate) mod completions;
pub(crate) mod delegate;
pub(crate) mod delegation;
pub(crate) mod demo;
pub(crate) mod explain;
pub(crate) mod guardrail;
pub(crate) mod keys;
pub(crate) mod owner;
pub(crate) mod permissions;
pub(crate) mod remaining;
pub(crate) mod replay;
pub(crate) mod settle;
pub(crate) mod shadow;
pub(crate) mod spawn;
pub(crate) mod store;
pub(crate) mod test;
pub(crate) mod token;
pub(crate) mod tools;
pub(crate) mod trust;
pub(crate) mod what_if;
pub(crate) mod who_can;

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
        Command::Approval(approval) => approval.run(data, console).await,
        Command::Delegate(delegate) => delegate.run(data, console).await,
        Command::Spawn(spawn) => spawn.run(data, console).await,
        Command::Delegation(delegation) => delegation.run(data, console).await,
        Command::Guardrail(guardrail) => guardrail.run(data, console).await,
        Command::Token(token) => token.run(data, console).await,
        Command::Keys(keys) => keys.run(data, console).await,
        Command::Explain(explain) => explain.run(data, console).await,
        Command::Permissions(permissions) => permissions.run(data, console).await,
        Command::Remaining(remaining) => remaining.run(data, console).await,
        Command::Settle(settle) => settle.run(data, console).await,
        Command::Trust(trust) => trust.run(data, console).await,
        Command::BlastRadius(blast_radius) => blast_radius.run(data, console).await,
        Command::Analyze(analyze) => analyze.run(data, console).await,
        Command::WhoCan(who_can) => who_can.run(data, console).await,
        Command::Tools(tools) => tools.run(data, console).await,
        Command::WhatIf(what_if) => what_if.run(data, console).await,
        Command::Shadow(shadow) => shadow.run(data, console).await,
        Command::Replay(replay) => replay.run(data, console).await,
        Command::Test(test) => test.run(console).await,
        Command::Audit(audit) => audit.run(data, console).await,
        Command::Store(store) => store.run(data, console).await,
        Command::Completions(completions) => completions.run(console),
    }
}
