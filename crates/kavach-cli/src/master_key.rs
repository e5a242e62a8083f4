//! The master key: 32 random bytes as hex, in a file that only its owner may read.
//!
//! Names of callers' machines and the like are sealed under it, so that a copy of the store alone does
//! not tell them.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use kavach::MasterKey;
use zeroize::Zeroizing;

use crate::data::{shown_path, unreadable};
use crate::failure::Failure;
use crate::limits::MASTER_KEY_FILE_BYTES_MAX;

const FILE: &str = "master.key";

/// The key in this folder; `None` if there is none.
pub(crate) fn read(folder: &Path) -> Result<Option<MasterKey>, Failure> {
    let path = folder.join(FILE);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(&path, &error)),
    };
    check_private(&path, &file, ("master key", "start a new data folder"))?;
    let mut text = Zeroizing::new(String::new());
    let mut limited = file.take(MASTER_KEY_FILE_BYTES_MAX);
    match limited.read_to_string(&mut text) {
        Ok(_) => {}
        // The bytes are not text, and are not repeated: they may be most of a key.
        Err(error) if error.kind() == io::ErrorKind::InvalidData => text.clear(),
        Err(error) => return Err(unreadable(&path, &error)),
    }
    let key = MasterKey::from_hex(&text).map_err(|error| {
        let path = shown_path(&path);
        Failure::error(format!("`{path}`: {error}; put it back from your backup"))
    })?;
    Ok(Some(key))
}

/// Refuses a key that others can read. What it is, and what to do if somebody did read it, is for the message.
#[cfg(unix)]
pub(crate) fn check_private(
    path: &Path,
    file: &File,
    (what, what_to_do): (&str, &str),
) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt;

    let found = file.metadata().map_err(|error| unreadable(path, &error))?;
    if !found.is_file() {
        let path = shown_path(path);
        let words = format!("`{path}` is not a file; put the {what} there");
        return Err(Failure::error(words));
    }
    let mode = found.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let path = shown_path(path);
    Err(Failure::error(format!(
        "others may read `{path}` (its mode is {mode:04o}); run `chmod 600 {path}`, and if somebody did \
         read it, {what_to_do}"
    )))
}

/// Access lists are not looked at.
#[cfg(not(unix))]
pub(crate) fn check_private(_: &Path, _: &File, _: (&str, &str)) -> Result<(), Failure> {
    Ok(())
}

/// Makes a key in this folder, whole or not at all. Where another process was faster, takes its key.
pub(crate) fn create(folder: &Path) -> Result<MasterKey, Failure> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut_slice()).map_err(|_| {
        Failure::error("the operating system gave no randomness; nothing was changed")
    })?;
    let path = folder.join(FILE);
    let draft = folder.join(format!("{FILE}.{}.new", std::process::id()));
    let written = write_draft(&draft, &bytes).and_then(|()| fs::hard_link(&draft, &path));
    // What is left of a draft is in nobody's way.
    let _ = fs::remove_file(&draft);
    match written {
        Ok(()) => Ok(MasterKey::from_bytes(*bytes)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.exists() => {
            read(folder)?.ok_or_else(|| missing(folder))
        }
        Err(error) => Err(not_written(&path, &error)),
    }
}

/// A key that nobody keeps.
pub(crate) fn passing() -> Result<MasterKey, Failure> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut_slice())
        .map_err(|_| Failure::error("the operating system gave no randomness"))?;
    Ok(MasterKey::from_bytes(*bytes))
}

fn write_draft(draft: &Path, key: &[u8; 32]) -> io::Result<()> {
    let mut hex = Zeroizing::new(String::with_capacity(65));
    for byte in key {
        // Writing into a string does not fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex.push('\n');
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(draft)?;
    file.write_all(hex.as_bytes())?;
    file.sync_all()
}

fn not_written(path: &Path, error: &io::Error) -> Failure {
    use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    let what_to_do = if matches!(error.kind(), StorageFull | QuotaExceeded) {
        "make room on its disk"
    } else if error.kind() == ReadOnlyFilesystem {
        "mount its disk for writing"
    } else {
        "give this user the right to write there"
    };
    let path = shown_path(path);
    Failure::error(format!(
        "`{path}` cannot be written ({error}); {what_to_do}, or name another data folder with `--data`"
    ))
}

fn of(folder: &Path) -> String {
    shown_path(&PathBuf::from(folder).join(FILE))
}

/// There is a store, and the key that its secrets are sealed under is gone.
pub(crate) fn missing(folder: &Path) -> Failure {
    let path = of(folder);
    Failure::error(format!(
        "the master key `{path}` is missing; put it back from your backup, because what is sealed in the \
         store opens with no other"
    ))
}

/// There is a key, and it is another store's.
pub(crate) fn other(folder: &Path) -> Failure {
    let path = of(folder);
    Failure::error(format!(
        "the master key `{path}` is not the one that this store was made with; put that one back from your \
         backup"
    ))
}
