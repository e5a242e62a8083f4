//! Which engines are told anything.

use super::{channel, is_postgres_itself};

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
