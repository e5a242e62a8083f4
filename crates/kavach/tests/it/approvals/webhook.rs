//! News to a real server on this machine.

use std::sync::Arc;

use kavach::store::Space;
use kavach::{Kavach, ManualClock, MemoryStore, Webhook, WebhookSecret};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{APPROVE, call};
use crate::world::{NOW, new_agent, scan, subject, time};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A message as it came over the wire.
struct Message {
    head: String,
    body: String,
}

impl Message {
    fn header(&self, name: &str) -> &str {
        let line = self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        });
        line.unwrap()
    }

    /// Checks the signature as a receiver would, with code of its own, and reads the body.
    fn verified(&self) -> Value {
        use base64::Engine as _;
        use base64::engine::general_purpose::STANDARD;
        use hmac::{Hmac, KeyInit, Mac};

        let key = STANDARD
            .decode(SECRET.trim_start_matches("whsec_"))
            .unwrap();
        let (id, at) = (self.header("webhook-id"), self.header("webhook-timestamp"));
        let signed = format!("{id}.{at}.{}", self.body);
        let given = self
            .header("webhook-signature")
            .strip_prefix("v1,")
            .unwrap();
        let mac = Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap();
        mac.chain_update(signed)
            .verify_slice(&STANDARD.decode(given).unwrap())
            .unwrap();
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A server that answers each message with the next of these.
struct Server(TcpListener);

impl Server {
    async fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    fn url(&self) -> String {
        format!("http://{}/hook?team=pay", self.0.local_addr().unwrap())
    }

    async fn next(&self, answer: &str) -> Message {
        let (mut stream, _) = self.0.accept().await.unwrap();
        let message = read(&mut stream).await;
        let answer = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        message
    }
}

async fn read(stream: &mut TcpStream) -> Message {
    let mut bytes = Vec::new();
    let end = loop {
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).await.unwrap();
        assert_ne!(read, 0, "the message ends in the middle");
        bytes.extend_from_slice(&buffer[..read]);
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut message = Message {
        head,
        body: String::new(),
    };
    let length: usize = message.header("content-length").parse().unwrap();
    while bytes.len() < end + length {
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).await.unwrap();
        bytes.extend_from_slice(&buffer[..read]);
    }
    message.body = String::from_utf8(bytes[end..].to_vec()).unwrap();
    message
}

struct Node {
    kavach: Kavach,
    store: MemoryStore,
}

async fn node(store: MemoryStore, url: &str) -> Node {
    let clock: Arc<ManualClock> = Arc::new(ManualClock::new(time(NOW)));
    let secret = WebhookSecret::parse(SECRET).unwrap();
    let webhook = Webhook::new(url, secret)
        .unwrap()
        .clock(Arc::clone(&clock) as _);
    let kavach = Kavach::builder(store.clone())
        .clock(clock)
        .approval_listener(Arc::new(webhook))
        .open()
        .await
        .unwrap();
    Node { kavach, store }
}

async fn ask(kavach: &Kavach) -> kavach::ApprovalId {
    let new = new_agent("user:alice", "payer", &["pay:app:bank:*?approve"]);
    let payer = kavach.create_agent(new).await.unwrap();
    let granted = kavach
        .grant_owner(&subject("user:bob"), &[APPROVE.parse().unwrap()])
        .await;
    granted.unwrap();
    let mut call = call(payer.id, "pay app:bank:acme", json!({"amount": 100}));
    call.context.cost = Some(u64::MAX);
    kavach.authorize_call(call).await.unwrap().approval.unwrap()
}

#[tokio::test]
async fn a_message_is_signed_and_says_what_is_asked() {
    let server = Server::new().await;
    let Node { kavach, store } = node(MemoryStore::new(), &server.url()).await;
    let id = ask(&kavach).await;
    let message = server.next("204 No Content").await;
    assert!(message.head.starts_with("POST /hook?team=pay HTTP/1.1\r\n"));
    assert_eq!(message.header("content-type"), "application/json");
    assert_eq!(
        message.header("webhook-id"),
        format!("{id}_requested_pending")
    );
    assert_eq!(
        message.header("webhook-timestamp"),
        time(NOW).as_s().to_string()
    );
    let body = message.verified();
    assert_eq!(body["type"], "approval.requested");
    assert_eq!(body["timestamp"], NOW);
    let data = &body["data"];
    assert_eq!(data["id"], id.to_string());
    assert_eq!(data["state"], "pending");
    assert_eq!(data["owner_name"], "user:alice");
    assert_eq!(data["line"][0]["name"], "payer");
    assert_eq!(data["action"], "pay");
    assert_eq!(data["resource"], "app:bank:acme");
    assert_eq!(data["args"], json!({"amount": 100}));
    assert_eq!(data["cost"], u64::MAX.to_string());
    assert_eq!((&data["needed"], &data["said_yes"]), (&json!(1), &json!(0)));

    let bob = subject("user:bob");
    let note = Some("between us");
    kavach.grant_approval(&id, &bob, note).await.unwrap();
    let message = server.next("200 OK").await;
    assert_eq!(
        message.header("webhook-id"),
        format!("{id}_decided_approved")
    );
    let body = message.verified();
    assert_eq!(body["data"]["votes"][0]["name"], "user:bob");
    assert!(!message.body.contains("between us"));
    kavach.close().await;
    assert!(
        scan(&store, Space::quiet("approval_notice"))
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn what_was_not_taken_is_sent_again_under_the_same_id() {
    // A server that fails, one that sends elsewhere, and one that is content.
    let server = Server::new().await;
    let Node { kavach, store } = node(MemoryStore::new(), &server.url()).await;
    let asked = tokio::spawn(async move {
        let id = ask(&kavach).await;
        (id, kavach)
    });
    let first = server.next("500 Internal Server Error").await;
    let (id, kavach) = asked.await.unwrap();
    assert_eq!(
        first.header("webhook-id"),
        format!("{id}_requested_pending")
    );
    let closing = tokio::spawn(async move { kavach.close().await });
    closing.await.unwrap();
    assert_eq!(scan(&store, Space::quiet("approval_notice")).await.len(), 1);

    let again = node(store.clone(), &server.url()).await;
    let elsewhere = server
        .next("307 Temporary Redirect\r\nlocation: http://127.0.0.1:9/")
        .await;
    assert_eq!(elsewhere.header("webhook-id"), first.header("webhook-id"));
    again.kavach.close().await;
    assert_eq!(
        scan(&store, Space::quiet("approval_notice")).await.len(),
        1,
        "not followed"
    );

    let again = node(store.clone(), &server.url()).await;
    let last = server.next("202 Accepted").await;
    last.verified();
    again.kavach.close().await;
    assert!(
        scan(&store, Space::quiet("approval_notice"))
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn where_nobody_answers_calls_are_decided_all_the_same() {
    let server = Server::new().await;
    let url = server.url();
    drop(server);
    let Node { kavach, store } = node(MemoryStore::new(), &url).await;
    let id = ask(&kavach).await;
    kavach
        .grant_approval(&id, &subject("user:bob"), None)
        .await
        .unwrap();
    kavach.close().await;
    assert_eq!(scan(&store, Space::quiet("approval_notice")).await.len(), 2);
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_gets_nothing_over_https() {
    let server = Server::new().await;
    let url = server.url().replace("http://", "https://");
    let Node { kavach, store } = node(MemoryStore::new(), &url).await;
    ask(&kavach).await;
    let (mut stream, _) = server.0.accept().await.unwrap();
    let mut first = [0; 1];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(first, [22], "a TLS handshake, and no message in clear");
    drop(stream);
    kavach.close().await;
    assert_eq!(scan(&store, Space::quiet("approval_notice")).await.len(), 1);
}
