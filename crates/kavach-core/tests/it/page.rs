//! `docs/shorthand.md` tells the truth: every example in its tables is tried.

use kavach_core::{Base, Pattern, Permission, Resource, Window};

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

/// The rows of a table as a text, what it takes, and what it does not.
fn takes(header: &str) -> Vec<(String, Vec<(String, bool)>)> {
    let rows = table(header).into_iter().map(|row| {
        let cells = [(&row[1], true), (&row[2], false)];
        let all = cells.map(|(cell, want)| {
            code(cell)
                .into_iter()
                .map(move |text| (text.to_owned(), want))
        });
        (
            code(&row[0])[0].to_owned(),
            all.into_iter().flatten().collect(),
        )
    });
    rows.collect()
}

#[test]
fn windows_hold_when_the_page_says() {
    for (window, times) in takes("| window | holds at | does not hold at |") {
        let window: Window = window.parse().unwrap();
        for (time, want) in times {
            assert_eq!(
                window.holds_at(time.parse().unwrap()),
                want,
                "{window} {time}"
            );
        }
    }
}

#[test]
fn rules_take_the_arguments_that_the_page_says() {
    for (rules, examples) in takes("| rules | take | do not take |") {
        let permission: Permission = format!("read:mcp:a?{rules}").parse().unwrap();
        let rules = permission.constraints.args.unwrap();
        for (args, want) in examples {
            let value = serde_json::from_str(&args).unwrap();
            assert_eq!(rules.allow(Some(&value)), want, "{rules:?} {args}");
        }
    }
}

#[test]
fn what_the_page_escapes_is_what_it_means() {
    for row in table("| argument | rule | written |") {
        let written = format!("read:mcp:a?{}", code(&row[2])[0]);
        let permission: Permission = written.parse().unwrap();
        assert_eq!(permission.to_string(), written);
        let rules = permission.constraints.args.unwrap();
        let value = serde_json::from_str(code(&row[0])[0]).unwrap();
        assert!(rules.allow(Some(&value)), "{row:?}");
    }
}

#[test]
fn every_constraint_of_the_page_is_known_and_every_known_one_is_on_it() {
    let rows = table("| name | means | absent | meets another |");
    let named: Vec<&str> = rows.iter().map(|row| code(&row[0])[0]).collect();
    let error = "read:mcp:a?size=3"
        .parse::<Permission>()
        .unwrap_err()
        .to_string();
    let known = error.split("known are ").nth(1).unwrap();
    assert_eq!(named, code(known));
    let rows = table("| rule | takes |");
    let mut rules: Vec<&str> = rows.iter().flat_map(|row| code(&row[0])).collect();
    rules.sort_unstable();
    let error = "read:mcp:a?args/a.size=3"
        .parse::<Permission>()
        .unwrap_err()
        .to_string();
    let known = error.split("known are ").nth(1).unwrap();
    assert_eq!(rules, code(known));
}
