//! A way to the server that is cut off after so many messages.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

/// Passes everything on, until it is told to stop.
pub(crate) struct Proxy {
    folder: tempfile::TempDir,
    left: Arc<AtomicI64>,
    dead: watch::Sender<bool>,
}

impl Proxy {
    /// A socket beside the one in `server`.
    pub(crate) fn start(server: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(socket(folder.path())).unwrap();
        let (dead, is_dead) = watch::channel(false);
        let proxy = Self {
            folder,
            left: Arc::new(AtomicI64::new(i64::MAX)),
            dead: dead.clone(),
        };
        let (left, server) = (Arc::clone(&proxy.left), socket(server));
        tokio::spawn(async move {
            let mut stop = is_dead.clone();
            loop {
                let client = tokio::select! {
                    accepted = listener.accept() => accepted.unwrap().0,
                    _ = stop.wait_for(|dead| *dead) => return,
                };
                let line = Line {
                    left: Arc::clone(&left),
                    dead: dead.clone(),
                };
                let server = UnixStream::connect(&server).await.unwrap();
                tokio::spawn(line.pass(client, server, is_dead.clone()));
            }
        });
        proxy
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Dies at the k-th message from now on: at an even one before it is passed on, at an odd one when
    /// the answer to it comes back.
    pub(crate) fn die_at(&self, moment: u64) {
        self.left
            .store(i64::try_from(moment).unwrap(), Ordering::SeqCst);
    }

    /// Cuts all lines now.
    pub(crate) fn die(&self) {
        self.dead.send_replace(true);
    }
}

fn socket(folder: &Path) -> PathBuf {
    folder.join(".s.PGSQL.5432")
}

/// One connection.
struct Line {
    left: Arc<AtomicI64>,
    dead: watch::Sender<bool>,
}

impl Line {
    async fn pass(
        self,
        client: UnixStream,
        server: UnixStream,
        mut is_dead: watch::Receiver<bool>,
    ) {
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let there = async {
            let mut bytes = vec![0; 64 * 1024];
            while let Ok(len @ 1..) = from_client.read(&mut bytes).await {
                if self.strikes() || to_server.write_all(&bytes[..len]).await.is_err() {
                    return;
                }
            }
        };
        let back = async {
            let mut bytes = vec![0; 64 * 1024];
            while let Ok(len @ 1..) = from_server.read(&mut bytes).await {
                if self.strikes() || to_client.write_all(&bytes[..len]).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = there => {}
            () = back => {}
            _ = is_dead.wait_for(|dead| *dead) => {}
        }
    }

    /// Whether this message is the one.
    fn strikes(&self) -> bool {
        if self.left.load(Ordering::SeqCst) == i64::MAX {
            return false;
        }
        let strikes = self.left.fetch_sub(1, Ordering::SeqCst) <= 0;
        if strikes {
            self.dead.send_replace(true);
        }
        strikes
    }
}
