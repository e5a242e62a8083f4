//! What is asked of a service.

use core::net::IpAddr;

use kavach_core::{Action, Resource, Timestamp};
use serde_json::Value;

use crate::id::ArgumentsHash;
use crate::right::Circumstances;

/// What somebody asks of a service, as the service itself understood it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Request<'a> {
    /// What they want to do.
    pub action: &'a Action,
    /// To what.
    pub resource: &'a Resource,
    /// With which arguments.
    pub arguments: ArgumentsHash,
    /// The arguments themselves, where they are JSON: for grants that allow only some.
    args: Option<&'a Value>,
    /// From where, if that is known.
    pub address: Option<IpAddr>,
}

impl<'a> Request<'a> {
    /// A request of this action on this resource, with arguments of this hash, from nowhere known. A grant
    /// that allows only some arguments does not allow it.
    #[must_use]
    pub const fn new(action: &'a Action, resource: &'a Resource, arguments: ArgumentsHash) -> Self {
        Self {
            action,
            resource,
            arguments,
            args: None,
            address: None,
        }
    }

    /// As [`new`](Self::new), with arguments in JSON, whose hash is [`ArgumentsHash::of_json`].
    #[must_use]
    pub fn with_json(action: &'a Action, resource: &'a Resource, args: &'a Value) -> Self {
        Self {
            args: Some(args),
            ..Self::new(action, resource, ArgumentsHash::of_json(args))
        }
    }

    /// The request, from this address.
    #[must_use]
    pub const fn from_address(mut self, address: IpAddr) -> Self {
        self.address = Some(address);
        self
    }

    pub(crate) fn circumstances(&self, approvals: u8, now: Timestamp) -> Circumstances<'a> {
        Circumstances {
            now,
            address: self.address,
            args: self.args,
            approvals,
        }
    }
}
