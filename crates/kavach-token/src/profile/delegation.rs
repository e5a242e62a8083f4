//! A delegation, signed by whoever held the token before.

use kavach_core::Timestamp;

use super::{Profiled, check_below, date, read_audiences, read_bounds, read_rights, write_bounds};
use crate::block::{BlockReader, BlockWriter, Fact, Term, Unreadable};
use crate::claim::{Audience, Party, Why};
use crate::id::TokenId;
use crate::right::{Bounds, Place, Right, write_all};

/// What a delegator says: to whom it passes on what.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct DelegationBlock {
    pub(crate) id: TokenId,
    pub(crate) from: Party,
    pub(crate) to: Party,
    pub(crate) at: Timestamp,
    pub(crate) holder: [u8; 32],
    pub(crate) why: Why,
    pub(crate) bounds: Bounds,
    pub(crate) audiences: Vec<Audience>,
    pub(crate) rights: Vec<Right>,
}

impl Profiled for DelegationBlock {
    fn read_facts(reader: &mut BlockReader<'_>) -> Result<Self, Unreadable> {
        let (id, from, to, at) = reader.fact()?.only("del", |fact| {
            Ok((fact.bytes()?, fact.parsed()?, fact.parsed()?, fact.date()?))
        })?;
        let holder = reader.fact()?.only("d_key", Fact::bytes)?;
        let why = reader.fact()?.only("d_why", Fact::parsed)?;
        let bounds = read_bounds(reader)?;
        let (audiences, next) = read_audiences(reader, "d_aud")?;
        let rights = read_rights(reader, next, Place::Below, bounds)?;
        Ok(Self {
            id: TokenId::from_bytes(id),
            from,
            to,
            at,
            holder,
            why,
            bounds,
            audiences,
            rights,
        })
    }

    fn write_block(&self, out: &mut BlockWriter<'_>) {
        let [from, to] = [self.from.to_string(), self.to.to_string()];
        let (from, to) = (Term::Text(&from), Term::Text(&to));
        out.fact(
            "del",
            &[Term::Bytes(self.id.as_bytes()), from, to, date(self.at)],
        );
        out.fact("d_key", &[Term::Bytes(&self.holder)]);
        out.fact("d_why", &[Term::Text(self.why.as_str())]);
        write_bounds(out, self.bounds, &self.audiences);
        let shapes = write_all(out, &self.rights, Place::Below, self.bounds);
        check_below(out, &shapes);
    }
}
