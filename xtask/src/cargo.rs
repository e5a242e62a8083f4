//! Child processes, started in the root of the tree and without standard input.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The folder that holds the workspace's `Cargo.toml`.
pub(crate) fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_path_buf()
}

/// The cargo that runs us, about to be called with `arguments`.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    program(
        env::var_os("CARGO").unwrap_or_else(|| "cargo".into()),
        arguments,
    )
}

/// Any other program, about to be called with `arguments`.
pub(crate) fn program(program: impl AsRef<OsStr>, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(root())
        .stdin(Stdio::null());
    command
}

/// Runs `command` to its end with its output passed through.
///
/// # Errors
/// A sentence that names the command; what went wrong in it stands in its own output.
pub(crate) fn succeed(command: &mut Command) -> Result<(), String> {
    let name = spelled(command);
    let status = command
        .status()
        .map_err(|error| format!("`{name}` cannot be started: {error}"))?;
    if status.success() {
        return Ok(());
    }
    Err(format!("`{name}` ended with {status}"))
}

/// What `command` prints to standard output.
///
/// # Errors
/// A sentence that names the command and carries what it said.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let name = spelled(command);
    let output = command
        .output()
        .map_err(|error| format!("`{name}` cannot be started: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!(
        "`{name}` ended with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    ))
}

/// `command` as one would type it, without the folder its program lies in.
pub(crate) fn spelled(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(program.as_os_str());
    let words: Vec<_> = [program]
        .into_iter()
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect();
    words.join(" ")
}
