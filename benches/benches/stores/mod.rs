//! The stores that are measured.

use std::path::Path;
use std::sync::Arc;

use kavach::Store;
use kavach_benches::Failed;
use kavach_store_redb::RedbStore;
use kavach_store_sqlx::{PostgresOptions, PostgresStore, SqliteStore};

#[expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "it is test code, and ends a measurement as it ends a test"
)]
#[path = "../../../crates/kavach-store-sqlx/tests/it/postgres/server.rs"]
mod server;

const NAMES: [&str; 3] = ["redb", "sqlite", "postgres"];

/// Those that the command line names, or all.
pub(crate) fn asked_for() -> Vec<&'static str> {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let named = |name: &&str| asked.iter().any(|asked| asked == name);
    if NAMES.iter().any(named) {
        return NAMES.into_iter().filter(named).collect();
    }
    NAMES.to_vec()
}

/// The store in this folder. Opened again in the same folder, it is the same; PostgreSQL is the one that
/// `KAVACH_BENCH_POSTGRES` gives the address of, or else one of our own, and the folder the name of a schema.
pub(crate) async fn open(name: &str, folder: &Path) -> Result<Arc<dyn Store>, Failed> {
    Ok(match name {
        "redb" => Arc::new(RedbStore::open(folder.join("kavach.redb"))?),
        "sqlite" => Arc::new(SqliteStore::open(folder.join("kavach.sqlite")).await?),
        _ => {
            let note = folder.join("schema");
            let schema = std::fs::read_to_string(&note).unwrap_or_else(|_| postgres_schema());
            std::fs::write(&note, &schema)?;
            let options = PostgresOptions::parse(&postgres_url())?.with_schema(schema);
            Arc::new(PostgresStore::open_with(options)?)
        }
    })
}

/// The database that is measured on.
pub(crate) fn postgres_url() -> String {
    let given = std::env::var("KAVACH_BENCH_POSTGRES");
    given.unwrap_or_else(|_| server::url(server::Server::shared()))
}

/// A schema that no other measurement uses, and no other run on the same server.
pub(crate) fn postgres_schema() -> String {
    format!("{}_{}", server::schema(), std::process::id())
}
