//! The arguments of calls that wait for approval, as they are kept for people to see.

use kavach_core::{ApprovalId, TenantId};
use kavach_store::{MasterKey, Store};
use zeroize::Zeroizing;

use super::record::{Stored, arguments_context, arguments_key};
use super::request::ApprovalArgs;
use crate::error::CannotDecide;
use crate::random;
use crate::view::read_one;

/// Arguments as they are kept: sealed where there is a master key.
pub(super) fn kept(
    master: Option<&MasterKey>,
    (tenant, id): (TenantId, ApprovalId),
    canonical: Vec<u8>,
) -> Result<Vec<u8>, CannotDecide> {
    match master {
        Some(master) => master
            .seal(&arguments_context(tenant, id), &canonical, random::bytes()?)
            .map_err(|_| CannotDecide::WrongMasterKey),
        None => Ok(canonical),
    }
}

/// The arguments of this call, if they are still kept.
pub(super) async fn arguments_of(
    store: &dyn Store,
    master: Option<&MasterKey>,
    tenant: TenantId,
    stored: &Stored,
) -> Result<ApprovalArgs, CannotDecide> {
    if !stored.has_args {
        return Ok(ApprovalArgs::None);
    }
    let Some(kept) = read_one(store, &arguments_key(tenant, stored.id)).await? else {
        return Ok(ApprovalArgs::NotShown);
    };
    let bytes = open(master, &arguments_context(tenant, stored.id), kept.bytes)?;
    let args = serde_json::from_slice(&bytes)
        .map_err(|error| CannotDecide::Arguments(error.to_string()))?;
    Ok(ApprovalArgs::Shown(args))
}

fn open(
    master: Option<&MasterKey>,
    context: &[u8],
    kept: Vec<u8>,
) -> Result<Zeroizing<Vec<u8>>, CannotDecide> {
    // From before there was a master key. Sealed bytes begin with a version, which no JSON text does.
    if kept.first().is_some_and(|first| *first >= b' ') && master.is_none() {
        return Ok(Zeroizing::new(kept));
    }
    let opened = master.and_then(|master| master.open(context, &kept).ok());
    opened.ok_or(CannotDecide::WrongMasterKey)
}
