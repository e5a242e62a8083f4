//! Running the cases of one file.

use std::sync::Arc;

use kavach::declare::{ApplyOptions, Declaration};
use kavach::{Authorization, Kavach, ManualClock, MemoryStore, Supposed};

use super::file::{Case, Cases};
use crate::failure::Failure;

/// What came of one case.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) name: String,
    /// `None` if it is as expected.
    pub(crate) failed: Option<Failed>,
    /// Where the case stands in its file.
    pub(crate) at: usize,
}

/// An answer that is not as expected.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) expected: String,
    pub(crate) found: String,
    /// The answer as a sentence.
    pub(crate) because: String,
}

/// Asks every case of a file of the state that `declaration` makes.
///
/// # Errors
/// If the state cannot be made: see [`ApplyError`](kavach::declare::ApplyError).
pub(crate) async fn run(
    cases: &Cases,
    declaration: &Declaration,
) -> Result<Vec<Outcome>, kavach::declare::ApplyError> {
    let mut outcomes = Vec::with_capacity(cases.cases.len());
    let mut world: Option<(kavach::Timestamp, Kavach)> = None;
    for case in &cases.cases {
        // Agents are made at the time of the case, so that `expires_in` counts from there. Whoever counts
        // calls gets a world of their own.
        let kavach = match world.take() {
            Some((at, kavach)) if at == case.at && case.calls == 1 => kavach,
            _ => open(case, declaration).await?,
        };
        outcomes.push(outcome(case, ask(&kavach, case).await));
        if case.calls == 1 {
            world = Some((case.at, kavach));
        }
    }
    Ok(outcomes)
}

async fn open(
    case: &Case,
    declaration: &Declaration,
) -> Result<Kavach, kavach::declare::ApplyError> {
    let clock = Arc::new(ManualClock::new(case.at));
    let opened = Kavach::builder(MemoryStore::new())
        .clock(clock)
        .open()
        .await;
    let kavach = opened.map_err(|error| {
        let words = format!("no store in memory can be opened: {error}");
        let refusal = kavach::Refusal::new(kavach::Reason::WrongState, words);
        kavach::ChangeError::Refused(refusal)
    })?;
    kavach.apply(declaration, &ApplyOptions::default()).await?;
    Ok(kavach)
}

async fn ask(kavach: &Kavach, case: &Case) -> Result<Authorization, Failure> {
    let mut supposed = Supposed::default();
    supposed.at = Some(case.at);
    supposed.trust = case.trust;
    supposed.approvals = case.approvals;
    for _ in 1..case.calls {
        // The counters are what is tested, so these are made in earnest.
        let _ = kavach.authorize_call(case.call.clone()).await?;
    }
    Ok(kavach.suppose(&case.call, &supposed)?)
}

fn outcome(case: &Case, answer: Result<Authorization, Failure>) -> Outcome {
    let failed = match answer {
        Ok(given) if case.expected.holds(given.decision) => None,
        Ok(given) => Some(Failed {
            expected: case.expected.to_string(),
            found: match given.decision {
                kavach::Decision::Allow => "allow".to_owned(),
                kavach::Decision::NeedsApproval => "needs_approval".to_owned(),
                kavach::Decision::Deny(reason) => format!("deny:{reason}"),
            },
            because: given.to_string(),
        }),
        Err(failure) => Some(Failed {
            expected: case.expected.to_string(),
            found: "no decision".to_owned(),
            because: failure.to_string(),
        }),
    };
    Outcome {
        name: case.name.clone(),
        failed,
        at: case.at_bytes.start,
    }
}
