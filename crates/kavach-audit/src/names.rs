//! What people call the agents and subjects that an event knows by id.

use kavach_core::{AgentId, SubjectId};

/// Knows names as they are now; an event holds only ids.
///
/// `None` where nothing is known; the id is shown then. For a subject that was erased, answer
/// [`ERASED`].
pub trait Names {
    /// The agent's name.
    fn agent(&self, id: AgentId) -> Option<String>;
    /// The host's name for the subject: `user:alice`.
    fn subject(&self, id: SubjectId) -> Option<String>;
}

/// What stands in place of the name of a subject that was erased. Never a subject's name, because it has no colon.
pub const ERASED: &str = "erased";

/// Knows no names, so that ids are shown.
#[expect(
    clippy::exhaustive_structs,
    reason = "there is nothing to add to nothing"
)]
#[derive(Clone, Copy, Debug, Default)]
pub struct NoNames;

impl Names for NoNames {
    fn agent(&self, _: AgentId) -> Option<String> {
        None
    }

    fn subject(&self, _: SubjectId) -> Option<String> {
        None
    }
}
