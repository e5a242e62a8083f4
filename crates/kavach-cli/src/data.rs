//! The data: a store, by default `kavach.redb` in the data folder, and `master.key` in it.

use std::fs::{self, DirBuilder};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kavach::audit::shown;
use kavach::{
    Kavach, MasterKey, MemoryStore, OpenError, Sharing, StoreError, StoreErrorKind, TenantId,
};

use crate::commands::store::how_to;
use crate::console::Console;
use crate::failure::{Failure, with_causes};
use crate::master_key;
use crate::place::{Opened, Place, Purpose};
use crate::webhook::Hook;

/// The file of the store, where nothing else is said.
const STORE_FILE: &str = "kavach.redb";

/// Where the data lie, and whose they are.
#[derive(Clone, Debug)]
pub(crate) struct Data {
    pub(crate) folder: PathBuf,
    pub(crate) place: Place,
    pub(crate) tenant: TenantId,
    /// Where news of approvals goes.
    pub(crate) approval_webhook: Option<String>,
}

/// A store that is open, and a node on it.
pub(crate) struct Session {
    pub(crate) kavach: Kavach,
    opened: Opened,
}

impl Session {
    /// Whoever asks a restored store anything hears why it allows nothing.
    fn tell_if_closed(&self) {
        let restoration = self.kavach.restoration();
        if let Some(closed) = restoration.filter(kavach::backup::Restoration::is_closed) {
            // Where nobody listens, that is no failure.
            let _ = writeln!(io::stderr(), "{}", how_to(&closed));
        }
    }

    /// Waits for what is under way.
    pub(crate) async fn close(self) {
        self.kavach.close().await;
        self.opened.close().await;
    }
}

/// Where the store lies if nobody says where.
pub(crate) fn usual_place(folder: &Path) -> Place {
    Place::Redb(folder.join(STORE_FILE))
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
        let session = self.open_for_changes(hook.clone()).await?;
        let result = work(&session.kavach).await;
        session.tell_if_closed();
        session.close().await;
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
        if let Some(session) = self.open_for_looking().await? {
            session.tell_if_closed();
            let result = work(&session.kavach, console).await;
            session.close().await;
            return result;
        }
        let where_ = if self.place == usual_place(&self.folder) {
            shown_path(&self.folder)
        } else {
            self.place.to_string()
        };
        console.note(format_args!("note: there is nothing in `{where_}` yet"));
        let kavach = Kavach::open(MemoryStore::new())
            .await?
            .in_tenant(self.tenant);
        let result = work(&kavach, console).await;
        kavach.close().await;
        result
    }

    async fn open_for_changes(&self, hook: Option<Arc<Hook>>) -> Result<Session, Failure> {
        if self.place == Place::Memory {
            // What is sealed is gone with the process, so its key may be too.
            let opened = self.open_with(Purpose::Changing, master_key::passing()?, hook);
            return opened.await.map_err(|error| self.unusable(&error));
        }
        let created = create_folder(&self.folder)?;
        let key = match (
            master_key::read(&self.folder)?,
            self.place.has_store().await?,
        ) {
            (Some(key), _) => key,
            (None, true) => return Err(master_key::missing(&self.folder)),
            (None, false) => master_key::create(&self.folder).inspect_err(|_| {
                if created {
                    // Leave things as they were. A folder with something in it stays.
                    let _ = fs::remove_dir(&self.folder);
                }
            })?,
        };
        let opened = self.open_with(Purpose::Changing, key, hook).await;
        opened.map_err(|error| self.unusable(&error))
    }

    /// The store, for reading; also while another process has it. `None` if there is none.
    pub(crate) async fn open_for_looking(&self) -> Result<Option<Session>, Failure> {
        if !self.has_data().await? {
            return Ok(None);
        }
        let key = master_key::read(&self.folder)?;
        let key = key.ok_or_else(|| master_key::missing(&self.folder))?;
        let opened = match self.open_with(Purpose::Looking, key.clone(), None).await {
            // Who had it last was stopped in the middle: it has to be set right first.
            Err(OpenError::Store(error)) if is_left_unfinished(error.kind()) => {
                self.open_with(Purpose::Changing, key, None).await
            }
            other => other,
        };
        opened.map(Some).map_err(|error| self.unusable(&error))
    }

    /// How many events there are, looked up without reading anything else; `None` if there is no store.
    pub(crate) async fn event_count(&self) -> Result<Option<u64>, Failure> {
        if !self.has_data().await? {
            return Ok(None);
        }
        let count = async {
            let opened = self.place.open(Purpose::Looking).await?;
            let health = opened.store.health().await;
            opened.close().await;
            Ok::<u64, StoreError>(health?.events)
        };
        match count.await {
            Ok(events) => Ok(Some(events)),
            // Whoever opens the store for reading sets that right, or says what is wrong.
            Err(error) if is_left_unfinished(error.kind()) => Ok(Some(u64::MAX)),
            Err(error) => Err(self.unusable(&error.into())),
        }
    }

    /// Whether there is a store, and a folder that could hold its key.
    async fn has_data(&self) -> Result<bool, Failure> {
        if matches!(self.place, Place::Redb(_)) && !is_folder(&self.folder)? {
            return Ok(false);
        }
        self.place.has_store().await
    }

    async fn open_with(
        &self,
        purpose: Purpose,
        key: MasterKey,
        hook: Option<Arc<Hook>>,
    ) -> Result<Session, OpenError> {
        let opened = self.place.open(purpose).await?;
        let mut builder = Kavach::builder(Arc::clone(&opened.store)).master_key(key);
        if let Some(hook) = hook {
            builder = builder.approval_listener(hook);
        }
        if self.place.is_shared() {
            builder = builder.shared(Sharing::default());
        }
        match builder.open().await {
            Ok(kavach) => Ok(Session {
                kavach: kavach.in_tenant(self.tenant),
                opened,
            }),
            Err(error) => {
                opened.close().await;
                Err(error)
            }
        }
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
pub(crate) fn is_left_unfinished(kind: &StoreErrorKind) -> bool {
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
