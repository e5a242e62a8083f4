//! Files that are no backups, or not whole, or not ours.

use kavach::backup::{ReadError, RestoreError, check};

use super::*;

async fn some() -> (World, Vec<u8>) {
    let world = world().await;
    let planner = world.agent("planner", &["read:mcp:github:*"]).await;
    world.decide(planner.id, "read mcp:github:repos").await;
    let file = taken(&*world.store, &world.clock).await;
    (world, file)
}

/// The file is refused with these words, and nothing is written.
async fn refuse(file: &[u8], master: Option<&MasterKey>, words: &str) {
    let store = MemoryStore::new();
    let clock = ManualClock::default();
    let mut cursor = Cursor::new(file);
    let refused = restore(&mut cursor, &store, master, &clock, &mut |_| ()).await;
    let Err(RestoreError::Read(error)) = refused else {
        panic!("{words}: {refused:?}");
    };
    assert!(error.to_string().contains(words), "{words}: {error}");
    let health = store.health().await.unwrap();
    assert_eq!((health.events, health.revision.number()), (0, 0));
}

#[tokio::test]
async fn a_backup_is_what_was_there() {
    let (world, file) = some().await;
    let contents = check(file.as_slice(), Some(&key())).unwrap();
    assert!(contents.is_sealed);
    assert_eq!(contents.events(), world.check_log().await);
    assert_eq!(contents.backup_at, world.kavach.now());
}

#[tokio::test]
async fn a_file_of_another_kind_is_refused() {
    let (_, file) = some().await;
    for other in [
        b"".as_slice(),
        b"\n",
        b"kavach backup",
        b"kavach backup one\n",
        b"kavach backup 01\n",
        b"PK\x03\x04",
    ] {
        refuse(other, Some(&key()), "is not a backup").await;
    }
    refuse(&[0xff; 200], Some(&key()), "is not a backup").await;
    let newer = [b"kavach backup 2\n", &file[16..]].concat();
    refuse(&newer, Some(&key()), "of version 2").await;
}

#[tokio::test]
async fn a_file_that_is_cut_off_anywhere_is_refused() {
    let (_, file) = some().await;
    for length in 0..file.len() {
        let cut = check(&file[..length], Some(&key()));
        assert!(cut.is_err(), "cut at {length}");
    }
    refuse(&file[..file.len() - 1], Some(&key()), "ends in the middle").await;
    let longer = [file.as_slice(), b"\n"].concat();
    refuse(&longer, Some(&key()), "follows its end").await;
    let twice = [file.as_slice(), file.as_slice()].concat();
    refuse(&twice, Some(&key()), "follows its end").await;
}

#[tokio::test]
async fn a_bit_that_is_flipped_anywhere_is_found() {
    let (_, mut file) = some().await;
    for place in 0..file.len() {
        for bit in [0x01, 0x80] {
            file[place] ^= bit;
            let found = check(file.as_slice(), Some(&key()));
            assert!(found.is_err(), "byte {place}, bit {bit}");
            file[place] ^= bit;
        }
    }
    let damaged = check(&file[..100], Some(&key()));
    assert!(
        matches!(damaged, Err(ReadError::Damaged { .. })),
        "{damaged:?}"
    );
}

#[tokio::test]
async fn parts_of_two_backups_are_none() {
    let (world, first) = some().await;
    world.agent("another", &[]).await;
    let second = taken(&*world.store, &world.clock).await;
    let common = first
        .iter()
        .zip(&second)
        .take_while(|(a, b)| a == b)
        .count();
    for at in [16, common, first.len() / 2, first.len() - 100] {
        let spliced = [&first[..at], &second[at..]].concat();
        let is_one = spliced == first || spliced == second;
        assert!(
            is_one || check(spliced.as_slice(), Some(&key())).is_err(),
            "at {at}"
        );
    }
}

#[tokio::test]
async fn only_what_is_sealed_under_the_key_counts() {
    let (world, sealed) = some().await;
    let other = MasterKey::from_bytes([8; 32]);
    refuse(&sealed, Some(&other), "not sealed under this master key").await;
    refuse(&sealed, None, "give that one").await;
    // Whoever changes it can make it look whole, and cannot seal it.
    let mut open = Vec::new();
    backup(&*world.store, &mut open, None, &*world.clock, &mut |_| ())
        .await
        .unwrap();
    assert!(!check(open.as_slice(), None).unwrap().is_sealed);
    refuse(&open, Some(&key()), "is not sealed").await;
    // With the seal of another file of the same key.
    let seal = sealed.len() - 73;
    let stolen = [&open[..open.len()], &sealed[seal..]].concat();
    refuse(&stolen, Some(&key()), "follows its end").await;
}

#[tokio::test]
async fn sizes_that_nobody_writes_set_nothing_aside() {
    for letter in b"HLESPDFT" {
        let mut file = b"kavach backup 1\n".to_vec();
        file.push(*letter);
        file.extend(u32::MAX.to_be_bytes());
        file.extend(b"{}");
        refuse(&file, None, "longer than any").await;
    }
    refuse(b"kavach backup 1\nX\0\0\0\0", None, "was not written").await;
}

#[tokio::test]
async fn a_target_with_something_in_it_is_refused() {
    let (world, file) = some().await;
    let mut cursor = Cursor::new(file);
    let before = world.check_log().await;
    let refused = restore(
        &mut cursor,
        &*world.store,
        Some(&key()),
        &*world.clock,
        &mut |_| (),
    )
    .await;
    assert!(
        matches!(refused, Err(RestoreError::NotEmpty)),
        "{refused:?}"
    );
    assert_eq!(world.check_log().await, before);
    assert_eq!(world.kavach.restoration(), None);
}
