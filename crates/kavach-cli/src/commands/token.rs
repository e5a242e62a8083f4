//! `kavach token`

use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};

mod call;
mod chain;
mod delegate;
mod holder_key;
mod inspect;
mod invoke;
mod key;
mod mint;
mod revocations;
mod revoke;
mod text;
mod verify;

pub(crate) use holder_key::read as read_holder_key;
pub(crate) use text::{failed, presentation, read as read_text};

/// Pass permissions on without asking anybody: make tokens, delegate them, use them, look at them, revoke them
///
/// An agent's token is for the holder of one key, and of no use to anybody else. `delegate`, `invoke`, `inspect`
/// and `verify` need no store and no network.
#[derive(clap::Args, Debug)]
#[command(arg_required_else_help = true)]
#[command(
    after_help = "Tokens are read from files, or from standard input where the file is `-`, and never from the \
                  command line:\nwhat stands there is seen by every user of the machine, and kept by the shell."
)]
pub(crate) struct Token {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    Key(key::Key),
    Mint(mint::Mint),
    Delegate(delegate::Delegate),
    Invoke(invoke::Invoke),
    Inspect(inspect::Inspect),
    Verify(verify::Verify),
    Revoke(revoke::Revoke),
    Revocations(revocations::Revocations),
}

impl Token {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        match self.command {
            Command::Key(key) => key.run(data, console),
            Command::Mint(mint) => mint.run(data, console).await,
            Command::Delegate(delegate) => delegate.run(console),
            Command::Invoke(invoke) => invoke.run(console),
            Command::Inspect(inspect) => inspect.run(console),
            Command::Verify(verify) => verify.run(console),
            Command::Revoke(revoke) => revoke.run(data, console).await,
            Command::Revocations(revocations) => revocations.run(data, console).await,
        }
    }
}
