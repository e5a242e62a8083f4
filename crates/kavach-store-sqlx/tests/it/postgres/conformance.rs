//! The whole kit, on a server that a client loses in the middle of a commit.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kavach_store::conformance::{Harness, Killed, commit_until_killed};
use kavach_store::{Batch, Migration, Store};
use kavach_store_sqlx::{PostgresOptions, PostgresStore};
use sqlx::Connection;

use super::proxy::Proxy;
use super::server::{self, Server};

mod on_a_server_that_is_cut_off {
    kavach_store::conformance_tests!(super::OnServer::default());
}

#[derive(Default)]
struct OnServer {
    schema: String,
    /// All handles that were given away, with connections of their own each.
    handles: Vec<PostgresStore>,
}

impl OnServer {
    fn open(&mut self) -> Arc<PostgresStore> {
        let store = open(&server::url(Server::shared()), &self.schema);
        self.handles.push(store.clone());
        Arc::new(store)
    }

    async fn close(&mut self) {
        for handle in self.handles.drain(..) {
            handle.close().await;
        }
    }
}

fn open(url: &str, schema: &str) -> PostgresStore {
    let options = PostgresOptions::parse(url).unwrap().with_schema(schema);
    PostgresStore::open_with(options).unwrap()
}

#[async_trait]
impl Harness for OnServer {
    async fn fresh(&mut self) -> Arc<dyn Store> {
        self.close().await;
        self.schema = server::schema();
        let store = self.open();
        store.migrate(Migration::Apply).await.unwrap();
        store
    }

    async fn second_handle(&mut self) -> Arc<dyn Store> {
        self.open()
    }

    async fn reopen(&mut self) -> Arc<dyn Store> {
        self.close().await;
        self.open()
    }

    /// Counts messages in both directions, between the client and the server.
    async fn kill_mid_commit(&mut self, batches: Vec<Batch>, moment: u64) -> Killed {
        self.close().await;
        let proxy = Proxy::start(Server::shared());
        let life = format!("{}_{moment}", self.schema);
        let url = format!("{}&application_name={life}", server::url(proxy.folder()));
        let options = PostgresOptions::parse(&url)
            .unwrap()
            .with_schema(&self.schema);
        // Nobody will ever answer again.
        let options = options.with_patience(Duration::from_millis(80));
        let store = PostgresStore::open_with(options).unwrap();
        while store.health().await.is_err() {}
        proxy.die_at(moment);
        let acknowledged = commit_until_killed(&store, batches).await;
        proxy.die();
        store.close().await;
        wait_for_the_end_of(&life).await;
        Killed {
            acknowledged,
            store: self.open(),
        }
    }
}

/// Waits until the server has noticed that this client is gone: until then, what was sent may still land.
async fn wait_for_the_end_of(client: &str) {
    let url = server::url(Server::shared());
    let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
    loop {
        let sessions: i64 =
            sqlx::query_scalar("SELECT count(*) FROM pg_stat_activity WHERE application_name = $1")
                .bind(client)
                .fetch_one(&mut connection)
                .await
                .unwrap();
        if sessions == 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
}
