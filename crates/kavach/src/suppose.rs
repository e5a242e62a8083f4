//! What the answer would be, at another time or in other circumstances. Nothing is recorded.

use kavach_core::{Timestamp, TrustLevel};

use crate::answer::Authorization;
use crate::call::{Call, check_context};
use crate::error::CannotDecide;
use crate::node::Kavach;
use crate::recorded::Books;

/// What to suppose besides what is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Supposed {
    /// That it is this time; `None` for now.
    pub at: Option<Timestamp>,
    /// That every agent is trusted as far as this; `None` for as far as it is.
    pub trust: Option<TrustLevel>,
    /// That so many people have said yes to the call.
    pub approvals: u8,
}

impl Supposed {
    /// That it is this time.
    #[must_use]
    pub fn at(at: Timestamp) -> Self {
        Self {
            at: Some(at),
            ..Self::default()
        }
    }
}

impl Kavach {
    /// Decides as [`authorize_call`](Self::authorize_call) would, at another time if `at` names one, and
    /// records nothing. Counters stand as they are now.
    ///
    /// # Errors
    /// If the context is too long, or its arguments are none that could be hashed.
    pub fn simulate(
        &self,
        call: &Call,
        at: Option<Timestamp>,
    ) -> Result<Authorization, CannotDecide> {
        let supposed = Supposed {
            at,
            ..Supposed::default()
        };
        self.suppose(call, &supposed)
    }

    /// The same in circumstances that may be others too.
    ///
    /// # Errors
    /// If the context is too long, or its arguments are none that could be hashed.
    pub fn suppose(&self, call: &Call, supposed: &Supposed) -> Result<Authorization, CannotDecide> {
        check_context(&call.context)?;
        let now = supposed.at.unwrap_or_else(|| self.now());
        let state = self.node.view.read();
        let books = Books::of(&self.node, &state.graph).trusting(supposed.trust);
        let decided = self.decide(&state, call, supposed.approvals, &books, now);
        let answer = decided.answer(&state.graph, call, None);
        Ok(answer)
    }
}
