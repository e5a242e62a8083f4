//! `kavach audit export`

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::shell::Shell;

fn decide(shell: &Shell, times: usize) {
    let line = "{\"agent\":\"searcher\",\"action\":\"read\",\"resource\":\"mcp:github:issues\"}\n";
    assert_eq!(
        shell
            .feed(&["authorize", "--requests", "-"], line.repeat(times))
            .code,
        0
    );
}

#[test]
fn an_export_is_the_list() {
    let shell = Shell::new().with_team();
    decide(&shell, 2_500);
    let list = shell.ok(&["audit", "list", "--format", "jsonl"]);
    assert_eq!(list.lines().count(), 2_502);
    assert_eq!(shell.ok(&["audit", "export"]), list);
    let ran = shell.run(&["audit", "export", "-o", "trail.jsonl"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""));
    assert_eq!(ran.err, "2502 events written to `trail.jsonl`\n");
    assert_eq!(fs::read_to_string(shell.path("trail.jsonl")).unwrap(), list);
    let mode = fs::metadata(shell.path("trail.jsonl"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600, "it says who did what");
}

#[test]
fn a_table_for_spreadsheets_has_one_header() {
    let shell = Shell::new().with_team();
    decide(&shell, 2_500);
    let csv = shell.ok(&["audit", "export", "--format", "csv"]);
    assert_eq!(csv.matches("hash_verifiable").count(), 1);
    assert_eq!(csv.matches("\r\n").count(), 2_503);
    assert_eq!(shell.ok(&["audit", "list", "--format", "csv"]), csv);
    let none = shell.ok(&["audit", "export", "--format", "csv", "--on", "yesterday"]);
    assert!(
        none.starts_with("hash_verifiable,id,") && none.lines().count() == 1,
        "{none}"
    );
}

#[test]
fn an_export_goes_on_where_it_was_cut_off() {
    let shell = Shell::new().with_team();
    decide(&shell, 300);
    let whole = shell.ok(&["audit", "export"]).into_bytes();
    let lines: Vec<usize> = whole
        .iter()
        .enumerate()
        .filter(|(_, b)| **b == b'\n')
        .map(|(at, _)| at + 1)
        .collect();
    let resume = ["audit", "export", "-o", "trail.jsonl", "--resume"];
    for cut in [
        0,
        1,
        lines[0] - 1,
        lines[0],
        lines[0] + 1,
        lines[150],
        lines[150] + 99,
        whole.len() - 1,
        whole.len(),
    ] {
        shell.write("trail.jsonl", &whole[..cut]);
        let ran = shell.run(&resume);
        assert_eq!(ran.code, 0, "{cut}: {}", ran.err);
        assert!(
            fs::read(shell.path("trail.jsonl")).unwrap() == whole,
            "{cut}"
        );
    }
    decide(&shell, 10);
    assert!(shell.run(&resume).err.starts_with("10 events written"));
    let ran = shell.run(&["audit", "list", "--json"]);
    assert_eq!(
        fs::read_to_string(shell.path("trail.jsonl")).unwrap(),
        ran.out
    );
}

#[test]
fn a_file_is_not_overwritten_by_chance() {
    let shell = Shell::new().with_team();
    let export = ["audit", "export", "-o", "mine.txt"];
    for (content, more, want) in [
        (
            "dear diary\n",
            &[][..],
            "`mine.txt` is there already; say `--resume`",
        ),
        (
            "dear diary\n",
            &["--resume"],
            "`mine.txt` does not end in an event of this program",
        ),
        (
            "{}\n",
            &["--resume"],
            "`mine.txt` does not end in an event of this program",
        ),
        (
            &"x".repeat(200_000),
            &["--resume"],
            "`mine.txt` does not end in an event of this program",
        ),
        (
            "dear diary\n",
            &["--resume", "--format", "csv"],
            "only a `jsonl` export can be gone on with",
        ),
        (
            "dear diary\n",
            &["--resume", "--force"],
            "cannot be used with",
        ),
    ] {
        shell.write("mine.txt", content);
        shell.check_refused(&[&export[..], more].concat(), 2, want);
        assert_eq!(
            fs::read_to_string(shell.path("mine.txt")).unwrap(),
            content,
            "{more:?}"
        );
    }
    assert_eq!(shell.run(&[&export[..], &["--force"]].concat()).code, 0);
    assert_eq!(
        fs::read_to_string(shell.path("mine.txt"))
            .unwrap()
            .lines()
            .count(),
        2
    );
    shell.check_refused(
        &["audit", "export", "-o", "no/where"],
        2,
        "`no/where` cannot be written: No such file",
    );
    shell.check_refused(&["audit", "export", "--resume"], 2, "--output");
}
