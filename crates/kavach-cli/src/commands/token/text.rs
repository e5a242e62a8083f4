//! Tokens and what belongs to them, as text in files.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use kavach::token::{KeySet, Presentation, Token};
use kavach::{Clock, SystemClock, Timestamp};

use crate::data::{shown_path, unreadable_file};
use crate::failure::Failure;
use crate::limits::{KEY_SET_FILE_BYTES_MAX, TOKEN_FILE_BYTES_MAX};

/// The text in a file, or in standard input if the file is `-`, without the white space around it.
pub(crate) fn read(file: &Path, bytes_max: u64) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if file.as_os_str() == "-" {
        io::stdin()
            .lock()
            .take(bytes_max + 1)
            .read_to_string(&mut text)
    } else {
        let opened = File::open(file).map_err(|error| unreadable_file(file, &error))?;
        opened.take(bytes_max + 1).read_to_string(&mut text)
    };
    read.map_err(|error| unreadable_file(file, &error))?;
    if text.len() as u64 > bytes_max {
        let file = shown_path(file);
        return Err(Failure::error(format!(
            "`{file}` is longer than {bytes_max} bytes; it is not what belongs there"
        )));
    }
    Ok(text.trim_ascii().to_owned())
}

/// A token in the open form.
pub(super) fn token(file: &Path) -> Result<Token, Failure> {
    let text = read(file, TOKEN_FILE_BYTES_MAX)?;
    text.parse()
        .map_err(|refusal| not_a(file, "token to pass on", refusal))
}

/// A presentation.
pub(crate) fn presentation(file: &Path) -> Result<Presentation, Failure> {
    let text = read(file, TOKEN_FILE_BYTES_MAX)?;
    text.parse()
        .map_err(|refusal| not_a(file, "presentation", refusal))
}

/// The published root keys of an issuer.
pub(super) fn key_set(file: &Path) -> Result<KeySet, Failure> {
    let text = read(file, KEY_SET_FILE_BYTES_MAX)?;
    KeySet::parse(&text).map_err(|error| {
        let file = shown_path(file);
        Failure::error(format!(
            "`{file}`: {error}; `kavach keys export` writes one"
        ))
    })
}

fn not_a(file: &Path, what: &str, why: impl Display) -> Failure {
    let file = shown_path(file);
    Failure::error(format!(
        "`{file}` is not a {what} ({why}); `kavach token inspect` tells more"
    ))
}

/// What went wrong, where it says by itself what to do.
pub(crate) fn failed(error: impl Display) -> Failure {
    Failure::error(error.to_string())
}

/// The time of this machine.
pub(super) fn now() -> Timestamp {
    SystemClock::default().now()
}

/// Random bytes.
pub(super) fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|_| failed("the operating system gave no randomness; nothing was made"))?;
    Ok(bytes)
}
