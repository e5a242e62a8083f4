//! The data folder, in every state that it can be in.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use redb::{Database, TableDefinition};

use crate::shell::{Ran, Shell};

const LOOK: [&str; 2] = ["agent", "list"];
const CHANGE: [&str; 5] = ["agent", "create", "new", "--owner", "user:x"];

/// Every file in a folder with its content. Whoever opens a database writes to its header: what lies in it is
/// compared by whoever can read it.
fn content(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else {
        return files;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        let bytes = if path.is_dir() {
            b"a folder".to_vec()
        } else {
            fs::read(&path).unwrap()
        };
        let is_database = bytes.starts_with(b"redb");
        let bytes = if is_database {
            b"a database".to_vec()
        } else {
            bytes
        };
        files.push((path.display().to_string(), bytes));
    }
    files.sort();
    files
}

/// Looking and changing both end with this message, and everything is as before.
#[track_caller]
fn check(shell: &Shell, want: &str) {
    let folder = shell.path("kavach-data");
    let before = content(&folder);
    for arguments in [&LOOK[..], &CHANGE] {
        let ran = shell.run(arguments);
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (2, ""),
            "{arguments:?}: {}",
            ran.err
        );
        assert_eq!(ran.err, format!("error: {want}\n"), "{arguments:?}");
    }
    assert!(content(&folder) == before, "something was changed");
}

#[test]
fn the_folder_is_made_at_first_use_for_its_owner_alone() {
    let shell = Shell::new();
    shell.ok(&["agent", "create", "a", "--owner", "user:x"]);
    for (name, want) in [
        ("kavach-data", 0o700),
        ("kavach-data/master.key", 0o600),
        ("kavach-data/kavach.redb", 0o600),
    ] {
        let mode = fs::metadata(shell.path(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, want, "{name}");
    }
    let names: Vec<String> = content(&shell.path("kavach-data"))
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
    let key = fs::read_to_string(shell.path("kavach-data/master.key")).unwrap();
    assert!(key.len() == 65 && key.trim_end().bytes().all(|byte| byte.is_ascii_hexdigit()));
}

#[test]
fn the_folder_is_named_by_a_flag_or_the_environment() {
    let shell = Shell::new();
    shell.ok(&[
        "--data", "deep/er", "agent", "create", "a", "--owner", "user:x",
    ]);
    let list = shell.ok(&["agent", "list", "--data", "deep/er"]);
    assert!(list.contains("user:x"), "{list}");
    let output = shell
        .command(&LOOK)
        .env("KAVACH_DATA", "deep/er")
        .output()
        .unwrap();
    assert_eq!(Ran::of(output).out, list);
    let output = shell
        .command(&["agent", "list", "--data", "else"])
        .env("KAVACH_DATA", "deep/er")
        .output()
        .unwrap();
    assert_eq!(Ran::of(output).out, "", "the flag is nearer");
    assert!(!shell.path("kavach-data").exists() && !shell.path("else").exists());
}

#[test]
fn a_file_is_no_folder() {
    let shell = Shell::new();
    shell.write("kavach-data", "");
    check(
        &shell,
        "`./kavach-data` is a file, and the data need a folder; name one with `--data`",
    );
    let below = ["--data", "kavach-data/below"];
    for arguments in [&LOOK[..], &CHANGE] {
        let ran = shell.run(&[&below[..], arguments].concat());
        let want = "error: `kavach-data/below` lies below a file, where no folder can be; name another one with `--data`\n";
        assert_eq!((ran.code, ran.err.as_str()), (2, want));
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_told() {
    let shell = Shell::new();
    let ran = shell.run(&[&["--data", "/proc/kavach"][..], &CHANGE].concat());
    let want = "error: the data folder `/proc/kavach` cannot be created (No such file or directory (os error 2)); \
                create it, or name another one with `--data`\n";
    assert_eq!((ran.code, ran.err.as_str()), (2, want));
}

#[test]
fn a_master_key_that_is_not_right_is_told() {
    let shell = Shell::new().with_team();
    let before = shell.trail();
    let key = shell.path("kavach-data/master.key");
    let good = fs::read(&key).unwrap();
    let put = |bytes: &[u8], mode: u32| {
        fs::write(&key, bytes).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
    };
    let file = "./kavach-data/master.key";
    let backup = "put it back from your backup";
    let not_a_key = format!("`{file}`: this is not a master key");
    put(b"abcd\n", 0o600);
    check(
        &shell,
        &format!("{not_a_key}: it has 4 hexadecimal digits, write 64; {backup}"),
    );
    put(b"", 0o600);
    check(
        &shell,
        &format!("{not_a_key}: write 64 hexadecimal digits, for 32 random bytes; {backup}"),
    );
    put(&[0xff; 32], 0o600);
    check(
        &shell,
        &format!("{not_a_key}: write 64 hexadecimal digits, for 32 random bytes; {backup}"),
    );
    put(&b"7".repeat(1_000_000), 0o600);
    check(
        &shell,
        &format!("{not_a_key}: it has 1024 hexadecimal digits, write 64; {backup}"),
    );
    put(&b"7".repeat(64), 0o600);
    check(
        &shell,
        &format!(
            "the master key `{file}` is not the one that this store was made with; put that one back from your backup"
        ),
    );
    for mode in [0o640, 0o604, 0o660, 0o601] {
        put(&good, mode);
        check(
            &shell,
            &format!(
                "others may read `{file}` (its mode is {mode:04o}); run `chmod 600 {file}`, and if somebody did \
                 read it, start a new data folder"
            ),
        );
    }
    fs::remove_file(&key).unwrap();
    check(
        &shell,
        &format!(
            "the master key `{file}` is missing; put it back from your backup, because what is sealed in the \
             store opens with no other"
        ),
    );
    fs::create_dir(&key).unwrap();
    check(
        &shell,
        &format!("`{file}` is not a file; put the master key there"),
    );
    fs::remove_dir(&key).unwrap();
    put(&good, 0o400);
    assert_eq!(shell.trail(), before);
}

#[test]
fn a_store_that_is_none_is_told() {
    let shell = Shell::new().with_team();
    let store = shell.path("kavach-data/kavach.redb");
    let good = fs::read(&store).unwrap();
    let file = "./kavach-data/kavach.redb";
    let unusable = "the store cannot be used";
    fs::write(&store, b"not a database, and longer than its header").unwrap();
    check(
        &shell,
        &format!(
            "{unusable}: `{file}` is not a redb file, or is damaged; restore a backup (I/O error: Not a redb \
             database: magic number mismatch)"
        ),
    );
    // All of its pages are noise, and its header is not.
    let mut noise = good.clone();
    let mut state = 1_u64;
    for byte in noise.iter_mut().skip(4_096) {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        *byte = state.to_be_bytes()[0];
    }
    fs::write(&store, &noise).unwrap();
    for arguments in [&LOOK[..], &CHANGE] {
        let ran = shell.run(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{}", ran.err);
        let want = format!("error: {unusable}: `{file}` ");
        assert!(
            ran.err.starts_with(&want) && ran.err.contains("damaged"),
            "{}",
            ran.err
        );
        assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    }
    fs::remove_file(&store).unwrap();
    fs::create_dir(&store).unwrap();
    check(
        &shell,
        &format!("{unusable}: `{file}` is a folder; name a file in it"),
    );
    fs::remove_dir(&store).unwrap();
    fs::write(&store, &good).unwrap();
    assert!(shell.ok(&LOOK).contains("searcher"));
}

#[test]
fn a_store_from_a_newer_version_is_told() {
    let shell = Shell::new().with_team();
    let before = shell.trail();
    let set_schema = |number: u64| {
        let database = Database::open(shell.path("kavach-data/kavach.redb")).unwrap();
        let change = database.begin_write().unwrap();
        let meta: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
        change
            .open_table(meta)
            .unwrap()
            .insert("schema", number)
            .unwrap();
        change.commit().unwrap();
    };
    set_schema(2);
    check(
        &shell,
        "the store cannot be used: the store has schema 2, and this version knows 1; use a newer version",
    );
    set_schema(1);
    assert_eq!(shell.trail(), before);
}

#[test]
fn a_store_that_another_process_writes_to_can_be_read() {
    let shell = Shell::new().with_team();
    let mut command = shell.command(&["authorize", "--requests", "-"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut requests = child.stdin.take().unwrap();
    writeln!(
        requests,
        r#"{{"agent":"searcher","action":"read","resource":"mcp:github:issues"}}"#
    )
    .unwrap();
    let mut answer = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut answer)
        .unwrap();
    // It answers, and so it has the store.
    assert!(shell.ok(&LOOK).contains("searcher"));
    assert_eq!(shell.trail().len(), 3);
    let ran = shell.run(&CHANGE);
    let want = "error: the store cannot be used: another process has `./kavach-data/kavach.redb` open; stop it, or \
                use another folder\n";
    assert_eq!((ran.code, ran.err.as_str()), (2, want));
    drop(requests);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(shell.run(&CHANGE).code, 0);
}

/// Runs the program where no file may grow past so many blocks, as on a disk that is full.
fn on_a_full_disk(shell: &Shell, blocks: u32, arguments: &[&str]) -> Ran {
    let program = env!("CARGO_BIN_EXE_kavach");
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec {program} \"$@\"");
    let mut command = Command::new("bash");
    command.args(["-c", &script, "kavach"]).args(arguments);
    Ran::of(shell.at_home(command).output().unwrap())
}

#[test]
fn a_disk_without_room_is_told_and_nothing_is_half_made() {
    let shell = Shell::new();
    let ran = on_a_full_disk(&shell, 0, &CHANGE);
    let want = "error: `./kavach-data/master.key` cannot be written (File too large (os error 27))";
    assert!(ran.code == 2 && ran.err.starts_with(want), "{}", ran.err);
    assert!(!shell.path("kavach-data").exists());
    let ran = on_a_full_disk(&shell, 8, &CHANGE);
    let want = "error: the store cannot be used: `./kavach-data/kavach.redb` ";
    assert!(ran.code == 2 && ran.err.starts_with(want), "{}", ran.err);
    assert!(!shell.path("kavach-data/kavach.redb").exists());
    // Once there is room, all goes well.
    assert_eq!(shell.run(&CHANGE).code, 0);
}

#[test]
fn on_a_disk_that_fills_up_nothing_is_allowed_that_is_not_recorded() {
    let shell = Shell::new().with_team();
    let line = "{\"agent\":\"searcher\",\"action\":\"read\",\"resource\":\"mcp:github:issues\"}\n";
    shell.write("many.jsonl", line.repeat(5_000));
    let size = fs::metadata(shell.path("kavach-data/kavach.redb"))
        .unwrap()
        .len();
    // Room to take the store's seat, and for some of the answers.
    let blocks = u32::try_from(size / 1_024).unwrap() + 256;
    let ran = on_a_full_disk(&shell, blocks, &["authorize", "--requests", "many.jsonl"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let answers = crate::shell::objects(&ran.out);
    assert_eq!(answers.len(), 5_000);
    let (allowed, denied): (Vec<_>, Vec<_>) = answers
        .iter()
        .partition(|answer| answer["decision"] == "allow");
    assert!(!allowed.is_empty() && !denied.is_empty());
    assert!(
        denied
            .iter()
            .all(|answer| answer["reason"] == "audit_unavailable" && answer["audit_id"].is_null())
    );
    let want = format!(
        "error: {} decisions could not be recorded, and were denied for that; see to the disk",
        denied.len()
    );
    assert!(ran.err.starts_with(&want), "{}", ran.err);
    let ids: Vec<_> = shell
        .trail()
        .iter()
        .map(|event| event["id"].clone())
        .collect();
    assert!(
        allowed
            .iter()
            .all(|answer| ids.contains(&answer["audit_id"]))
    );
}
