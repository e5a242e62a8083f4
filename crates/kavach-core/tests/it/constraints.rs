//! What each constraint allows, to the second, the minute, the address and the unit.

use std::net::IpAddr;

use kavach_core::oracle::constraints::{Circumstances, failed};
use kavach_core::{Constraints, Permission, Timestamp};
use serde_json::Value;

mod addresses;
mod arguments;
mod laws;
mod limits;
mod scope;
mod text;
mod windows;

/// The permission with these constraints.
#[track_caller]
fn permission(constraints: &str) -> Permission {
    let text = format!("read:mcp:a?{constraints}");
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn constraints(text: &str) -> Constraints {
    permission(text).constraints
}

/// The names of the constraints that a call fails, of those that it meets or not by itself.
fn misses(constraints: &Constraints, call: Circumstances<'_>) -> Vec<&'static str> {
    let mut misses = Vec::new();
    if constraints
        .args
        .as_ref()
        .is_some_and(|args| !args.allow(call.args))
    {
        misses.push("args");
    }
    if !constraints.holds_at(call.now) {
        misses.push("expires");
    }
    let from = |set: &kavach_core::AddressSet| call.address.is_some_and(|address| set.has(address));
    if constraints.addresses.as_ref().is_some_and(|set| !from(set)) {
        misses.push("ip");
    }
    if !constraints
        .windows
        .iter()
        .all(|window| window.holds_at(call.now))
    {
        misses.push("window");
    }
    misses
}

/// Whether a call keeps within the constraints; the second evaluation has to say the same.
#[track_caller]
fn allows(text: &str, call: Circumstances<'_>) -> bool {
    let permission = permission(text);
    let misses = misses(&permission.constraints, call);
    assert_eq!(
        misses,
        failed(&permission.to_string(), call),
        "{permission} {call:?}"
    );
    misses.is_empty()
}

const NOWHERE: Circumstances<'_> = Circumstances {
    address: None,
    args: None,
    now: Timestamp::from_s(1_795_255_200),
};

fn at(now: &str) -> Circumstances<'static> {
    Circumstances {
        now: now.parse().unwrap(),
        ..NOWHERE
    }
}

fn from(address: &str) -> Circumstances<'static> {
    let address: IpAddr = address.parse().unwrap();
    Circumstances {
        address: Some(address),
        ..NOWHERE
    }
}

fn with(args: &Value) -> Circumstances<'_> {
    Circumstances {
        args: Some(args),
        ..NOWHERE
    }
}
