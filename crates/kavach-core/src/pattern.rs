//! Which resources a permission speaks of.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{ParseError, Problem};
use crate::limits::{RESOURCE_BYTES_MAX, SEGMENTS_MAX};
use crate::resource::Resource;
use crate::segment::{Segment, check_length, check_segment, is_kind, split};

mod outline;
#[cfg(test)]
mod tests;

pub(crate) use outline::Outline;

/// A set of resources: `mcp:github:*`.
///
/// ```text
/// pattern = kind 1*7( ":" pseg ) / kind *6( ":" pseg ) ":**" / "**"
/// pseg    = seg / "*" / seg "*"
/// ```
///
/// `*` is exactly one segment. `seg*`, only as the last, is that prefix and zero or more characters.
/// `**`, only at the end, is one segment or more; alone it is everything.
///
/// [`contains`](Self::contains) and [`meet`](Self::meet) are exact over segments of any length and
/// resources of any depth: the limits apply to requests, and never decide whether one pattern is
/// inside another.
///
/// ```
/// use kavach_core::{Pattern, Resource};
///
/// let pattern: Pattern = "mcp:github:*".parse()?;
/// assert!(pattern.matches(&"mcp:github:repos".parse()?));
/// assert!(!pattern.matches(&"mcp:github:repos:1".parse()?));
/// assert!("mcp:**".parse::<Pattern>()?.contains(&pattern));
/// # Ok::<(), kavach_core::ParseError>(())
/// ```
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern {
    /// INVARIANT (last prefix): a `Segment::Prefix` is only the last, and then `tail` is false.
    /// INVARIANT (kind first): unless empty, the first is `Segment::Exact` with a known kind.
    ///
    /// Shared, so that whoever narrows or keeps a permission copies no text.
    segments: Arc<[Segment]>,
    /// Whether one or more further segments follow.
    tail: bool,
}

impl Pattern {
    /// Everything: `**`.
    #[must_use]
    pub fn everything() -> Self {
        Self {
            segments: Arc::default(),
            tail: true,
        }
    }

    /// Exactly this resource.
    #[must_use]
    pub fn exactly(resource: &Resource) -> Self {
        Self {
            segments: resource
                .segments()
                .map(|text| Segment::Exact(text.into()))
                .collect(),
            tail: false,
        }
    }

    /// The segments at the start that are exact.
    pub(crate) fn exact_start(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().map_while(|segment| match segment {
            Segment::Exact(text) => Some(&**text),
            Segment::Prefix(_) | Segment::Any => None,
        })
    }

    /// The narrowest pattern that has all of these resources; `None` if there are none.
    pub(crate) fn hull<'a>(resources: impl IntoIterator<Item = &'a Resource>) -> Option<Self> {
        let mut resources = resources.into_iter();
        let mut hull = Self::exactly(resources.next()?);
        for resource in resources {
            hull = hull.widened(resource);
        }
        Some(hull)
    }

    /// With one more resource in it, and as little else as can be.
    fn widened(&self, resource: &Resource) -> Self {
        let count = resource.segments().count();
        let known = self.segments.len();
        let fits = if self.tail {
            count > known
        } else {
            count == known
        };
        // The rest, of which the shorter one has one segment, is what `**` stands for.
        let kept = if fits { known } else { count.min(known) - 1 };
        let shared = self.segments.iter().zip(resource.segments()).take(kept);
        let segments: Arc<[Segment]> = shared
            .map(|(segment, text)| match segment {
                segment if segment.matches(text) => segment.clone(),
                _ => Segment::Any,
            })
            .collect();
        if segments.first() == Some(&Segment::Any) {
            return Self::everything();
        }
        Self {
            segments,
            tail: self.tail || !fits,
        }
    }

    /// Whether `resource` is in the set.
    #[must_use]
    pub fn matches(&self, resource: &Resource) -> bool {
        let mut texts = resource.segments();
        for segment in &*self.segments {
            match texts.next() {
                Some(text) if segment.matches(text) => {}
                _ => return false,
            }
        }
        texts.next().is_some() == self.tail
    }

    /// Whether every resource in `other` is in this set too. A pattern contains itself.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        if self.tail {
            // One segment more must follow, unless `other` ends in a tail of its own.
            let needed = self.segments.len() + usize::from(!other.tail);
            if other.segments.len() < needed {
                return false;
            }
        } else if other.tail || other.segments.len() != self.segments.len() {
            return false;
        }
        self.segments
            .iter()
            .zip(&*other.segments)
            .all(|(mine, its)| mine.contains(its))
    }

    /// The resources in both sets, as a pattern; `None` if there are none.
    ///
    /// `None` too where the pattern would be longer than 512 bytes: of the resources within the limits
    /// that leaves out none but a few of exactly 512 bytes.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Option<Self> {
        let met = if self.contains(other) {
            other.clone()
        } else if other.contains(self) {
            self.clone()
        } else if self.overlaps(other) {
            let (short, long) = self.by_length(other);
            let shared = short.segments.iter().zip(&*long.segments);
            let rest = long.segments.iter().skip(short.segments.len());
            Self {
                segments: shared
                    .filter_map(|(mine, its)| mine.meet(its))
                    .chain(rest)
                    .cloned()
                    .collect(),
                tail: short.tail && long.tail,
            }
        } else {
            return None;
        };
        met.is_short().then_some(met)
    }

    /// Whether it is no longer than a pattern may be.
    pub(crate) fn is_short(&self) -> bool {
        let texts = self.segments.iter().map(|segment| match segment {
            Segment::Exact(text) => text.len(),
            Segment::Prefix(text) => text.len() + 1,
            Segment::Any => 1,
        });
        let tail = if self.tail { 2 } else { 0 };
        let parts = self.segments.len() + usize::from(self.tail);
        let colons = parts.saturating_sub(1);
        texts.sum::<usize>() + tail + colons <= RESOURCE_BYTES_MAX
    }

    /// Its text, piece by piece.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = &str> {
        self.pieces_from(0)
    }

    /// How many segments at the start are the same.
    pub(crate) fn shared(&self, other: &Self) -> usize {
        if Arc::ptr_eq(&self.segments, &other.segments) {
            return self.segments.len();
        }
        let mut pairs = self.segments.iter().zip(&*other.segments);
        let differs = pairs.position(|(mine, its)| mine != its);
        differs.unwrap_or_else(|| self.segments.len().min(other.segments.len()))
    }

    /// Its text without the first segments, piece by piece.
    pub(crate) fn pieces_from(&self, first: usize) -> impl Iterator<Item = &str> {
        let segments = self.segments.iter().enumerate().skip(first);
        let segments = segments.flat_map(|(place, segment)| {
            let colon = if place > 0 { ":" } else { "" };
            match segment {
                Segment::Exact(text) => [colon, text, ""],
                Segment::Prefix(text) => [colon, text, "*"],
                Segment::Any => [colon, "*", ""],
            }
        });
        let tail = match (self.tail, self.segments.is_empty()) {
            (true, true) => "**",
            (true, false) => ":**",
            (false, _) => "",
        };
        segments.chain([tail])
    }

    /// The segments, and whether one or more follow.
    pub(crate) fn parts(&self) -> (&[Segment], bool) {
        (&self.segments, self.tail)
    }

    /// Whether there are resources in both sets.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let (short, long) = self.by_length(other);
        let lengths = match (short.tail, long.tail) {
            (true, true) => true,
            (true, false) => short.segments.len() < long.segments.len(),
            (false, false) => short.segments.len() == long.segments.len(),
            (false, true) => false,
        };
        let mut shared = short.segments.iter().zip(&*long.segments);
        lengths && shared.all(|(mine, its)| mine.meet(its).is_some())
    }

    fn by_length<'a>(&'a self, other: &'a Self) -> (&'a Self, &'a Self) {
        if self.segments.len() <= other.segments.len() {
            (self, other)
        } else {
            (other, self)
        }
    }

    /// Which bits of `asked` are left open: each of `others` settles its own bits where it contains this
    /// pattern, and so does a union of them, even where no single one does.
    ///
    /// Only lengths can be split: `mcp:**` is `mcp:*` and `mcp:*:**` together. Segments cannot, because
    /// there are always texts that no finite list names.
    pub(crate) fn left_open(&self, others: &[(&Self, u64)], asked: u64) -> u64 {
        let containing = others.iter().filter(|(other, _)| other.contains(self));
        let open = containing.fold(asked, |open, (_, bits)| open & !bits);
        let lengths = others.iter().map(|(other, _)| other.segments.len());
        let longest = lengths.max().unwrap_or(0);
        // The first segment is the kind: `**` alone does not split into finitely many.
        let splits = self.tail && !self.segments.is_empty() && self.segments.len() < longest;
        if open == 0 || !splits {
            return open;
        }
        let one_more = self.segments.iter().cloned().chain([Segment::Any]);
        let longer = Self {
            segments: one_more.collect(),
            tail: true,
        };
        let exact = Self {
            tail: false,
            ..longer.clone()
        };
        exact.left_open(others, open) | longer.left_open(others, open)
    }
}

impl FromStr for Pattern {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let error = |problem| ParseError::new("a pattern", text, problem);
        check_length(text).map_err(error)?;
        if text == "**" {
            return Ok(Self::everything());
        }
        let (body, tail) = match text.strip_suffix(":**") {
            Some(body) => (body, true),
            None => (text, false),
        };
        let mut segments: Vec<Segment> = Vec::new();
        for (number, at, segment) in split(body) {
            let last = at + segment.len() == text.len();
            segments.push(parse_segment(segment, number, at, last).map_err(error)?);
            if number == 1 && !is_kind(segment) {
                return Err(error(Problem::Kind));
            }
        }
        let count = segments.len() + usize::from(tail);
        if !(2..=SEGMENTS_MAX).contains(&count) {
            return Err(error(Problem::SegmentCount(count)));
        }
        Ok(Self {
            segments: segments.into(),
            tail,
        })
    }
}

fn parse_segment(text: &str, number: usize, at: usize, last: bool) -> Result<Segment, Problem> {
    if text == "*" && number > 1 {
        return Ok(Segment::Any);
    }
    match text.strip_suffix('*') {
        Some(prefix) if last && number > 1 => {
            check_segment(prefix, number, at)?;
            Ok(Segment::Prefix(prefix.into()))
        }
        _ => {
            check_segment(text, number, at)?;
            Ok(Segment::Exact(text.into()))
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces().try_for_each(|piece| f.write_str(piece))
    }
}

impl TryFrom<String> for Pattern {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.to_string()
    }
}
