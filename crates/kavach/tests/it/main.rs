//! The facade as its callers see it, on both stores that it ships with.

mod crashes;
mod declaration;
mod dice;
mod events;
mod faults;
mod limits;
mod model;
mod opening;
mod privacy;
mod races;
mod story;
mod tenants;
mod trail;
mod withdrawal;
mod world;
