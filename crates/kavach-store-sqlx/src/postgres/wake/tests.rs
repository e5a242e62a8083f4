//! Which engines are told anything, and a connection that is dead though nobody says so.

use std::process::Command;
use std::time::Duration;

use kavach_store::{Batch, Key, Migration, Revision, Space, Store};
use sqlx::{Connection, PgConnection};
use tokio::time::timeout;

use super::{channel, is_postgres_itself};
use crate::postgres::plans::server::{self, Server};
use crate::postgres::{PostgresOptions, PostgresStore};

#[track_caller]
fn check(version: &str, want: bool) {
    assert_eq!(is_postgres_itself(version), want, "{version}");
}

#[test]
fn only_postgres_itself_is_asked_to_listen() {
    check("", false);
    check("PostgreSQL", false);
    check(
        "CockroachDB CCL v23.1.11 (x86_64-pc-linux-gnu, built 2023/09/27, go1.19.10)",
        false,
    );
    check(
        "PostgreSQL 11.2-YB-2.18.0.0-b0 on x86_64-pc-linux-gnu, compiled by clang version 15.0.3",
        false,
    );
    check(
        "PostgreSQL 15.2-YB-2.25.0.0-b0 on x86_64-pc-linux-gnu",
        false,
    );
    check("PostgreSQL 13.14.0-RisingWave-2.1.0 (abc)", false);
    check(
        "PostgreSQL 15.14 (Debian 15.14-0+deb12u1) on x86_64-pc-linux-gnu, compiled by gcc",
        true,
    );
    check(
        "PostgreSQL 17.2 on aarch64-unknown-linux-gnu, compiled by gcc, 64-bit",
        true,
    );
    check("PostgreSQL 18beta1 on x86_64-pc-linux-gnu", true);
}

#[test]
fn the_channel_is_one_name_and_stays_within_what_the_engine_keeps_of_it() {
    for store in [0, 1, -1, i64::MIN, i64::MAX] {
        let channel = channel(store);
        assert!(channel.len() <= 63, "{channel}");
        assert!(
            channel
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'),
            "{channel}"
        );
    }
    assert_ne!(channel(1), channel(-1));
}

fn signal(pid: i32, signal: &str) {
    let sent = Command::new("kill")
        .args([format!("-{signal}"), pid.to_string()])
        .status();
    assert!(sent.unwrap().success());
}

/// As where a network is cut and no packet says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_falls_silent_is_given_up_and_made_again() {
    let (schema, url) = (server::schema(), server::url(Server::shared()));
    let url = format!("{url}&application_name={schema}");
    let options = PostgresOptions::parse(&url).unwrap().with_schema(&schema);
    let store = PostgresStore::open_with(options).unwrap();
    store.migrate(Migration::Apply).await.unwrap();
    store.stirred(Revision::ZERO).await;
    let mut beside = PgConnection::connect(&server::url(Server::shared()))
        .await
        .unwrap();
    let pid: i32 = sqlx::query_scalar(
        "SELECT pid FROM pg_stat_activity WHERE application_name = $1 AND query LIKE 'LISTEN%'",
    )
    .bind(&schema)
    .fetch_one(&mut beside)
    .await
    .unwrap();
    signal(pid, "STOP");
    let patience = Duration::from_secs(60);
    let again = timeout(patience, store.stirred(Revision::ZERO)).await;
    let put = Batch {
        puts: vec![(Key::new(Space::graph("wake"), *b"k"), b"v".to_vec())],
        ..Batch::default()
    };
    store.commit(put).await.unwrap();
    let stirred = timeout(patience, store.stirred(Revision::ZERO)).await;
    signal(pid, "CONT");
    again.expect("nobody listens any more");
    stirred.expect("nobody hears anything any more");
    store.close().await;
}
