//! What we build on: licences, bans and sources, checked by cargo-deny as `deny.toml` says.
//!
//! Advisories are not part of it: their database is fetched from the network, and an answer that
//! changes overnight does not belong in the gate of a change.

use std::ffi::OsString;

use crate::cargo::{self, cargo, program};

/// The series whose `deny.toml` ours is.
const SERIES: &str = "0.20.";

/// The release that we install.
const RELEASE: &str = "0.20.2";

/// Where it is installed, kept between runs and out of version control.
const FOLDER: &str = ".tools";

/// Speed of compilation counts, not of the program: it runs for a second.
const QUICK_BUILD: [(&str, &str); 4] = [
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"),
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "false"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
];

/// Checks licences, bans and sources, after installing cargo-deny where it is missing.
///
/// # Errors
/// Where the tool cannot be installed, or finds something.
pub(crate) fn run() -> Result<(), String> {
    let tool = match installed() {
        Some(tool) => tool,
        None => install()?,
    };
    // Packages count for every platform, also those that this machine never builds.
    cargo::succeed(&mut cargo(&["fetch", "--locked"]))?;
    let mut check = program(tool, &["--offline", "--locked", "check"]);
    // deny.toml keeps places for crates that are still to come.
    check.args(["--allow", "unused-wrapper"]);
    cargo::succeed(check.args(["licenses", "bans", "sources"]))
}

/// Our own copy, or the one on the path, if it is of the right series.
fn installed() -> Option<OsString> {
    [own_copy(), "cargo-deny".into()].into_iter().find(|tool| {
        let version = cargo::output(&mut program(tool, &["--version"]));
        version.is_ok_and(|version| is_of_series(&version))
    })
}

fn install() -> Result<OsString, String> {
    println!("installing cargo-deny {RELEASE} into {FOLDER}, once");
    let what = [
        "install",
        "cargo-deny",
        "--locked",
        "--version",
        RELEASE,
        "--root",
        FOLDER,
        "--force",
    ];
    cargo::succeed(cargo(&what).envs(QUICK_BUILD)).map_err(|complaint| {
        format!(
            "{complaint}: put any cargo-deny {SERIES}x on the path, or let cargo reach its registry"
        )
    })?;
    Ok(own_copy())
}

fn own_copy() -> OsString {
    let name = format!("cargo-deny{}", std::env::consts::EXE_SUFFIX);
    cargo::root()
        .join(FOLDER)
        .join("bin")
        .join(name)
        .into_os_string()
}

/// Whether `cargo-deny --version` printed a release that reads our `deny.toml`.
fn is_of_series(version: &str) -> bool {
    version
        .trim()
        .strip_prefix("cargo-deny ")
        .is_some_and(|number| number.starts_with(SERIES))
}

#[cfg(test)]
mod tests {
    use super::is_of_series;

    #[test]
    fn another_series_is_not_used() {
        for version in [
            "",
            "0.20.2",
            "cargo-deny 0.2.0",
            "cargo-deny 0.19.9",
            "cargo-deny 1.20.0",
        ] {
            assert!(!is_of_series(version), "{version}");
        }
        assert!(is_of_series("cargo-deny 0.20.2\n"));
    }
}
