//! The file that declares agents, permissions and delegations.
//!
//! ```toml
//! base = "mcp:github"                       # what relative targets are relative to; optional
//!
//! [[agent]]
//! name = "orchestrator"
//! owner = "user:alice"
//! permissions = ["read:*", { resource = "mcp:github:pull_requests", actions = ["comment"] }]
//!
//! [[delegation]]
//! from = "orchestrator"
//! to = "searcher"
//! permissions = ["read:issues"]
//! expires_in = "7d"
//!
//! [[guardrail]]
//! name = "no-prod-deletes"
//! never = "delete:data:prod:**"
//!
//! [[owner]]
//! name = "user:bob"
//! permissions = ["approve:app:kavach:approvals"]
//! ```
//!
//! Every mistake is told with its place, and as many at once as can be: nobody wants to run a command
//! once for each.

use std::ops::Range;

use kavach::audit::shown;
use kavach::declare::Declaration;

mod agents;
mod bounds;
mod delegations;
mod guardrails;
mod owners;
mod places;
mod reader;
mod rights;
mod source;

pub(crate) use places::{FieldPlaces, Places};
pub(crate) use reader::{Reader, Table};
pub(crate) use source::Source;

#[cfg(test)]
mod tests;

use crate::limits::APPLY_SYNTAX_BYTES_MAX;
use toml::de::DeTable;

/// A mistake in a file, and the bytes that it is in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Fault {
    pub(crate) at: Range<usize>,
    pub(crate) message: String,
}

/// A file that is well formed: what it declares, and where.
#[derive(Debug)]
pub(crate) struct Declared {
    pub(crate) declaration: Declaration,
    pub(crate) places: Places,
}

/// What the text of a file declares.
///
/// # Errors
/// Every mistake that was found, in the order of the file: first those of its syntax, and only where there
/// are none, those of what it says.
pub(crate) fn read(text: &str) -> Result<Declared, Vec<Fault>> {
    let document = parse(text)?;
    let mut reader = Reader::default();
    reader.only(
        &document,
        &["base", "agent", "delegation", "guardrail", "owner"],
    );
    let base = rights::base(&mut reader, &document);
    let mut declaration = Declaration::default();
    let mut places = Places::default();
    for table in reader.tables(&document, "agent") {
        let (agent, place) = agents::agent(&mut reader, &table, &base);
        declaration.agents.extend(agent);
        places.agents.push(place);
    }
    for table in reader.tables(&document, "delegation") {
        let (delegation, place) = delegations::delegation(&mut reader, &table, &base);
        declaration.delegations.extend(delegation);
        places.delegations.push(place);
    }
    for table in reader.tables(&document, "guardrail") {
        let (guardrail, place) = guardrails::guardrail(&mut reader, &table, &base);
        declaration.guardrails.extend(guardrail);
        places.guardrails.push(place);
    }
    for table in reader.tables(&document, "owner") {
        let (owner, place) = owners::owner(&mut reader, &table, &base);
        declaration.owners.extend(owner);
        places.owners.push(place);
    }
    let mut faults = reader.faults;
    if faults.is_empty() {
        return Ok(Declared {
            declaration,
            places,
        });
    }
    faults.sort_by_key(|fault| fault.at.start);
    Err(faults)
}

pub(crate) fn parse(text: &str) -> Result<DeTable<'_>, Vec<Fault>> {
    let (document, errors) = if text.len() <= APPLY_SYNTAX_BYTES_MAX {
        DeTable::parse_recoverable(text)
    } else {
        match DeTable::parse(text) {
            Ok(document) => return Ok(document.into_inner()),
            Err(error) => (DeTable::parse_recoverable("").0, vec![error]),
        }
    };
    if errors.is_empty() {
        return Ok(document.into_inner());
    }
    let fault = |error: &toml::de::Error| Fault {
        at: error.span().unwrap_or(0..0),
        message: shown(&error.message().trim_end().replace('\n', "; ")).to_string(),
    };
    let mut faults: Vec<Fault> = errors.iter().map(fault).collect();
    faults.sort_by_key(|fault| fault.at.start);
    // What follows in the same line mostly follows from the first.
    faults.dedup_by(|next, first| {
        let between = text.as_bytes().get(first.at.start..next.at.start);
        between.is_some_and(|between| !between.contains(&b'\n'))
    });
    Err(faults)
}
