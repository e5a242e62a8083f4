//! The vectors of the Biscuit specification, from the folder of the biscuit-auth package.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use crate::key::PublicKey;

/// One token, and what is expected of it.
pub(crate) struct Sample {
    pub(crate) file: String,
    pub(crate) token: Vec<u8>,
    pub(crate) validations: Vec<Value>,
}

fn folder() -> &'static PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(find_folder)
}

fn find_folder() -> PathBuf {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .arg("--manifest-path")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let mut packages = metadata["packages"].as_array().unwrap().iter();
    let package = packages
        .find(|package| package["name"] == "biscuit-auth")
        .unwrap();
    let manifest = PathBuf::from(package["manifest_path"].as_str().unwrap());
    manifest.with_file_name("samples")
}

fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| {
        let text = std::fs::read_to_string(folder().join("samples.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    })
}

/// The key that signs all of them.
pub(crate) fn root() -> PublicKey {
    document()["root_public_key"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap()
}

pub(crate) fn samples() -> Vec<Sample> {
    let folder = folder();
    let cases = document()["testcases"].as_array().unwrap().clone();
    let samples = cases.iter().map(|case| {
        let file = case["filename"].as_str().unwrap().to_owned();
        Sample {
            token: std::fs::read(folder.join(&file)).unwrap(),
            file,
            validations: case["validations"]
                .as_object()
                .unwrap()
                .values()
                .cloned()
                .collect(),
        }
    });
    samples.collect()
}
