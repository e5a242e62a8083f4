//! Backups of a store that is in use, and what becomes of one that is made from them.

use std::io::Cursor;
use std::sync::Arc;

use kavach::audit::{Event, EventKind, Query};
use kavach::backup::{Export, ReopenError, Reopened, Reopening, Restored, backup, restore};
use kavach::{Format, Kavach, ManualClock, MasterKey, MemoryStore, Reason, Store, TenantId};

use crate::world::{On, World, found, name, new_agent, subject};

mod files;
mod recorded;
mod refused;
mod restored;
mod since;
mod storm;

/// The master key of all of these.
const KEY: u8 = 7;

fn key() -> MasterKey {
    MasterKey::from_bytes([KEY; 32])
}

async fn world() -> World {
    World::with_master_key(On::Memory, Some(KEY)).await
}

/// A backup of a store, as a file.
async fn taken(store: &dyn Store, clock: &ManualClock) -> Vec<u8> {
    let mut file = Vec::new();
    backup(store, &mut file, Some(&key()), clock, &mut |_| ())
        .await
        .unwrap();
    file
}

/// A store made from it.
async fn made(file: &[u8], clock: &ManualClock) -> (MemoryStore, Restored) {
    let store = MemoryStore::new();
    let mut file = Cursor::new(file);
    let restored = restore(&mut file, &store, Some(&key()), clock, &mut |_| ())
        .await
        .unwrap();
    (store, restored)
}

/// The trail of a tenant, as people export it.
async fn exported(kavach: &Kavach, tenant: TenantId) -> Vec<u8> {
    let mut file = Vec::new();
    let kavach = kavach.in_tenant(tenant);
    kavach
        .export(Query::default(), Format::Jsonl, &mut file, &mut |_| ())
        .await
        .unwrap();
    file
}

fn export(bytes: &[u8]) -> Export {
    Export::new("trail.jsonl", Cursor::new(bytes.to_vec()))
}

fn by_alice() -> Reopening {
    Reopening::by(subject("user:alice"))
}

/// A store that is backed up, goes on for a while, is lost, and made anew from the backup.
struct Lost {
    /// The node on what was made.
    now: World,
    restored: Restored,
    /// What was exported in the end.
    trail: Vec<u8>,
}

impl Lost {
    /// After `before` the backup is made, and then comes `since`.
    async fn after(before: impl AsyncFnOnce(&World), since: impl AsyncFnOnce(&World)) -> Self {
        let world = world().await;
        before(&world).await;
        let file = taken(&*world.store, &world.clock).await;
        world.clock.advance_s(60);
        since(&world).await;
        let trail = exported(&world.kavach, TenantId::DEFAULT).await;
        let (store, restored) = made(&file, &world.clock).await;
        let now = World::over(store, Arc::clone(&world.clock), Some(KEY)).await;
        Self {
            now,
            restored,
            trail,
        }
    }

    async fn reopen(&self) -> Result<Reopened, ReopenError> {
        let with = by_alice().export(export(&self.trail));
        self.now.kavach.reopen(with).await
    }

    async fn accept(&self) -> Result<Reopened, ReopenError> {
        let words = self.restored.restoration.acceptance();
        self.now.kavach.reopen(by_alice().accept_loss(words)).await
    }
}

/// The events of one kind.
async fn events(kavach: &Kavach, kind: EventKind) -> Vec<Event> {
    let query = Query {
        kind: Some(kind),
        ..Query::default()
    };
    let found = found(kavach, query).await;
    found.into_iter().map(|sealed| sealed.event).collect()
}
