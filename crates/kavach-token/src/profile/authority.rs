//! The first block, signed by the root key.

use kavach_core::{AgentId, SubjectId, TenantId, Timestamp};

use super::{
    END, LESS, LESS_OR_EQUAL, Profiled, START, TIME, VERSION, check_audience, check_depth, date,
    read_audiences, read_rights, write_audiences,
};
use crate::block::{BlockReader, BlockWriter, Fact, Op, Term, Unreadable};
use crate::claim::{Audience, Source};
use crate::id::TokenId;
use crate::right::{Bounds, Place, Right, check_rights, write_all};

/// What the issuer says: whose agent this is, and what it holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Authority {
    pub(crate) issuer: Audience,
    pub(crate) id: TokenId,
    pub(crate) agent: AgentId,
    pub(crate) holder: [u8; 32],
    pub(crate) owner: SubjectId,
    pub(crate) tenant: TenantId,
    pub(crate) source: Source,
    pub(crate) issued_at: Timestamp,
    pub(crate) not_before: Timestamp,
    pub(crate) bounds: Bounds,
    pub(crate) audiences: Vec<Audience>,
    pub(crate) rights: Vec<Right>,
}

impl Profiled for Authority {
    fn read_facts(reader: &mut BlockReader<'_>) -> Result<Self, Unreadable> {
        let version: u64 = reader.fact()?.only("kv", Fact::number)?;
        if version != VERSION {
            return Err(Unreadable::Profile);
        }
        let issuer = reader.fact()?.only("iss", Fact::parsed)?;
        let id = reader.fact()?.only("jti", Fact::bytes)?;
        let agent = reader.fact()?.only("agent", Fact::parsed)?;
        let holder = reader.fact()?.only("holder", Fact::bytes)?;
        let owner = reader.fact()?.only("owner", Fact::parsed)?;
        let tenant = reader.fact()?.only("tenant", Fact::parsed)?;
        let source = reader.fact()?.only("src", |fact| {
            Ok(Source {
                record: fact.parsed()?,
                generation: fact.number()?,
            })
        })?;
        let issued_at = reader.fact()?.only("iat", Fact::date)?;
        let not_before = reader.fact()?.only("nbf", Fact::date)?;
        let bounds = Bounds {
            until: reader.fact()?.only("exp", Fact::date)?,
            deepest: reader.fact()?.only("max_depth", Fact::number)?,
        };
        let (audiences, next) = read_audiences(reader, "aud")?;
        let rights = read_rights(reader, next, Place::Authority, bounds)?;
        Ok(Self {
            issuer,
            id: TokenId::from_bytes(id),
            agent,
            holder,
            owner,
            tenant,
            source,
            issued_at,
            not_before,
            bounds,
            audiences,
            rights,
        })
    }

    fn write_block(&self, out: &mut BlockWriter<'_>) {
        let [agent, owner, tenant] = [
            self.agent.to_string(),
            self.owner.to_string(),
            self.tenant.to_string(),
        ];
        let record = self.source.record.to_string();
        let generation = Term::Number(u64::from(self.source.generation));
        out.fact("kv", &[Term::Number(VERSION)]);
        out.fact("iss", &[Term::Text(self.issuer.as_str())]);
        out.fact("jti", &[Term::Bytes(self.id.as_bytes())]);
        out.fact("agent", &[Term::Text(&agent)]);
        out.fact("holder", &[Term::Bytes(&self.holder)]);
        out.fact("owner", &[Term::Text(&owner)]);
        out.fact("tenant", &[Term::Text(&tenant)]);
        out.fact("src", &[Term::Text(&record), generation]);
        out.fact("iat", &[date(self.issued_at)]);
        out.fact("nbf", &[date(self.not_before)]);
        out.fact("exp", &[date(self.bounds.until)]);
        out.fact("max_depth", &[Term::Number(u64::from(self.bounds.deepest))]);
        write_audiences(out, "aud", &self.audiences);
        let shapes = write_all(out, &self.rights, Place::Authority, self.bounds);
        let [time, start, end] = [TIME, START, END].map(Op::Variable);
        out.check(|query| {
            query.with("time", &[TIME]);
            query.with("nbf", &[START]).with("exp", &[END]);
            query.that(&[start, time, LESS_OR_EQUAL]);
            query.that(&[time, end, LESS]);
        });
        check_audience(out, "aud");
        check_depth(out, "max_depth");
        check_rights(out, &shapes);
    }
}
