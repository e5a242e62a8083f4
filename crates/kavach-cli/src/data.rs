//! The data folder: `kavach.redb` and `master.key`.

use std::fs::{self, DirBuilder};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kavach::audit::shown;
use kavach::{
    Kavach, MasterKey, MemoryStore, OpenError, Store, StoreError, StoreErrorKind, TenantId,
};
use kavach_store_redb::RedbStore;

use crate::console::Console;
use crate::failure::{Failure, with_causes};
use crate::master_key;
use crate::webhook::Hook;

/// The file of the store.
const STORE_FILE: &str = "kavach.redb";

/// A way to open the file: for writing, or for reading.
type Opener = fn(PathBuf) -> Result<RedbStore, StoreError>;

/// Where the data lie, and whose they are.
#[derive(Clone, Debug)]
pub(crate) struct Data {
    pub(crate) folder: PathBuf,
    pub(crate) tenant: TenantId,
    /// Where news of approvals goes.
    pub(crate) approval_webhook: Option<String>,
}

impl Data {
    /// Runs `work` on the store, which it may change. The folder, and what is in it, is made at first use.
    pub(crate) async fn change<T>(
        &self,
        work: impl AsyncFnOnce(&Kavach) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let hook = match &self.approval_webhook {
            Some(url) => Some(Hook::new(url, &self.folder)?),
            None => None,
        };
        let kavach = self.open_for_changes(hook.clone()).await?;
        let result = work(&kavach).await;
        kavach.close().await;
        if let Some(error) = hook.and_then(|hook| hook.failed()) {
            // Where nobody listens, that is no failure.
            let _ = writeln!(
                io::stderr(),
                "note: {error}; what was not delivered is sent again by the next command that changes something"
            );
        }
        result
    }

    /// Runs `work` on the store, which it leaves as it is. Where there is none, on an empty one.
    pub(crate) async fn look<T>(
        &self,
        console: &mut Console,
        work: impl AsyncFnOnce(&Kavach, &mut Console) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let kavach = match self.open_for_looking().await? {
            Some(kavach) => kavach,
            None => {
                let folder = shown_path(&self.folder);
                console.note(format_args!("note: there is nothing in `{folder}` yet"));
                Kavach::open(MemoryStore::new())
                    .await?
                    .in_tenant(self.tenant)
            }
        };
        let result = work(&kavach, console).await;
        kavach.close().await;
        result
    }

    async fn open_for_changes(&self, hook: Option<Arc<Hook>>) -> Result<Kavach, Failure> {
        let created = create_folder(&self.folder)?;
        let key = match (master_key::read(&self.folder)?, self.has_store()?) {
            (Some(key), _) => key,
            (None, true) => return Err(master_key::missing(&self.folder)),
            (None, false) => master_key::create(&self.folder).inspect_err(|_| {
                if created {
                    // Leave things as they were. A folder with something in it stays.
                    let _ = fs::remove_dir(&self.folder);
                }
            })?,
        };
        let opened = self.open_with(RedbStore::open, key, hook).await;
        opened.map_err(|error| self.unusable(&error))
    }

    /// The store, for reading; also while another process has it. `None` if there is none.
    pub(crate) async fn open_for_looking(&self) -> Result<Option<Kavach>, Failure> {
        if !is_folder(&self.folder)? || !self.has_store()? {
            return Ok(None);
        }
        let key = master_key::read(&self.folder)?;
        let key = key.ok_or_else(|| master_key::missing(&self.folder))?;
        let opened = match self
            .open_with(RedbStore::open_read_only, key.clone(), None)
            .await
        {
            // Who had it last was stopped in the middle: it has to be set right first.
            Err(OpenError::Store(error)) if is_left_unfinished(error.kind()) => {
                self.open_with(RedbStore::open, key, None).await
            }
            other => other,
        };
        opened.map(Some).map_err(|error| self.unusable(&error))
    }

    /// How many events there are, looked up without reading anything else; `None` if there is no store.
    pub(crate) async fn event_count(&self) -> Result<Option<u64>, Failure> {
        if !is_folder(&self.folder)? || !self.has_store()? {
            return Ok(None);
        }
        let count = async {
            let store = self.store(RedbStore::open_read_only).await?;
            Ok::<u64, StoreError>(store.health().await?.events)
        };
        match count.await {
            Ok(events) => Ok(Some(events)),
            // Whoever opens the store for reading sets that right, or says what is wrong.
            Err(error) if is_left_unfinished(error.kind()) => Ok(Some(u64::MAX)),
            Err(error) => Err(self.unusable(&error.into())),
        }
    }

    async fn open_with(
        &self,
        open: Opener,
        key: MasterKey,
        hook: Option<Arc<Hook>>,
    ) -> Result<Kavach, OpenError> {
        let store = self.store(open).await?;
        let mut builder = Kavach::builder(store).master_key(key);
        if let Some(hook) = hook {
            builder = builder.approval_listener(hook);
        }
        Ok(builder.open().await?.in_tenant(self.tenant))
    }

    /// Opens the file, which may take a while after a crash.
    async fn store(&self, open: Opener) -> Result<RedbStore, StoreError> {
        let file = self.store_file();
        let name = shown_path(&file);
        let opened = tokio::task::spawn_blocking(move || open(file)).await;
        opened.unwrap_or_else(|_| {
            // The engine checks what it reads when it repairs a file, and not each time.
            let words =
                format!("`{name}` cannot be read, and is probably damaged; restore a backup");
            Err(StoreError::new(StoreErrorKind::Corrupt, words))
        })
    }

    fn store_file(&self) -> PathBuf {
        self.folder.join(STORE_FILE)
    }

    fn has_store(&self) -> Result<bool, Failure> {
        let file = self.store_file();
        file.try_exists().map_err(|error| unreadable(&file, &error))
    }

    fn unusable(&self, error: &OpenError) -> Failure {
        use StoreErrorKind::{InvalidInput, Locked, ReadOnly, SchemaTooNew};
        if matches!(error, OpenError::WrongMasterKey) {
            return master_key::other(&self.folder);
        }
        if let OpenError::Store(store) = error
            && matches!(
                store.kind(),
                InvalidInput | Locked | ReadOnly | SchemaTooNew
            )
        {
            // Nothing that the cause could add.
            return Failure::error(error.to_string());
        }
        Failure::Error(with_causes(error))
    }
}

/// Whether a store that cannot be read may be fine once it was opened for writing.
fn is_left_unfinished(kind: &StoreErrorKind) -> bool {
    matches!(kind, StoreErrorKind::Unavailable | StoreErrorKind::ReadOnly)
}

/// Makes sure that the folder is there, and says whether that took making it.
fn create_folder(folder: &Path) -> Result<bool, Failure> {
    if is_folder(folder)? {
        return Ok(false);
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        // A trail says who did what: nobody else's business.
        builder.mode(0o700);
    }
    builder.create(folder).map(|()| true).map_err(|error| {
        Failure::error(format!(
            "the data folder `{}` cannot be created ({error}); create it, or name another one with \
             `--data`",
            shown_path(folder)
        ))
    })
}

/// Whether the folder is there; an error if something else is.
fn is_folder(folder: &Path) -> Result<bool, Failure> {
    match fs::metadata(folder) {
        Ok(found) if found.is_dir() => Ok(true),
        Ok(_) => Err(Failure::error(format!(
            "`{}` is a file, and the data need a folder; name one with `--data`",
            shown_path(folder)
        ))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Err(Failure::error(format!(
            "`{}` lies below a file, where no folder can be; name another one with `--data`",
            shown_path(folder)
        ))),
        Err(error) => Err(unreadable(folder, &error)),
    }
}

/// A file or folder that this user may not look into.
pub(crate) fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::error(format!(
        "`{}` cannot be read ({error}); give this user the right to, or name another data folder with \
         `--data`",
        shown_path(path)
    ))
}

/// A file that cannot be read, outside the data folder.
pub(crate) fn unreadable_file(file: &Path, error: &io::Error) -> Failure {
    Failure::error(format!("`{}` cannot be read: {error}", shown_path(file)))
}

/// A path, safe in a terminal.
pub(crate) fn shown_path(path: &Path) -> String {
    shown(&path.display().to_string()).to_string()
}
