//! One verifier for each service that asks, so that chains that were seen are recognised.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use kavach_core::TenantId;
use kavach_store::Version;
use kavach_token::{Audience, ReplayCache, Revocations, Verifier};

use super::book::Roots;
use crate::limits::VERIFIERS_MAX;

/// The verifiers of a node.
#[derive(Debug, Default)]
pub(crate) struct Verifiers(Mutex<HashMap<(TenantId, Audience), Kept>>);

/// One of them, with the version of the root keys that it has.
type Kept = (Version, Arc<Verifier>);

impl Verifiers {
    /// The one for this service, with these root keys.
    ///
    /// It remembers no invocation, and looks at no list: both are asked of the store and of the book, at
    /// every call.
    pub(super) fn of(&self, tenant: TenantId, audience: &Audience, roots: &Roots) -> Arc<Verifier> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (tenant, audience.clone());
        if let Some((version, verifier)) = known.get(&place)
            && *version == roots.version
        {
            return Arc::clone(verifier);
        }
        if known.len() >= VERIFIERS_MAX {
            known.clear();
        }
        let verifier = Arc::new(Verifier::new(
            audience.clone(),
            roots.keys.clone(),
            Revocations::danger_ignored(),
            ReplayCache::danger_first_start(0),
        ));
        known.insert(place, (roots.version, Arc::clone(&verifier)));
        verifier
    }
}
