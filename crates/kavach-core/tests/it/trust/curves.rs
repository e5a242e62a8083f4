//! What the simulated traffic comes to, and whether the curves in the documentation show that.

use kavach_core::{TrustLevel, TrustScore};

use super::drawing::svg;
use super::traffic::Kind;

fn part(score: &TrustScore, code: &str) -> i16 {
    let mut found = score
        .contributions
        .iter()
        .filter(|part| part.evidence.code() == code);
    found.next().map_or(0, |part| part.points)
}

fn levels(scores: &[TrustScore]) -> Vec<TrustLevel> {
    scores.iter().map(|score| score.level).collect()
}

/// With `KAVACH_BLESS=1` the pictures are drawn anew.
#[test]
fn the_curves_in_the_documentation_are_those_of_the_simulation() {
    for kind in Kind::ALL {
        let (file, title) = match kind {
            Kind::WellBehaved => ("well-behaved", "Well-behaved"),
            Kind::Bursty => (
                "bursty",
                "Bursty: an hour's flood every ninth day from day 21",
            ),
            Kind::Escalating => (
                "escalating",
                "Escalating: tries more and more, day 21 to 41",
            ),
            Kind::StolenCredential => ("stolen-credential", "Stolen credential: nights 38 to 40"),
        };
        let drawn = svg(title, &kind.scores());
        let path = format!(
            "{}/../../docs/img/trust-{file}.svg",
            env!("CARGO_MANIFEST_DIR")
        );
        if std::env::var_os("KAVACH_BLESS").is_some_and(|value| value == "1") {
            std::fs::write(&path, &drawn).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap();
        assert!(
            found == drawn,
            "docs/img/trust-{file}.svg is not what the simulation gives; look at it with KAVACH_BLESS=1"
        );
    }
}

#[test]
fn whoever_behaves_rises_to_the_top_and_hardly_falls() {
    let scores = Kind::WellBehaved.scores();
    assert_eq!(scores[0].level, TrustLevel::Standard);
    let levels = levels(&scores);
    let reached = |level| levels.iter().position(|known| *known == level).unwrap();
    let (trusted, elevated) = (reached(TrustLevel::Trusted), reached(TrustLevel::Elevated));
    assert!((14..30).contains(&trusted), "{trusted}");
    assert!((40..60).contains(&elevated), "{elevated}");
    assert!(levels.is_sorted(), "it never falls a level");
    for day in scores.windows(2) {
        // Nobody is perfect: a day with more than a few denials, or a resource used for the first time.
        assert!(day[1].score + 3 >= day[0].score, "{day:?}");
    }
}

#[test]
fn bursts_cost_some_points_for_some_days_and_no_more() {
    let (calm, bursty) = (Kind::WellBehaved.scores(), Kind::Bursty.scores());
    assert!(part(&bursty[20], "bursts") == 0 && part(&bursty[21], "bursts") < 0);
    assert!(
        bursty
            .iter()
            .all(|score| score.level >= TrustLevel::Standard)
    );
    assert!(bursty[57].score < calm[57].score);
    // Each day between two bursts is better than the one before.
    let between: Vec<i16> = (30..39).map(|day| part(&bursty[day], "bursts")).collect();
    assert!(between.is_sorted(), "{between:?}");
}

#[test]
fn whoever_escalates_ends_untrusted_and_recovers_when_set_right() {
    let scores = Kind::Escalating.scores();
    assert!(scores[20].level >= TrustLevel::Standard);
    let lowest = scores.iter().map(|score| score.score).min().unwrap();
    assert_eq!(TrustLevel::of_score(lowest), TrustLevel::Untrusted);
    let when = scores
        .iter()
        .position(|score| score.score == lowest)
        .unwrap();
    assert!((35..42).contains(&when), "{when}");
    assert!(
        scores[42..]
            .windows(2)
            .all(|day| day[0].score <= day[1].score + 3)
    );
    assert!(scores[59].level >= TrustLevel::Standard, "{:?}", scores[59]);
}

#[test]
fn a_thief_costs_a_level_in_the_first_night_and_another_in_those_after_it() {
    let scores = Kind::StolenCredential.scores();
    let (before, after) = (&scores[37], &scores[38]);
    assert!(before.level >= TrustLevel::Trusted, "{before:?}");
    assert!(
        after.level <= TrustLevel::Standard && after.score + 30 <= before.score,
        "{after:?}"
    );
    for code in ["denials", "bursts", "unusual_hours", "first_uses"] {
        assert!(part(after, code) < part(before, code), "{code}: {after:?}");
    }
    assert!(scores[40].level <= TrustLevel::Limited, "{:?}", scores[40]);
    // The owner earns it back.
    assert!(scores[59].level >= TrustLevel::Standard, "{:?}", scores[59]);
}
