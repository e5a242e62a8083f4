//! The workspace as the rules see it: its members, what each depends on, and its files.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cargo::{self, cargo};

/// One package of the workspace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Member {
    pub(crate) name: String,
    /// Relative to the root of the tree, with `/`.
    pub(crate) folder: String,
    pub(crate) dependencies: Vec<Dependency>,
    /// The text of its `Cargo.toml`.
    pub(crate) manifest: String,
    /// The text of its `src/lib.rs`; empty where there is none.
    pub(crate) library: String,
    /// Every Rust file, relative to `folder`, with `/`, in order.
    pub(crate) sources: Vec<String>,
}

/// One line of a dependency table. A renamed dependency carries its real name.
#[derive(Clone, Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) presence: Presence,
    pub(crate) origin: Origin,
}

/// Which of the three tables a dependency stands in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Normal,
    Build,
    Dev,
}

/// Whether a dependency comes from this tree or from a registry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Origin {
    Tree,
    Registry,
}

/// Whether a dependency is there in every build.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Presence {
    Always,
    BehindAFeature,
}

/// Every member of the workspace, in the order of `cargo metadata`.
///
/// # Errors
/// Where cargo refuses a manifest, or a file cannot be read.
pub(crate) fn read() -> Result<Vec<Member>, String> {
    // The rules are about what our manifests say: without the graph below them, nothing has to be
    // downloaded to answer.
    let mut metadata = cargo(&["metadata", "--format-version", "1", "--no-deps"]);
    let metadata = cargo::output(metadata.args(["--locked", "--offline"]))?;
    let mut members = parse(&metadata)?;
    for member in &mut members {
        let folder = cargo::root().join(&member.folder);
        member.manifest = text(&folder.join("Cargo.toml"))?;
        member.sources = rust_files(&folder)?;
        if member.sources.iter().any(|source| source == "src/lib.rs") {
            member.library = text(&folder.join("src/lib.rs"))?;
        }
    }
    Ok(members)
}

/// The members in the output of `cargo metadata --no-deps`, without the texts of their files.
///
/// # Errors
/// Where `metadata` does not have the documented shape.
pub(crate) fn parse(metadata: &str) -> Result<Vec<Member>, String> {
    let metadata: Value = serde_json::from_str(metadata)
        .map_err(|error| format!("`cargo metadata` printed no JSON: {error}"))?;
    let root = string(&metadata, "workspace_root")?;
    list(&metadata, "packages")?
        .iter()
        .map(|package| member(&root, package))
        .collect()
}

fn member(root: &str, package: &Value) -> Result<Member, String> {
    let manifest_path = PathBuf::from(string(package, "manifest_path")?);
    let folder = manifest_path.parent().unwrap_or(&manifest_path);
    let folder = folder
        .strip_prefix(root)
        .map_err(|_| format!("`{}` lies outside the tree", folder.display()))?;
    Ok(Member {
        name: string(package, "name")?,
        folder: slashed(folder),
        dependencies: list(package, "dependencies")?
            .iter()
            .map(dependency)
            .collect::<Result<_, _>>()?,
        ..Member::default()
    })
}

fn dependency(entry: &Value) -> Result<Dependency, String> {
    let kind = match entry.get("kind").and_then(Value::as_str) {
        None => Kind::Normal,
        Some("build") => Kind::Build,
        Some("dev") => Kind::Dev,
        Some(other) => {
            return Err(format!(
                "`cargo metadata` knows a dependency kind `{other}` that we do not"
            ));
        }
    };
    let presence = match entry.get("optional").and_then(Value::as_bool) {
        Some(true) => Presence::BehindAFeature,
        Some(false) | None => Presence::Always,
    };
    let origin = match entry.get("path") {
        Some(_) => Origin::Tree,
        None => Origin::Registry,
    };
    Ok(Dependency {
        name: string(entry, "name")?,
        kind,
        presence,
        origin,
    })
}

fn string(value: &Value, field: &str) -> Result<String, String> {
    let found = value.get(field).and_then(Value::as_str).map(str::to_owned);
    found.ok_or_else(|| format!("`cargo metadata` lacks the text `{field}`"))
}

fn list<'a>(value: &'a Value, field: &str) -> Result<&'a Vec<Value>, String> {
    value
        .get(field)
        .and_then(Value::as_array)
        .ok_or_else(|| format!("`cargo metadata` lacks the list `{field}`"))
}

fn text(path: &Path) -> Result<String, String> {
    fs::read_to_string(path)
        .map_err(|error| format!("`{}` cannot be read: {error}", path.display()))
}

fn rust_files(folder: &Path) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(next) = waiting.pop() {
        for path in entries(&next)? {
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(slashed(path.strip_prefix(folder).unwrap_or(&path)));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The paths of what lies directly in `folder`, in order.
///
/// # Errors
/// Where the folder cannot be listed.
pub(crate) fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let told = |error: std::io::Error| format!("`{}` cannot be listed: {error}", folder.display());
    let entries = fs::read_dir(folder).map_err(told)?;
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| Ok(entry.map_err(told)?.path()))
        .collect::<Result<_, String>>()?;
    paths.sort();
    Ok(paths)
}

fn slashed(path: &Path) -> String {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}
