//! `kavach token`, `kavach keys`, `kavach agent key`, and calls that are made with tokens.
//!
//! In one file, though a long one: nearly every test goes the same way from a key to a presentation.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::mask::masked;
use crate::shell::{Ran, Shell};

const SERVICE: &str = "https://files.example";
const READ: [&str; 2] = ["read", "mcp:github:issues"];

/// A planner with a registered key, and its token in `planner.token`.
fn with_planner() -> Shell {
    let shell = Shell::new();
    let allow = ["--allow", "read,comment:mcp:github:*"];
    shell.ok(&[
        &["agent", "create", "planner", "--owner", "user:alice"][..],
        &allow,
    ]
    .concat());
    shell.ok(&["token", "key", "planner.pem", "--new"]);
    shell.ok(&["agent", "key", "add", "planner", "--key", "planner.pem"]);
    let minted = shell.ok(&["token", "mint", "planner", "--audience", SERVICE]);
    assert!(minted.starts_with("kv1."), "{minted}");
    shell.write("planner.token", minted);
    shell
}

/// Passes the planner's token on to a helper of this name, for whom a key is made.
fn pass(shell: &Shell, name: &str, more: &[&str]) {
    let file = format!("{name}.pem");
    let key = shell.ok(&["token", "key", &file, "--new"]);
    let to = ["--to", key.trim(), "--name", name, "--key", "planner.pem"];
    let passed = shell.ok(&[&["token", "delegate", "planner.token"][..], &to, more].concat());
    shell.write(&format!("{name}.token"), passed);
}

/// A presentation of `READ` in `file`.
fn invoke(shell: &Shell, who: &str, file: &str) {
    let (token, key) = (format!("{who}.token"), format!("{who}.pem"));
    let arguments = ["token", "invoke", &token, READ[0], READ[1]];
    let made = shell.ok(&[&arguments[..], &["--key", &key, "--audience", SERVICE]].concat());
    shell.write(file, made);
}

fn authorize(shell: &Shell, file: &str) -> (i32, Value) {
    let arguments = ["authorize", READ[0], READ[1], "--presentation", file];
    let ran = shell.run(&[&arguments[..], &["--audience", SERVICE, "--json"]].concat());
    (ran.code, serde_json::from_str(&ran.out).unwrap())
}

fn verify(shell: &Shell, file: &str, more: &[&str]) -> Ran {
    let arguments = [
        "token",
        "verify",
        file,
        READ[0],
        READ[1],
        "--audience",
        SERVICE,
    ];
    shell.run(&[&arguments[..], &["--keys", "keys.json"], more].concat())
}

fn publish(shell: &Shell) {
    shell.write("keys.json", shell.ok(&["keys", "export"]));
    shell.write("revoked.jws", shell.ok(&["token", "revocations"]));
}

const LISTED: [&str; 2] = ["--revocations", "revoked.jws"];

#[test]
fn the_readmes_commands_do_what_it_says() {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let (_, section) = readme
        .split_once("## Pass permissions on without asking")
        .unwrap();
    let (_, script) = section.split_once("```sh\n").unwrap();
    let (script, _) = script.split_once("```").unwrap();
    let shell = Shell::new();
    let mut sh = Command::new("sh");
    sh.args(["-e", "-c", script]);
    let binary = Path::new(env!("CARGO_BIN_EXE_kavach"));
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", binary.parent().unwrap().display());
    let ran = Ran::of(shell.at_home(sh).env("PATH", path).output().unwrap());
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    for (want, times) in [("\"decision\":\"allow\"", 2), ("\"decision\":\"deny\"", 1)] {
        assert_eq!(ran.out.matches(want).count(), times, "{want}: {}", ran.out);
    }
    assert!(
        ran.out.contains("\"token_refusal\":\"replayed\""),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("revoked block:"), "{}", ran.out);
    assert!(
        ran.out.contains("with a token that was passed on to key "),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("to look at issues"), "{}", ran.out);
}

#[test]
fn a_presentation_is_decided_once_and_its_refusal_says_why() {
    let shell = with_planner();
    pass(&shell, "helper", &["--allow", "read:mcp:github:*"]);
    invoke(&shell, "helper", "call.txt");
    let (code, answer) = authorize(&shell, "call.txt");
    assert_eq!((code, &answer["decision"]), (0, &"allow".into()));
    assert_eq!(answer["holders"].as_array().unwrap().len(), 2);
    let (code, answer) = authorize(&shell, "call.txt");
    assert_eq!(code, 1);
    assert_eq!(answer["reason"], "token_refused");
    assert_eq!(answer["token_refusal"], "replayed");
    invoke(&shell, "helper", "other.txt");
    let ran = shell.run(&[
        "authorize",
        "read",
        "mcp:github:repos",
        "--presentation",
        "other.txt",
        "--audience",
        SERVICE,
    ]);
    assert!(
        ran.out.contains("\"token_refusal\":\"call\""),
        "{}",
        ran.out
    );
    let piped = fs::read(shell.path("other.txt")).unwrap();
    let arguments = [
        "authorize",
        READ[0],
        READ[1],
        "--presentation",
        "-",
        "--audience",
        SERVICE,
    ];
    let ran = shell.feed(&arguments, piped);
    assert!(
        ran.out.contains("\"decision\":\"allow\""),
        "{}{}",
        ran.out,
        ran.err
    );
}

#[test]
fn a_presentation_needs_its_parts() {
    let shell = with_planner();
    invoke(&shell, "planner", "call.txt");
    for (arguments, want) in [
        (
            &[
                "authorize",
                "read",
                "mcp:github:issues",
                "--presentation",
                "call.txt",
            ][..],
            "--audience",
        ),
        (
            &[
                "authorize",
                "planner",
                "read",
                "mcp:github:issues",
                "--presentation",
                "call.txt",
                "--audience",
                SERVICE,
            ],
            "the presentation says who calls",
        ),
        (
            &["authorize", "planner", "read"],
            "name an agent, an action and a resource",
        ),
        (
            &[
                "authorize",
                "read",
                "mcp:github:issues",
                "--presentation",
                "planner.token",
                "--audience",
                SERVICE,
            ],
            "is not a presentation",
        ),
        (
            &[
                "authorize",
                "read",
                "mcp:github:issues",
                "--presentation",
                "none.txt",
                "--audience",
                SERVICE,
            ],
            "cannot be read",
        ),
    ] {
        shell.check_refused(arguments, 2, want);
    }
}

#[test]
fn verifying_needs_no_store_and_exits_as_authorize_does() {
    let shell = with_planner();
    pass(&shell, "helper", &[]);
    invoke(&shell, "helper", "call.txt");
    publish(&shell);
    fs::rename(shell.path("kavach-data"), shell.path("elsewhere")).unwrap();
    let ran = verify(&shell, "call.txt", &LISTED);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
    let answer: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(answer["decision"], "allow");
    // It remembers nothing, and says so in its help.
    assert_eq!(verify(&shell, "call.txt", &LISTED).code, 0);
    assert!(!shell.path("kavach-data").exists());
    // No word about revocation is no answer.
    let ran = verify(&shell, "call.txt", &[]);
    assert_eq!(ran.code, 2);
    assert_eq!(
        verify(&shell, "call.txt", &["--danger-ignore-revocations"]).code,
        0
    );
    for (file, more, want) in [
        ("helper.token", &[][..], "is not a presentation"),
        ("call.txt", &["--fresh", "0s"], "revocation_stale"),
        ("call.txt", &["--floor", "2"], "older than version 2"),
    ] {
        let ran = verify(&shell, file, &[&LISTED[..], more].concat());
        assert!(
            ran.code > 0 && (ran.err.contains(want) || ran.out.contains(want)),
            "{}{}",
            ran.out,
            ran.err
        );
    }
    let other = [
        "token",
        "verify",
        "call.txt",
        "write",
        "mcp:github:issues",
        "--audience",
        SERVICE,
    ];
    let ran = shell.run(
        &[
            &other[..],
            &["--keys", "keys.json", "--danger-ignore-revocations"],
        ]
        .concat(),
    );
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("\"reason\":\"call\""), "{}", ran.out);
}

#[test]
fn what_is_revoked_is_refused_here_and_by_whoever_reads_the_list() {
    let shell = with_planner();
    pass(&shell, "helper", &[]);
    pass(&shell, "other", &[]);
    for who in ["planner", "helper", "other"] {
        invoke(&shell, who, &format!("{who}.txt"));
    }
    publish(&shell);
    assert_eq!(verify(&shell, "helper.txt", &LISTED).code, 0);
    let revoked = shell.json(&["token", "revoke", "--from", "helper.token"]);
    let what = revoked["revoked"].as_str().unwrap();
    assert!(what.starts_with("block:"), "{what}");
    shell.check_refused_again(&["token", "revoke", what], "already");
    publish(&shell);
    assert_eq!(verify(&shell, "helper.txt", &LISTED).code, 1);
    assert_eq!(
        authorize(&shell, "helper.txt").1["token_refusal"],
        "revoked"
    );
    assert_eq!(verify(&shell, "other.txt", &LISTED).code, 0);
    // The planner's key, and with it all of them.
    let keys = shell.json(&["agent", "key", "list", "planner"]);
    let key = keys[0]["key"].as_str().unwrap();
    shell.ok(&["agent", "key", "remove", "planner", key]);
    publish(&shell);
    for who in ["planner", "other"] {
        let file = format!("{who}.txt");
        assert_eq!(verify(&shell, &file, &LISTED).code, 1);
        assert_eq!(authorize(&shell, &file).0, 1);
    }
    let list = shell.json(&["token", "revocations"]);
    assert_eq!((&list["version"], &list["entries"]), (&3.into(), &2.into()));
    assert_eq!(shell.run(&["token", "revoke", "block:12"]).code, 2);
    let ran = shell.run(&["token", "revoke", "--from", "other.token", "--hop", "2"]);
    assert!(
        ran.code == 2 && ran.err.contains("holders 0 to 1"),
        "{}",
        ran.err
    );
}

#[test]
fn a_key_is_made_once_for_its_owner_alone() {
    let shell = Shell::new();
    let key = shell.json(&["token", "key", "a.pem", "--new"]);
    let mode = fs::metadata(shell.path("a.pem"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let pem = fs::read_to_string(shell.path("a.pem")).unwrap();
    let ran = shell.run(&["token", "key", "a.pem", "--new"]);
    assert!(
        ran.code == 2 && ran.err.contains("is there already"),
        "{}",
        ran.err
    );
    assert_eq!(fs::read_to_string(shell.path("a.pem")).unwrap(), pem);
    assert_eq!(shell.json(&["token", "key", "a.pem"])["key"], key["key"]);
    let body = pem.lines().nth(1).unwrap();
    let told = shell.run(&["token", "key", "a.pem", "--for", "a name with blanks"]);
    assert!(told.code == 2 && !told.err.contains(body), "{}", told.err);

    fs::set_permissions(shell.path("a.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    let ran = shell.run(&["token", "key", "a.pem"]);
    assert!(
        ran.code == 2 && ran.err.contains("chmod 600"),
        "{}",
        ran.err
    );
    fs::set_permissions(shell.path("a.pem"), fs::Permissions::from_mode(0o600)).unwrap();
    for (text, want) in [
        (
            pem.replace("PRIVATE", "PUBLIC"),
            "is not an Ed25519 secret key",
        ),
        (
            pem.replace(body, &body[..40]),
            "is not an Ed25519 secret key",
        ),
        (String::new(), "is not an Ed25519 secret key"),
        (format!("{pem}{pem}"), "is not an Ed25519 secret key"),
    ] {
        fs::write(shell.path("a.pem"), text).unwrap();
        let ran = shell.run(&["token", "key", "a.pem"]);
        assert!(ran.code == 2 && ran.err.contains(want), "{}", ran.err);
        assert!(
            !ran.err.contains(&body[20..]),
            "the key is told: {}",
            ran.err
        );
    }
    let ran = shell.run(&["token", "key", "none.pem"]);
    assert!(ran.code == 2 && ran.err.contains("--new"), "{}", ran.err);
}

#[test]
fn openssl_reads_the_key_if_it_is_there() {
    let shell = Shell::new();
    let key = shell.ok(&["token", "key", "a.pem", "--new"]);
    let mut openssl = Command::new("openssl");
    openssl.args(["pkey", "-in", "a.pem", "-pubout", "-outform", "DER"]);
    // Not a skip: what is looked at without it, the other tests look at.
    let Ok(output) = shell.at_home(openssl).output() else {
        return;
    };
    let public: String = output
        .stdout
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert!(public.ends_with(key.trim()), "{public}");
}

#[test]
fn a_registration_is_by_the_keys_holder_for_one_agent() {
    let shell = with_planner();
    shell.ok(&["agent", "create", "reader", "--owner", "user:alice"]);
    shell.ok(&["token", "key", "reader.pem", "--new"]);
    let line = shell.ok(&["token", "key", "reader.pem", "--for", "reader"]);
    let for_planner = shell.ok(&["token", "key", "reader.pem", "--for", "planner"]);
    let refused = shell.run(&["agent", "key", "add", "reader", for_planner.trim()]);
    assert_eq!(refused.code, 1, "{}", refused.err);
    assert_eq!(shell.run(&["agent", "key", "add", "reader", "abc"]).code, 2);
    let ran = shell.feed(&["agent", "key", "add", "reader", "-"], &line);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let refused = shell.run(&["agent", "key", "add", "reader", line.trim()]);
    assert_eq!(refused.code, 1, "{}", refused.err);
    assert!(refused.err.contains("already"), "{}", refused.err);
}

#[test]
fn keys_are_declared_with_their_agents() {
    let shell = Shell::new();
    shell.ok(&["token", "key", "a.pem", "--new"]);
    let line = shell.ok(&["token", "key", "a.pem", "--for", "planner"]);
    let file = |key: &str| {
        let head = "[[agent]]\nname = \"planner\"\nowner = \"user:alice\"\n";
        format!("{head}permissions = [\"read:mcp:github:*\"]\nholder_keys = [\"{key}\"]\n")
    };
    shell.write("team.toml", file("abc"));
    let ran = shell.run(&["apply", "team.toml"]);
    assert!(
        ran.code == 2 && ran.err.contains("team.toml:5:"),
        "{}",
        ran.err
    );
    let other = shell.ok(&["token", "key", "a.pem", "--for", "reader"]);
    shell.write("team.toml", file(other.trim()));
    let ran = shell.run(&["apply", "team.toml"]);
    assert!(ran.err.contains("team.toml:5:"), "{}", ran.err);
    shell.write("team.toml", file(line.trim()));
    shell.ok(&["apply", "team.toml"]);
    assert_eq!(
        shell
            .json(&["agent", "key", "list", "planner"])
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let before = shell.trail().len();
    shell.ok(&["apply", "team.toml"]);
    assert_eq!(
        shell.trail().len(),
        before,
        "applied again it changes nothing"
    );
    shell.write(
        "token",
        shell.ok(&["token", "mint", "planner", "--audience", SERVICE]),
    );
    // Another one is added, and the first one stays.
    shell.ok(&["token", "key", "b.pem", "--new"]);
    let second = shell.ok(&["token", "key", "b.pem", "--for", "planner"]);
    shell.write("team.toml", file(second.trim()));
    let told = shell.ok(&["apply", "team.toml"]);
    assert!(told.contains("+ holder key "), "{told}");
    assert_eq!(
        shell
            .json(&["agent", "key", "list", "planner"])
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn root_keys_are_rotated_and_listed() {
    let shell = Shell::new();
    assert_eq!(shell.run(&["keys", "export"]).code, 2);
    assert_eq!(shell.json(&["keys", "rotate"]).as_array().unwrap().len(), 1);
    shell.ok(&["keys", "rotate", "--overlap", "1h"]);
    let keys = shell.json(&["keys", "list"]);
    assert_eq!(keys.as_array().unwrap().len(), 2);
    assert!(keys[0]["expires_at"].is_string() && keys[1]["expires_at"].is_null());
    let set: Value = serde_json::from_str(&shell.ok(&["keys", "export"])).unwrap();
    assert_eq!(set["keys"].as_array().unwrap().len(), 2);
    assert!(
        set["issuer"]
            .as_str()
            .unwrap()
            .starts_with("urn:kavach:log_")
    );
    let listed = shell.ok(&["keys", "list"]);
    assert!(listed.contains("signs now"), "{listed}");
}

#[test]
fn a_token_is_shown_block_by_block_and_in_words() {
    let shell = with_planner();
    publish(&shell);
    let why = "\u{202e}to look around";
    pass(
        &shell,
        "helper",
        &[
            "--allow",
            "read:mcp:github:*?rate=5/m",
            "--depth",
            "0",
            "--why",
            why,
            "--ttl",
            "10m",
        ],
    );
    invoke(&shell, "helper", "call.txt");
    let mut told = String::new();
    for file in ["planner.token", "helper.token", "call.txt"] {
        let ran = shell.run(&["token", "inspect", file, "--keys", "keys.json"]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{file}");
        assert!(!ran.out.contains('\u{202e}'), "{}", ran.out);
        told.push_str(&format!(
            "$ kavach token inspect {file} --keys keys.json\n{}\n",
            ran.out
        ));
    }
    insta::assert_snapshot!(masked(&hidden(&told)));
    let shown = shell.json(&["token", "inspect", "call.txt"]);
    assert_eq!(shown["signatures_hold"], Value::Null);
    assert_eq!(shown["form"], "presentation");
    assert_eq!(shown["holders"].as_array().unwrap().len(), 2);
    assert_eq!(
        shown["holders"][1]["permissions"][0],
        "read:mcp:github:*?rate=5/m"
    );
    assert_eq!(shown["call"]["action"], "read");
    let ran = shell.run(&["token", "inspect", "planner.token"]);
    assert!(
        ran.out.contains("anybody may have written this"),
        "{}",
        ran.out
    );
}

/// Without what is another each time: keys, ids of blocks and hashes.
fn hidden(text: &str) -> String {
    let mut out = String::new();
    let mut word = String::new();
    for c in text.chars().chain(['\n']) {
        if c.is_ascii_hexdigit() {
            word.push(c);
            continue;
        }
        if word.len() >= 32 {
            out.push_str("<hex>")
        } else {
            out.push_str(&word)
        }
        word.clear();
        out.push(c);
    }
    out
}

#[test]
fn hostile_tokens_are_shown_or_refused_and_nothing_more() {
    let shell = with_planner();
    publish(&shell);
    pass(&shell, "helper", &[]);
    invoke(&shell, "helper", "call.txt");
    let call = fs::read_to_string(shell.path("call.txt")).unwrap();
    let open = fs::read_to_string(shell.path("helper.token")).unwrap();
    let long = "A".repeat(40_000);
    let mut texts: Vec<Vec<u8>> = [
        "",
        "kv1.",
        "kv1.!!!!",
        "AAAA",
        "\u{1b}[31mred",
        "kv2.abc",
        &long,
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect();
    texts.push(vec![0xff, 0xfe, 0x00]);
    for text in [&call, &open] {
        let text = text.trim().as_bytes();
        for place in (8..text.len()).step_by(text.len() / 23) {
            let mut changed = text.to_vec();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            texts.push(changed);
            texts.push(text[..place].to_vec());
        }
    }
    for text in texts {
        shell.write("bad", &text);
        let ran = shell.run(&["token", "inspect", "bad", "--keys", "keys.json"]);
        assert!(
            (1..=2).contains(&ran.code),
            "{}: {}",
            ran.code,
            String::from_utf8_lossy(&text)
        );
        assert!(!ran.err.contains("defect"), "{}", ran.err);
        for told in [&ran.out, &ran.err] {
            assert!(
                !told.chars().any(|c| c.is_control() && c != '\n'),
                "{told:?}"
            );
        }
        let ran = verify(&shell, "bad", &LISTED);
        assert!((1..=2).contains(&ran.code), "{}", ran.out);
        let ran = shell.run(&[
            "authorize",
            READ[0],
            READ[1],
            "--presentation",
            "bad",
            "--audience",
            SERVICE,
        ]);
        assert!((1..=2).contains(&ran.code), "{}", ran.out);
    }
}

impl Shell {
    /// A run that is refused, with this among what is said.
    #[track_caller]
    fn check_refused_again(&self, arguments: &[&str], want: &str) {
        let ran = self.run(arguments);
        assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
        assert!(ran.err.contains(want), "{}", ran.err);
    }
}
