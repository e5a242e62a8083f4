//! What a node does all day: it answers calls, changes things, and asks people.

use std::sync::Arc;
use std::time::Duration;

use kavach::{
    AgentId, ApprovalId, Authorization, Call, Clock, Decision, Kavach, ManualClock, NewAgent,
    Permission, Sharing, Spawn, Subject, Timestamp,
};
use tokio::time::sleep;

use super::dice::Dice;
use super::far_store::{Database, FarStore};
use super::history::{Asked, History};

/// For how long a node is fresh.
pub(crate) const LEASE_MS: u64 = 500;
/// How often the one limited agent may be let through.
pub(crate) const LIMIT: usize = 40;
/// When the story begins, in seconds.
const BEGIN_S: u64 = 1_795_255_200;

/// The simulated time.
#[derive(Debug)]
struct SimClock;

impl Clock for SimClock {
    fn now_ns(&self) -> u64 {
        BEGIN_S * 1_000_000_000 + self.elapsed_ns()
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_s((self.now_ns() / 1_000_000_000) as i64)
    }

    fn elapsed_ns(&self) -> u64 {
        turmoil::sim_elapsed().map_or(0, |elapsed| elapsed.as_nanos() as u64)
    }
}

fn now() -> Duration {
    Duration::from_nanos(SimClock.elapsed_ns())
}

fn alice(name: &str, permission: &str) -> NewAgent {
    NewAgent::new(Subject::user("alice").unwrap(), name)
        .allow(permission)
        .unwrap()
}

/// What is there before the story: ten agents with one below each, a limited one, and one that asks people.
pub(crate) fn prepare(database: &Database, history: &History) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(async {
        let clock = ManualClock::new(Timestamp::from_s(BEGIN_S as i64));
        let opening = Kavach::builder(database.store.clone()).clock(Arc::new(clock));
        let kavach = opening.open().await.unwrap();
        for number in 0..10 {
            let top = alice(&format!("top{number}"), "read:app:*");
            let top = kavach.create_agent(top).await.unwrap().id;
            history.born(top, None);
            let low = Spawn::new(format!("low{number}")).allow("read:app:x");
            let low = low.unwrap();
            history.born(kavach.spawn(&top, low).await.unwrap().id, Some(top));
        }
        let limited = alice("limited", &format!("read:app:*?rate={LIMIT}/h"));
        let limited = kavach.create_agent(limited).await.unwrap().id;
        let payer = alice("payer", "read:app:*?approve");
        let payer = kavach.create_agent(payer).await.unwrap().id;
        history.special(limited, payer);
        let approve: Permission = "approve:app:kavach:approvals".parse().unwrap();
        let bob = Subject::user("bob").unwrap();
        kavach.grant_owner(&bob, &[approve]).await.unwrap();
        kavach.close().await;
    });
}

/// One life of a node: it ends when the host is stopped, or the story is over.
pub(crate) async fn live(
    number: usize,
    seed: u64,
    database: Database,
    history: Arc<History>,
) -> turmoil::Result {
    let mut dice = Dice::new(seed ^ now().as_nanos() as u64);
    let opened = loop {
        let sharing = Sharing::default().lease_ms(LEASE_MS).limits_lease_s(1);
        let store = FarStore(database.clone());
        let opening = Kavach::builder(store)
            .clock(Arc::new(SimClock))
            .shared(sharing);
        match opening.open().await {
            Ok(kavach) => break kavach,
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    };
    let mut tasks = Vec::new();
    for _ in 0..4 {
        let node = Working {
            kavach: opened.clone(),
            number,
            history: Arc::clone(&history),
            dice: Dice::new(dice.roll()),
        };
        tasks.push(tokio::spawn(node.work()));
    }
    drop(opened);
    for task in tasks {
        task.await?;
    }
    // The host stays: what the node does in the background goes on.
    std::future::pending().await
}

struct Working {
    kavach: Kavach,
    number: usize,
    history: Arc<History>,
    dice: Dice,
}

impl Working {
    async fn work(mut self) {
        while !self.history.is_over() {
            match self.dice.below(100) {
                0..70 => self.call().await,
                70..76 => self.revoke().await,
                76..80 => self.create().await,
                80..90 => self.call_limited().await,
                90..94 => self.ask_people().await,
                _ => self.call_up_to_date().await,
            }
            sleep(Duration::from_millis(1 + self.dice.below(60) as u64)).await;
        }
    }

    async fn authorize(&self, agent: AgentId, at_least: Option<u64>) -> Option<Authorization> {
        let resource = "app:x".parse().unwrap();
        let mut call = Call::new(agent, "read".parse().unwrap(), resource);
        call.at_least = at_least;
        let asked = Asked {
            node: self.number,
            agent,
            at: now(),
            at_least,
        };
        let answer = self.kavach.authorize_call(call).await.ok()?;
        self.history.answered(&asked, now(), &answer);
        Some(answer)
    }

    async fn call(&mut self) {
        let agent = self.history.some_agent(&mut self.dice);
        self.authorize(agent, None).await;
    }

    /// Reads its own writes, or those of another node.
    async fn call_up_to_date(&mut self) {
        let agent = self.history.some_agent(&mut self.dice);
        self.authorize(agent, Some(self.history.newest())).await;
    }

    async fn call_limited(&mut self) {
        self.authorize(self.history.limited(), None).await;
    }

    async fn revoke(&mut self) {
        let agent = self.history.some_agent(&mut self.dice);
        // If it is not known whether it landed, it may have been revoked, which forbids nothing.
        if let Ok(done) = self.kavach.revoke_agent(&agent).await {
            self.history
                .revoked(self.number, agent, now(), done.revision);
            if self.dice.once_in(2) {
                self.kavach.wait_for_all(done.revision).await;
                self.history.revoked_everywhere(agent, now());
            }
        }
    }

    async fn create(&mut self) {
        let name = format!("new{}", self.dice.roll());
        let new = alice(&name, "read:app:*");
        if let Ok(created) = self.kavach.create_agent(new).await {
            self.history.born(created.id, None);
            let low = Spawn::new(format!("below-{name}")).allow("read:app:x");
            if let Ok(low) = self.kavach.spawn(&created.id, low.unwrap()).await {
                self.history.born(low.id, Some(created.id));
            }
        }
    }

    /// Asks people, says yes for Bob, and makes the call again, some times too often.
    async fn ask_people(&mut self) {
        let payer = self.history.payer();
        let Some(asked) = self.authorize(payer, None).await else {
            return;
        };
        if asked.decision != Decision::NeedsApproval {
            return;
        }
        let Some(id) = asked.approval else {
            return;
        };
        self.say_yes(&id).await;
        for _ in 0..2 {
            self.authorize(payer, None).await;
        }
    }

    async fn say_yes(&self, id: &ApprovalId) {
        let bob = Subject::user("bob").unwrap();
        // Counted before: where nobody knows whether it landed, it may have.
        self.history.said_yes(*id);
        let _ = self.kavach.grant_approval(id, &bob, None).await;
    }
}
