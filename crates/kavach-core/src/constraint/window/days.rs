//! Days of the week.

use core::fmt;

/// A set of days of the week: bit 0 is Monday.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct Days(u8);

const WORDS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const ALL: u8 = 0b111_1111;
/// 1970-01-01 was a Thursday.
const EPOCH_WEEKDAY: i64 = 3;

impl Days {
    /// `daily`, or days and runs of days: `mon,wed-fri`. A run may go around the weekend: `sat-mon`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text == "daily" {
            return Some(Self(ALL));
        }
        let place = |word: &str| WORDS.iter().position(|known| *known == word);
        let mut days = 0;
        for run in text.split(',') {
            let (first, last) = run.split_once('-').unwrap_or((run, run));
            let (first, last) = (place(first)?, place(last)?);
            let length = (last + 7 - first) % 7;
            for step in 0..=length {
                let bit = 1 << ((first + step) % 7);
                if days & bit != 0 {
                    return None;
                }
                days |= bit;
            }
        }
        Some(Self(days))
    }

    /// Whether it has the weekday of this day, counted from 1970-01-01.
    pub(super) fn has(self, day: i64) -> bool {
        let weekday = (day + EPOCH_WEEKDAY).rem_euclid(7);
        self.0 >> weekday & 1 == 1
    }

    /// Whether it has this weekday, Monday being 0.
    pub(super) fn has_weekday(self, weekday: u8) -> bool {
        self.0 >> weekday & 1 == 1
    }
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == ALL {
            return f.write_str("daily");
        }
        let mut separator = "";
        let mut first = None;
        for (place, word) in (0..).zip(WORDS) {
            if !self.has_weekday(place) {
                continue;
            }
            let start = *first.get_or_insert(word);
            if !self.has_weekday(place + 1) {
                write!(f, "{separator}{start}")?;
                if start != word {
                    write!(f, "-{word}")?;
                }
                separator = ",";
                first = None;
            }
        }
        Ok(())
    }
}
