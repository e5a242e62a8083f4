//! The thread that writes.
//!
//! A commit waits for the disk, which must hold up no executor, and is not undone by a caller who
//! stops waiting. So commits are sent to a thread, one transaction each, in the order in which they
//! come; whoever dropped the future just does not hear the answer.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use kavach_store::{Batch, Committed, StoreError, StoreErrorKind};
use redb::WriteTransaction;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::commit;
use crate::engine::Engine;
use crate::error::{Failure, outcome_unknown};
use crate::limits::{QUEUE_COMMITS_MAX, REOPEN_PAUSE_MAX, REOPEN_PAUSE_MIN};

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

enum Job {
    /// Commit a batch. The permit is room in the queue.
    Commit {
        batch: Batch,
        answer: Answer<Committed>,
        room: OwnedSemaphorePermit,
    },
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
    has_failed: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread. After `checkpoint_after` of quiet it makes the next opening quick.
    pub(crate) fn start(
        engine: Arc<Engine>,
        checkpoint_after: Duration,
    ) -> Result<Self, StoreError> {
        let (sender, jobs) = channel();
        let has_failed = Arc::new(AtomicBool::new(false));
        let desk = Desk {
            engine: Arc::clone(&engine),
            tags: RandomState::new(),
            checkpoint_after,
            standing: Standing::Checkpointed,
            has_failed: Arc::clone(&has_failed),
        };
        let thread = thread::Builder::new()
            .name("kavach-redb".to_owned())
            .spawn(move || desk.work(&jobs))
            .map_err(|error| {
                let message = "no thread could be started for the store; allow more threads";
                StoreError::new(StoreErrorKind::Unavailable, message).because(error)
            })?;
        let room = Arc::new(Semaphore::new(QUEUE_COMMITS_MAX));
        Ok(Self {
            engine,
            jobs: Some(sender),
            room,
            has_failed,
            thread: Some(thread),
        })
    }

    /// Commits a checked batch. Dropping the future before it was sent leaves it undone; after that it
    /// is done.
    pub(crate) async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        self.check_standing()?;
        // The semaphore is never closed; if it were, the store would be gone.
        let room = Arc::clone(&self.room)
            .acquire_owned()
            .await
            .map_err(|_| self.stopped())?;
        let (answer, answered) = oneshot::channel();
        self.send(Job::Commit {
            batch,
            answer,
            room,
        })?;
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
        self.check_standing()?;
        self.ask(|answer| Job::Probe { answer }).await
    }

    /// Makes the next opening quick, without waiting for quiet; opens a failed file again.
    pub(crate) async fn checkpoint(&self) -> Result<(), StoreError> {
        self.ask(|answer| Job::Checkpoint { answer }).await
    }

    /// Refuses at once while the file has failed. If such calls reached the thread, they would keep it
    /// from the pause in which it opens the file again.
    fn check_standing(&self) -> Result<(), StoreError> {
        if self.has_failed.load(Ordering::SeqCst) {
            return Err(has_failed(&self.engine));
        }
        Ok(())
    }

    async fn ask(&self, job: impl FnOnce(Answer<()>) -> Job) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        self.send(job(answer))?;
        answered.await.map_err(|_| self.stopped())?
    }

    fn send(&self, job: Job) -> Result<(), StoreError> {
        let sent = self.jobs.as_ref().map(|jobs| jobs.send(job));
        if matches!(sent, Some(Ok(()))) {
            Ok(())
        } else {
            Err(self.stopped())
        }
    }

    fn stopped(&self) -> StoreError {
        let message = format!(
            "the writer of `{}` has stopped; restart",
            self.engine.name()
        );
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

fn has_failed(engine: &Engine) -> StoreError {
    Failure::from(redb::Error::PreviousIo).explain(engine.name())
}

/// What the thread works with.
struct Desk {
    engine: Arc<Engine>,
    /// A history that goes on from a copy of the file gets tags that no other has.
    tags: RandomState,
    checkpoint_after: Duration,
    standing: Standing,
    /// Whether `standing` is `Failed`, for those who send jobs.
    has_failed: Arc<AtomicBool>,
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
                Ok(Job::Commit {
                    batch,
                    answer,
                    room,
                }) => {
                    let result = self.commit(&batch);
                    drop(room);
                    let _ = answer.send(result);
                }
                Ok(Job::Probe { answer }) => {
                    let _ = answer.send(self.probe());
                }
                Ok(Job::Checkpoint { answer }) => {
                    let _ = answer.send(self.rest());
                }
                // Whoever comes next learns it too.
                Err(RecvTimeoutError::Timeout) => drop(self.rest()),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Uses a pause.
    fn rest(&mut self) -> Result<(), StoreError> {
        match self.standing {
            Standing::Checkpointed => Ok(()),
            Standing::Committed => self.checkpoint(),
            Standing::Failed(pause) => self.reopen(pause),
        }
    }

    fn commit(&mut self, batch: &Batch) -> Result<Committed, StoreError> {
        let transaction = self.begin()?;
        let applied = commit::apply(&transaction, batch, |number| self.tags.hash_one(number));
        let committed = match applied {
            Ok(committed) => committed,
            Err(failure) => {
                if let Err(error) = transaction.abort() {
                    // Nothing was committed all the same.
                    let _ = self.failed(error.into());
                }
                return Err(self.failed(failure));
            }
        };
        let syncs = self.engine.syncs();
        match transaction.commit() {
            Ok(()) => {
                self.stand(Standing::Committed);
                Ok(committed)
            }
            Err(error) => Err(self.commit_failed(error.into(), syncs)),
        }
    }

    /// Says what became of a batch whose commit failed, and opens the file again.
    fn commit_failed(&mut self, failure: Failure, syncs_before: u64) -> StoreError {
        // A commit in two phases syncs everything that it writes before it touches the byte that says
        // which state holds, and then that byte. Before the first sync the old state holds, whatever
        // reached the disk. After it, a byte that was not synced may be there or not, and a disk that
        // failed to write it need not say so twice.
        let may_have_landed = self.engine.syncs() > syncs_before;
        // If it fails, the next pause tries again.
        let _ = self.reopen(REOPEN_PAUSE_MIN);
        if may_have_landed {
            outcome_unknown(failure, self.engine.name())
        } else {
            failure.explain(self.engine.name())
        }
    }

    fn probe(&mut self) -> Result<(), StoreError> {
        let transaction = self.begin()?;
        transaction
            .abort()
            .map_err(|error| self.failed(error.into()))
    }

    /// Notes down which pages are free, so that the next opening need not find out.
    fn checkpoint(&mut self) -> Result<(), StoreError> {
        let mut transaction = self.begin()?;
        transaction.set_quick_repair(true);
        match transaction.commit() {
            Ok(()) => {
                self.stand(Standing::Checkpointed);
                Ok(())
            }
            Err(error) => {
                // Whatever the error, redb takes nothing more after a failed commit.
                self.stand(Standing::Failed(REOPEN_PAUSE_MIN));
                Err(Failure::from(error).explain(self.engine.name()))
            }
        }
    }

    /// Opens a failed file again. A checkpoint makes sure that it takes writes, and that doing this
    /// over and over, while a disk is full, does not read the whole file each time.
    fn reopen(&mut self, pause: Duration) -> Result<(), StoreError> {
        let reopened = self
            .engine
            .reopen()
            .map_err(|failure| failure.explain(self.engine.name()));
        self.stand(Standing::Committed);
        let ready = reopened.and_then(|()| self.checkpoint());
        if ready.is_err() {
            self.stand(Standing::Failed(
                pause.saturating_mul(2).min(REOPEN_PAUSE_MAX),
            ));
        }
        ready
    }

    fn begin(&mut self) -> Result<WriteTransaction, StoreError> {
        if matches!(self.standing, Standing::Failed(_)) {
            return Err(has_failed(&self.engine));
        }
        self.engine
            .begin_write()
            .map_err(|failure| self.failed(failure))
    }

    /// Explains a failure after which nothing was written, and remembers it if it lasts.
    fn failed(&mut self, failure: Failure) -> StoreError {
        if failure.is_lasting() {
            self.stand(Standing::Failed(REOPEN_PAUSE_MIN));
        }
        failure.explain(self.engine.name())
    }

    fn stand(&mut self, standing: Standing) {
        self.standing = standing;
        self.has_failed
            .store(matches!(standing, Standing::Failed(_)), Ordering::SeqCst);
    }
}
