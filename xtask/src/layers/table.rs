//! The tables of ARCHITECTURE.md as data.

/// One of our crates.
#[derive(Debug)]
pub(super) struct Crate {
    pub(super) name: &'static str,
    pub(super) layer: u8,
    /// Completes "the only crate that knows …".
    pub(super) knows: &'static str,
    /// Which of ours it may depend on.
    pub(super) may_name: &'static [&'static str],
    /// Which of ours only as optional dependencies.
    pub(super) may_name_behind_a_feature: &'static [&'static str],
}

/// Our crates, each below all that it may name. Crates that are still to come keep their places.
pub(super) const CRATES: &[Crate] = &[
    Crate {
        name: "kavach-core",
        layer: 0,
        knows: "what a permission, a delegation and a decision mean",
        may_name: &[],
        may_name_behind_a_feature: &[],
    },
    Crate {
        name: "kavach-token",
        layer: 1,
        knows: "Biscuit",
        may_name: &["kavach-core"],
        may_name_behind_a_feature: &[],
    },
    Crate {
        name: "kavach-audit",
        layer: 1,
        knows: "how an event is encoded, hashed and proven",
        may_name: &["kavach-core"],
        may_name_behind_a_feature: &[],
    },
    Crate {
        name: "kavach-store",
        layer: 1,
        knows: "versions, atomicity and durability",
        may_name: &["kavach-core", "kavach-audit"],
        may_name_behind_a_feature: &[],
    },
    Crate {
        name: "kavach-store-sqlx",
        layer: 2,
        knows: "SQL",
        may_name: &["kavach-store"],
        may_name_behind_a_feature: &[],
    },
    Crate {
        name: "kavach-store-redb",
        layer: 2,
        knows: "redb",
        may_name: &["kavach-store"],
        may_name_behind_a_feature: &[],
    },
    Crate {
        name: "kavach-signin",
        layer: 2,
        knows: "passwords, passkeys, one-time codes, upstream identity providers and sessions",
        may_name: &["kavach-core", "kavach-store", "kavach-audit"],
        may_name_behind_a_feature: &[],
    },
    Crate {
        name: "kavach-mcp",
        layer: 2,
        knows: "the OAuth and MCP RFCs",
        may_name: &[
            "kavach-core",
            "kavach-token",
            "kavach-audit",
            "kavach-store",
        ],
        may_name_behind_a_feature: &[],
    },
    Crate {
        name: "kavach",
        layer: 3,
        knows: "the order of read, decide and commit",
        may_name: &[
            "kavach-core",
            "kavach-token",
            "kavach-audit",
            "kavach-store",
        ],
        may_name_behind_a_feature: &["kavach-mcp", "kavach-signin"],
    },
    Crate {
        name: "kavach-axum",
        layer: 4,
        knows: "the web framework",
        may_name: &["kavach", "kavach-mcp", "kavach-signin"],
        may_name_behind_a_feature: &[],
    },
    Crate {
        name: "kavach-cli",
        layer: 5,
        knows: "the machine it runs on and which backend is picked",
        may_name: &[
            "kavach-core",
            "kavach-token",
            "kavach-audit",
            "kavach-store",
            "kavach-store-sqlx",
            "kavach-store-redb",
            "kavach-signin",
            "kavach-mcp",
            "kavach",
            "kavach-axum",
        ],
        may_name_behind_a_feature: &[],
    },
];

/// A third party whose place is fixed: the package `family` and every package `family-…`.
#[derive(Debug)]
pub(super) struct ThirdParty {
    pub(super) family: &'static str,
    pub(super) who: Who,
    /// Completes "… must not name it, because …".
    pub(super) because: &'static str,
}

/// Which of our crates may depend on a third party.
#[derive(Debug)]
pub(super) enum Who {
    /// These and no other.
    Only(&'static [&'static str]),
    /// All of this layer and above; below it, these as an optional dependency.
    FromLayer {
        layer: u8,
        behind_a_feature: &'static [&'static str],
    },
}

/// The third parties whose place is fixed. `deny.toml` repeats those that only one crate names.
pub(super) const THIRD_PARTIES: &[ThirdParty] = &[
    ThirdParty {
        family: "tokio",
        who: Who::FromLayer {
            layer: 2,
            behind_a_feature: &["kavach-store"],
        },
        because: "layers 0 and 1 run under any executor, and without one",
    },
    ThirdParty {
        family: "axum",
        who: Who::Only(&["kavach-axum"]),
        because: "kavach-axum is the only crate that knows the web framework",
    },
    ThirdParty {
        family: "sqlx",
        who: Who::Only(&["kavach-store-sqlx"]),
        because: "kavach-store-sqlx is the only crate that knows SQL",
    },
    ThirdParty {
        family: "redb",
        who: Who::Only(&["kavach-store-redb"]),
        because: "kavach-store-redb is the only crate that knows redb",
    },
    ThirdParty {
        family: "biscuit-auth",
        who: Who::Only(&["kavach-token"]),
        because: "kavach-token is the only crate that knows Biscuit",
    },
];

/// Module names that do not say what a module is responsible for.
pub(super) const EMPTY_NAMES: &[&str] = &[
    "common", "helper", "helpers", "manager", "managers", "misc", "types", "util", "utils",
];
