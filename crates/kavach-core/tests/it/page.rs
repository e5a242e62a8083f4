//! `docs/shorthand.md` tells the truth: every example in its tables is tried.

use kavach_core::{Base, Pattern, Permission, Resource};

/// The rows of the table that has this header, cell by cell.
fn table(header: &str) -> Vec<Vec<String>> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/shorthand.md");
    let page = std::fs::read_to_string(page).unwrap();
    let lines = page.lines().skip_while(|line| *line != header).skip(2);
    let rows = lines.take_while(|line| line.starts_with('|'));
    let rows: Vec<Vec<String>> = rows
        .map(|row| {
            let cells = row.trim_matches('|').split('|');
            cells.map(|cell| cell.trim().to_owned()).collect()
        })
        .collect();
    assert!(rows.len() > 2, "no table under {header}");
    rows
}

/// What stands in backticks.
fn code(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn resources_that_the_page_calls_refused_are_refused() {
    for row in table("| refused | because |") {
        for text in code(&row[0]) {
            assert!(text.parse::<Resource>().is_err(), "{text}");
        }
    }
}

#[test]
fn patterns_match_what_the_page_says() {
    for row in table("| pattern | matches | does not match |") {
        let pattern: Pattern = code(&row[0])[0].parse().unwrap();
        for (cell, want) in [(&row[1], true), (&row[2], false)] {
            for text in code(cell) {
                assert_eq!(
                    pattern.matches(&text.parse().unwrap()),
                    want,
                    "{pattern} {text}"
                );
            }
        }
    }
}

#[test]
fn relative_targets_mean_what_the_page_says() {
    for row in table("| base | written | means |") {
        let base: Base = code(&row[0])[0].parse().unwrap();
        let read = Permission::parse(code(&row[1])[0], &base);
        if row[2].starts_with("refused") {
            assert!(read.is_err(), "{row:?}");
        } else {
            assert_eq!(read.unwrap().to_string(), code(&row[2])[0]);
        }
    }
}

#[test]
fn times_are_read_as_the_page_says() {
    for row in table("| written | read as |") {
        for text in code(&row[0]) {
            let read = format!("read:mcp:a?{text}").parse::<Permission>();
            match (row[1].as_str(), code(&row[1]).first()) {
                ("itself", _) => {
                    assert_eq!(read.unwrap().to_string(), format!("read:mcp:a?{text}"));
                }
                (words, _) if words.starts_with("refused") => assert!(read.is_err(), "{text}"),
                (_, Some(end)) => {
                    assert_eq!(
                        read.unwrap().constraints.expires_at,
                        Some(end.parse().unwrap())
                    );
                }
                (words, None) => panic!("the page says `{words}` of `{text}`"),
            }
        }
    }
}
