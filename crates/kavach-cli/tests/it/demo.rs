//! `kavach demo`

use std::fs;

use crate::mask::masked;
use crate::shell::Shell;

#[test]
fn the_demo_tells_the_whole_story() {
    let shell = Shell::new();
    let ran = shell.run(&["demo"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
    insta::assert_snapshot!(masked(&ran.out));
}

#[test]
fn the_readme_shows_this_very_story() {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let told = Shell::new().run(&["demo"]).out;
    let (story, _) = told.split_once("\n\nThe same in sentences").unwrap();
    assert!(readme.contains(story), "put this into the README:\n{story}");
}

#[test]
fn the_demo_leaves_nothing_behind() {
    let shell = Shell::new();
    let temporary = shell.path("tmp");
    fs::create_dir(&temporary).unwrap();
    let output = shell
        .command(&["demo"])
        .env("TMPDIR", &temporary)
        .output()
        .unwrap();
    assert!(output.status.success());
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0);
    assert_eq!(
        fs::read_dir(shell.folder()).unwrap().count(),
        1,
        "only the folder made here"
    );
}

#[test]
fn where_no_temporary_file_can_be_the_demo_says_so() {
    let shell = Shell::new();
    let output = shell
        .command(&["demo"])
        .env("TMPDIR", "/nowhere")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(
        message.starts_with("error: no temporary folder can be made: "),
        "{message}"
    );
}
