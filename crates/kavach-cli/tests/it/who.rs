//! `kavach who-can` and `kavach tools`.

use crate::mask::masked;
use crate::shell::Shell;

fn shell() -> Shell {
    let shell = Shell::new();
    shell.write(
        "team.toml",
        r#"
[[agent]]
name = "planner"
owner = "user:alice"
permissions = ["call:mcp:github:*", "call:mcp:bank:pay?approve"]

[[agent]]
name = "office"
owner = "user:bob"
permissions = ["call:mcp:github:search?ip=10.0.0.0/8", "read:app:x"]

[[agent]]
name = "gone"
owner = "user:bob"
permissions = ["call:**"]

[[delegation]]
from = "planner"
to = "searcher"
permissions = ["call:mcp:github:search"]
"#,
    );
    shell.ok(&["apply", "team.toml"]);
    shell.ok(&["agent", "revoke", "gone"]);
    shell
}

#[test]
fn everybody_who_could_is_listed_and_what_stands_against_it() {
    let shell = shell();
    let mut told = String::new();
    for line in [
        "who-can call mcp:github:search",
        "who-can call mcp:github:search --context {\"ip\":\"10.1.1.1\"}",
        "who-can call mcp:github:search --json",
        "who-can call mcp:bank:pay",
        "who-can delete mcp:bank:pay",
        "who-can call mcp",
        "tools planner mcp:github:search mcp:github:merge mcp:bank:pay mcp:bank:close",
        "tools searcher mcp:github:search mcp:github:merge --all",
        "tools office mcp:github:search --all --json",
        "tools office app:x --action read",
        "tools nobody app:x",
        "tools planner",
    ] {
        let ran = shell.run(&line.split(' ').collect::<Vec<_>>());
        told.push_str(&format!(
            "$ kavach {line}\n{}{}[{}]\n\n",
            ran.out, ran.err, ran.code
        ));
    }
    insta::assert_snapshot!(masked(&told));
}

#[test]
fn tools_come_from_standard_input_too() {
    let shell = shell();
    let ran = shell.feed(
        &["tools", "searcher", "-"],
        "mcp:github:merge\nmcp:github:search\n",
    );
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (0, "mcp:github:search  allow\n"),
        "{}",
        ran.err
    );
    let ran = shell.feed(&["tools", "searcher", "-"], "mcp:github:search\nmcp\n");
    assert!(ran.code == 2 && ran.err.contains("line 2: "), "{}", ran.err);
}
