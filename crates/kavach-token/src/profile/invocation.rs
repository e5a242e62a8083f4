//! One call, signed by the last holder.

use kavach_core::{Action, Actions, Pattern, Permission, Resource, Timestamp};

use super::{HASH, Profiled, check_below, date, read_audiences, read_bounds, write_bounds};
use crate::block::{BlockReader, BlockWriter, Fact, Term, Unreadable};
use crate::claim::Audience;
use crate::id::{ArgumentsHash, Nonce};
use crate::right::{Bounds, Place, Right, write_all};

/// What a holder says: this call, now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct InvocationBlock {
    pub(crate) nonce: Nonce,
    pub(crate) at: Timestamp,
    /// Its end, and how many delegations stand above it.
    pub(crate) bounds: Bounds,
    pub(crate) audience: Audience,
    pub(crate) action: Action,
    pub(crate) resource: Resource,
    pub(crate) arguments: ArgumentsHash,
}

impl InvocationBlock {
    fn right(&self) -> Right {
        let pattern = Pattern::exactly(&self.resource);
        let permission = Permission::new(pattern, Actions::only(self.action.clone()));
        Right::new(&permission, self.bounds, self.bounds.deepest)
    }
}

impl Profiled for InvocationBlock {
    fn read_facts(reader: &mut BlockReader<'_>) -> Result<Self, Unreadable> {
        let (nonce, at) = reader
            .fact()?
            .only("inv", |fact| Ok((fact.bytes()?, fact.date()?)))?;
        let arguments = reader.fact()?.only("inv_hash", Fact::bytes)?;
        let bounds = read_bounds(reader)?;
        let (audiences, right) = read_audiences(reader, "d_aud")?;
        let [audience] = <[Audience; 1]>::try_from(audiences).map_err(|_| Unreadable::Profile)?;
        let right = Right::read(right.ok_or(Unreadable::Profile)?, Place::Below, bounds)?;
        let Some([action]) = right.permission.actions.listed() else {
            return Err(Unreadable::Profile);
        };
        Ok(Self {
            nonce: Nonce::from_bytes(nonce),
            at,
            bounds,
            audience,
            action: action.clone(),
            // A pattern that is no resource has a `*`, which a resource may not have.
            resource: right
                .permission
                .pattern
                .to_string()
                .parse()
                .map_err(|_| Unreadable::Profile)?,
            arguments: ArgumentsHash::from_bytes(arguments),
        })
    }

    fn write_block(&self, out: &mut BlockWriter<'_>) {
        out.fact("inv", &[Term::Bytes(self.nonce.as_bytes()), date(self.at)]);
        out.fact("inv_hash", &[Term::Bytes(self.arguments.as_bytes())]);
        write_bounds(out, self.bounds, core::slice::from_ref(&self.audience));
        let shapes = write_all(out, &[self.right()], Place::Below, self.bounds);
        check_below(out, &shapes);
        out.check(|query| {
            query
                .with("request_hash", &[HASH])
                .with("inv_hash", &[HASH]);
        });
    }
}
