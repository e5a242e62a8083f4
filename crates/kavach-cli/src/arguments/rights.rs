//! `--allow` and `--base`.

use kavach::{Base, Permission};

use crate::failure::Failure;

/// Permissions, as they are written on the command line.
#[derive(clap::Args, Debug)]
pub(crate) struct Rights {
    /// Allow this, as in `read,comment:mcp:github:pull_requests?depth=1`; may be repeated
    #[arg(long = "allow", value_name = "PERMISSION")]
    allow: Vec<String>,
    /// What targets of permissions are relative to that do not begin with a known kind
    #[arg(long, value_name = "PREFIX", default_value = "app")]
    base: String,
}

impl Rights {
    /// The permissions after `--allow`.
    pub(crate) fn allowed(&self) -> Result<Vec<Permission>, Failure> {
        self.read(&self.allow)
    }

    /// Other permissions, relative to the same base.
    pub(crate) fn read(&self, texts: &[String]) -> Result<Vec<Permission>, Failure> {
        let base: Base = self.base.parse()?;
        let permissions = texts.iter().map(|text| Permission::parse(text, &base));
        Ok(permissions.collect::<Result<_, _>>()?)
    }

    /// The same where there must be at least one.
    pub(crate) fn some(&self) -> Result<Vec<Permission>, Failure> {
        if self.allow.is_empty() {
            let words = "nothing is passed on; say what with `--allow`, as in `--allow read:mcp:github:issues`";
            return Err(Failure::error(words));
        }
        self.allowed()
    }
}
