//! Other engines, each modelled as its own documentation would, on the same workload.
//!
//! They are general languages, and ours is one data model: what is compared is this one job. Of the ways
//! of modelling it that are named in each module, the fastest is what stands there.
//!
//! Lines have as many hops as the workload says, and every hop is matched anew. Agents that nobody knows,
//! ends, suspension, revocation and depth are looked at by ours alone.

#![expect(
    missing_debug_implementations,
    reason = "most of the engines have none to pass on"
)]

mod casbin;
mod cedar;
mod regorus;
mod tenuo;

pub use casbin::Casbin;
pub use cedar::Cedar;
pub use regorus::Regorus;
pub use tenuo::Tenuo;
