//! The way to a server that is not on this machine: encrypted, and to the right one, or not at all.
//!
//! The certificates are in `tests/tls`: an authority, what it signed for `localhost` (and for no address),
//! with its key, and another authority of the same name. They hold until 2126 and are trusted by nobody else.

use std::error::Error;
use std::net::TcpListener;

use kavach_store::{Migration, Store, StoreError, StoreErrorKind};
use kavach_store_sqlx::{PostgresOptions, PostgresStore};
use sqlx::Row;

use super::server::{Server, schema};

const CERTIFICATE: &str = include_str!("../../tls/localhost.crt");
const KEY: &str = include_str!("../../tls/localhost.key");
const AUTHORITY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls/authority.crt");
#[cfg(feature = "postgres-tls")]
const STRANGER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls/stranger.crt");

/// A server that listens at a port, and the port.
fn start(settings: &[&str]) -> (Server, u16) {
    let mut why = String::new();
    // Somebody else may take the port before the server does.
    for _ in 0..5 {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let mut settings: Vec<String> =
            settings.iter().map(|&setting| setting.to_owned()).collect();
        settings.extend([
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={port}"),
        ]);
        let files = [("server.crt", CERTIFICATE), ("server.key", KEY)];
        match Server::start(&settings, &files) {
            Ok(server) => return (server, port),
            Err(told) => why = told,
        }
    }
    assert!(
        !why.contains("SSL is not supported by this build"),
        "this PostgreSQL was built without SSL; install one that was built with it, such as your distribution's"
    );
    panic!("{why}");
}

/// What comes of the address: whether the session is encrypted.
async fn reach(host: &str, port: u16, how: &str) -> Result<bool, StoreError> {
    let url = format!("postgres://kavach@{host}:{port}/postgres?{how}");
    let options = PostgresOptions::parse(&url)?.with_schema(schema());
    let store = PostgresStore::open_with(options)?;
    store.migrate(Migration::Apply).await?;
    store.health().await?;
    let row = sqlx::raw_sql("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        .fetch_one(store.pool())
        .await
        .unwrap();
    store.close().await;
    Ok(row.try_get(0).unwrap())
}

/// Everything that an error says.
fn told(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[track_caller]
fn assert_refused(case: &str, answer: Result<bool, StoreError>, why: &str) {
    let Err(error) = answer else {
        panic!("{case}: let in");
    };
    assert_eq!(*error.kind(), StoreErrorKind::Unavailable, "{case}");
    assert!(error.to_string().contains("`sslmode`"), "{case}: {error}");
    assert!(told(&error).contains(why), "{case}: {}", told(&error));
}

/// How many were let in so far.
#[cfg(feature = "postgres-tls")]
fn sessions(server: &Server) -> usize {
    server.logs().matches("connection authorized").count()
}

#[cfg(feature = "postgres-tls")]
#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_believed_only_if_the_authority_says_that_it_is_that_host() {
    let (server, port) = start(&["ssl=on", "log_connections=on"]);
    let before = sessions(&server);
    for (host, how, why) in [
        (
            "localhost",
            format!("sslmode=verify-full&sslrootcert={STRANGER}"),
            "BadSignature",
        ),
        (
            "localhost",
            format!("sslmode=verify-ca&sslrootcert={STRANGER}"),
            "BadSignature",
        ),
        // With no authority named, those of the system: none of them knows ours.
        (
            "localhost",
            "sslmode=verify-full".to_owned(),
            "UnknownIssuer",
        ),
        (
            "127.0.0.1",
            format!("sslmode=verify-full&sslrootcert={AUTHORITY}"),
            "not valid for name",
        ),
    ] {
        assert_refused(&how, reach(host, port, &how).await, why);
    }
    assert_eq!(sessions(&server), before, "{}", server.logs());

    for (host, how) in [
        (
            "localhost",
            format!("sslmode=verify-full&sslrootcert={AUTHORITY}"),
        ),
        // This asks for the authority's word, and not for what it is about.
        (
            "127.0.0.1",
            format!("sslmode=verify-ca&sslrootcert={AUTHORITY}"),
        ),
        // And this for nobody's.
        ("127.0.0.1", "sslmode=require".to_owned()),
    ] {
        let is_encrypted = reach(host, port, &how).await;
        assert!(
            is_encrypted.unwrap_or_else(|error| panic!("{how}: {}", told(&error))),
            "{how}"
        );
    }
}

#[cfg(feature = "postgres-tls")]
#[tokio::test(flavor = "multi_thread")]
async fn nobody_who_asks_for_encryption_goes_on_without_it() {
    let (server, port) = start(&["ssl=off", "log_connections=on"]);
    let before = sessions(&server);
    for mode in ["require", "verify-ca", "verify-full"] {
        let how = format!("sslmode={mode}&sslrootcert={AUTHORITY}");
        assert_refused(
            mode,
            reach("localhost", port, &how).await,
            "does not support TLS",
        );
    }
    assert_eq!(sessions(&server), before, "{}", server.logs());
    assert!(!reach("localhost", port, "sslmode=disable").await.unwrap());
    assert!(sessions(&server) > before);
}

#[cfg(not(feature = "postgres-tls"))]
#[tokio::test(flavor = "multi_thread")]
async fn nobody_who_asks_for_encryption_goes_on_without_it() {
    let (_server, port) = start(&["ssl=on"]);
    for mode in ["require", "verify-ca", "verify-full"] {
        let how = format!("sslmode={mode}&sslrootcert={AUTHORITY}");
        assert_refused(mode, reach("localhost", port, &how).await, "TLS");
    }
}

#[track_caller]
fn assert_not_understood(how: &str, name: &str) {
    let url = format!("postgres://kavach:hunter2@localhost/postgres?{how}");
    let error = PostgresOptions::parse(&url).unwrap_err();
    assert_eq!(*error.kind(), StoreErrorKind::InvalidInput, "{how}");
    assert!(told(&error).contains(name), "{how}: {}", told(&error));
    assert!(!told(&error).contains("hunter2"), "{how}: {}", told(&error));
}

#[test]
fn a_word_that_nobody_knows_is_refused_and_not_passed_over() {
    for (how, name) in [
        ("ssl_mode=verify-full", "`ssl_mode`"),
        ("sslmode=verify-full&sslrootcrt=/a", "`sslrootcrt`"),
        ("SSLMODE=verify-full", "`SSLMODE`"),
        ("sslmode", "`sslmode`"),
        ("host=/run&channel_binding=require", "`channel_binding`"),
        ("passwort=hunter2", "`passwort`"),
        ("sslmode=verify_full", "verify_full"),
        ("sslmode=", "address"),
    ] {
        assert_not_understood(how, name);
    }
    for how in [
        "",
        "&",
        "sslmode=verify-full&sslrootcert=/a&sslcert=/b&sslkey=/c",
        "host=/run/postgresql&port=5433&dbname=a&user=b&password=c&application_name=d",
        "options=-c%20search_path=a&options[lock_timeout]=5s&statement-cache-capacity=7",
        "schema=a&prefix=b_",
    ] {
        let url = format!("postgres://kavach@localhost/postgres?{how}");
        assert!(PostgresOptions::parse(&url).is_ok(), "{how}");
    }
}
