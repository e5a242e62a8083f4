//! Where PostgreSQL is, and who runs it.

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A folder for a server: for whoever runs it, and nobody else.
pub(crate) fn folder() -> PathBuf {
    // A short path: that of a socket may have about a hundred bytes.
    let folder = tempfile::Builder::new()
        .prefix("kavach-pg-")
        .tempdir()
        .unwrap()
        .keep();
    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o700)).unwrap();
    folder
}

/// A command that is run by somebody who is not root, who then owns the folder: PostgreSQL refuses to be run
/// by root.
pub(crate) fn as_nobody(command: &str, folder: &Path) -> Command {
    let mut command = Command::new(command);
    if id(&["-u"]) == 0 {
        let who = ["postgres", "nobody"]
            .into_iter()
            .find(|who| user_exists(who));
        let who = who.unwrap_or_else(|| {
            panic!("there is no user `postgres` or `nobody` to run PostgreSQL as")
        });
        let (user, group) = (id(&["-u", who]), id(&["-g", who]));
        chown(folder, Some(user), Some(group)).unwrap();
        command.uid(user).gid(group);
    }
    command
}

/// Where `initdb` and `postgres` are: on the `PATH`, or where packages put them; the newest of several.
pub(crate) fn binaries() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    // Debian and its kin; Red Hat and its kin; Homebrew; from source.
    for (parent, below) in [
        ("/usr/lib/postgresql", "bin"),
        ("/usr", "bin"),
        ("/opt/homebrew/opt", "bin"),
        ("/usr/local/opt", "bin"),
        ("/usr/local", "bin"),
        ("/opt", "bin"),
    ] {
        let found = std::fs::read_dir(parent).into_iter().flatten().flatten();
        let mut found: Vec<PathBuf> = found.map(|entry| entry.path().join(below)).collect();
        found.sort_by_key(|path| std::cmp::Reverse(version(path)));
        folders.extend(found);
    }
    let has_both =
        |folder: &PathBuf| folder.join("initdb").is_file() && folder.join("postgres").is_file();
    let found = folders.into_iter().find(has_both);
    found.unwrap_or_else(|| {
        panic!(
            "there is no PostgreSQL here; install its server, such as `apt-get install postgresql`"
        )
    })
}

/// The number in a path such as `postgresql/15/bin`, so that the newest comes first.
fn version(path: &Path) -> u32 {
    let text = path.to_string_lossy();
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

fn user_exists(who: &str) -> bool {
    Command::new("id")
        .arg(who)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn id(arguments: &[&str]) -> u32 {
    let output = Command::new("id").args(arguments).output().unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap()
}
