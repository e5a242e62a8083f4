//! An SQLite file of which both halves were torn: itself in a checkpoint, and the log beside it. No disk that
//! keeps its word leaves that; `kavach store check` must find it out all the same.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::path::Path;

use kavach::audit::Query;
use kavach::{Kavach, NewAgent, Store, StoreError, Subject, census};
use kavach_store_sqlx::SqliteStore;

use crate::shell::Shell;

/// Bytes of a page, and of the same in the log.
const PAGE: usize = 4_096;
const FRAME: usize = 24 + PAGE;
/// Bytes of the log before its first page.
const HEAD: usize = 32;

/// Everything that anybody is ever told of a store.
type Told = (Vec<(&'static str, Vec<u8>, Vec<u8>)>, Vec<Vec<u8>>);

async fn told(store: &SqliteStore) -> Result<Told, StoreError> {
    let mut records = Vec::new();
    for space in census::spaces() {
        let all = (Bound::Unbounded, Bound::Unbounded);
        let page = store.scan(space, all, 1_000).await?;
        assert!(page.next.is_none());
        let found = page.records.into_iter();
        records.extend(found.map(|(key, record)| (space.name(), key, record.bytes)));
    }
    let page = store.audit_scan(&Query::default(), None, 1_000).await?;
    assert!(page.next.is_none());
    let events = page.events.into_iter().map(|sealed| sealed.bytes);
    Ok((records, events.collect()))
}

/// What somebody wrote, and how it lies on the disk.
struct Scene {
    /// What the store said after each change.
    said: BTreeSet<Told>,
    /// The file before and after the checkpoint, and the log that it took in.
    old: Vec<u8>,
    new: Vec<u8>,
    log: Vec<u8>,
}

fn alice(name: &str) -> NewAgent {
    let new = NewAgent::new(Subject::user("alice").unwrap(), name);
    new.allow("read:app:x:*").unwrap()
}

async fn write(path: &Path) -> Scene {
    let mut said = BTreeSet::new();
    let store = SqliteStore::open(path).await.unwrap();
    let kavach = Kavach::open(store.clone()).await.unwrap();
    for number in 0..20 {
        kavach
            .create_agent(alice(&format!("old{number}")))
            .await
            .unwrap();
    }
    kavach.close().await;
    said.insert(told(&store).await.unwrap());
    store.close().await;
    let old = std::fs::read(path).unwrap();
    let store = SqliteStore::open(path).await.unwrap();
    let kavach = Kavach::open(store.clone()).await.unwrap();
    said.insert(told(&store).await.unwrap());
    for number in 0..12 {
        let agent = kavach.create_agent(alice(&format!("new{number}"))).await;
        said.insert(told(&store).await.unwrap());
        let agent = agent.unwrap().id;
        let answer = kavach.authorize(agent, "read", "app:x:y").await;
        assert!(answer.unwrap().is_allowed());
        said.insert(told(&store).await.unwrap());
        if number % 3 == 0 {
            kavach.revoke_agent(&agent).await.unwrap();
            said.insert(told(&store).await.unwrap());
        }
    }
    let log = std::fs::read(beside(path)).unwrap();
    kavach.close().await;
    said.insert(told(&store).await.unwrap());
    store.close().await;
    let new = std::fs::read(path).unwrap();
    Scene {
        said,
        old,
        new,
        log,
    }
}

fn beside(path: &Path) -> std::path::PathBuf {
    path.with_extension("sqlite-wal")
}

/// Who finds fault with what lies there.
#[derive(Clone, Copy, PartialEq)]
enum Noticed {
    Engine,
    Census,
    Nobody,
}

/// What `kavach store check` would say of what lies there; if nothing, it is something that was once said.
async fn look(path: &Path, scene: &Scene, case: &str) -> Noticed {
    let Ok(store) = SqliteStore::open(path).await else {
        return Noticed::Engine;
    };
    let (file, counted) = (store.check_file().await, census::check(&store).await);
    let noticed = match (file, counted) {
        (_, Err(_)) => Noticed::Census,
        (Err(_), Ok(_)) => Noticed::Engine,
        (Ok(()), Ok(_)) => {
            let told = told(&store).await.unwrap();
            assert!(scene.said.contains(&told), "{case}: nobody ever said that");
            Noticed::Nobody
        }
    };
    store.close().await;
    noticed
}

#[test]
fn a_file_and_a_log_that_were_both_torn_are_found_out() {
    let shell = Shell::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let path = shell.path("my.sqlite");
    let scene = runtime.block_on(write(&path));
    let frames = (scene.log.len() - HEAD) / FRAME;
    let (mut by_engine, mut by_census, mut whole) = (0, 0, 0);
    let mut an_example = None;
    for kept in [0, 1, frames / 4, frames / 2, frames - 9, frames - 1] {
        for page in 0..scene.new.len() / PAGE {
            // In the middle of a page, and between two.
            let cut = page * PAGE + [0, 512][page % 2];
            let mut file = scene.new[..cut].to_vec();
            file.extend(scene.old.iter().skip(cut));
            let log = &scene.log[..HEAD + kept * FRAME + [0, 700][page % 2]];
            std::fs::write(&path, &file).unwrap();
            std::fs::write(beside(&path), log).unwrap();
            let _ = std::fs::remove_file(path.with_extension("sqlite-shm"));
            let case = format!("torn at {cut}, {kept} of {frames} frames left");
            match runtime.block_on(look(&path, &scene, &case)) {
                // The engine alone would find it: what reads what we wrote finds nothing odd.
                Noticed::Engine => {
                    by_engine += 1;
                    an_example = Some((file, log.to_vec()));
                }
                Noticed::Census => by_census += 1,
                Noticed::Nobody => whole += 1,
            }
        }
    }
    println!(
        "{by_census} found by the census, {by_engine} by the engine alone, {whole} as they once were"
    );
    assert!(by_engine > 20 && whole > 5, "{by_engine} {whole}");
    let (file, log) = an_example.unwrap();
    std::fs::write(&path, file).unwrap();
    std::fs::write(beside(&path), log).unwrap();
    let ran = shell.run(&["store", "check", "--store", "sqlite:my.sqlite"]);
    assert_ne!(ran.code, 0, "{}", ran.out);
    assert!(ran.err.contains("restore a backup"), "{}", ran.err);
}
