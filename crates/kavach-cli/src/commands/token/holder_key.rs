//! A holder's secret key in a file: PKCS#8 in PEM (RFC 8410 section 10.3, RFC 7468), which only its owner may
//! read.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kavach::token::HolderKey;
use zeroize::Zeroizing;

use super::text::{failed, random};
use crate::data::{shown_path, unreadable_file};
use crate::failure::Failure;
use crate::limits::HOLDER_KEY_FILE_BYTES_MAX;
use crate::master_key::check_private;

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

/// The key in this file.
pub(crate) fn read(path: &Path) -> Result<HolderKey, Failure> {
    let file = File::open(path).map_err(|error| {
        if error.kind() == io::ErrorKind::NotFound {
            let path = shown_path(path);
            return failed(format!(
                "there is no `{path}`; `kavach token key {path} --new` makes a key there"
            ));
        }
        unreadable_file(path, &error)
    })?;
    check_private(
        path,
        &file,
        ("holder key", "make another and remove this one"),
    )?;
    let mut text = Zeroizing::new(String::new());
    let mut limited = file.take(HOLDER_KEY_FILE_BYTES_MAX);
    match limited.read_to_string(&mut text) {
        Ok(_) => {}
        // Not repeated: they may be most of a key.
        Err(error) if error.kind() == io::ErrorKind::InvalidData => text.clear(),
        Err(error) => return Err(unreadable_file(path, &error)),
    }
    parse(&text).ok_or_else(|| {
        let path = shown_path(path);
        failed(format!(
            "`{path}` is not an Ed25519 secret key in PKCS#8, as PEM; `kavach token key {path} --new` makes one"
        ))
    })
}

fn parse(text: &str) -> Option<HolderKey> {
    let body = text.trim_ascii().strip_prefix(BEGIN)?.strip_suffix(END)?;
    let body: Zeroizing<String> =
        Zeroizing::new(body.chars().filter(|c| !c.is_ascii_whitespace()).collect());
    let der = Zeroizing::new(STANDARD.decode(body.as_bytes()).ok()?);
    HolderKey::from_pkcs8_der(&der).ok()
}

/// Makes a key in this file, which must not be there.
pub(super) fn create(path: &Path) -> Result<HolderKey, Failure> {
    let secret: Zeroizing<[u8; 32]> = Zeroizing::new(random()?);
    let key = HolderKey::from_bytes(&secret);
    let der = Zeroizing::new(key.expose_pkcs8_der());
    let body = Zeroizing::new(STANDARD.encode(der.as_slice()));
    let text = Zeroizing::new([BEGIN, "\n", &body, "\n", END, "\n"].concat());
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let written = options.open(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| {
        let path = shown_path(path);
        if error.kind() == io::ErrorKind::AlreadyExists {
            return failed(format!(
                "`{path}` is there already, and a key that is lost is lost for good; name another file"
            ));
        }
        failed(format!("`{path}` cannot be written: {error}"))
    })?;
    Ok(key)
}
