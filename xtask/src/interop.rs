//! The Biscuit libraries of other languages, installed for the tests that meet them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo::{self, cargo, program};
use crate::machine::Program;

/// Where the scripts and the lock files lie, below the root.
const FOLDER: &str = "crates/kavach-token/tests/interop";

/// What names the folder with the libraries to the tests.
const VARIABLE: &str = "KAVACH_INTEROP";

/// What was installed is named in this file, which lies beside it: the lock file as it was then.
const INSTALLED: &str = "installed";

const NODE: Program = Program {
    probe: &["npm", "--version"],
    packages: &["nodejs", "npm"],
    advice: "install Node.js 20 or later with npm, on Debian and Ubuntu by `apt-get install nodejs npm`",
};
const PYTHON: Program = Program {
    probe: &["python3", "-c", "import venv, ensurepip"],
    packages: &["python3", "python3-venv"],
    advice: "install Python 3.10 to 3.13 with venv, on Debian and Ubuntu by `apt-get install python3-venv`",
};

/// The tests that meet other languages' libraries, which are installed by now: all of them, or those among
/// the crate's own that `extra` asks for.
///
/// # Errors
/// What has to be installed by hand, or what the package managers said.
pub(crate) fn tests(extra: &[&str]) -> Result<Command, String> {
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let place = cargo::root().join(target).join("interop");
    let (js, py) = (place.join("js"), place.join("py"));
    copy("js", &js)?;
    copy("py", &py)?;
    install(&js, "package-lock.json", || install_js(&js))?;
    install(&py, "requirements.txt", || install_py(&py))?;
    let mut tests = cargo(&["test", "--package", "kavach-token", "--features", "interop"]);
    tests.args(["--lib", "--locked"]);
    tests.args(if extra.is_empty() {
        &["interop::"]
    } else {
        extra
    });
    tests.env(VARIABLE, place);
    Ok(tests)
}

/// Copies the scripts to where what they need may lie.
fn copy(language: &str, to: &Path) -> Result<(), String> {
    let told = |error: std::io::Error| format!("`{}` cannot be made: {error}", to.display());
    fs::create_dir_all(to).map_err(told)?;
    for path in crate::tree::entries(&cargo::root().join(FOLDER).join(language))? {
        if let Some(name) = path.file_name() {
            fs::copy(&path, to.join(name)).map_err(told)?;
        }
    }
    Ok(())
}

/// Installs what `lock` names, unless that very file was installed before.
fn install(
    folder: &Path,
    lock: &str,
    work: impl FnOnce() -> Result<(), String>,
) -> Result<(), String> {
    let told = |path: &Path, error| format!("`{}` cannot be read: {error}", path.display());
    let lock = folder.join(lock);
    let wanted = fs::read(&lock).map_err(|error| told(&lock, error))?;
    let installed = folder.join(INSTALLED);
    if fs::read(&installed).is_ok_and(|there| there == wanted) {
        return Ok(());
    }
    work()?;
    fs::write(&installed, wanted).map_err(|error| told(&installed, error))
}

fn install_js(folder: &Path) -> Result<(), String> {
    NODE.find()?;
    let mut npm = program(
        "npm",
        &["ci", "--ignore-scripts", "--no-audit", "--no-fund"],
    );
    cargo::succeed(npm.current_dir(folder))
}

fn install_py(folder: &Path) -> Result<(), String> {
    PYTHON.find()?;
    let python: PathBuf = folder.join("venv/bin/python");
    cargo::succeed(program("python3", &["-m", "venv", "--clear", "venv"]).current_dir(folder))?;
    let mut pip = program(python, &["-m", "pip", "install", "--require-hashes"]);
    pip.args([
        "--only-binary",
        ":all:",
        "--requirement",
        "requirements.txt",
    ]);
    cargo::succeed(pip.current_dir(folder))
}
