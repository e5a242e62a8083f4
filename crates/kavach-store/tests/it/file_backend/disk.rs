//! The only code that touches the file, and where the tests cut the power.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use kavach_store::{StoreError, StoreErrorKind};

pub(crate) struct Disk {
    file: File,
    /// How many bytes may still be written, and then how many syncs done, until the power is cut; for
    /// tests.
    power: Option<(usize, usize)>,
}

impl Disk {
    /// The file at `path`, held alone as long as this lives.
    pub(crate) fn open(path: &Path, power: Option<(usize, usize)>) -> Result<Self, StoreError> {
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path);
        let file = opened.map_err(unavailable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let message = "another process has the file open; stop it first";
                return Err(StoreError::new(StoreErrorKind::Locked, message));
            }
            Err(TryLockError::Error(error)) => return Err(unavailable(error)),
        }
        // The name of a new file is safe once its folder is.
        let folder = path.parent().unwrap_or(Path::new("."));
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(unavailable)?;
        Ok(Self { file, power })
    }

    pub(crate) fn read(&mut self) -> Result<Vec<u8>, StoreError> {
        let mut bytes = Vec::new();
        self.file.read_to_end(&mut bytes).map_err(unavailable)?;
        Ok(bytes)
    }

    /// Drops what lies behind `length`, and goes on there.
    pub(crate) fn cut(&mut self, length: usize) -> Result<(), StoreError> {
        let length = length as u64;
        let cut = self
            .file
            .set_len(length)
            .and_then(|()| self.file.sync_all());
        cut.and_then(|()| self.file.seek(SeekFrom::Start(length)))
            .map_err(unavailable)?;
        Ok(())
    }

    /// Writes at the end; on `Ok`, it is there after a power cut.
    pub(crate) fn append(&mut self, text: &str) -> io::Result<()> {
        let Some((bytes, syncs)) = self.power.as_mut() else {
            self.file.write_all(text.as_bytes())?;
            return self.file.sync_data();
        };
        let written = text.len().min(*bytes);
        *bytes -= written;
        self.file.write_all(&text.as_bytes()[..written])?;
        if written < text.len() || *syncs == 0 {
            return Err(io::Error::other("the power was cut"));
        }
        *syncs -= 1;
        self.file.sync_data()
    }
}

fn unavailable(error: io::Error) -> StoreError {
    let message = "the file cannot be used; look at its folder, its owner and the room left";
    StoreError::new(StoreErrorKind::Unavailable, message).because(error)
}
