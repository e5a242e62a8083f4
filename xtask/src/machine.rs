//! What has to be on the machine, and where a package manager may put it there.

use crate::cargo::{self, program};

/// A program that somebody else makes.
pub(crate) struct Program {
    /// Called with `--version` or the like, to see that it is there.
    pub(crate) probe: &'static [&'static str],
    /// The packages of Debian and Ubuntu that bring it.
    pub(crate) packages: &'static [&'static str],
    /// Completes a sentence: what to install where there is no `apt-get`.
    pub(crate) advice: &'static str,
}

impl Program {
    /// What the program says to the probe, after installing it where it is missing and we may.
    ///
    /// # Errors
    /// One sentence that says what to install.
    pub(crate) fn find(&self) -> Result<String, String> {
        let found = self.probe();
        if found.is_ok() {
            return found;
        }
        let advice = self.advice;
        let user = cargo::output(&mut program("id", &["-u"])).unwrap_or_default();
        if user.trim() != "0" || cargo::output(&mut program("apt-get", &["--version"])).is_err() {
            return Err(format!("`{}` is missing: {advice}", self.probe.join(" ")));
        }
        println!("installing {} by `apt-get`, once", self.packages.join(" "));
        // A fresh machine knows no packages yet.
        cargo::succeed(program("apt-get", &["update"]).env("DEBIAN_FRONTEND", "noninteractive"))
            .map_err(|error| format!("{error}; {advice}"))?;
        let mut install = program("apt-get", &["install", "--yes", "--no-install-recommends"]);
        install
            .args(self.packages)
            .env("DEBIAN_FRONTEND", "noninteractive");
        cargo::succeed(&mut install).map_err(|error| format!("{error}; {advice}"))?;
        self.probe()
    }

    fn probe(&self) -> Result<String, String> {
        let (name, arguments) = self.probe.split_first().ok_or("nothing to look for")?;
        cargo::output(&mut program(name, arguments))
    }
}
