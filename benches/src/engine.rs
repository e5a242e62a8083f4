//! What every engine must do to be measured, and the oracle that each must agree with first.

use crate::Failed;
use crate::workload::{Call, Workload};

/// An engine with a model of the workload loaded.
pub trait Engine: Sized + Sync {
    /// What the tables call it.
    const NAME: &'static str;

    /// A request in the engine's own form, made before the clock starts.
    type Question: Sync;

    /// What one thread decides with.
    type Worker<'a>
    where
        Self: 'a;

    /// Builds the model in which the engine decides for every agent of the workload.
    ///
    /// # Errors
    /// Whatever keeps it from being built.
    fn of(workload: &Workload) -> Result<Self, Failed>;

    /// Puts one request into the engine's form.
    ///
    /// # Errors
    /// If it cannot be said in the engine's model.
    fn question(&self, call: &Call) -> Result<Self::Question, Failed>;

    /// Prepares a thread.
    ///
    /// # Errors
    /// Whatever keeps it from deciding.
    fn worker(&self) -> Result<Self::Worker<'_>, Failed>;

    /// Whether the request is allowed: the conjunction over all hops of the line.
    ///
    /// # Errors
    /// If the engine could not decide.
    fn allows(worker: &mut Self::Worker<'_>, question: &Self::Question) -> Result<bool, Failed>;

    /// All requests in the engine's form.
    ///
    /// # Errors
    /// If one cannot be said in the engine's model.
    fn questions(&self, workload: &Workload) -> Result<Vec<Self::Question>, Failed> {
        let calls = workload.calls.iter();
        calls.map(|call| self.question(call)).collect()
    }
}

/// Asks every question and compares each answer with the oracle's.
///
/// # Errors
/// At the first that differs.
pub fn agree<E: Engine>(
    engine: &E,
    workload: &Workload,
    questions: &[E::Question],
    truth: &[bool],
) -> Result<(), Failed> {
    if questions.len() != truth.len() || truth.is_empty() {
        return Err("the oracle must have answered every request".into());
    }
    let mut worker = engine.worker()?;
    for ((question, truth), call) in questions.iter().zip(truth).zip(&workload.calls) {
        let answer = E::allows(&mut worker, question)?;
        if answer != *truth {
            let name = E::NAME;
            return Err(format!("{name} says {answer}, the oracle {truth}: {call:?}").into());
        }
    }
    Ok(())
}
