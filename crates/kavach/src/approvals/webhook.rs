//! Telling another server about approvals: signed messages, as Standard Webhooks 1.0 describes them.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, USER_AGENT};
use hyper::{Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::listener::{ApprovalListener, NotDelivered};
use super::request::ApprovalRequest;
use crate::clock::{Clock, SystemClock};

mod body;
#[cfg(test)]
mod tests;

/// What stands before a secret.
const SECRET_PREFIX: &str = "whsec_";
/// How long one attempt may take, from the connection to the answer's head.
const ATTEMPT: Duration = Duration::from_secs(5);

/// A secret that messages are signed with. Neither printed nor compared, and wiped from memory when dropped.
pub struct WebhookSecret(Zeroizing<Vec<u8>>);

/// Text that is not a secret for webhooks. Does not repeat it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("this is not a webhook secret: write `whsec_` and 24 to 64 random bytes in base64")]
#[non_exhaustive]
pub struct NotAWebhookSecret;

impl WebhookSecret {
    /// The secret written as `whsec_` and 24 to 64 bytes in base64; white space around it is ignored, so that
    /// the last line break of a file does no harm.
    ///
    /// # Errors
    /// If it is not that.
    pub fn parse(text: &str) -> Result<Self, NotAWebhookSecret> {
        let encoded = text
            .trim_ascii()
            .strip_prefix(SECRET_PREFIX)
            .ok_or(NotAWebhookSecret)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| NotAWebhookSecret)?;
        let bytes = Zeroizing::new(bytes);
        if !(24..=64).contains(&bytes.len()) {
            return Err(NotAWebhookSecret);
        }
        Ok(Self(bytes))
    }

    /// The signature of a message, as it stands in the header.
    fn sign(&self, id: &str, at_s: i64, body: &str) -> Result<String, NotDelivered> {
        let mac = Hmac::<Sha256>::new_from_slice(&self.0);
        let mac = mac.map_err(|error| NotDelivered(error.to_string()))?;
        let mac = mac.chain_update(format!("{id}.{at_s}.")).chain_update(body);
        Ok(format!(
            "v1,{}",
            STANDARD.encode(mac.finalize().into_bytes())
        ))
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(..)")
    }
}

/// A webhook that cannot be.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAWebhook {
    /// The text is no absolute URL, or has a user name, or names no host.
    #[error("`{0}` is not a URL for a webhook; write `https://HOST/PATH`, without a user name")]
    Url(String),
    /// It would go over the network unencrypted.
    #[error(
        "`{0}` would be sent unencrypted; write `https://`, or `http://` to this machine (localhost)"
    )]
    Unencrypted(String),
    /// There are no certificates to check the server's by.
    #[error(
        "no certificates of this machine can be used ({0}); install some, or set SSL_CERT_FILE"
    )]
    Certificates(String),
}

/// Sends news of approvals to a URL, signed.
///
/// Each message is a `POST` of JSON, `{"type": "approval.requested", "timestamp": …, "data": {…}}` or
/// `approval.decided`, with the headers `webhook-id`, `webhook-timestamp` and `webhook-signature` of Standard
/// Webhooks 1.0. The id stays the same when a message is sent again. Any answer of 200 to 299 within five
/// seconds means that it arrived; redirects are not followed.
///
/// The message holds the arguments of the call, so that people see what they say yes to.
#[derive(Debug)]
pub struct Webhook {
    url: Uri,
    secret: WebhookSecret,
    clock: Arc<dyn Clock>,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Webhook {
    /// Messages to `url`, signed with `secret`. Certificates are checked by those of this machine.
    ///
    /// # Errors
    /// If the URL is none, or is not `https` and not of this machine.
    pub fn new(url: &str, secret: WebhookSecret) -> Result<Self, NotAWebhook> {
        let shown = || kavach_audit::shown(url).to_string();
        let parsed: Uri = url.parse().map_err(|_| NotAWebhook::Url(shown()))?;
        let authority = parsed
            .authority()
            .filter(|part| !part.as_str().contains('@'));
        let host = authority.map(|authority| authority.host().to_owned());
        let host = host.filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| NotAWebhook::Url(shown()))?;
        let connector = match parsed.scheme_str() {
            Some("https") => checked_connector()?,
            Some("http") if is_loopback(&host) => open_connector()?,
            Some("http") => return Err(NotAWebhook::Unencrypted(shown())),
            _ => return Err(NotAWebhook::Url(shown())),
        };
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build(connector);
        Ok(Self {
            url: parsed,
            secret,
            clock: Arc::new(SystemClock),
            client,
        })
    }

    /// Takes the time that messages are signed at from `clock` instead of from the machine.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    async fn send(&self, kind: &str, request: &ApprovalRequest) -> Result<(), NotDelivered> {
        let now = self.clock.now();
        // Without a full stop, which separates the parts that are signed.
        let id = format!("{}_{kind}_{}", request.id, request.state);
        let body = body::of(kind, request, now);
        let signature = self.secret.sign(&id, now.as_s(), &body)?;
        let message = Request::post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("kavach/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", id)
            .header("webhook-timestamp", now.as_s())
            .header("webhook-signature", signature)
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| NotDelivered(error.to_string()))?;
        let answer = tokio::time::timeout(ATTEMPT, self.client.request(message)).await;
        let answer = answer
            .map_err(|_| NotDelivered("the webhook did not answer in time".to_owned()))?
            .map_err(|error| NotDelivered(format!("the webhook cannot be reached: {error}")))?;
        // What it says besides is not read.
        match answer.status() {
            status if status.is_success() => Ok(()),
            status => Err(NotDelivered(format!("the webhook answered {status}"))),
        }
    }
}

#[async_trait]
impl ApprovalListener for Webhook {
    async fn requested(&self, request: &ApprovalRequest) -> Result<(), NotDelivered> {
        self.send("requested", request).await
    }

    async fn decided(&self, request: &ApprovalRequest) -> Result<(), NotDelivered> {
        self.send("decided", request).await
    }
}

/// Whether the host is this machine: `localhost` (RFC 6761 section 6.3) or a loopback address.
fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Speaks TLS only, and checks certificates by those of this machine.
fn checked_connector() -> Result<HttpsConnector<HttpConnector>, NotAWebhook> {
    let builder = HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(provider())
        .map_err(|error| NotAWebhook::Certificates(error.to_string()))?;
    Ok(builder.https_only().enable_http1().build())
}

/// Speaks to this machine without TLS; trusts no certificate at all.
fn open_connector() -> Result<HttpsConnector<HttpConnector>, NotAWebhook> {
    let config = rustls::ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| NotAWebhook::Certificates(error.to_string()))?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let builder = HttpsConnectorBuilder::new().with_tls_config(config);
    Ok(builder.https_or_http().enable_http1().build())
}
