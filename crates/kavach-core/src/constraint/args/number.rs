//! Numbers as JSON has them, compared exactly.

use core::cmp::Ordering;
use core::fmt;

/// A number: a whole one, or a double that is not whole.
///
/// `5`, `5.0` and `5e0` are one number. What a double cannot hold was rounded when the JSON was read,
/// before anything here sees it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    Whole(i128),
    /// INVARIANT (a real fraction): finite, and not whole.
    Fraction(f64),
}

/// Digits of a fraction: so many survive the way into a double and back (IEEE 754, binary64).
const DIGITS_MAX: usize = 15;
const TEXT_BYTES_MAX: usize = 40;

impl Number {
    /// The number in JSON that was read.
    pub(super) fn of(number: &serde_json::Number) -> Option<Self> {
        let whole = number.as_i64().map(i128::from);
        match whole.or_else(|| number.as_u64().map(i128::from)) {
            Some(whole) => Some(Self::Whole(whole)),
            None => number.as_f64().and_then(Self::of_double),
        }
    }

    fn of_double(double: f64) -> Option<Self> {
        // A conversion to whole numbers drops the fraction, and stops at the ends of the range: neither
        // panics, and whatever is beyond the ends stays beyond every whole number of 64 bits.
        let whole = double as i128;
        if !double.is_finite() {
            None
        } else if whole as f64 == double {
            Some(Self::Whole(whole))
        } else {
            Some(Self::Fraction(double))
        }
    }

    /// A number that is written plainly: a whole one of 64 bits, or a decimal of up to 15 digits.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = match unsigned.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (unsigned, None),
        };
        let plain = digits(whole) && (whole == "0" || !whole.starts_with('0'));
        if !plain || text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let Some(fraction) = fraction else {
            let number: i128 = text.parse().ok()?;
            let fits = (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&number);
            return fits.then_some(Self::Whole(number));
        };
        let both = whole.bytes().chain(fraction.bytes());
        let significant = both.skip_while(|digit| *digit == b'0').count();
        if !digits(fraction) || significant > DIGITS_MAX {
            return None;
        }
        Self::of_double(text.parse().ok()?)
    }

    pub(super) fn is_whole(self) -> bool {
        match self {
            Self::Whole(_) => true,
            Self::Fraction(_) => false,
        }
    }
}

/// The order of a whole number and a double that is not whole.
fn whole_and_fraction(whole: i128, fraction: f64) -> Ordering {
    // Towards zero: whatever is not beyond it on that side lies on this side of the fraction.
    let towards_zero = fraction as i128;
    let less = if fraction > 0.0 {
        whole <= towards_zero
    } else {
        whole < towards_zero
    };
    if less {
        Ordering::Less
    } else {
        Ordering::Greater
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        match (*self, *other) {
            (Self::Whole(mine), Self::Whole(its)) => mine.cmp(&its),
            (Self::Whole(mine), Self::Fraction(its)) => whole_and_fraction(mine, its),
            (Self::Fraction(mine), Self::Whole(its)) => whole_and_fraction(its, mine).reverse(),
            (Self::Fraction(mine), Self::Fraction(its)) => mine.total_cmp(&its),
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Number {}

impl core::hash::Hash for Number {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        match self {
            Self::Whole(whole) => whole.hash(state),
            Self::Fraction(fraction) => fraction.to_bits().hash(state),
        }
    }
}

/// Plain decimals, never an exponent.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(whole) => write!(f, "{whole}"),
            Self::Fraction(fraction) => write!(f, "{fraction}"),
        }
    }
}
