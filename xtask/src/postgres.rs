//! The server that the tests of the PostgreSQL backend start: whether it is installed.

use std::env;
use std::path::{Path, PathBuf};

use crate::cargo::{output, program, succeed};

/// What installs it, by package manager.
const MANAGERS: &[(&str, &[&[&str]])] = &[
    (
        "apt-get",
        &[
            &["update"],
            &["install", "--yes", "--no-install-recommends", "postgresql"],
        ],
    ),
    ("dnf", &[&["install", "--assumeyes", "postgresql-server"]]),
    ("apk", &[&["add", "postgresql"]]),
    ("brew", &[&["install", "postgresql"]]),
];

/// Folders below which packages put each version of it in a folder of its own. Those that the tests look
/// in.
const PARENTS: &[&str] = &[
    "/usr/lib/postgresql",
    "/usr",
    "/opt/homebrew/opt",
    "/usr/local/opt",
    "/usr/local",
    "/opt",
];

/// Makes sure that PostgreSQL is installed: by the system's package manager, where it is missing and we
/// may.
///
/// # Errors
/// A sentence that says what to install.
pub(crate) fn install() -> Result<(), String> {
    if is_installed() {
        return Ok(());
    }
    let advice = "PostgreSQL is missing, and the tests start one: install its server, such as \
                  `apt-get install postgresql`";
    let manager = MANAGERS
        .iter()
        .find(|(name, _)| on_path().any(|folder| folder.join(name).is_file()));
    let Some((name, runs)) = manager else {
        return Err(advice.to_owned());
    };
    // Homebrew is run by whoever it belongs to, all others by root.
    if *name != "brew" && output(&mut program("id", &["-u"])).is_ok_and(|user| user.trim() != "0") {
        return Err(advice.to_owned());
    }
    for arguments in *runs {
        succeed(&mut program(name, arguments)).map_err(|error| format!("{advice} ({error})"))?;
    }
    if is_installed() {
        return Ok(());
    }
    Err(advice.to_owned())
}

fn is_installed() -> bool {
    let packaged = PARENTS.iter().flat_map(|parent| {
        let found = Path::new(parent).read_dir().into_iter().flatten().flatten();
        found.map(|entry| entry.path().join("bin"))
    });
    on_path()
        .chain(packaged)
        .any(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
}

fn on_path() -> impl Iterator<Item = PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).collect::<Vec<_>>().into_iter()
}
