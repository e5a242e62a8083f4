//! `kavach delegate`

use kavach::{DelegationId, Kavach, NewDelegation};
use serde::Serialize;

use crate::arguments::{End, Ending, Rights};
use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::lookup;
use crate::paint::Ink;

/// Pass permissions of one agent on to another
#[derive(clap::Args, Debug)]
pub(crate) struct Delegate {
    /// Who passes on, by name or id
    from: String,
    /// Who receives, by name or id
    to: String,
    #[command(flatten)]
    terms: Terms,
}

/// What is passed on, and within which bounds.
#[derive(clap::Args, Debug)]
pub(crate) struct Terms {
    #[command(flatten)]
    rights: Rights,
    /// By which line the giver holds it: root, a delegation's id, or the agent that it has it from
    #[arg(long, value_name = "VIA")]
    via: Option<String>,
    #[command(flatten)]
    ending: Ending,
    /// Let it be passed on at most this many hops further
    #[arg(long, value_name = "HOPS", value_parser = clap::value_parser!(u8).range(0..=8))]
    max_depth: Option<u8>,
    /// What to do with what is wider than the giver's: refuse it, or cut it down
    #[arg(long, value_enum, value_name = "MODE", default_value = "strict")]
    mode: Mode,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Mode {
    Strict,
    Attenuate,
}

impl Terms {
    /// The terms without the line, which takes looking.
    pub(crate) fn read(&self) -> Result<NewDelegation, Failure> {
        let mut new = NewDelegation::new();
        for permission in self.rights.some()? {
            new = new.permit(permission);
        }
        new = match self.ending.end()? {
            None => new,
            Some(End::In(seconds)) => new.ttl_s(seconds),
            Some(End::At(at)) => new.expires_at(at),
        };
        if let Some(hops) = self.max_depth {
            new = new.max_depth(hops);
        }
        Ok(match self.mode {
            Mode::Strict => new,
            Mode::Attenuate => new.attenuate(),
        })
    }

    /// The terms with the line of `from`.
    pub(crate) fn via(
        &self,
        new: NewDelegation,
        kavach: &Kavach,
        from: &kavach::Agent,
    ) -> Result<NewDelegation, Failure> {
        match &self.via {
            None => Ok(new),
            Some(text) => Ok(new.via(lookup::via(kavach, from, text)?)),
        }
    }
}

impl Delegate {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        #[derive(Serialize)]
        struct Printed {
            id: String,
            permissions: Vec<String>,
            revision: u64,
            audit_id: String,
        }
        let terms = self.terms.read()?;
        let (names, permissions, made) = data
            .change(async |kavach| {
                let (from, to) = (
                    lookup::agent(kavach, &self.from)?,
                    lookup::agent(kavach, &self.to)?,
                );
                let terms = self.terms.via(terms, kavach, &from)?;
                let made = kavach.delegate(&from.id, &to.id, terms).await?;
                Ok(([from.name, to.name], given(kavach, made.id), made))
            })
            .await?;
        if console.json {
            console.object(&Printed {
                id: made.id.to_string(),
                permissions,
                revision: made.revision,
                audit_id: made.audit_id.to_string(),
            })?;
        } else {
            let [from, to] = names;
            let word = console.paint.ink(Ink::Good, "delegated");
            console.line(format_args!(
                "{word} {} from {from} to {to} ({})",
                permissions.join(", "),
                made.id
            ))?;
        }
        Ok(Exit::Done)
    }
}

/// What a delegation came to give, which may be less than was asked for.
pub(crate) fn given(kavach: &Kavach, id: DelegationId) -> Vec<String> {
    let made = kavach.delegation(&id);
    made.iter()
        .flat_map(|made| made.grants.permissions())
        .map(ToString::to_string)
        .collect()
}
