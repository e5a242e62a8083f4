//! What a node does all day: it answers calls, changes things, and asks people; and it tells what it saw.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kavach::{
    AgentId, ApprovalId, Authorization, Call, Clock, Decision, EventId, Kavach, NewAgent,
    Permission, Spawn, Subject,
};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use crate::dice::Dice;
use crate::history::History;

/// For how long a node is fresh.
pub(crate) const LEASE_MS: u64 = 500;
/// How often the one limited agent may be let through.
pub(crate) const LIMIT: usize = 40;
/// Tasks that work at the same time.
const TASKS: usize = 4;

/// What somebody saw. Times are of [`Clock::elapsed_ns`], which all nodes share here.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) enum Told {
    Born {
        agent: AgentId,
        above: Option<AgentId>,
    },
    Answered {
        agent: AgentId,
        asked_ns: u64,
        answered_ns: u64,
        at_least: Option<u64>,
        /// The code of the reason.
        reason: String,
        revision: u64,
        audit_id: Option<EventId>,
    },
    Revoked {
        agent: AgentId,
        returned_ns: u64,
        revision: u64,
    },
    RevokedEverywhere {
        agent: AgentId,
        at_ns: u64,
    },
    /// Said before it is: where nobody knows whether it landed, it may have.
    SaysYes {
        id: ApprovalId,
    },
}

fn alice(name: &str, permission: &str) -> NewAgent {
    NewAgent::new(Subject::user("alice").unwrap(), name)
        .allow(permission)
        .unwrap()
}

fn bob() -> Subject {
    Subject::user("bob").unwrap()
}

/// What is there before the story: ten agents with one below each, a limited one, and one that asks people.
pub(crate) async fn prepare(kavach: &Kavach, history: &History) {
    for number in 0..10 {
        let top = alice(&format!("top{number}"), "read:app:*");
        let top = kavach.create_agent(top).await.unwrap().id;
        let low = Spawn::new(format!("low{number}")).allow("read:app:x");
        let low = kavach.spawn(&top, low.unwrap()).await.unwrap().id;
        for (agent, above) in [(top, None), (low, Some(top))] {
            history.hear(0, Told::Born { agent, above });
        }
    }
    let limited = alice("limited", &format!("read:app:*?rate={LIMIT}/h"));
    let limited = kavach.create_agent(limited).await.unwrap().id;
    let payer = alice("payer", "read:app:*?approve");
    let payer = kavach.create_agent(payer).await.unwrap().id;
    history.special(limited, payer);
    let approve: Permission = "approve:app:kavach:approvals".parse().unwrap();
    kavach.grant_owner(&bob(), &[approve]).await.unwrap();
}

/// One life of a node.
#[derive(Clone)]
pub(crate) struct Shift {
    pub(crate) kavach: Kavach,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tell: Arc<dyn Fn(Told) + Send + Sync>,
    pub(crate) is_over: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl Shift {
    /// Works until it is over.
    pub(crate) async fn work(self, dice: &mut Dice) {
        let newest = Arc::new(AtomicU64::new(0));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..TASKS {
            let worker = Worker {
                shift: self.clone(),
                newest: Arc::clone(&newest),
                dice: Dice::new(dice.roll()),
            };
            tasks.spawn(worker.work());
        }
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
    }
}

struct Worker {
    shift: Shift,
    /// The newest revision that a change of this node returned.
    newest: Arc<AtomicU64>,
    dice: Dice,
}

impl Worker {
    async fn work(mut self) {
        while !(self.shift.is_over)() {
            match self.dice.below(100) {
                0..70 => self.call().await,
                70..76 => self.revoke().await,
                76..80 => self.create().await,
                80..90 => drop(self.call_named("limited").await),
                90..94 => self.ask_people().await,
                _ => self.call_up_to_date().await,
            }
            sleep(Duration::from_millis(1 + self.dice.below(60) as u64)).await;
        }
    }

    fn now_ns(&self) -> u64 {
        self.shift.clock.elapsed_ns()
    }

    fn tell(&self, told: Told) {
        (self.shift.tell)(told);
    }

    /// An agent, a young one more often: the old ones are soon revoked.
    fn some_agent(&mut self) -> AgentId {
        let mut agents = self.shift.kavach.agents();
        agents.retain(|agent| !["limited", "payer"].contains(&agent.name.as_str()));
        agents.sort_by_key(|agent| agent.id);
        let recent = agents.len().saturating_sub(12);
        if self.dice.once_in(3) {
            self.dice.pick(&agents).id
        } else {
            self.dice.pick(&agents[recent..]).id
        }
    }

    fn named(&self, name: &str) -> AgentId {
        let agents = self.shift.kavach.agents();
        let named = agents.iter().find(|agent| agent.name.as_str() == name);
        named.unwrap().id
    }

    async fn authorize(&self, agent: AgentId, at_least: Option<u64>) -> Option<Authorization> {
        let resource = "app:x".parse().unwrap();
        let mut call = Call::new(agent, "read".parse().unwrap(), resource);
        call.at_least = at_least;
        let asked_ns = self.now_ns();
        let answer = self.shift.kavach.authorize_call(call).await.ok()?;
        self.tell(Told::Answered {
            agent,
            asked_ns,
            answered_ns: self.now_ns(),
            at_least,
            reason: answer.reason().code().to_owned(),
            revision: answer.revision,
            audit_id: answer.audit_id,
        });
        Some(answer)
    }

    async fn call(&mut self) {
        let agent = self.some_agent();
        self.authorize(agent, None).await;
    }

    /// Reads its own writes.
    async fn call_up_to_date(&mut self) {
        let agent = self.some_agent();
        let newest = self.newest.load(Ordering::SeqCst);
        self.authorize(agent, Some(newest)).await;
    }

    async fn call_named(&self, name: &str) -> Option<Authorization> {
        self.authorize(self.named(name), None).await
    }

    async fn revoke(&mut self) {
        let agent = self.some_agent();
        let kavach = &self.shift.kavach;
        // Where it is not known whether it landed, it may have been revoked, which forbids nothing.
        if let Ok(done) = kavach.revoke_agent(&agent).await {
            let revision = done.revision;
            self.newest.fetch_max(revision, Ordering::SeqCst);
            let returned_ns = self.now_ns();
            self.tell(Told::Revoked {
                agent,
                returned_ns,
                revision,
            });
            if self.dice.once_in(2) {
                kavach.wait_for_all(revision).await;
                let at_ns = self.now_ns();
                self.tell(Told::RevokedEverywhere { agent, at_ns });
            }
        }
    }

    async fn create(&mut self) {
        let name = format!("new{}", self.dice.roll());
        let kavach = &self.shift.kavach;
        if let Ok(created) = kavach.create_agent(alice(&name, "read:app:*")).await {
            let agent = created.id;
            self.tell(Told::Born { agent, above: None });
            let low = Spawn::new(format!("below-{name}")).allow("read:app:x");
            if let Ok(low) = kavach.spawn(&agent, low.unwrap()).await {
                let (agent, above) = (low.id, Some(agent));
                self.tell(Told::Born { agent, above });
            }
        }
    }

    /// Asks people, says yes for Bob, and makes the call again, and once too often.
    async fn ask_people(&self) {
        let Some(asked) = self.call_named("payer").await else {
            return;
        };
        if asked.decision != Decision::NeedsApproval {
            return;
        }
        if let Some(id) = asked.approval {
            self.tell(Told::SaysYes { id });
            let _ = self.shift.kavach.grant_approval(&id, &bob(), None).await;
            for _ in 0..2 {
                self.call_named("payer").await;
            }
        }
    }
}
