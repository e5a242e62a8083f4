//! Which URLs name a store, and that none gives a password away.

use std::path::Path;

use super::Place;

#[test]
fn what_names_no_store_is_refused() {
    for url in [
        "",
        "memory",
        "memory:x",
        "redb",
        "redb:",
        "sqlite:",
        "sqlite::memory:",
        "postgres:",
        "postgres:x",
        "mysql://root@host/db",
        "kavach.redb",
        "REDB:x",
        "http://host",
    ] {
        let failure = url.parse::<Place>().unwrap_err().to_string();
        assert!(failure.contains("names no store"), "{url}: {failure}");
    }
    let failure = "postgress://me:secret@host/db"
        .parse::<Place>()
        .unwrap_err();
    assert!(!failure.to_string().contains("secret"), "{failure}");
}

#[test]
fn urls_name_stores() {
    for (url, want) in [
        ("redb:kavach.redb", Place::Redb("kavach.redb".into())),
        ("redb:/var/a b.redb", Place::Redb("/var/a b.redb".into())),
        ("sqlite:k.sqlite", Place::Sqlite("k.sqlite".into())),
        (
            "sqlite:///var/k.sqlite",
            Place::Sqlite("/var/k.sqlite".into()),
        ),
        ("sqlite:a:b", Place::Sqlite(Path::new("a:b").into())),
        ("memory:", Place::Memory),
    ] {
        assert_eq!(url.parse::<Place>().unwrap(), want, "{url}");
    }
}

#[test]
fn a_password_is_not_shown() {
    for (url, want) in [
        (
            "postgres://me:secret@host:5433/db?sslmode=require&password=secret",
            "postgres://host:5433/db",
        ),
        ("postgresql://me:sec@ret@host/db", "postgresql://host/db"),
        ("postgres://host/db#secret", "postgres://host/db"),
        ("postgres://", "postgres://"),
    ] {
        let place: Place = url.parse().unwrap();
        assert_eq!(place.to_string(), want);
        assert_eq!(format!("{place:?}"), want);
    }
}
