//! What tells most pairs of patterns apart at a glance.

use crate::limits::SEGMENTS_MAX;
use crate::pattern::Pattern;
use crate::segment::Segment;

/// The exact segments of a pattern, a byte of hash for each.
///
/// Whoever holds many patterns against many others asks their outlines first, and looks at the few pairs that
/// these let through.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Outline {
    /// A byte for each segment; zero where it is not exact.
    hashes: u64,
    /// All bits of a byte where the segment is exact.
    exact: u64,
}

const _: () = assert!(
    SEGMENTS_MAX <= size_of::<u64>(),
    "a segment would have no byte"
);

impl Outline {
    pub(crate) fn of(pattern: &Pattern) -> Self {
        let (mut hashes, mut exact) = (0, 0);
        for (place, segment) in pattern.segments.iter().enumerate() {
            if let Segment::Exact(text) = segment {
                hashes |= u64::from(hash(text)) << (8 * place);
                exact |= 0xff << (8 * place);
            }
        }
        Self { hashes, exact }
    }

    /// False only if no resource is in both patterns.
    #[inline]
    pub(crate) fn may_overlap(self, other: Self) -> bool {
        (self.hashes ^ other.hashes) & self.exact & other.exact == 0
    }

    /// Of the meet of both patterns, which overlap.
    #[inline]
    pub(crate) fn meet(self, other: Self) -> Self {
        Self {
            hashes: self.hashes | other.hashes,
            exact: self.exact | other.exact,
        }
    }

    /// False only if there is a resource in the other pattern that is not in this one.
    #[inline]
    pub(crate) fn may_contain(self, other: Self) -> bool {
        // What is exact here must be the same there: zero stands for a segment that is not exact.
        (self.hashes ^ other.hashes) & self.exact == 0 && self.exact & !other.exact == 0
    }
}

/// FNV-1a, folded to a byte.
fn hash(text: &str) -> u8 {
    let folded = text.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    (folded >> 24) as u8
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::{Outline, Pattern};

    const PATTERNS: [&str; 17] = [
        "**",
        "mcp:**",
        "mcp:a",
        "mcp:b",
        "mcp:a*",
        "mcp:*",
        "mcp:*:**",
        "mcp:a:**",
        "mcp:a:b",
        "mcp:a:b*",
        "mcp:*:b",
        "mcp:*:b:**",
        "mcp:a:*:c",
        "app:a",
        "app:a:b",
        "mcp:a:b:c:d:e:f:g",
        "mcp:a:b:c:d:e:f:*",
    ];

    #[test]
    fn an_outline_lets_every_pair_through_that_has_something_in_common() {
        let all: Vec<Pattern> = PATTERNS.iter().map(|text| text.parse().unwrap()).collect();
        let mut passed_over = 0;
        for one in &all {
            for other in &all {
                let (mine, its) = (Outline::of(one), Outline::of(other));
                assert!(
                    mine.may_overlap(its) || !one.overlaps(other),
                    "{one} {other}"
                );
                assert!(
                    mine.may_contain(its) || !one.contains(other),
                    "{one} {other}"
                );
                if let Some(met) = one.meet(other) {
                    assert_eq!(mine.meet(its), Outline::of(&met), "{one} {other}");
                }
                passed_over += usize::from(!mine.may_overlap(its));
            }
        }
        assert!(passed_over > 60, "{passed_over}");
    }
}
