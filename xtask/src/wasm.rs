//! That verification builds where there is no operating system and no C compiler.

use crate::cargo::{self, cargo, program};

const TARGET: &str = "wasm32-unknown-unknown";

/// Checks kavach-token for a browser, with that target's standard library, which is installed if it is not
/// there.
///
/// # Errors
/// If it cannot be installed, or the crate does not compile.
pub(crate) fn check() -> Result<(), String> {
    if !has_library()? {
        println!("installing the standard library of {TARGET} by `rustup`, once");
        let advice =
            format!("run `rustup target add {TARGET}`, or install it beside your compiler");
        cargo::succeed(&mut program("rustup", &["target", "add", TARGET]))
            .map_err(|error| format!("{error}; {advice}"))?;
    }
    let what = [
        "check",
        "--package",
        "kavach-token",
        "--target",
        TARGET,
        "--locked",
    ];
    cargo::succeed(&mut cargo(&what))
}

/// Whether the compiler that cargo calls finds a standard library for the target.
fn has_library() -> Result<bool, String> {
    let what = ["--print", "target-libdir", "--target", TARGET];
    let folder = cargo::output(&mut program(rustc(), &what))?;
    Ok(std::path::Path::new(folder.trim()).is_dir())
}

fn rustc() -> std::ffi::OsString {
    std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())
}
