//! What the engine itself says of its file.

use kavach_store::StoreError;
use sqlx::SqliteConnection;

use crate::error::Failure;
use crate::sqlite::SqliteStore;

impl SqliteStore {
    /// Has the engine look at all of the file: whether its pages belong together, and whether each index says
    /// what its table does. It reads everything, so it takes as long as that.
    ///
    /// # Errors
    /// `Corrupt`, with the first thing that is wrong; or if the file cannot be read.
    pub async fn check_file(&self) -> Result<(), StoreError> {
        self.reading(|connection, _| Box::pin(async move { whole(connection).await }))
            .await
    }
}

async fn whole(connection: &mut SqliteConnection) -> Result<(), Failure> {
    let told: String = sqlx::query_scalar("PRAGMA integrity_check(1)")
        .fetch_one(connection)
        .await?;
    if told == "ok" {
        return Ok(());
    }
    let message = format!("the file is damaged ({}); restore a backup", told.trim());
    Err(Failure::corrupt(message))
}
