//! `kavach demo`

use kavach::audit::Query;
use kavach::{Kavach, MasterKey};
use kavach_store_redb::RedbStore;

use crate::console::Console;
use crate::failure::{Exit, Failure};

mod stage;
mod story;
mod trail;

/// See the whole story in a store of its own, which is gone afterwards
#[derive(clap::Args, Debug)]
pub(crate) struct Demo {}

impl Demo {
    pub(crate) async fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        let no_folder = |error| Failure::error(format!("no temporary folder can be made: {error}"));
        let folder = tempfile::tempdir().map_err(no_folder)?;
        let mut key = [0; 32];
        getrandom::fill(&mut key)
            .map_err(|_| Failure::error("the operating system gave no randomness"))?;
        let store = RedbStore::open(folder.path().join("kavach.redb"))?;
        let kavach = Kavach::builder(store)
            .master_key(MasterKey::from_bytes(key))
            .open()
            .await?;
        let told = tell(&kavach, console).await;
        kavach.close().await;
        told?;
        Ok(Exit::Done)
    }
}

async fn tell(kavach: &Kavach, console: &mut Console) -> Result<(), Failure> {
    story::tell(kavach, console).await?;
    let mut events = Vec::new();
    let mut pages = kavach.audit(Query::default());
    while let Some(page) = pages.next_page().await? {
        events.extend(page.into_iter().map(|sealed| sealed.event));
    }
    trail::print(kavach, console, &events)
}
