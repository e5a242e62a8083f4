//! How fast the past fades: fixed-point numbers only, so that every machine gets the same.

/// One, in 16 binary places.
pub(super) const ONE: u64 = 1 << 16;

/// `2^(-n/7)` in 16 binary places.
const SEVENTHS: [u64; 7] = [65_536, 59_358, 53_761, 48_693, 44_102, 39_945, 36_179];

/// What counts of something that happened this many days ago: half of it after a week, a quarter after two.
pub(super) fn weight(age_days: u32) -> u64 {
    let part = SEVENTHS.get((age_days % 7) as usize).copied();
    part.unwrap_or(ONE).checked_shr(age_days / 7).unwrap_or(0)
}

/// `number * fraction`, rounded down.
pub(super) fn part_of(number: u64, fraction: u64) -> u64 {
    number.saturating_mul(fraction) >> 16
}

/// `points * sum / (sum + half)`, rounded to the nearest: nothing for nothing, half of the points where the
/// sum is `half`, and never more than all.
pub(super) fn saturating(points: u64, sum: u64, half: u64) -> u64 {
    let whole = sum.saturating_add(half).max(1);
    (points.saturating_mul(sum).saturating_add(whole / 2)) / whole
}

/// A fraction of `points`, rounded to the nearest.
pub(super) fn scaled(points: u64, fraction: u64) -> u64 {
    (points.saturating_mul(fraction).saturating_add(ONE / 2)) >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_halves() {
        assert_eq!(weight(0), ONE);
        assert_eq!(weight(6), 36_179);
        for age in 0..57 {
            assert!((weight(age) / 2).abs_diff(weight(age + 7)) <= 1, "{age}");
            assert!(weight(age + 1) < weight(age), "{age}");
        }
        // Less than one in a hundred is left when a day is forgotten.
        assert!(weight(super::super::facts::DAYS_KEPT) * 100 < ONE);
        assert_eq!(weight(u32::MAX), 0);
    }

    #[test]
    fn a_sum_saturates() {
        for (sum, want) in [
            (0, 0),
            (ONE, 5),
            (3 * ONE, 10),
            (u64::from(u32::MAX) * ONE, 20),
        ] {
            assert_eq!(saturating(20, sum, 3 * ONE), want, "{sum}");
        }
        for (fraction, want) in [(0, 0), (ONE / 2, 25), (ONE, 50)] {
            assert_eq!(scaled(50, fraction), want, "{fraction}");
        }
    }
}
