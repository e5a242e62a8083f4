//! The file as the operating system sees it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;
use redb::{Builder, ConcurrencyMode, Database, ReadOnlyDatabase, StorageBackend};

use crate::engine;
use crate::error::Failure;
use crate::limits::CACHE_BYTES;
use crate::storage::{Counted, Syncs};

/// Opens the file at `path` for writing; creates it if there is none.
pub(crate) fn open(path: &Path, syncs: &Syncs) -> Result<Database, Failure> {
    if !path.try_exists()? {
        create(path)?;
    }
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    open_storage(FileBackend::new(file)?, syncs)
}

/// Opens `storage` for writing.
pub(crate) fn open_storage(
    storage: impl StorageBackend,
    syncs: &Syncs,
) -> Result<Database, Failure> {
    Ok(builder().create_with_backend(Counted::new(storage, syncs.clone()))?)
}

/// Opens the file at `path` for reading.
pub(crate) fn open_read_only(path: &Path) -> Result<ReadOnlyDatabase, Failure> {
    Ok(builder().open_read_only(path)?)
}

/// How redb is set up wherever it is opened: one process writes, and others may read meanwhile.
fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    builder.set_concurrency_mode(ConcurrencyMode::SingleWriter);
    builder
}

/// Creates an empty store at `path`, whole or not at all: redb's own creation takes several steps, and
/// a file that a crash left between them could never be opened again.
fn create(path: &Path) -> Result<(), Failure> {
    let draft = draft_of(path);
    let created = create_draft(&draft).and_then(|()| publish(&draft, path));
    // What is left of a draft is in nobody's way.
    let _ = fs::remove_file(&draft);
    created
}

fn create_draft(draft: &Path) -> Result<(), Failure> {
    let file = private().open(draft)?;
    let database = builder().create(draft)?;
    engine::prepare(&database)?;
    database.close()?;
    file.sync_all()?;
    Ok(())
}

/// Gives the draft its name, unless another process was faster, and makes that durable.
fn publish(draft: &Path, path: &Path) -> Result<(), Failure> {
    // Unlike renaming, linking never replaces what is there.
    match fs::hard_link(draft, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error.into()),
        Ok(()) => Ok(sync_folder(path)?),
    }
}

/// A name beside `path` that no other process uses.
fn draft_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.new", std::process::id()));
    path.with_file_name(name)
}

/// A new file that only its owner may read: a trail says who did what.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options
}

/// Makes the names in the folder of `path` durable, where the system lets programs do that.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if cfg!(unix) {
        File::open(folder)?.sync_all()
    } else {
        Ok(())
    }
}
