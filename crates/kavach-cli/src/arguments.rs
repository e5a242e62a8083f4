//! What can be written after `kavach`.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::commands::{
    agent, analyze, apply, approval, audit, authorize, blast_radius, completions, delegate,
    delegation, demo, explain, guardrail, keys, owner, permissions, remaining, replay, settle,
    shadow, spawn, store, test, token, tools, trust, what_if, who_can,
};

mod ending;
mod rights;

pub(crate) use ending::{End, Ending};
pub(crate) use rights::Rights;

/// Which agent did what, who said it could, and is that still true?
#[derive(Debug, Parser)]
#[command(name = "kavach", version, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 all allowed, or done; 1 something was denied, needs an approval, or was \
                        refused; 2 any error.\nResults go to standard output, messages to standard error."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: Global,
}

/// What every command takes.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    /// The folder with the master key, and the store if `--store` names no other; made at first use
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "KAVACH_DATA",
        hide_env_values = true,
        default_value = "./kavach-data"
    )]
    pub(crate) data: PathBuf,
    /// The store: `redb:PATH`, `sqlite:PATH`, `postgres://USER@HOST/DATABASE` or `memory:`; otherwise a file in
    /// the data folder
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "KAVACH_STORE",
        hide_env_values = true
    )]
    pub(crate) store: Option<String>,
    /// Tell this URL when a call waits for a person, and when people have decided; `https://`, or this machine
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "KAVACH_APPROVAL_WEBHOOK",
        hide_env_values = true
    )]
    pub(crate) approval_webhook: Option<String>,
    /// Whose agents
    #[arg(
        long,
        global = true,
        value_name = "TENANT",
        default_value = "ten_default"
    )]
    pub(crate) tenant: String,
    /// Print results as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print without colours, as where NO_COLOR is set
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(demo::Demo),
    Apply(apply::Apply),
    Authorize(authorize::Authorize),
    Agent(agent::Agent),
    Owner(owner::Owner),
    Approval(approval::Approval),
    Delegate(delegate::Delegate),
    Spawn(spawn::Spawn),
    Delegation(delegation::Delegation),
    Guardrail(guardrail::Guardrail),
    Token(token::Token),
    Keys(keys::Keys),
    Explain(explain::Explain),
    Permissions(permissions::Permissions),
    Remaining(remaining::Remaining),
    Settle(settle::Settle),
    Trust(trust::Trust),
    BlastRadius(blast_radius::BlastRadius),
    Analyze(analyze::Analyze),
    WhoCan(who_can::WhoCan),
    Tools(tools::Tools),
    WhatIf(what_if::WhatIf),
    Shadow(shadow::Shadow),
    Replay(replay::Replay),
    Test(test::Test),
    Audit(audit::Audit),
    Store(store::Store),
    Completions(completions::Completions),
}
