//! Power cuts at every place, and what is left afterwards.

use kavach_store::Store;
use kavach_store_redb::RedbStore;

use crate::dice::Dice;
use crate::disk::{Disk, Fault, Loss};
use crate::history::History;

/// Lives of each disk. Damage that one crash leaves may show only after the next.
const LIVES: usize = 12;

#[test]
fn a_crash_loses_nothing_acknowledged_and_halves_nothing() {
    let campaign = std::env::var_os("KAVACH_CAMPAIGN").is_some_and(|value| value == "1");
    let crashes_wanted = if campaign { 12_000 } else { 300 };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut crashes = 0;
    for seed in 0.. {
        if crashes >= crashes_wanted {
            break;
        }
        println!("seed {seed}");
        crashes += runtime.block_on(Run::new(seed).live());
    }
}

struct Run {
    dice: Dice,
    disk: Disk,
    history: History,
}

impl Run {
    fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed),
            disk: Disk::default(),
            history: History::default(),
        }
    }

    /// Lives and dies, and answers how often.
    async fn live(&mut self) -> usize {
        drop(self.open());
        let mut crashes = 0;
        for life in 0..LIVES {
            crashes += self.crash_while_opening();
            let store = self.open();
            self.history.check(&store, life % 6 == 5).await;
            self.work(&store).await;
            // Whatever has not struck so far strikes now: dropping the store must not save anything.
            self.disk.strike_now(Fault::PowerCut);
            drop(store);
            let loss = self.dice.pick(&Loss::EACH);
            self.disk.lose(loss, &mut self.dice);
            crashes += 1;
        }
        let store = self.open();
        self.history.check(&store, true).await;
        crashes
    }

    fn open(&self) -> RedbStore {
        let disk = self.disk.clone();
        RedbStore::open_on(move || disk.open()).unwrap()
    }

    /// Sometimes the power goes again in the middle of the repair.
    fn crash_while_opening(&mut self) -> usize {
        let mut crashes = 0;
        while self.dice.below(3) == 0 {
            self.disk
                .strike_after(self.dice.below(12) as u64, Fault::PowerCut);
            let disk = self.disk.clone();
            let opened = RedbStore::open_on(move || disk.open());
            self.disk.strike_now(Fault::PowerCut);
            drop(opened);
            let loss = self.dice.pick(&Loss::EACH);
            self.disk.lose(loss, &mut self.dice);
            crashes += 1;
        }
        crashes
    }

    /// Commits, one batch or several at a time, until the power goes or enough is done.
    async fn work(&mut self, store: &RedbStore) {
        if self.dice.below(4) > 0 {
            self.disk
                .strike_after(self.dice.below(160) as u64, Fault::PowerCut);
        }
        for _ in 0..1 + self.dice.below(6) {
            let burst = if self.dice.below(3) == 0 {
                1 + self.dice.below(4)
            } else {
                1
            };
            let commits: Vec<_> = (0..burst)
                .map(|_| store.commit(self.history.next_batch(&mut self.dice)))
                .collect();
            let mut failed = false;
            for answer in in_order(commits).await {
                match answer {
                    Ok(committed) => self.history.acknowledged(committed),
                    Err(_) => failed = true,
                }
            }
            if failed {
                return;
            }
            if self.dice.below(4) == 0 && store.checkpoint().await.is_err() {
                return;
            }
        }
    }
}

/// Polls all of them in order, again and again, until each is done.
async fn in_order<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures
        .into_iter()
        .map(|future| (Box::pin(future), None))
        .collect();
    std::future::poll_fn(|context| {
        let mut done = true;
        for (future, output) in &mut futures {
            if output.is_none() {
                match future.as_mut().poll(context) {
                    std::task::Poll::Ready(value) => *output = Some(value),
                    std::task::Poll::Pending => done = false,
                }
            }
        }
        if done {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    futures
        .into_iter()
        .map(|(_, output)| output.unwrap())
        .collect()
}
