//! Where news of approvals goes: a URL, and the secret that messages are signed with.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use kavach::{ApprovalListener, ApprovalRequest, NotDelivered, Webhook, WebhookSecret};
use zeroize::Zeroizing;

use crate::data::{shown_path, unreadable};
use crate::failure::Failure;
use crate::limits::WEBHOOK_SECRET_BYTES_MAX;
use crate::master_key::check_private;

/// The secret, where no file holds it.
const SECRET_VARIABLE: &str = "KAVACH_APPROVAL_WEBHOOK_SECRET";
/// The file that holds it otherwise, in the data folder.
const SECRET_FILE: &str = "webhook.secret";

/// A webhook that remembers what kept it from being reached.
#[derive(Debug)]
pub(crate) struct Hook {
    webhook: Webhook,
    failed: Mutex<Option<String>>,
}

impl Hook {
    /// The webhook at `url`, with the secret that the environment names, or else the data folder.
    pub(crate) fn new(url: &str, folder: &Path) -> Result<Arc<Self>, Failure> {
        let webhook = Webhook::new(url, secret(folder)?);
        let webhook = webhook.map_err(|error| Failure::error(error.to_string()))?;
        Ok(Arc::new(Self {
            webhook,
            failed: Mutex::new(None),
        }))
    }

    /// Why the last message was not delivered, if it was not.
    pub(crate) fn failed(&self) -> Option<String> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.clone()
    }

    fn remember(&self, told: Result<(), NotDelivered>) -> Result<(), NotDelivered> {
        let words = told.as_ref().err().map(ToString::to_string);
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = words;
        told
    }
}

#[async_trait]
impl ApprovalListener for Hook {
    async fn requested(&self, request: &ApprovalRequest) -> Result<(), NotDelivered> {
        self.remember(self.webhook.requested(request).await)
    }

    async fn decided(&self, request: &ApprovalRequest) -> Result<(), NotDelivered> {
        self.remember(self.webhook.decided(request).await)
    }
}

fn secret(folder: &Path) -> Result<WebhookSecret, Failure> {
    let named = std::env::var(SECRET_VARIABLE).map(Zeroizing::new);
    if let Some(text) = named.ok().filter(|text| !text.is_empty()) {
        return WebhookSecret::parse(&text)
            .map_err(|error| Failure::error(format!("{SECRET_VARIABLE}: {error}")));
    }
    let path = folder.join(SECRET_FILE);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Failure::error(format!(
                "messages to the webhook need a secret to be signed with; put it into {SECRET_VARIABLE}, or \
                 into `{}`",
                shown_path(&path)
            )));
        }
        Err(error) => return Err(unreadable(&path, &error)),
    };
    check_private(&path, &file, ("secret", "use another one"))?;
    let mut text = Zeroizing::new(String::new());
    match file
        .take(WEBHOOK_SECRET_BYTES_MAX)
        .read_to_string(&mut text)
    {
        Ok(_) => {}
        // The bytes are not text, and are not repeated.
        Err(error) if error.kind() == io::ErrorKind::InvalidData => text.clear(),
        Err(error) => return Err(unreadable(&path, &error)),
    }
    WebhookSecret::parse(&text)
        .map_err(|error| Failure::error(format!("`{}`: {error}", shown_path(&path))))
}
