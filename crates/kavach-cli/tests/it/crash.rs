//! The program killed in the middle of its work, again and again, on one folder.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use serde_json::Value;

use crate::shell::Shell;

const REQUEST: &str =
    "{\"agent\":\"searcher\",\"action\":\"read\",\"resource\":\"mcp:github:issues\"}\n";

/// xorshift64: the same numbers on every machine.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end).unwrap()
    }
}

/// Feeds requests until the program was killed, after so many answers, and returns every answer that got
/// out whole.
fn killed_after(shell: &Shell, answers: usize) -> Vec<Value> {
    let mut command = shell.command(&["authorize", "--requests", "-"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut requests = child.stdin.take().unwrap();
    let feeder =
        std::thread::spawn(move || while requests.write_all(REQUEST.as_bytes()).is_ok() {});
    let mut lines = BufReader::new(child.stdout.take().unwrap()).split(b'\n');
    let mut acknowledged: Vec<Vec<u8>> = Vec::new();
    acknowledged.extend(lines.by_ref().take(answers).map(|line| line.unwrap()));
    child.kill().unwrap();
    child.wait().unwrap();
    feeder.join().unwrap();
    // What it had written by then is as good as what was read.
    acknowledged.extend(lines.map(|line| line.unwrap()));
    // The last may have been cut off.
    let whole = acknowledged
        .iter()
        .map_while(|line| serde_json::from_slice(line).ok());
    whole.collect()
}

/// Kills the program again and again on one folder; how many answers got out.
fn check_folder(numbers: &mut Numbers, rounds: usize) -> usize {
    let shell = Shell::new().with_team();
    let mut acknowledged: Vec<Value> = Vec::new();
    for round in 0..rounds {
        let answers = match round {
            // Killed while it opens the store, or just after.
            0 => 0,
            1 => 1,
            _ => numbers.below(3_000),
        };
        acknowledged.extend(killed_after(&shell, answers));
        let trail = shell.trail();
        let ids: HashSet<&str> = trail
            .iter()
            .map(|event| event["id"].as_str().unwrap())
            .collect();
        assert_eq!(
            ids.len(),
            trail.len(),
            "round {round}: an event is there twice"
        );
        for (place, event) in trail.iter().enumerate() {
            assert_eq!(
                event["index"],
                place.to_string(),
                "round {round}: the log has a gap"
            );
        }
        for answer in &acknowledged {
            assert_eq!(answer["decision"], "allow", "round {round}: {answer}");
            let id = answer["audit_id"].as_str().unwrap();
            assert!(
                ids.contains(id),
                "round {round}: {id} was acknowledged, and is gone"
            );
        }
    }
    assert_eq!(
        shell
            .run(&["agent", "create", "after", "--owner", "user:x"])
            .code,
        0
    );
    acknowledged.len()
}

#[test]
fn whatever_was_acknowledged_is_in_the_trail_once() {
    let folders = if std::env::var_os("KAVACH_CAMPAIGN").is_some() {
        40
    } else {
        1
    };
    let mut numbers = Numbers(0x6b61_7661_6368);
    let answers: usize = (0..folders).map(|_| check_folder(&mut numbers, 6)).sum();
    assert!(answers > 1_000, "only {answers} answers: nothing was tried");
}

#[test]
fn a_program_killed_at_its_first_opening_leaves_a_folder_that_works() {
    for _ in 0..3 {
        let shell = Shell::new();
        let mut child = shell
            .command(&["authorize", "--requests", "-"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(shell.run(&["agent", "list"]).code, 0);
        assert_eq!(
            shell
                .run(&["agent", "create", "a", "--owner", "user:x"])
                .code,
            0
        );
    }
}
