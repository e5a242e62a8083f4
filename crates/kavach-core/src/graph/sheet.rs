//! The grants of one holder as a row of words, laid out so that most are passed over many at a time.
//!
//! ```text
//! sheet = count *tag *head *rest                                      ; words; one tag and head for each grant
//! head  = segments:4 tail:1 prefix:1 elsewhere:1 acts:1 constrained:1 several:1 kind:3 exact:7 at:12
//! rest  = [number] [actions] [constraints] [kind] *segment            ; `at` words after the first head
//! ```
//!
//! A tag stands for the kind and the two segments after it, as far as they are exact. A request that knows
//! three tags knows of every grant with another one that it does not match. `exact` has a bit for each segment
//! after the kind that is one text, neither `*` nor the beginning of one. The segment after the kind has no word of its own if it is exact: it is what
//! the tag and the other words leave. `number` is a word, `elsewhere`, where it is not the grant's place
//! counted from one, and so is a `kind` that is not well known.

use crate::limits::{GRANTS_MAX, SEGMENTS_MAX};
use crate::segment::{KIND_OTHER, KINDS};

use super::rows::NONE;

const SEGMENTS: u32 = 0xf;
const TAIL: u32 = 1 << 4;
const PREFIX: u32 = 1 << 5;
const ELSEWHERE: u32 = 1 << 6;
/// There is a word for the actions: it is not all of them.
const ACTS: u32 = 1 << 7;
const CONSTRAINED: u32 = 1 << 8;
const SEVERAL: u32 = 1 << 9;
const KIND_AT: u32 = 10;
const EXACT_AT: u32 = 13;
const EXACT: u32 = 0x7f;
const EXACT_FIRST: u32 = 1;
const EXACT_SECOND: u32 = 2;
const START_AT: u32 = 20;

/// Words of one grant at most: tag, head, number, actions, constraints, kind, and the segments after the first.
const GRANT_WORDS_MAX: usize = 6 + SEGMENTS_MAX - 2;

const _: () = assert!(SEGMENTS_MAX <= 8, "a segment would fall out of the bits");
const _: () = assert!(KINDS.len() < 8, "a kind would fall out of the bits");
const _: () = assert!(
    1 + GRANTS_MAX * GRANT_WORDS_MAX < 1 << (32 - START_AT),
    "a grant would begin out of reach"
);

/// The tag of a grant that may match whatever the segment after the kind is.
const OPEN: u32 = 0;

/// What a tag adds to the number of the segment after the kind: of the kind, its text if it is not well
/// known, and the segment after that, or [`NONE`].
#[inline]
fn mixed(kind: u32, kind_text: u32, second: u32) -> u32 {
    let kind = if kind == KIND_OTHER { kind_text } else { !kind };
    let second = second.wrapping_add(1).wrapping_mul(0x9e37_79b1);
    kind.wrapping_mul(0x85eb_ca77).wrapping_add(second)
}

/// The kind of a resource, and how many segments it has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape(u32);

impl Shape {
    #[inline]
    pub(crate) fn of(kind: u32, segments: usize) -> Self {
        Self((segments as u32 & SEGMENTS) | kind << KIND_AT)
    }
}

/// The tags that a grant which matches a request may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tags {
    /// Of one that names the segment after the kind, and the next.
    pub(crate) both: u32,
    /// Of one that names the segment after the kind alone.
    pub(crate) one: u32,
}

impl Tags {
    /// Of a resource of this kind, with these numbers for the kind's text and the two segments after it;
    /// [`NONE`] for those that no grant names, or that are not there.
    #[inline]
    pub(crate) fn of(kind: u32, kind_text: u32, [first, second]: [u32; 2]) -> Self {
        Self {
            both: first.wrapping_add(mixed(kind, kind_text, second)),
            one: first.wrapping_add(mixed(kind, kind_text, NONE)),
        }
    }
}

/// One grant, before it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draft {
    pub(super) number: u32,
    pub(super) kind: u32,
    pub(super) segments: usize,
    pub(super) tail: bool,
    /// Whether the last segment is the beginning of one.
    pub(super) prefix: bool,
    /// The numbers of the texts; [`NONE`] where there is none: a well-known kind, and `*`.
    pub(super) texts: [u32; SEGMENTS_MAX],
    pub(super) actions: PackedActions,
    pub(super) constraints: Option<u32>,
}

/// Which actions a grant allows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum PackedActions {
    All,
    /// The text of this number.
    One(u32),
    /// The list of this number.
    Several(u32),
}

/// Words to which grants are added, up to a number that is known.
#[derive(Debug)]
pub(super) struct SheetWriter {
    words: alloc::vec::Vec<u32>,
    count: usize,
    written: usize,
}

impl SheetWriter {
    pub(super) fn new(count: usize) -> Self {
        let mut words = alloc::vec::Vec::with_capacity(1 + count * 6);
        words.push(count as u32);
        words.resize(1 + 2 * count, NONE);
        Self {
            words,
            count,
            written: 0,
        }
    }

    pub(super) fn add(&mut self, draft: &Draft) {
        let place = self.written;
        if place >= self.count {
            return;
        }
        self.written += 1;
        let mut head = (draft.segments as u32 & SEGMENTS)
            | draft.kind << KIND_AT
            | ((self.words.len() - self.count - 1) as u32) << START_AT;
        if draft.tail {
            head |= TAIL;
        }
        if draft.prefix {
            head |= PREFIX;
        }
        if draft.number as usize != place + 1 {
            head |= ELSEWHERE;
            self.words.push(draft.number);
        }
        match draft.actions {
            PackedActions::All => {}
            PackedActions::One(text) => {
                head |= ACTS;
                self.words.push(text);
            }
            PackedActions::Several(list) => {
                head |= ACTS | SEVERAL;
                self.words.push(list);
            }
        }
        if let Some(constraints) = draft.constraints {
            head |= CONSTRAINED;
            self.words.push(constraints);
        }
        let named = draft.texts.iter().copied().enumerate().take(draft.segments);
        let prefix = draft.segments.checked_sub(1).filter(|_| draft.prefix);
        let exact = named
            .clone()
            .skip(1)
            .filter(|(at, text)| *text != NONE && Some(*at) != prefix);
        for (at, _) in exact {
            head |= 1 << (EXACT_AT - 1 + at as u32 % SEGMENTS_MAX as u32);
        }
        let bits = head >> EXACT_AT & EXACT;
        let [kind_text, first, second, ..] = draft.texts;
        let tag = if bits & EXACT_FIRST != 0 {
            let second = if bits & EXACT_SECOND != 0 {
                second
            } else {
                NONE
            };
            first.wrapping_add(mixed(draft.kind, kind_text, second))
        } else {
            OPEN
        };
        let own = |at| at != 1 || bits & EXACT_FIRST == 0;
        let words = named.filter(|(at, text)| *text != NONE && own(*at));
        self.words.extend(words.map(|(_, text)| text));
        let places = [(1 + place, tag), (1 + self.count + place, head)];
        for (at, word) in places {
            if let Some(free) = self.words.get_mut(at) {
                *free = word;
            }
        }
    }

    pub(super) fn finish(self) -> alloc::vec::Vec<u32> {
        self.words
    }
}

/// How many of three bits are set: those of the words before the texts, which stand together.
const BITS_OF: [u8; 8] = [0, 1, 1, 2, 1, 2, 2, 3];
const _: () = assert!(
    ACTS == 2 * ELSEWHERE && CONSTRAINED == 4 * ELSEWHERE,
    "the three bits stand together"
);

/// One grant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packed<'a> {
    head: u32,
    tag: u32,
    place: u32,
    rest: &'a [u32],
}

impl<'a> Packed<'a> {
    /// Whether it speaks of resources of this kind with so many segments, as far as that goes.
    #[inline]
    pub(crate) fn has_shape(self, shape: Shape) -> bool {
        if self.head & (SEGMENTS | TAIL | 7 << KIND_AT) == shape.0 {
            return true;
        }
        let segments = self.head & SEGMENTS;
        let below = self.head & TAIL != 0 && segments < shape.0 & SEGMENTS;
        below && (segments == 0 || (self.head ^ shape.0) & 7 << KIND_AT == 0)
    }

    /// Segments, the kind included.
    #[inline]
    pub(crate) fn segments(self) -> usize {
        (self.head & SEGMENTS) as usize
    }

    #[inline]
    pub(crate) fn has_prefix(self) -> bool {
        self.head & PREFIX != 0
    }

    /// A bit for each segment after the kind that is exact.
    #[inline]
    pub(crate) fn exact(self) -> u32 {
        self.head >> EXACT_AT & EXACT
    }

    /// The well-known kind, or [`KIND_OTHER`].
    #[inline]
    pub(crate) fn kind(self) -> u32 {
        self.head >> KIND_AT & 7
    }

    /// Whether the segment after the kind is exact. Then it has no word, and is what the tag says.
    #[inline]
    pub(crate) fn names_first(self) -> bool {
        self.exact() & EXACT_FIRST != 0
    }

    /// Whether it has the tag of a resource, provided that it names the segment after the kind.
    #[inline]
    pub(crate) fn has_tag(self, tags: Tags) -> bool {
        let wanted = if self.exact() & EXACT_SECOND != 0 {
            tags.both
        } else {
            tags.one
        };
        self.tag == wanted
    }

    /// The number that the holder calls it by.
    #[inline]
    pub(crate) fn number(self) -> u32 {
        if self.head & ELSEWHERE == 0 {
            self.place + 1
        } else {
            self.rest.first().copied().unwrap_or_default()
        }
    }

    #[inline]
    fn actions_at(self) -> usize {
        usize::from(self.head & ELSEWHERE != 0)
    }

    #[inline]
    fn constraints_at(self) -> usize {
        self.actions_at() + usize::from(self.head & ACTS != 0)
    }

    #[inline]
    pub(crate) fn actions(self) -> PackedActions {
        if self.head & ACTS == 0 {
            return PackedActions::All;
        }
        let word = self.rest.get(self.actions_at()).copied().unwrap_or(NONE);
        if self.head & SEVERAL != 0 {
            PackedActions::Several(word)
        } else {
            PackedActions::One(word)
        }
    }

    /// Whether there are bounds.
    #[inline]
    pub(crate) fn is_constrained(self) -> bool {
        self.head & CONSTRAINED != 0
    }

    /// The bounds, if there are any.
    #[inline]
    pub(crate) fn constraints(self) -> Option<u32> {
        (self.head & CONSTRAINED != 0)
            .then(|| self.rest.get(self.constraints_at()).copied())
            .flatten()
    }

    /// The words of a kind that is not well known, and of the segments; what follows them is not this
    /// grant's.
    #[inline]
    pub(crate) fn texts(self) -> &'a [u32] {
        let before = (self.head / ELSEWHERE) & 7;
        let from = BITS_OF.get(before as usize).copied().unwrap_or_default();
        self.rest.get(usize::from(from)..).unwrap_or_default()
    }

    /// The numbers of all its texts but that of an action.
    pub(super) fn all_texts(self) -> impl Iterator<Item = u32> {
        self.by_place().into_iter().filter(|text| *text != NONE)
    }

    /// What stands for the exact segments at the start: `kinds` by kind, `texts` by the number of the text.
    pub(crate) fn exact_start(self, kinds: &[u64], texts: &[u64]) -> impl Iterator<Item = u64> {
        let of_kind = kinds.get(self.kind() as usize).copied();
        let exact = self.exact() << 1 | 1;
        let places = self.by_place().into_iter().enumerate();
        let named = places.take(self.segments());
        named.map_while(move |(place, text)| {
            if place == 0 && of_kind.is_some() {
                return of_kind;
            }
            let is_exact = exact >> place & 1 != 0;
            is_exact
                .then(|| texts.get(text as usize).copied())
                .flatten()
        })
    }

    /// The numbers of its texts but that of an action, by the place of the segment; [`NONE`] elsewhere.
    fn by_place(self) -> [u32; SEGMENTS_MAX] {
        let other = self.kind() == KIND_OTHER;
        let mut words = self.texts().iter().copied();
        let mut texts = [NONE; SEGMENTS_MAX];
        let last = self.segments().wrapping_sub(1);
        for (place, text) in texts.iter_mut().enumerate().take(self.segments()) {
            let exact = place > 0 && self.exact() >> (place - 1) & 1 != 0;
            let is_word = match place {
                0 => other,
                1 if exact => false,
                _ => exact || (self.has_prefix() && place == last),
            };
            if is_word {
                *text = words.next().unwrap_or(NONE);
            }
        }
        if self.names_first() {
            let [kind_text, first, second, ..] = &mut texts;
            let second = if self.exact() & EXACT_SECOND != 0 {
                *second
            } else {
                NONE
            };
            *first = self
                .tag
                .wrapping_sub(mixed(self.kind(), *kind_text, second));
        }
        texts
    }
}

/// The grants of one holder.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PackedGrants<'a> {
    tags: &'a [u32],
    /// The heads, and all that follows them.
    words: &'a [u32],
}

impl<'a> PackedGrants<'a> {
    #[inline]
    pub(super) fn of(words: &'a [u32]) -> Self {
        let parts = words
            .split_first()
            .and_then(|(count, rest)| rest.split_at_checked(*count as usize));
        let (tags, words) = parts.unwrap_or_default();
        Self { tags, words }
    }

    #[inline]
    fn get(self, place: usize) -> Option<Packed<'a>> {
        let (tag, head) = (*self.tags.get(place)?, *self.words.get(place)?);
        let rest = self.words.get((head >> START_AT) as usize..)?;
        Some(Packed {
            head,
            tag,
            place: place as u32,
            rest,
        })
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Packed<'a>> {
        (0..self.tags.len()).filter_map(move |place| self.get(place))
    }
}

/// The grants that may match a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Alike<'a> {
    grants: PackedGrants<'a>,
    tags: Tags,
    from: usize,
}

impl<'a> Alike<'a> {
    #[inline]
    pub(crate) fn of(grants: PackedGrants<'a>, tags: Tags) -> Self {
        Self {
            grants,
            tags,
            from: 0,
        }
    }
}

impl<'a> Iterator for Alike<'a> {
    type Item = Packed<'a>;

    #[inline]
    fn next(&mut self) -> Option<Packed<'a>> {
        let Tags { both, one } = self.tags;
        let left = self.grants.tags.get(self.from..)?;
        let may = |tag: &u32| *tag == both || *tag == one || *tag == OPEN;
        let place = self.from + left.iter().position(may)?;
        self.from = place + 1;
        self.grants.get(place)
    }
}
