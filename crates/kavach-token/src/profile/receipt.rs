//! What a service did, signed by it over the presentation that asked.

use kavach_core::Timestamp;

use super::{DATALOG_THIRD_PARTY, Profiled, date};
use crate::block::{BlockReader, BlockWriter, Term, Unreadable};
use crate::id::ArgumentsHash;
use crate::receipt::Outcome;

/// What a service says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ReceiptBlock {
    pub(crate) outcome: Outcome,
    pub(crate) result: ArgumentsHash,
    pub(crate) at: Timestamp,
}

impl Profiled for ReceiptBlock {
    const DATALOG: u64 = DATALOG_THIRD_PARTY;

    fn read_facts(reader: &mut BlockReader<'_>) -> Result<Self, Unreadable> {
        let (outcome, result, at) = reader.fact()?.only("receipt", |fact| {
            Ok((fact.parsed()?, fact.bytes()?, fact.date()?))
        })?;
        Ok(Self {
            outcome,
            result: ArgumentsHash::from_bytes(result),
            at,
        })
    }

    fn write_block(&self, out: &mut BlockWriter<'_>) {
        let outcome = Term::Text(self.outcome.as_str());
        let result = Term::Bytes(self.result.as_bytes());
        out.fact("receipt", &[outcome, result, date(self.at)]);
    }
}
