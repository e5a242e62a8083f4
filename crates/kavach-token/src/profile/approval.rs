//! A yes to one call, signed by an approver over the chain that will make it.

use kavach_core::Timestamp;

use super::{DATALOG_THIRD_PARTY, Profiled, date};
use crate::block::{BlockReader, BlockWriter, Fact, Term, Unreadable};
use crate::id::CallHash;

/// What an approver says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ApprovalBlock {
    pub(crate) call: CallHash,
    pub(crate) at: Timestamp,
    pub(crate) until: Timestamp,
}

impl Profiled for ApprovalBlock {
    const DATALOG: u64 = DATALOG_THIRD_PARTY;

    fn read_facts(reader: &mut BlockReader<'_>) -> Result<Self, Unreadable> {
        let call = reader.fact()?.only("approved", Fact::bytes)?;
        let (at, until) = reader
            .fact()?
            .only("approved_at", |fact| Ok((fact.date()?, fact.date()?)))?;
        Ok(Self {
            call: CallHash::from_bytes(call),
            at,
            until,
        })
    }

    fn write_block(&self, out: &mut BlockWriter<'_>) {
        out.fact("approved", &[Term::Bytes(self.call.as_bytes())]);
        out.fact("approved_at", &[date(self.at), date(self.until)]);
    }
}
