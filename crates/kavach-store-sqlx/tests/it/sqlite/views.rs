//! The views, after attackers have written.

use kavach_store::{Migration, Store, StoreErrorKind};
use kavach_store_sqlx::{SqliteOptions, SqliteStore};
use sqlx::{Connection, SqliteConnection};

use crate::attacks::{VIEWS, attack};

#[tokio::test(flavor = "multi_thread")]
async fn attackers_merge_nothing_and_break_no_view() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kavach.sqlite");
    let store = SqliteStore::open(&path).await.unwrap();
    store.migrate(Migration::Apply).await.unwrap();
    attack(&store).await;
    store.close().await;
    let url = format!("sqlite:{}", path.display());
    let mut beside = SqliteConnection::connect(&url).await.unwrap();
    for (sql, want) in VIEWS {
        let found: i64 = sqlx::query_scalar(sql)
            .fetch_one(&mut beside)
            .await
            .unwrap();
        assert_eq!(found, want, "{sql}");
    }
    // Read-only.
    let written = sqlx::query("DELETE FROM kavach_agents")
        .execute(&mut beside)
        .await;
    assert!(written.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_stores_live_in_one_file_beside_a_hosts_tables() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("host.sqlite");
    let url = format!("sqlite:{}?mode=rwc", path.display());
    let mut beside = SqliteConnection::connect(&url).await.unwrap();
    let host = "CREATE TABLE record (a); INSERT INTO record VALUES (7)";
    sqlx::raw_sql(host).execute(&mut beside).await.unwrap();
    let first = SqliteStore::open_with(&path, SqliteOptions::default().with_prefix("one_"))
        .await
        .unwrap();
    let second = SqliteStore::open_with(&path, SqliteOptions::default().with_prefix("two_"))
        .await
        .unwrap();
    for store in [&first, &second] {
        let error = store.health().await.unwrap_err();
        assert_eq!(*error.kind(), StoreErrorKind::Unavailable);
        assert!(error.to_string().contains("migrate"), "{error}");
        assert_eq!(store.migrate(Migration::Check).await.unwrap().found, 0);
        store.migrate(Migration::Apply).await.unwrap();
    }
    attack(&first).await;
    assert_eq!(second.health().await.unwrap().events, 0);
    let host: i64 = sqlx::query_scalar("SELECT a FROM record")
        .fetch_one(&mut beside)
        .await
        .unwrap();
    assert_eq!(host, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_and_a_changed_migration_are_refused() {
    for (sql, want) in [
        (
            "INSERT INTO kavach_migration VALUES (99, 'later', x'00')",
            StoreErrorKind::SchemaTooNew,
        ),
        (
            "UPDATE kavach_migration SET checksum = x'00' WHERE version = 1",
            StoreErrorKind::Corrupt,
        ),
        (
            "DELETE FROM kavach_migration WHERE version = 1",
            StoreErrorKind::Corrupt,
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kavach.sqlite");
        let store = SqliteStore::open(&path).await.unwrap();
        store.migrate(Migration::Apply).await.unwrap();
        store.close().await;
        let url = format!("sqlite:{}", path.display());
        let mut beside = SqliteConnection::connect(&url).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut beside).await.unwrap();
        beside.close().await.unwrap();
        let store = SqliteStore::open(&path).await.unwrap();
        let errors = [
            store.health().await.unwrap_err(),
            store.migrate(Migration::Check).await.unwrap_err(),
            store.migrate(Migration::Apply).await.unwrap_err(),
            store.read(&[]).await.unwrap_err(),
        ];
        assert!(
            errors.iter().all(|error| *error.kind() == want),
            "{sql}: {errors:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_something_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    std::fs::write(
        &path,
        "no database at all, and long enough to be read as one".repeat(50),
    )
    .unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert_eq!(*error.kind(), StoreErrorKind::Corrupt, "{error}");
    let error = SqliteStore::open(folder.path().join("no/folder"))
        .await
        .unwrap_err();
    assert_eq!(*error.kind(), StoreErrorKind::Unavailable, "{error}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_new_file_is_its_owners_business() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kavach.sqlite");
    let store = SqliteStore::open(&path).await.unwrap();
    store.migrate(Migration::Apply).await.unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.path());
    }
}
