//! Files as a power cut leaves them.

use std::fs;
use std::path::{Path, PathBuf};

use kavach_store::kavach_audit::{Event, EventKind, Outcome, Query, SealedEvent};
use kavach_store::kavach_core::{EventId, LogId, Reason, TenantId};
use kavach_store::{Batch, Key, Migration, Space, Store};
use kavach_store_sqlx::SqliteStore;

const GRAPH: Space = Space::graph("torn_graph");
const QUIET: Space = Space::quiet("torn_quiet");

/// What lies behind the place where a write was torn.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rest {
    /// Nothing: the file is shorter.
    Missing,
    /// Zeros: the file had grown, and its blocks were never written.
    Zeros,
    /// What stood there before: half of it, the wrong way round.
    Garbage,
}

/// Copies the store at `from` to `to`, with its write-ahead log torn after `wal_len` bytes. What its
/// readers share in memory is lost.
pub(crate) fn copy_torn(from: &Path, to: &Path, wal_len: u64, rest: Rest) {
    fs::copy(from, to).unwrap();
    let mut wal = fs::read(wal_of(from)).unwrap();
    let cut = wal.len().min(usize::try_from(wal_len).unwrap());
    let (_, torn) = wal.split_at_mut(cut);
    match rest {
        Rest::Missing => wal.truncate(cut),
        Rest::Zeros => torn.fill(0),
        Rest::Garbage => torn.reverse(),
    }
    fs::write(wal_of(to), wal).unwrap();
}

/// How long the write-ahead log is.
pub(crate) fn wal_len(path: &Path) -> u64 {
    fs::metadata(wal_of(path)).map_or(0, |found| found.len())
}

fn wal_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

fn event(index: u64) -> SealedEvent {
    let id = EventId::from_parts(1_790_000_000_000, index.into());
    let event = Event::new(
        id,
        TenantId::default(),
        EventKind::Authorize,
        Outcome::Allow,
        Reason::Granted,
    );
    Event {
        log: LogId::from_parts(1_790_000_000_000, 1),
        index,
        time_ns: 1_000 + index,
        ..event
    }
    .seal()
}

/// A batch that overwrites, creates, deletes and appends.
fn batch(number: u64) -> Batch {
    let key = |space, name: &str| Key::new(space, name.as_bytes());
    Batch {
        puts: vec![
            (key(GRAPH, "same"), number.to_be_bytes().to_vec()),
            (key(GRAPH, &format!("new/{number}")), vec![7; 3_000]),
            (key(QUIET, "same"), number.to_be_bytes().to_vec()),
        ],
        deletes: vec![key(GRAPH, &format!("new/{}", number.wrapping_sub(2)))],
        events: vec![event(number * 2), event(number * 2 + 1)],
        ..Batch::default()
    }
}

/// How many of the batches are there; panics if one is there by half.
async fn landed(store: &SqliteStore) -> u64 {
    let same = [Key::new(GRAPH, *b"same"), Key::new(QUIET, *b"same")];
    let found = store.read(&same).await.unwrap();
    let health = store.health().await.unwrap();
    let landed = health.revision.number();
    let numbers = found.records.iter().map(|record| {
        let bytes = record.as_ref()?.bytes.as_slice().try_into().unwrap();
        Some(u64::from_be_bytes(bytes))
    });
    let want = landed.checked_sub(1);
    assert!(
        numbers.clone().all(|number| number == want),
        "half of batch {landed}"
    );
    assert_eq!(health.events, landed * 2);
    let page = store
        .audit_scan(&Query::default(), None, 100)
        .await
        .unwrap();
    let want: Vec<SealedEvent> = (0..landed * 2).map(event).collect();
    assert_eq!(page.events, want);
    let range = (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded);
    let records = store.scan(GRAPH, range, 100).await.unwrap().records.len() as u64;
    assert_eq!(records, landed.min(2) + landed.min(1));
    landed
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_torn_at_every_512_bytes_loses_nothing_answered_and_halves_nothing() {
    let campaign = std::env::var_os("KAVACH_CAMPAIGN").is_some_and(|value| value == "1");
    let batches = if campaign { 40 } else { 4 };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kavach.sqlite");
    let store = SqliteStore::open(&path).await.unwrap();
    store.migrate(Migration::Apply).await.unwrap();
    store.close().await;
    let store = SqliteStore::open(&path).await.unwrap();
    // How long the log was when each batch had been answered.
    let mut answered = Vec::new();
    for number in 0..batches {
        store.commit(batch(number)).await.unwrap();
        answered.push(wal_len(&path));
    }
    let end = *answered.last().unwrap();
    for (step, cut) in (0..=end).step_by(512).chain([end]).enumerate() {
        let rest = [Rest::Missing, Rest::Zeros, Rest::Garbage][step % 3];
        let torn = tempfile::tempdir().unwrap();
        let path = torn.path().join("kavach.sqlite");
        copy_torn(&folder.path().join("kavach.sqlite"), &path, cut, rest);
        let store = SqliteStore::open(&path).await.unwrap();
        let found = landed(&store).await;
        let safe = answered.iter().filter(|len| **len <= cut).count() as u64;
        assert!(
            found >= safe,
            "torn at {cut}: {found} of {safe} answered batches are there"
        );
        assert!(
            found <= safe + 1,
            "torn at {cut}: a batch is there that was never written"
        );
        store.commit(batch(found)).await.unwrap();
        assert_eq!(landed(&store).await, found + 1);
        store.close().await;
    }
    store.close().await;
}

/// What lies in the sector of a file in which a checkpoint was torn.
fn tear(file: &mut [u8], sector: usize, rest: Rest) {
    let end = file.len().min(sector + SECTOR);
    match (rest, file.get_mut(sector..end)) {
        (Rest::Missing, _) | (_, None) => {}
        (Rest::Zeros, Some(torn)) => torn.fill(0),
        (Rest::Garbage, Some(torn)) => torn.reverse(),
    }
}

/// What a disk writes at once.
const SECTOR: usize = 512;
/// What SQLite writes at once.
const PAGE: usize = 4_096;

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_torn_at_every_sector_leaves_what_the_log_says() {
    let campaign = std::env::var_os("KAVACH_CAMPAIGN").is_some_and(|value| value == "1");
    let (batches, step) = if campaign {
        (40, SECTOR)
    } else {
        (6, 3 * SECTOR)
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kavach.sqlite");
    let store = SqliteStore::open(&path).await.unwrap();
    store.migrate(Migration::Apply).await.unwrap();
    store.close().await;
    let store = SqliteStore::open(&path).await.unwrap();
    for number in 0..batches {
        store.commit(batch(number)).await.unwrap();
    }
    let (old, log) = (fs::read(&path).unwrap(), fs::read(wal_of(&path)).unwrap());
    store.close().await;
    // Whoever closes last moves everything into the file.
    assert_eq!(wal_len(&path), 0);
    let new = fs::read(&path).unwrap();
    let changed = |page: usize| new.get(page..page + PAGE) != old.get(page..page + PAGE);
    let cuts = (0..new.len())
        .step_by(step)
        .filter(|cut| changed(cut / PAGE * PAGE));
    let mut torn_at = 0;
    for (number, cut) in cuts.enumerate() {
        let mut file = new[..cut].to_vec();
        file.extend(old.iter().skip(cut));
        tear(
            &mut file,
            cut,
            [Rest::Missing, Rest::Zeros, Rest::Garbage][number % 3],
        );
        let torn = tempfile::tempdir().unwrap();
        let path = torn.path().join("kavach.sqlite");
        fs::write(&path, file).unwrap();
        fs::write(wal_of(&path), &log).unwrap();
        let store = SqliteStore::open(&path).await.unwrap();
        assert_eq!(landed(&store).await, batches, "torn at {cut}");
        store.commit(batch(batches)).await.unwrap();
        // The checkpoint is done again, to its end.
        store.close().await;
        assert_eq!(wal_len(&path), 0);
        let store = SqliteStore::open(&path).await.unwrap();
        assert_eq!(landed(&store).await, batches + 1, "torn at {cut}");
        store.close().await;
        torn_at += 1;
    }
    assert!(torn_at > 20, "{torn_at}");
}
