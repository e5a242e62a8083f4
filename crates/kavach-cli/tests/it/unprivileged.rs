//! Folders that this user may not write to. Root may always, and so becomes nobody for it.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use crate::shell::{Ran, Shell};

const NOBODY: u32 = 65_534;

/// A user without privileges, with a copy of the program that they may run.
struct User {
    shell: Shell,
    program: PathBuf,
    is_root: bool,
}

impl User {
    fn new() -> Self {
        let shell = Shell::new();
        let program = shell.path("kavach");
        fs::copy(env!("CARGO_BIN_EXE_kavach"), &program).unwrap();
        let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
        let user = Self {
            shell,
            program,
            is_root,
        };
        fs::create_dir(user.shell.path("home")).unwrap();
        if is_root {
            user.mode(".", 0o755);
            std::os::unix::fs::chown(user.shell.path("home"), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        user
    }

    fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.shell.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = self.shell.at_home(Command::new(&self.program));
        command.args(["--data", "home/data"]).args(arguments);
        if self.is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        // A test beside this one starts a process: until that has begun, it holds the program open for writing,
        // as it was when it was copied.
        let ran = loop {
            match command.output() {
                Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => {
                    std::thread::yield_now();
                }
                ran => break ran,
            }
        };
        Ran::of(ran.unwrap())
    }

    #[track_caller]
    fn check(&self, arguments: &[&str], code: i32, want: &str) {
        let ran = self.run(arguments);
        assert_eq!(ran.code, code, "{arguments:?}: {}", ran.err);
        assert!(ran.err.starts_with(want), "{arguments:?}: {}", ran.err);
    }
}

const LOOK: [&str; 2] = ["agent", "list"];
const CHANGE: [&str; 5] = ["agent", "create", "new", "--owner", "user:x"];

#[test]
fn where_no_folder_may_be_made_it_is_told() {
    let user = User::new();
    user.mode("home", 0o555);
    user.check(&LOOK, 0, "note: there is nothing in `home/data` yet");
    user.check(
        &CHANGE,
        2,
        "error: the data folder `home/data` cannot be created (Permission denied",
    );
}

#[test]
fn a_folder_that_may_only_be_read_can_be_looked_at() {
    let user = User::new();
    assert_eq!(user.run(&CHANGE).code, 0);
    user.mode("home/data/kavach.redb", 0o400);
    user.mode("home/data", 0o500);
    user.check(&LOOK, 0, "");
    user.check(&["audit", "list"], 0, "");
    user.check(&["authorize", "new", "read", "app:x", "--simulate"], 1, "");
    let want = "error: the store cannot be used: this user may not open `home/data/kavach.redb`";
    user.check(&["agent", "revoke", "new"], 2, want);
    user.check(&["authorize", "new", "read", "app:x"], 2, want);
    user.mode("home/data", 0o700);
}

#[test]
fn an_empty_folder_that_may_only_be_read_is_told() {
    let user = User::new();
    assert_eq!(user.run(&CHANGE).code, 0);
    for file in ["home/data/kavach.redb", "home/data/master.key"] {
        fs::remove_file(user.shell.path(file)).unwrap();
    }
    user.mode("home/data", 0o500);
    user.check(&LOOK, 0, "note: there is nothing in `home/data` yet");
    user.check(
        &CHANGE,
        2,
        "error: `home/data/master.key` cannot be written (Permission denied",
    );
    user.mode("home/data", 0o700);
}

#[test]
fn what_may_not_even_be_read_is_told() {
    let user = User::new();
    assert_eq!(user.run(&CHANGE).code, 0);
    user.mode("home/data/master.key", 0o000);
    user.check(
        &LOOK,
        2,
        "error: `home/data/master.key` cannot be read (Permission denied",
    );
    user.mode("home/data/master.key", 0o600);
    user.mode("home/data/kavach.redb", 0o000);
    user.check(
        &LOOK,
        2,
        "error: the store cannot be used: this user may not open `home/data/kavach.redb`",
    );
    user.mode("home/data", 0o000);
    user.check(&LOOK, 2, "error: `home/data/");
    user.mode("home/data", 0o700);
}
