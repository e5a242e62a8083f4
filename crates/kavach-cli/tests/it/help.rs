//! What `--help` says, whole.

use crate::shell::Shell;

const COMMANDS: [&[&str]; 81] = [
    &[],
    &["demo"],
    &["apply"],
    &["authorize"],
    &["agent"],
    &["agent", "create"],
    &["agent", "list"],
    &["agent", "show"],
    &["agent", "update"],
    &["agent", "rotate"],
    &["agent", "key"],
    &["agent", "key", "add"],
    &["agent", "key", "list"],
    &["agent", "key", "remove"],
    &["agent", "suspend"],
    &["agent", "resume"],
    &["agent", "revoke"],
    &["agent", "tree"],
    &["owner"],
    &["owner", "show"],
    &["owner", "grant"],
    &["owner", "ungrant"],
    &["owner", "revoke"],
    &["owner", "reinstate"],
    &["owner", "erase"],
    &["approval"],
    &["approval", "list"],
    &["approval", "show"],
    &["approval", "approve"],
    &["approval", "deny"],
    &["delegate"],
    &["spawn"],
    &["delegation"],
    &["delegation", "list"],
    &["delegation", "revoke"],
    &["token"],
    &["token", "key"],
    &["token", "mint"],
    &["token", "delegate"],
    &["token", "invoke"],
    &["token", "inspect"],
    &["token", "verify"],
    &["token", "revoke"],
    &["token", "revocations"],
    &["keys"],
    &["keys", "list"],
    &["keys", "rotate"],
    &["keys", "export"],
    &["explain"],
    &["guardrail"],
    &["guardrail", "set"],
    &["guardrail", "enforce"],
    &["guardrail", "remove"],
    &["guardrail", "list"],
    &["analyze"],
    &["who-can"],
    &["tools"],
    &["what-if"],
    &["shadow"],
    &["replay"],
    &["test"],
    &["trust"],
    &["permissions"],
    &["remaining"],
    &["settle"],
    &["blast-radius"],
    &["audit"],
    &["audit", "list"],
    &["audit", "show"],
    &["audit", "export"],
    &["audit", "tail"],
    &["store"],
    &["store", "copy"],
    &["store", "backup"],
    &["store", "restore"],
    &["store", "reopen"],
    &["store", "check"],
    &["store", "stats"],
    &["store", "migrate"],
    &["completions"],
    &["help", "spawn"],
];

#[test]
fn every_command_says_what_it_does() {
    let shell = Shell::new();
    let mut all = String::new();
    for command in COMMANDS {
        let arguments = match command {
            ["help", ..] => command.to_vec(),
            _ => [command, &["-h"]].concat(),
        };
        let ran = shell.run(&arguments);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{command:?}");
        // What every command takes is shown once.
        let everywhere = ran.out.find("Everywhere:").filter(|_| !command.is_empty());
        let own = ran.out.get(..everywhere.unwrap_or(ran.out.len())).unwrap();
        let rest = ran.out.get(everywhere.unwrap_or(ran.out.len())..).unwrap();
        let after = rest.split_once("\n\n").map_or("", |(_, after)| after);
        all.push_str(&format!(
            "## kavach {}\n\n{own}{after}\n",
            arguments.join(" ")
        ));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn the_long_help_has_the_same_commands_and_more_words() {
    let shell = Shell::new();
    for command in COMMANDS {
        let ran = shell.run(&[command, &["--help"]].concat());
        let of_help = command.first() == Some(&"help");
        assert_eq!(
            ran.code,
            if of_help { 2 } else { 0 },
            "{command:?}: {}",
            ran.err
        );
    }
}

#[test]
fn completions_are_for_every_shell() {
    let shell = Shell::new();
    for (name, want) in [
        ("bash", "complete -F _kavach"),
        ("zsh", "#compdef kavach"),
        ("fish", "complete -c kavach"),
        ("elvish", "edit:completion:arg-completer[kavach]"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let script = shell.ok(&["completions", name]);
        assert!(
            script.contains(want) && script.contains("blast-radius"),
            "{name}"
        );
    }
    assert_eq!(shell.run(&["completions", "cmd"]).code, 2);
}

#[test]
fn the_version_is_printed() {
    let version = concat!("kavach ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(Shell::new().ok(&["--version"]), version);
}
