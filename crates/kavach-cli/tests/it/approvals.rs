//! Calls that wait for people, from the command line.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::mask::masked;
use crate::shell::{Ran, Shell};

const APPROVE: &str = "approve:app:kavach:approvals";
const PAY: [&str; 4] = ["authorize", "payer", "pay", "app:bank:acme"];
const ARGS: [&str; 2] = ["--context", r#"{"args":{"amount":100}}"#];
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Alice's payer, who needs this many people's yes, and Bob and Carol who may give it.
fn bank(needed: u8) -> Shell {
    let shell = Shell::new();
    let permission = format!("pay:app:bank:*?approve={needed}");
    let create = ["agent", "create", "payer", "--owner", "user:alice"];
    shell.ok(&[&create[..], &["--allow", &permission]].concat());
    for person in ["user:bob", "user:carol"] {
        shell.ok(&["owner", "grant", person, APPROVE]);
    }
    shell
}

/// The payment, as its exit code and its answer.
fn pay(shell: &Shell) -> (i32, Value) {
    answer(&shell.run(&[&PAY[..], &ARGS].concat()))
}

fn answer(ran: &Ran) -> (i32, Value) {
    (ran.code, serde_json::from_str(&ran.out).unwrap())
}

/// Asks for the payment; the id of what waits.
fn ask(shell: &Shell) -> String {
    let (code, answer) = pay(shell);
    assert_eq!((code, &answer["decision"]), (1, &json!("needs_approval")));
    answer["approval"].as_str().unwrap().to_owned()
}

#[test]
fn an_approved_call_goes_through_once() {
    let shell = bank(1);
    let id = ask(&shell);
    assert_eq!(ask(&shell), id);
    shell.ok(&["approval", "approve", &id, "--by", "user:bob"]);
    let (code, answer) = pay(&shell);
    assert_eq!((code, &answer["decision"]), (0, &json!("allow")));
    assert_eq!(answer["approval"], id);
    assert_ne!(ask(&shell), id);
}

#[test]
fn a_denied_call_stays_denied() {
    let shell = bank(1);
    let id = ask(&shell);
    shell.ok(&["approval", "deny", &id, "--by", "user:bob"]);
    let (code, answer) = pay(&shell);
    assert_eq!((code, &answer["reason"]), (1, &json!("approval_denied")));
    shell.check_refused(
        &["approval", "approve", &id, "--by", "user:carol"],
        1,
        "somebody said no",
    );
}

#[test]
fn what_people_see() {
    let shell = bank(2);
    let id = ask(&shell);
    let mut all = String::new();
    for line in [
        "approval list",
        "approval show ID",
        "approval approve ID --by user:bob --note fine",
        "approval approve ID --by user:bob",
        "approval approve ID --by user:alice",
        "approval approve ID --by bob",
        "approval approve apr_7 --by user:bob",
        "approval approve apr_01jd3v5q4cf7v8e9qk2m5x7y3z --by user:bob",
        "approval show apr_01jd3v5q4cf7v8e9qk2m5x7y3z",
        "approval deny ID --by user:carol --note suspicious",
        "approval list",
        "approval list --all",
        "approval show ID",
        "approval show ID --json",
        "owner show user:bob",
        "owner ungrant user:bob approve:app:kavach:approvals",
        "owner ungrant user:bob approve:app:kavach:approvals",
        "owner grant user:bob approve:app:kavach:approvals?rate=1/h",
        "owner grant service:bot approve:app:kavach:approvals",
        "owner grant user:bob approve:kavach:approvals?expires=2099-01-01T00:00:00Z read:app:x",
        "owner show user:bob --json",
        "owner show user:nobody",
        "--tenant ten_01jd3v5q4cf7v8e9qk2m5x7y3z approval list --all",
    ] {
        let words: Vec<&str> = line
            .split(' ')
            .map(|word| if word == "ID" { &id } else { word })
            .collect();
        let ran = shell.run(&words);
        let ending = format!("$ kavach {line}\n{}{}[{}]\n\n", ran.out, ran.err, ran.code);
        all.push_str(&ending.replace(&id, "ID"));
    }
    insta::assert_snapshot!(masked(&all));
}

#[test]
fn a_program_reads_lists_and_answers() {
    let shell = bank(2);
    assert_eq!(shell.json(&["approval", "list"]), json!([]));
    let id = ask(&shell);
    let list = shell.json(&["approval", "list"]);
    assert_eq!(list[0]["id"], id);
    assert_eq!(list[0]["line"], json!(["user:alice", "payer"]));
    assert_eq!(
        (&list[0]["has_args"], &list[0]["args"]),
        (&json!(true), &Value::Null)
    );
    let shown = shell.json(&["approval", "show", &id]);
    assert_eq!(shown["args"], json!({"amount": 100}));
    let voted = shell.json(&["approval", "approve", &id, "--by", "user:bob"]);
    assert_eq!(
        (&voted["state"], &voted["said_yes"]),
        (&json!("pending"), &json!(1))
    );
    let voted = shell.json(&["approval", "approve", &id, "--by", "user:carol"]);
    assert_eq!(voted["state"], "approved");
}

#[test]
fn a_declaration_lets_people_approve_and_takes_it_back() {
    let shell = bank(1);
    let owner = |permissions: &str| {
        format!("[[owner]]\nname = \"user:dora\"\npermissions = {permissions}\n")
    };
    shell.write("dora.toml", owner("[\"approve:app:kavach:approvals\"]"));
    let said = shell.ok(&["apply", "dora.toml"]);
    assert!(said.contains("owner user:dora"), "{said}");
    let again = shell.ok(&["apply", "dora.toml"]);
    assert!(!again.contains('+'), "{again}");
    let id = ask(&shell);
    shell.write("empty.toml", "");
    shell.ok(&["apply", "empty.toml"]);
    assert_eq!(
        shell.json(&["owner", "show", "user:dora"])["permissions"],
        json!([APPROVE])
    );
    shell.ok(&["apply", "empty.toml", "--prune"]);
    assert_eq!(
        shell.json(&["owner", "show", "user:dora"])["permissions"],
        json!([])
    );
    shell.check_refused(
        &["approval", "approve", &id, "--by", "user:dora"],
        1,
        "may not approve",
    );

    for (permissions, want) in [
        (
            "[\"approve:app:kavach:approvals?rate=1/h\"]",
            "cannot be held against a person",
        ),
        ("[\"nonsense\"]", "nonsense"),
    ] {
        shell.write("wrong.toml", owner(permissions));
        let ran = shell.run(&["apply", "wrong.toml"]);
        assert!(ran.code != 0 && ran.err.contains(want), "{}", ran.err);
        assert!(ran.err.contains("wrong.toml:3"), "{}", ran.err);
    }
}

/// A server on this machine that messages are sent to; it refuses them until it is told to be well.
///
/// It answers for as long as it lives: how often a command tries depends on how fast it closes.
struct Hearer {
    url: String,
    well: Arc<AtomicBool>,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Hearer {
    fn start() -> Self {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", server.local_addr().unwrap());
        let well = Arc::new(AtomicBool::new(false));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (now_well, hears) = (Arc::clone(&well), Arc::clone(&heard));
        // Ends with the process.
        std::thread::spawn(move || {
            for stream in server.incoming() {
                let mut stream = stream.unwrap();
                let text = read(&mut stream);
                let status = if now_well.load(Ordering::SeqCst) {
                    hears.lock().unwrap().push(text);
                    "200 OK"
                } else {
                    "503 Service Unavailable"
                };
                let answer =
                    format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                // Whoever waited too long for it is gone.
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { url, well, heard }
    }
}

fn read(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).unwrap();
        bytes.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let ended = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            body.len() >= length.unwrap().parse().unwrap()
        });
        if ended {
            return text;
        }
        assert_ne!(read, 0, "the message ends in the middle");
    }
}

fn told(shell: &Shell, url: &str, arguments: &[&str]) -> Command {
    let mut command = shell.command(arguments);
    command
        .env("KAVACH_APPROVAL_WEBHOOK", url)
        .env("KAVACH_APPROVAL_WEBHOOK_SECRET", SECRET);
    command
}

#[test]
fn a_webhook_is_told_and_what_it_missed_is_sent_again() {
    let shell = bank(1);
    let hearer = Hearer::start();
    let ran = Ran::of(
        told(&shell, &hearer.url, &[&PAY[..], &ARGS].concat())
            .output()
            .unwrap(),
    );
    assert_eq!(
        ran.code, 1,
        "the answer is as it would be without: {}",
        ran.out
    );
    // On a machine that is busy it may take longer than somebody waits for an answer: missed is missed.
    let missed = [
        "the webhook answered 503",
        "the webhook did not answer in time",
    ];
    assert!(
        missed.iter().any(|why| ran.err.contains(why)),
        "{}",
        ran.err
    );

    let id = answer(&ran).1["approval"].as_str().unwrap().to_owned();
    hearer.well.store(true, Ordering::SeqCst);
    let approve = [
        "approval",
        "approve",
        &id,
        "--by",
        "user:bob",
        "--approval-webhook",
        &hearer.url,
    ];
    let mut command = shell.command(&approve);
    // The secret in a file that only its owner may read.
    let secret = "kavach-data/webhook.secret";
    shell.write(secret, SECRET);
    private(&shell, secret);
    let ran = Ran::of(command.output().unwrap());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let heard = hearer.heard.lock().unwrap();
    // A message whose sender gave up waiting may be heard late, before it is sent again.
    let [again @ .., decided] = &heard[..] else {
        panic!("nothing was heard");
    };
    assert!(!again.is_empty(), "{heard:?}");
    for again in again {
        assert!(again.contains("\"approval.requested\""), "{again}");
    }
    assert!(decided.contains("\"approval.decided\""), "{decided}");
    assert!(decided.contains("webhook-signature: v1,"), "{decided}");
}

#[cfg(unix)]
fn private(shell: &Shell, name: &str) {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(shell.path(name), mode).unwrap();
}

#[cfg(not(unix))]
fn private(_: &Shell, _: &str) {}

#[test]
fn a_webhook_that_cannot_be_is_told_before_anything_is_done() {
    let shell = bank(1);
    let before = shell.trail().len();
    let run = |url: &str, secret: Option<&str>| {
        let mut command = shell.command(&[&PAY[..], &["--approval-webhook", url]].concat());
        if let Some(secret) = secret {
            command.env("KAVACH_APPROVAL_WEBHOOK_SECRET", secret);
        }
        Ran::of(command.output().unwrap())
    };
    for (url, secret, want) in [
        ("http://example.com/", Some(SECRET), "unencrypted"),
        ("example.com", Some(SECRET), "is not a URL"),
        (
            "http://localhost/",
            Some("whsec_short"),
            "KAVACH_APPROVAL_WEBHOOK_SECRET: this is not",
        ),
        ("http://localhost/", None, "need a secret"),
        ("http://localhost/", Some(""), "need a secret"),
    ] {
        let ran = run(url, secret);
        assert_eq!(ran.code, 2, "{url}: {}", ran.out);
        assert!(ran.err.contains(want), "{url}: {}", ran.err);
        assert!(!ran.err.contains("whsec_short"));
    }
    #[cfg(unix)]
    {
        shell.write("kavach-data/webhook.secret", SECRET);
        let ran = run("http://localhost/", None);
        assert!(
            ran.code == 2 && ran.err.contains("others may read"),
            "{}",
            ran.err
        );
    }
    assert_eq!(shell.trail().len(), before);
    // Where nothing is changed, nobody is told, and no secret is needed.
    shell.ok(&[
        "approval",
        "list",
        "--approval-webhook",
        "http://localhost/",
    ]);
}

#[test]
fn of_many_processes_that_use_one_approval_one_gets_through() {
    let shell = bank(1);
    let id = ask(&shell);
    shell.ok(&["approval", "approve", &id, "--by", "user:bob"]);
    let arguments = [&PAY[..], &ARGS].concat();
    let runs: Vec<_> = (0..8)
        .map(|_| {
            let mut command = shell.command(&arguments);
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    let codes: Vec<i32> = runs
        .into_iter()
        .map(|run| Ran::of(run.wait_with_output().unwrap()).code)
        .collect();
    // Two cannot have the file at once: those that came too early are told so, and end with 2.
    assert_eq!(
        codes.iter().filter(|code| **code == 0).count(),
        1,
        "{codes:?}"
    );
    assert_ne!(ask(&shell), id);
}
