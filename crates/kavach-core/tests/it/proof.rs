//! The code against its proof: what the Coq functions in `proof/` answer, the code answers too.
//!
//! `KAVACH_PROOF_VECTORS` may name a larger file of the same form; `cargo xtask prove` makes one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use kavach_core::{Actions, Pattern, Resource};

mod lines;

/// The rows of a vector file, by their first word, in order. `proof/Vectors.v` says what they mean.
struct Vectors(BTreeMap<String, Vec<String>>);

impl Vectors {
    fn read() -> Self {
        let kept = || Path::new(env!("CARGO_MANIFEST_DIR")).join("proof/vectors.txt");
        let path = std::env::var_os("KAVACH_PROOF_VECTORS").map_or_else(kept, PathBuf::from);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| {
            panic!("`{}` cannot be read: {error}", path.display());
        });
        let mut rows: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in text.lines() {
            let (word, rest) = line.split_once(' ').unwrap();
            rows.entry(word.into()).or_default().push(rest.into());
        }
        Self(rows)
    }

    /// The rows that begin with `word`; at least `least` of them, so that no vector is lost unseen.
    #[track_caller]
    fn rows(&self, word: &str, least: usize) -> &[String] {
        let rows = self.0.get(word).map_or(&[][..], Vec::as_slice);
        assert!(rows.len() >= least, "{} rows of `{word}`", rows.len());
        rows
    }

    #[track_caller]
    fn only(&self, word: &str) -> &str {
        match self.rows(word, 1) {
            [only] => only,
            more => panic!("{} rows of `{word}`", more.len()),
        }
    }

    #[track_caller]
    fn parsed<T: FromStr<Err: Debug>>(&self, word: &str, least: usize) -> Vec<T> {
        let rows = self.rows(word, least).iter();
        rows.map(|text| text.parse().unwrap()).collect()
    }

    /// What stands behind `4: ` in the row of item 4, for each of `count` items.
    #[track_caller]
    fn numbered(&self, word: &str, count: usize) -> Vec<Vec<&str>> {
        let rows = self.rows(word, count);
        assert_eq!(rows.len(), count);
        let items = rows.iter().enumerate().map(|(number, row)| {
            let (label, items) = row.split_once(':').unwrap();
            assert_eq!(label.parse(), Ok(number));
            items.split_whitespace().collect()
        });
        items.collect()
    }

    /// Holds `contains` and `meet` against the rows of these words, for every pair of `all`.
    #[track_caller]
    fn check_pairs<T: Debug + PartialEq>(
        &self,
        all: &[T],
        words: [&str; 2],
        contains: fn(&T, &T) -> bool,
        meet: fn(&T, &T) -> Option<T>,
    ) {
        let inside = self.numbered(words[0], all.len());
        let meets = self.numbered(words[1], all.len());
        for (one, (inside, meets)) in all.iter().zip(inside.iter().zip(&meets)) {
            let inside: BTreeSet<usize> = inside.iter().map(|item| item.parse().unwrap()).collect();
            let meets = meets.iter().map(|item| {
                let (other, met) = item.split_once('=').unwrap();
                let met: usize = met.parse().unwrap();
                (other.parse().unwrap(), &all[met])
            });
            let meets: BTreeMap<usize, &T> = meets.collect();
            for (number, other) in all.iter().enumerate() {
                let want = inside.contains(&number);
                assert_eq!(contains(one, other), want, "{one:?} contains {other:?}");
                let met = meet(one, other);
                let want = meets.get(&number).copied();
                assert_eq!(met.as_ref(), want, "{one:?} and {other:?}");
            }
        }
    }
}

/// Every string of 1 to `most` of these bytes.
fn strings(bytes: &str, most: usize) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut from = 0;
    for _ in 0..most {
        let until = all.len();
        for place in from..until {
            all.extend(
                bytes
                    .chars()
                    .map(|last| format!("{}{last}", all[place]))
                    .collect::<Vec<_>>(),
            );
        }
        from = until;
    }
    all.split_off(1)
}

/// Holds what `parses` says of every string over the bytes of `word` against the rows of `word`.
#[track_caller]
fn check_language(word: &str, most: usize, parses: impl Fn(&str) -> bool) {
    let vectors = Vectors::read();
    let bytes = vectors.only(&format!("{word}-bytes"));
    let length: usize = vectors.only(&format!("{word}-length")).parse().unwrap();
    assert!(length >= most);
    let want: BTreeSet<&str> = vectors.rows(word, 20).iter().map(String::as_str).collect();
    let all = strings(bytes, length);
    for text in &all {
        assert_eq!(parses(text), want.contains(text.as_str()), "{text}");
    }
    for text in want {
        assert!(parses(text), "{text}");
    }
}

#[test]
fn a_text_is_a_segment_exactly_if_it_is_one_in_the_proof() {
    check_language("text", 3, |text| {
        format!("mcp:{text}").parse::<Resource>().is_ok()
    });
}

#[test]
fn a_text_is_a_kind_exactly_if_it_is_one_in_the_proof() {
    check_language("kind", 4, |text| {
        format!("{text}:a").parse::<Resource>().is_ok()
    });
}

#[test]
fn a_shape_is_a_pattern_exactly_if_it_is_one_in_the_proof() {
    let vectors = Vectors::read();
    for text in vectors.rows("pattern-no", 100) {
        assert!(text.parse::<Pattern>().is_err(), "{text}");
    }
    for text in vectors.rows("pattern-yes", 20) {
        let pattern: Pattern = text.parse().unwrap();
        assert_eq!(pattern.to_string(), *text);
    }
}

#[test]
fn every_pair_of_patterns_contains_and_meets_as_proven() {
    let vectors = Vectors::read();
    let all: Vec<Pattern> = vectors.parsed("pattern", 113);
    vectors.check_pairs(&all, ["contains", "meet"], Pattern::contains, Pattern::meet);
}

#[test]
fn every_pattern_matches_what_it_matches_in_the_proof() {
    let vectors = Vectors::read();
    let patterns: Vec<Pattern> = vectors.parsed("pattern", 113);
    let resources: Vec<Resource> = vectors.parsed("resource", 60);
    let matched = vectors.numbered("matches", patterns.len());
    for (pattern, matched) in patterns.iter().zip(matched) {
        let matched: BTreeSet<usize> = matched.iter().map(|item| item.parse().unwrap()).collect();
        for (number, resource) in resources.iter().enumerate() {
            let want = matched.contains(&number);
            assert_eq!(pattern.matches(resource), want, "{pattern} {resource}");
        }
    }
}

#[test]
fn meets_of_about_512_bytes_are_as_proven() {
    let vectors = Vectors::read();
    let all: Vec<Pattern> = vectors.parsed("long", 11);
    let mut want = BTreeMap::new();
    for row in vectors.rows("long-meet", 20) {
        let words: Vec<&str> = row.split(' ').collect();
        let [one, other] = [0, 1].map(|place| words[place].parse::<usize>().unwrap());
        want.insert((one, other), words[2]);
    }
    let mut lengths = BTreeSet::new();
    for (one, pattern) in all.iter().enumerate() {
        for (other, its) in all.iter().enumerate() {
            let met = pattern.meet(its).map(|met| met.to_string());
            let met = met.as_deref();
            lengths.extend(met.map(str::len));
            assert_eq!(met, want.get(&(one, other)).copied(), "{pattern} {its}");
        }
    }
    assert_eq!(lengths.last(), Some(&512));
}

#[test]
fn every_pair_of_action_lists_contains_and_meets_as_proven() {
    let vectors = Vectors::read();
    let all: Vec<Actions> = vectors.parsed("actions", 8);
    let words = ["actions-contain", "actions-meet"];
    vectors.check_pairs(&all, words, Actions::contains, Actions::meet);
}
