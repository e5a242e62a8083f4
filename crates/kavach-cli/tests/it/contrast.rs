//! Many agents written, the process killed, the store opened again, and everything counted: on each
//! backend. 100,000 in the campaign, a fixed fiftieth of them otherwise.

use std::process::Stdio;

use serde_json::Value;

use crate::server::{self, Server};
use crate::shell::Shell;

/// Files that are applied one after the other.
const FILES: usize = 20;

/// Agents in one file.
fn size() -> usize {
    let campaign = std::env::var_os("KAVACH_CAMPAIGN").is_some_and(|value| value == "1");
    if campaign { 5_000 } else { 100 }
}

fn file(number: usize) -> String {
    let agents = (0..size()).map(|agent| {
        format!("[[agent]]\nname = \"agent-{number}-{agent}\"\nowner = \"user:alice\"\npermissions = [\"read:app:x:y\"]\n")
    });
    agents.collect()
}

/// What the store at `url` counts: agents, and events.
fn counted(shell: &Shell, url: &str) -> (usize, usize) {
    let ran = shell.run(&["store", "check", "--store", url]);
    assert_eq!(ran.code, 0, "{url}: {}", ran.err);
    let ran = shell.run(&["store", "stats", "--json", "--store", url]);
    let told: Value = serde_json::from_str(&ran.out).unwrap();
    let number = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
    (number(&told["records"]["agent"]), number(&told["events"]))
}

/// Applies this file, and kills the program at a moment that depends on `file`. Whether it had answered.
fn apply_and_kill(shell: &Shell, url: &str, file: usize) -> bool {
    let mut command = shell.command(&["apply", "agents.toml", "--json", "--store", url]);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // A moment that no clock decides: so many looks at whether it has ended.
    for _ in 0..file * file * 600 {
        if let Some(status) = child.try_wait().unwrap() {
            return status.success();
        }
    }
    child.kill().unwrap();
    child.wait().unwrap().success()
}

#[track_caller]
fn check(url: &str) {
    let shell = Shell::new();
    let mut there = 0;
    let mut killed = 0;
    for number in 0..FILES {
        shell.write("agents.toml", file(number));
        let answered = if number % 2 == 0 {
            let ran = shell.run(&["apply", "agents.toml", "--store", url]);
            assert_eq!(ran.code, 0, "{url}: {}", ran.err);
            true
        } else {
            apply_and_kill(&shell, url, number)
        };
        killed += usize::from(!answered);
        let (agents, events) = counted(&shell, url);
        let landed = agents == there + size();
        assert!(
            landed || !answered,
            "{url}: agents that were answered are gone"
        );
        assert!(
            landed || agents == there,
            "{url}: {agents} agents, where {there} were: half a file"
        );
        assert_eq!(agents, events, "{url}: agents and events differ");
        there = agents;
        // What was cut off is done again, whole.
        if !landed {
            let ran = shell.run(&["apply", "agents.toml", "--store", url]);
            assert_eq!(ran.code, 0, "{url}: {}", ran.err);
            there += size();
        }
    }
    assert_eq!(counted(&shell, url), (FILES * size(), FILES * size()));
    assert!(killed > 0, "{url}: nothing was killed");
}

#[test]
fn agents_in_redb_outlive_kills() {
    check("redb:my.redb");
}

#[test]
fn agents_in_sqlite_outlive_kills() {
    check("sqlite:my.sqlite");
}

#[test]
fn agents_in_postgresql_outlive_kills() {
    let url = format!(
        "{}&schema={}",
        server::url(Server::shared()),
        server::schema()
    );
    check(&url);
}
