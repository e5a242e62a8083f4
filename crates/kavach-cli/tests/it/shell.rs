//! Running the program as a person would.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A folder to work in, with `kavach-data` in it once something was made there.
#[derive(Debug)]
pub(crate) struct Shell {
    folder: TempDir,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Shell {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// The program, in this folder and away from whatever the environment says.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kavach"));
        command.args(arguments);
        self.at_home(command)
    }

    /// The same for a command of another program.
    pub(crate) fn at_home(&self, mut command: Command) -> Command {
        command
            .current_dir(self.folder.path())
            .env("TZ", "UTC")
            .stdin(Stdio::null());
        for name in [
            "KAVACH_APPROVAL_WEBHOOK",
            "KAVACH_APPROVAL_WEBHOOK_SECRET",
            "KAVACH_DATA",
            "KAVACH_STORE",
            "NO_COLOR",
            "RUST_BACKTRACE",
            "COLUMNS",
            "CLICOLOR_FORCE",
        ] {
            command.env_remove(name);
        }
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().unwrap())
    }

    /// A run with this on its standard input.
    pub(crate) fn feed(&self, arguments: &[&str], input: impl AsRef<[u8]>) -> Ran {
        let mut command = self.command(arguments);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.as_ref().to_vec();
        // Of its own thread: the program may answer before it has read everything, or not read it all.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        Ran::of(output)
    }

    /// A run that must go well; its results.
    #[track_caller]
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}: {}{}", ran.out, ran.err);
        ran.out
    }

    /// A run with `--json` that must go well; its results.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let arguments = [arguments, &["--json"]].concat();
        let text = self.ok(&arguments);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"))
    }

    /// Every event, as the trail has it.
    #[track_caller]
    pub(crate) fn trail(&self) -> Vec<Value> {
        objects(&self.ok(&["audit", "list", "--format", "jsonl"]))
    }

    /// A run that must end like this, saying this to people, and leave the trail as it was.
    #[track_caller]
    pub(crate) fn check_refused(&self, arguments: &[&str], code: i32, want: &str) {
        let before = self.ok(&["audit", "list", "--format", "jsonl"]);
        let ran = self.run(arguments);
        assert_eq!(ran.code, code, "{arguments:?}: {}{}", ran.out, ran.err);
        assert!(
            ran.err.contains(want),
            "{arguments:?}: {}\ninstead of: {want}",
            ran.err
        );
        if code == 2 {
            let after = self.ok(&["audit", "list", "--format", "jsonl"]);
            assert_eq!(before, after, "{arguments:?} changed something");
        }
    }

    /// Alice's orchestrator with a searcher below it.
    pub(crate) fn with_team(self) -> Self {
        let grants = [
            "--allow",
            "read:mcp:github:*",
            "--allow",
            "comment:mcp:github:issues",
        ];
        let create = ["agent", "create", "orchestrator", "--owner", "user:alice"];
        self.ok(&[&create[..], &grants].concat());
        self.ok(&[
            "spawn",
            "orchestrator",
            "searcher",
            "--allow",
            "read:mcp:github:issues",
        ]);
        self
    }
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            // No code: a signal.
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// One JSON value a line.
pub(crate) fn objects(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
