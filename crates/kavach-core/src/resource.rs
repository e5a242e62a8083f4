//! What a call touches.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{ParseError, Problem};
use crate::limits::{RESOURCE_BYTES_MAX, SEGMENTS_MAX};
use crate::segment::{check_length, check_segment, is_kind, kind_of, split};

/// A resource: a kind and 1 to 7 segments, `mcp:github:repos`, at most 512 bytes.
///
/// ```text
/// resource = kind 1*7( ":" seg )
/// kind     = "mcp" / "a2a" / "http" / "tool" / "data" / "app" / "x-" 1*62( %x61-7A / DIGIT / "-" )
/// seg      = 1*128( ALPHA / DIGIT / "_" / "-" / "." / "~" / "@" / "+" / %XX )  ; not "." or ".."
/// ```
///
/// `%XX` is upper-case hex and encodes only what may not stand as itself. Text in any other form is
/// refused, never repaired, so that two spellings of one thing cannot get two answers. Resources are
/// compared byte for byte.
///
/// ```
/// use kavach_core::Resource;
///
/// let repos: Resource = "mcp:github:repos".parse()?;
/// assert_eq!(repos.segments().collect::<Vec<_>>(), ["mcp", "github", "repos"]);
/// assert!("mcp:github:*".parse::<Resource>().is_err());
/// assert!("mcp:github:a%2fb".parse::<Resource>().is_err());
/// # Ok::<(), kavach_core::ParseError>(())
/// ```
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Resource {
    text: Box<str>,
    /// Where each segment ends; zero after the last. Every decision asks, and it is read only once.
    ends: [u16; SEGMENTS_MAX],
    /// How many segments there are.
    count: u8,
    /// See `segment::kind_of`.
    kind: u8,
}

const _: () = assert!(
    RESOURCE_BYTES_MAX <= u16::MAX as usize,
    "an end would not fit"
);

impl Resource {
    /// The resource as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The segments in order, the kind first; 2 to 8 of them.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        let mut start = 0;
        self.ends.iter().map_while(move |end| {
            let end = usize::from(*end);
            let segment = self.text.get(start..end)?;
            start = end + 1;
            Some(segment)
        })
    }
}

impl Resource {
    /// The segment at this place, the kind being at 0; empty where there is none.
    #[inline]
    pub(crate) fn segment(&self, place: usize) -> &str {
        let start = match place.checked_sub(1) {
            Some(before) => self.ends.get(before).map_or(0, |end| usize::from(*end) + 1),
            None => 0,
        };
        let end = self.ends.get(place).copied().unwrap_or_default();
        self.text.get(start..usize::from(end)).unwrap_or_default()
    }

    /// How many segments there are, the kind included.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        usize::from(self.count)
    }

    /// The number of its kind: see `segment::kind_of`.
    #[inline]
    pub(crate) fn kind(&self) -> u32 {
        u32::from(self.kind)
    }
}

impl FromStr for Resource {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let error = |problem| ParseError::new("a resource", text, problem);
        check_length(text).map_err(error)?;
        let (mut count, mut ends, mut kind) = (0, [0; SEGMENTS_MAX], 0);
        for (number, at, segment) in split(text) {
            check_segment(segment, number, at).map_err(error)?;
            if number == 1 {
                if !is_kind(segment) {
                    return Err(error(Problem::Kind));
                }
                kind = kind_of(segment) as u8;
            }
            if let Some(end) = ends.get_mut(number - 1) {
                // At most 512: see `limits::RESOURCE_BYTES_MAX`.
                *end = (at + segment.len()) as u16;
            }
            count = number;
        }
        if !(2..=SEGMENTS_MAX).contains(&count) {
            return Err(error(Problem::SegmentCount(count)));
        }
        Ok(Self {
            text: text.into(),
            ends,
            count: count as u8,
            kind,
        })
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for Resource {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<Resource> for String {
    fn from(resource: Resource) -> Self {
        resource.text.into()
    }
}
