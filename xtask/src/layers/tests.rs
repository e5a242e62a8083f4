use serde_json::{Value, json};

use super::{CRATES, complaints, tree};
use crate::tree::Member;

/// A crate with nothing wrong, but for its dependencies; by way of `cargo metadata`'s own format.
fn member(name: &str, dependencies: &[Value]) -> Member {
    let metadata = json!({
        "workspace_root": "/tree",
        "packages": [{
            "name": name,
            "manifest_path": format!("/tree/crates/{name}/Cargo.toml"),
            "dependencies": dependencies,
        }],
    });
    let mut members = tree::parse(&metadata.to_string()).unwrap();
    Member {
        manifest: "[lints]\nworkspace = true\n".to_owned(),
        library: "#![no_std]\n".to_owned(),
        ..members.remove(0)
    }
}

fn always(name: &str) -> Value {
    json!({ "name": name, "kind": null, "optional": false })
}

fn optional(name: &str) -> Value {
    json!({ "name": name, "kind": null, "optional": true })
}

fn build(name: &str) -> Value {
    json!({ "name": name, "kind": "build", "optional": false })
}

fn dev(name: &str) -> Value {
    json!({ "name": name, "kind": "dev", "optional": false })
}

fn in_tree(name: &str) -> Value {
    json!({ "name": name, "kind": null, "optional": false, "path": "/tree/elsewhere" })
}

#[track_caller]
fn check(member: &Member, want: &[&str]) {
    assert_eq!(complaints(member), want);
}

#[track_caller]
fn permitted(name: &str, dependency: Value) {
    check(&member(name, &[dependency]), &[]);
}

#[track_caller]
fn refused(name: &str, dependency: Value, want: &str) {
    check(&member(name, &[dependency]), &[want]);
}

#[test]
fn a_crate_names_only_those_of_ours_that_its_row_lists() {
    let core = "kavach-core must not know kavach-store, because kavach-core is the only crate that \
                knows what a permission, a delegation and a decision mean, and for that it needs \
                none of our crates";
    refused("kavach-core", always("kavach-store"), core);
    refused("kavach-core", optional("kavach-store"), core);
    refused("kavach-core", build("kavach-store"), core);
    permitted("kavach-core", dev("kavach-store"));

    let redb = "kavach-store-redb must not know kavach-core, because kavach-store-redb is the only \
                crate that knows redb, and for that it needs only kavach-store";
    refused("kavach-store-redb", always("kavach-core"), redb);
    permitted("kavach-store-redb", always("kavach-store"));

    let store = "kavach-store must not know kavach-token, because kavach-store is the only crate \
                 that knows versions, atomicity and durability, and for that it needs only \
                 kavach-core and kavach-audit";
    refused("kavach-store", always("kavach-token"), store);
    permitted("kavach-store", always("kavach-audit"));
}

#[test]
fn what_stands_outside_the_layers_is_named_by_no_crate() {
    let want = "kavach-token must not know kavach-benches, because kavach-token is the only crate \
                that knows Biscuit, and for that it needs only kavach-core";
    refused("kavach-token", in_tree("kavach-benches"), want);
}

#[test]
fn the_facade_takes_protocols_and_sign_in_behind_features() {
    let want = "kavach must put kavach-mcp behind a feature, because kavach is complete without it";
    refused("kavach", always("kavach-mcp"), want);
    permitted("kavach", optional("kavach-mcp"));
}

#[test]
fn an_executor_is_named_from_layer_2_on() {
    let because = "because layers 0 and 1 run under any executor, and without one";
    let told = |name: &str, other: &str| format!("{name} must not name `{other}`, {because}");
    let core = told("kavach-core", "tokio");
    refused("kavach-core", always("tokio"), &core);
    refused("kavach-core", build("tokio"), &core);
    permitted("kavach-core", dev("tokio"));

    let audit = told("kavach-audit", "tokio");
    refused("kavach-audit", optional("tokio"), &audit);
    let token = told("kavach-token", "tokio-util");
    refused("kavach-token", always("tokio-util"), &token);
    permitted("kavach-token", always("tokiologist"));

    let store = format!("kavach-store must put `tokio` behind a feature, {because}");
    refused("kavach-store", always("tokio"), &store);
    permitted("kavach-store", optional("tokio"));
    permitted("kavach-store-redb", always("tokio"));
}

#[test]
fn a_third_party_with_one_place_is_named_nowhere_else() {
    let axum = "kavach-mcp must not name `axum`, because kavach-axum is the only crate that knows \
                the web framework";
    refused("kavach-mcp", always("axum"), axum);
    permitted("kavach-axum", always("axum"));

    let sqlx = "kavach-cli must not name `sqlx`, because kavach-store-sqlx is the only crate that \
                knows SQL";
    refused("kavach-cli", always("sqlx"), sqlx);
    permitted("kavach-store-sqlx", always("sqlx"));

    let redb = "kavach must not name `redb`, because kavach-store-redb is the only crate that \
                knows redb";
    refused("kavach", always("redb"), redb);
    permitted("kavach-store-redb", always("redb"));
    permitted("kavach-cli", always("kavach-store-redb"));

    let biscuit = "kavach-mcp must not name `biscuit-auth`, because kavach-token is the only crate \
                   that knows Biscuit";
    refused("kavach-mcp", always("biscuit-auth"), biscuit);
    permitted("kavach-token", always("biscuit-auth"));
}

#[test]
fn a_crate_without_a_row_is_refused() {
    let want = "kavach-web has no row in xtask/src/layers/table.rs: say there what it is the only \
                crate to know, or give its code to the crate that knows it already";
    check(&member("kavach-web", &[]), &[want]);
}

#[test]
fn a_folder_is_called_like_its_crate() {
    let want = "kavach-token lies in crates/token: a crate's folder is called like the crate";
    let folder = "crates/token".to_owned();
    let moved = Member {
        folder,
        ..member("kavach-token", &[])
    };
    check(&moved, &[want]);
}

#[test]
fn the_bottom_crate_does_without_std() {
    let want = "kavach-core must say `#![no_std]` in src/lib.rs, because time, randomness and I/O \
                are arguments there";
    for library in ["", "// #![no_std]", "#![cfg_attr(not(test), no_std)]"] {
        let library = library.to_owned();
        let core = Member {
            library,
            ..member("kavach-core", &[])
        };
        check(&core, &[want]);
    }
    check(&member("kavach-core", &[]), &[]);
}

#[test]
fn every_package_opts_in_to_the_lints() {
    let want = "xtask must opt in to the workspace's lints: its Cargo.toml needs `[lints]` with \
                `workspace = true` below";
    for manifest in [
        "",
        "[lints]",
        "[lints]\nworkspace = false",
        "[a]\nworkspace = true",
    ] {
        let xtask = Member {
            folder: "xtask".to_owned(),
            manifest: manifest.to_owned(),
            ..member("xtask", &[])
        };
        check(&xtask, &[want]);
    }
}

#[test]
fn a_module_has_a_name_that_says_something() {
    let told = |source: &str| {
        format!(
            "crates/kavach/{source} has an empty name: call it after the one thing it is \
             responsible for"
        )
    };
    let sources = [
        "src/clock.rs",
        "src/helpers.rs",
        "src/uncommon.rs",
        "tests/common/mod.rs",
    ];
    let kavach = Member {
        sources: sources.map(str::to_owned).to_vec(),
        ..member("kavach", &[])
    };
    let want = [told("src/helpers.rs"), told("tests/common/mod.rs")];
    check(&kavach, &want.each_ref().map(String::as_str));
}

#[test]
fn a_row_names_only_rows_above_it() {
    for (place, row) in CRATES.iter().enumerate() {
        let above = &CRATES[..place];
        for other in row.may_name.iter().chain(row.may_name_behind_a_feature) {
            let found = above.iter().find(|above| above.name == *other);
            let layer = found.map(|other| other.layer);
            assert!(
                layer.is_some_and(|layer| layer <= row.layer),
                "{} names {other}",
                row.name
            );
        }
    }
}
