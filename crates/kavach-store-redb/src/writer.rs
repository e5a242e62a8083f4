//! The thread that writes.
//!
//! A commit waits for the disk, which must hold up no executor, and is not undone by a caller who
//! stops waiting. So commits are sent to a thread, one transaction each, in the order in which they
//! come; whoever dropped the future just does not hear the answer.

use std::hash::{BuildHasher, RandomState};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use kavach_store::{Batch, Committed, StoreError, StoreErrorKind};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::commit;
use crate::engine::Engine;
use crate::error::{Failure, outcome_unknown};
use crate::limits::{QUEUE_COMMITS_MAX, REOPEN_PAUSE_MAX, REOPEN_PAUSE_MIN};
use crate::schema::State;

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

enum Job {
    /// Commit a batch. The permit is room in the queue.
    Commit { batch: Batch, answer: Answer<Committed>, room: OwnedSemaphorePermit },
    /// Say whether a commit could be made now.
    Probe { answer: Answer<()> },
    /// Make the next opening quick, now.
    Checkpoint { answer: Answer<()> },
}

/// The handle of the thread. When it is dropped, the thread finishes what waits, and has ended.
#[derive(Debug)]
pub(crate) struct Writer {
    engine: Arc<Engine>,
    /// `None` only while it is dropped.
    jobs: Option<Sender<Job>>,
    room: Arc<Semaphore>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread. After `checkpoint_after` of quiet it makes the next opening quick.
    pub(crate) fn start(engine: Arc<Engine>, checkpoint_after: Duration) -> Result<Self, StoreError> {
        let (sender, jobs) = channel();
        let desk = Desk {
            engine: Arc::clone(&engine),
            tags: RandomState::new(),
            checkpoint_after,
            standing: Standing::Checkpointed,
        };
        let thread = thread::Builder::new()
            .name("kavach-redb".to_owned())
            .spawn(move || desk.work(&jobs))
            .map_err(|error| {
                let message = "no thread could be started for the store; allow more threads";
                StoreError::new(StoreErrorKind::Unavailable, message).because(error)
            })?;
        let room = Arc::new(Semaphore::new(QUEUE_COMMITS_MAX));
        Ok(Self { engine, jobs: Some(sender), room, thread: Some(thread) })
    }

    /// Commits a checked batch. Before the first poll returns, nothing or all of it is on its way.
    pub(crate) async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        // The semaphore is never closed; if it were, the store would be gone.
        let room = Arc::clone(&self.room).acquire_owned().await.map_err(|_| self.stopped())?;
        let (answer, answered) = oneshot::channel();
        self.send(Job::Commit { batch, answer, room })?;
        match answered.await {
            Ok(result) => result,
            Err(_) => {
                let message = format!(
                    "the writer of `{}` stopped in the middle of a batch; restart, and read again",
                    self.engine.name()
                );
                Err(StoreError::new(StoreErrorKind::OutcomeUnknown, message))
            }
        }
    }

    /// Whether a commit could be made now.
    pub(crate) async fn probe(&self) -> Result<(), StoreError> {
        self.ask(|answer| Job::Probe { answer }).await
    }

    /// Makes the next opening quick, without waiting for quiet.
    pub(crate) async fn checkpoint(&self) -> Result<(), StoreError> {
        self.ask(|answer| Job::Checkpoint { answer }).await
    }

    async fn ask(&self, job: impl FnOnce(Answer<()>) -> Job) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        self.send(job(answer))?;
        answered.await.map_err(|_| self.stopped())?
    }

    fn send(&self, job: Job) -> Result<(), StoreError> {
        let sent = self.jobs.as_ref().map(|jobs| jobs.send(job));
        if matches!(sent, Some(Ok(()))) { Ok(()) } else { Err(self.stopped()) }
    }

    fn stopped(&self) -> StoreError {
        let message = format!("the writer of `{}` has stopped; restart", self.engine.name());
        StoreError::new(StoreErrorKind::Unavailable, message)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // If it panicked, whoever waited for it has learned so.
            let _ = thread.join();
        }
    }
}

/// What the thread works with.
struct Desk {
    engine: Arc<Engine>,
    /// A history that goes on from a copy of the file gets tags that no other has.
    tags: RandomState,
    checkpoint_after: Duration,
    standing: Standing,
}

/// How the file stands between two jobs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Standing {
    /// Ready; it would open quickly.
    Checkpointed,
    /// Ready; after a crash it would have to be read whole.
    Committed,
    /// It failed. It is opened again after this pause.
    Failed(Duration),
}

impl Desk {
    fn work(mut self, jobs: &Receiver<Job>) {
        loop {
            let job = match self.standing {
                Standing::Checkpointed => jobs.recv().map_err(RecvTimeoutError::from),
                Standing::Committed => jobs.recv_timeout(self.checkpoint_after),
                Standing::Failed(pause) => jobs.recv_timeout(pause),
            };
            match job {
                Ok(Job::Commit { batch, answer, room }) => {
                    let result = self.commit(&batch);
                    drop(room);
                    let _ = answer.send(result);
                }
                Ok(Job::Probe { answer }) => {
                    let _ = answer.send(self.probe());
                }
                Ok(Job::Checkpoint { answer }) => {
                    let _ = answer.send(self.checkpoint());
                }
                Err(RecvTimeoutError::Timeout) => self.rest(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Uses a pause.
    fn rest(&mut self) {
        match self.standing {
            Standing::Checkpointed => {}
            // If it fails, the file is opened again in the next pause, and callers learn so until then.
            Standing::Committed => drop(self.checkpoint()),
            Standing::Failed(pause) => self.reopen(pause),
        }
    }

    fn commit(&mut self, batch: &Batch) -> Result<Committed, StoreError> {
        self.check_standing()?;
        let transaction = self.engine.begin_write().map_err(|failure| self.failed(failure))?;
        let applied = commit::apply(&transaction, batch, |number| self.tags.hash_one(number));
        let committed = match applied {
            Ok(committed) => committed,
            Err(failure) => {
                // Should this fail too, nothing was committed all the same.
                let aborted = transaction.abort().map_err(Failure::from);
                if let Err(second) = aborted
                    && !failure.is_lasting()
                {
                    let _ = self.failed(second);
                }
                return Err(self.failed(failure));
            }
        };
        match transaction.commit() {
            Ok(()) => {
                self.standing = Standing::Committed;
                Ok(committed)
            }
            Err(error) => Err(self.commit_failed(error.into(), committed)),
        }
    }

    /// Finds out what became of a batch whose commit failed.
    fn commit_failed(&mut self, failure: Failure, wanted: Committed) -> StoreError {
        self.standing = Standing::Failed(REOPEN_PAUSE_MIN);
        self.reopen(REOPEN_PAUSE_MIN);
        if self.standing == Standing::Checkpointed {
            let state = self.engine.begin_read().and_then(|snapshot| State::read(&snapshot));
            // The repair has made durable what it found, so what is missing now stays missing.
            if state.is_ok_and(|state| state.version < wanted.version.as_u64()) {
                return failure.explain(self.engine.name());
            }
            // What is there now may still be there only in memory: a disk that failed to write a page
            // does not have to say so twice.
        }
        outcome_unknown(failure, self.engine.name())
    }

    fn probe(&mut self) -> Result<(), StoreError> {
        self.check_standing()?;
        let transaction = self.engine.begin_write().map_err(|failure| self.failed(failure))?;
        transaction.abort().map_err(|error| self.failed(error.into()))
    }

    /// Notes down which pages are free, so that the next opening need not find out.
    fn checkpoint(&mut self) -> Result<(), StoreError> {
        self.check_standing()?;
        let checkpointed = self.engine.begin_write().and_then(|mut transaction| {
            transaction.set_quick_repair(true);
            Ok(transaction.commit()?)
        });
        match checkpointed {
            Ok(()) => {
                self.standing = Standing::Checkpointed;
                Ok(())
            }
            Err(failure) => {
                self.standing = Standing::Failed(REOPEN_PAUSE_MIN);
                Err(failure.explain(self.engine.name()))
            }
        }
    }

    /// Opens a failed file again. A checkpoint makes sure that it takes writes, and that doing this
    /// over and over, while a disk is full, does not read the whole file each time.
    fn reopen(&mut self, pause: Duration) {
        let reopened = self.engine.reopen();
        self.standing = Standing::Committed;
        if reopened.is_err() || self.checkpoint().is_err() {
            self.standing = Standing::Failed(pause.saturating_mul(2).min(REOPEN_PAUSE_MAX));
        }
    }

    fn check_standing(&self) -> Result<(), StoreError> {
        if matches!(self.standing, Standing::Failed(_)) {
            return Err(Failure::from(redb::Error::PreviousIo).explain(self.engine.name()));
        }
        Ok(())
    }

    /// Explains a failure after which nothing was written, and remembers it if it lasts.
    fn failed(&mut self, failure: Failure) -> StoreError {
        if failure.is_lasting() {
            self.standing = Standing::Failed(REOPEN_PAUSE_MIN);
        }
        failure.explain(self.engine.name())
    }
}
