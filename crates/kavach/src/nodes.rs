//! Several nodes on one store.
//!
//! Each node has a [`Seat`]: a log of its own, and a record that it must find unchanged with every commit, so
//! that a process whose seat another one took can write nothing more. Where a node is one of several, a
//! [`Follower`] takes in what the others change, and the node says yes only while it is fresh: for as long
//! after it last asked as its lease says. So whatever is partitioned, paused or slow, *a revocation holds
//! everywhere once it is that old*.

mod follower;
mod freshness;
mod place;
mod seat;
mod sharing;
mod wait;

pub(crate) use follower::{Followed, Follower, Following};
pub(crate) use freshness::Freshness;
pub(crate) use place::Place;
pub(crate) use seat::{Renewal, Seat, Seating, logs_of_seats, who_is_alone};
pub use sharing::Sharing;
