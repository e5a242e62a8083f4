//! Grants as a few words each, for deciding: texts are numbers, and equal lists are kept once.
//!
//! ```text
//! grant  = head [number] [kind] *segment [actions] [constraints]      ; a word each
//! head   = words:4 segments:4 tail:1 prefix:1 elsewhere:1 any:7 all:1 several:1 constrained:1 kind:3 number:8
//! ```
//!
//! `any` has a bit for each segment after the kind that is `*`, and only the others have a word. `number` is
//! a word of its own, `elsewhere`, where 8 bits are too few, and so is a `kind` that is not well known. Two
//! words of nothing end a list, so that whoever looks at a grant may look at three words at a time.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::rows::NONE;
use super::shelf::{Fresh, Shelf};
use crate::action::Actions;
use crate::constraint::Constraints;
use crate::grant::Grants;
use crate::limits::SEGMENTS_MAX;
use crate::permission::Permission;
use crate::segment::{KINDS, Segment};

const SEGMENTS_AT: u32 = 4;
const TAIL: u32 = 1 << 8;
const PREFIX: u32 = 1 << 9;
/// The number is a word of its own.
const ELSEWHERE: u32 = 1 << 10;
/// The bit of the kind, which never is `*`, were it not another's.
const ANY_AT: u32 = 10;
const ANY_SECOND: u32 = 1 << 11;
const ANY_THIRD: u32 = 1 << 12;
const ALL: u32 = 1 << 18;
const SEVERAL: u32 = 1 << 19;
const CONSTRAINED: u32 = 1 << 20;
const KIND_AT: u32 = 21;
const NUMBER_AT: u32 = 24;
const NUMBER_MAX: u32 = 0xff;
/// What two grants share if the same kind and number of segments fits them.
const SHAPE: u32 = 0xf << SEGMENTS_AT | TAIL | 7 << KIND_AT;
/// The kind is a word of its own.
pub(crate) const KIND_OTHER: u32 = KINDS.len() as u32;

const _: () = assert!(SEGMENTS_MAX <= 8, "a segment would fall out of the bits");
const _: () = assert!(KIND_OTHER < 8, "a kind would fall out of the bits");

/// Every text, list and bound that grants name, kept once each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words {
    /// Segments and actions.
    pub(crate) texts: Shelf<str>,
    /// Lists of actions, by the numbers of their texts, sorted.
    lists: Shelf<[u32]>,
    constraints: Shelf<Constraints>,
    /// Lists of grants.
    grants: Shelf<[u32]>,
    /// The actions that were packed last, and as what: whoever comes next often has the same. Forgotten as soon
    /// as anything is let go.
    last: Option<(Actions, (u32, Option<u32>))>,
}

/// One grant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packed<'a> {
    words: &'a [u32],
    head: u32,
}

/// Room for ten grants of the usual length.
const WORDS_USUAL: usize = 64;

/// What the grant before was packed as.
struct Before<'a> {
    permission: &'a Permission,
    /// The numbers of its segments; [`NONE`] for those without a word.
    texts: [u32; SEGMENTS_MAX],
}

impl Before<'_> {
    /// The number of its segment at this place, if it is the same.
    fn text(&self, place: usize, segment: &Segment) -> u32 {
        let (segments, _) = self.permission.pattern.parts();
        match segments.get(place) {
            Some(known) if known == segment => self.texts.get(place).copied().unwrap_or(NONE),
            _ => NONE,
        }
    }
}

impl Words {
    /// The grants of this number, in the order in which they were packed.
    #[inline]
    pub(crate) fn grants(&self, number: u32) -> PackedGrants<'_> {
        PackedGrants::of(self.grants.get(number).unwrap_or_default())
    }

    #[inline]
    pub(crate) fn text(&self, number: u32) -> &str {
        self.texts.get(number).unwrap_or_default()
    }

    /// The number of a text, if any grant names it.
    #[inline]
    pub(crate) fn find_text(&self, text: &str) -> u32 {
        self.texts.find(text, |known| known == text).unwrap_or(NONE)
    }

    #[inline]
    pub(crate) fn constraints(&self, number: u32) -> Option<&Constraints> {
        self.constraints.get(number)
    }

    /// Whether the list of actions of this number has the action of that one.
    #[inline]
    pub(crate) fn lists(&self, list: u32, action: u32) -> bool {
        let list = self.lists.get(list).unwrap_or_default();
        list.contains(&action)
    }

    /// Keeps these grants, and returns their number; [`NONE`] for none at all.
    pub(crate) fn keep<'a>(
        &mut self,
        grants: impl IntoIterator<Item = (u32, &'a Permission)>,
    ) -> u32 {
        let mut words = Vec::with_capacity(WORDS_USUAL);
        let mut before: Option<Before<'_>> = None;
        for (number, permission) in grants {
            before = Some(self.pack(number, permission, before.as_ref(), &mut words));
        }
        if words.is_empty() {
            return NONE;
        }
        words.extend([NONE; 2]);
        let (number, fresh) = self.grants.take(&words, || Arc::from(words.as_slice()));
        if fresh == Fresh::No {
            self.forget(&words);
        }
        number
    }

    /// Keeps these grants in the place of the former ones.
    pub(crate) fn repack(&mut self, packed: u32, after: &Grants) -> u32 {
        let after = after.iter().map(|grant| (grant.id, &grant.permission));
        let after = self.keep(after);
        self.let_go(packed);
        after
    }

    /// One holder less has the grants of this number.
    pub(crate) fn let_go(&mut self, number: u32) {
        if let Some(words) = self.grants.release(number) {
            self.last = None;
            self.forget(&words);
        }
    }

    /// Much will be kept, until [`settle`](Self::settle).
    pub(crate) fn hurry(&mut self) {
        self.texts.hurry();
        self.lists.hurry();
        self.constraints.hurry();
        self.grants.hurry();
    }

    /// Everything is kept.
    pub(crate) fn settle(&mut self) {
        self.texts.settle();
        self.lists.settle();
        self.constraints.settle();
        self.grants.settle();
    }

    fn pack<'a>(
        &mut self,
        number: u32,
        permission: &'a Permission,
        before: Option<&Before<'a>>,
        words: &mut Vec<u32>,
    ) -> Before<'a> {
        let start = words.len();
        let (segments, tail) = permission.pattern.parts();
        let mut head = (segments.len() as u32 & 0xf) << SEGMENTS_AT;
        words.push(0);
        if tail {
            head |= TAIL;
        }
        if number <= NUMBER_MAX {
            head |= number << NUMBER_AT;
        } else {
            head |= ELSEWHERE;
            words.push(number);
        }
        let mut packed = Before {
            permission,
            texts: [NONE; SEGMENTS_MAX],
        };
        for ((place, segment), kept) in segments.iter().enumerate().zip(&mut packed.texts) {
            let text = match segment {
                Segment::Any => {
                    head |= 1 << (ANY_AT + place as u32 % 8);
                    continue;
                }
                Segment::Exact(text) if place == 0 => {
                    let kind = kind_of(text);
                    head |= kind << KIND_AT;
                    if kind != KIND_OTHER {
                        continue;
                    }
                    text
                }
                Segment::Exact(text) => text,
                Segment::Prefix(text) => {
                    head |= PREFIX;
                    text
                }
            };
            // Neighbours often begin alike.
            *kept = match before.map_or(NONE, |before| before.text(place, segment)) {
                NONE => self.take_text(text),
                known => {
                    self.texts.reuse(known);
                    known
                }
            };
            words.push(*kept);
        }
        let (bits, word) = self.pack_actions(&permission.actions);
        head |= bits;
        words.extend(word);
        let constraints = &permission.constraints;
        if !constraints.is_absent() {
            head |= CONSTRAINED;
            let (number, _) = self
                .constraints
                .take(constraints, || Arc::new(constraints.clone()));
            words.push(number);
        }
        head |= (words.len() - start) as u32 & 0xf;
        if let Some(first) = words.get_mut(start) {
            *first = head;
        }
        packed
    }

    /// The bits for these actions, and their word. Whoever comes next often has the same.
    fn pack_actions(&mut self, actions: &Actions) -> (u32, Option<u32>) {
        if let Some((last, packed)) = &self.last
            && last == actions
        {
            let packed = *packed;
            match packed {
                (SEVERAL, Some(list)) => self.lists.reuse(list),
                (_, Some(text)) => self.texts.reuse(text),
                (_, None) => {}
            }
            return packed;
        }
        let packed = match actions.listed() {
            None => (ALL, None),
            Some([only]) => (0, Some(self.take_text(only.as_str()))),
            Some(several) => {
                let taken = several.iter().map(|action| self.take_text(action.as_str()));
                let mut list: Vec<u32> = taken.collect();
                list.sort_unstable();
                let (number, fresh) = self.lists.take(&list, || Arc::from(list.as_slice()));
                if fresh == Fresh::No {
                    list.iter().for_each(|text| drop(self.texts.release(*text)));
                }
                (SEVERAL, Some(number))
            }
        };
        self.last = Some((actions.clone(), packed));
        packed
    }

    fn take_text(&mut self, text: &str) -> u32 {
        self.texts.take(text, || Arc::from(text)).0
    }

    /// How many texts, lists of actions, bounds and lists of grants are kept.
    #[cfg(test)]
    pub(crate) fn kept(&self) -> [usize; 4] {
        [
            self.texts.iter().count(),
            self.lists.iter().count(),
            self.constraints.iter().count(),
            self.grants.iter().count(),
        ]
    }

    /// How many use each text, list of actions, bounds and list of grants.
    #[cfg(test)]
    pub(crate) fn uses(&self) -> [Vec<u32>; 4] {
        [
            self.texts.uses(),
            self.lists.uses(),
            self.constraints.uses(),
            self.grants.uses(),
        ]
    }

    /// Lets go of all that these words name.
    fn forget(&mut self, words: &[u32]) {
        for (_, packed) in PackedGrants::of(words) {
            for text in packed.texts() {
                self.texts.release(*text);
            }
            if let Some(list) = packed.list()
                && let Some(list) = self.lists.release(list)
            {
                list.iter().for_each(|text| drop(self.texts.release(*text)));
            }
            if let Some(constraints) = packed.constraints() {
                self.constraints.release(constraints);
            }
        }
    }
}

/// The number of a well-known kind; [`KIND_OTHER`] for one of the host's own.
#[inline]
pub(crate) fn kind_of(text: &str) -> u32 {
    let known = (0..).zip(KINDS).find(|(_, known)| *known == text);
    known.map_or(KIND_OTHER, |(place, _)| place)
}

impl<'a> Packed<'a> {
    /// Segments, the kind included.
    #[inline]
    pub(crate) fn segments(self) -> usize {
        (self.head >> SEGMENTS_AT & 0xf) as usize
    }

    #[inline]
    pub(crate) fn has_tail(self) -> bool {
        self.head & TAIL != 0
    }

    #[inline]
    pub(crate) fn has_prefix(self) -> bool {
        self.head & PREFIX != 0
    }

    /// Whether the segment at this place is `*`. The kind never is.
    #[inline]
    pub(crate) fn is_any(self, place: usize) -> bool {
        place > 0 && self.head >> (ANY_AT as usize + place) & 1 != 0
    }

    /// The well-known kind, or [`KIND_OTHER`].
    #[inline]
    pub(crate) fn kind(self) -> u32 {
        self.head >> KIND_AT & 7
    }

    /// The number that the holder calls it by.
    #[inline]
    pub(crate) fn number(self) -> u32 {
        if self.head & ELSEWHERE == 0 {
            self.head >> NUMBER_AT
        } else {
            self.words.first().copied().unwrap_or_default()
        }
    }

    /// The words from the first text on.
    #[inline]
    pub(crate) fn words_from_texts(self) -> &'a [u32] {
        let from = usize::from(self.head & ELSEWHERE != 0);
        self.words.get(from..).unwrap_or_default()
    }

    /// The texts of the segments that are not `*`, without that of a well-known kind, and then the action if
    /// it is just one.
    #[inline]
    pub(crate) fn texts(self) -> &'a [u32] {
        let from = usize::from(self.head & ELSEWHERE != 0);
        let beside =
            usize::from(self.head & CONSTRAINED != 0) + usize::from(self.head & SEVERAL != 0);
        self.words
            .get(from..self.words.len().wrapping_sub(beside))
            .unwrap_or_default()
    }

    /// What stands for the exact segments at the start: `kinds` by kind, `texts` by the number of the text.
    pub(crate) fn exact_start(self, kinds: &[u64], texts: &[u64]) -> impl Iterator<Item = u64> {
        let mut words = self.words_from_texts().iter();
        let exact = self.segments() - usize::from(self.has_prefix());
        (0..exact).map_while(move |place| match self.kind() {
            kind if place == 0 && kind != KIND_OTHER => kinds.get(kind as usize).copied(),
            _ if self.is_any(place) => None,
            _ => texts.get(*words.next()? as usize).copied(),
        })
    }

    #[inline]
    pub(crate) fn allows_all(self) -> bool {
        self.head & ALL != 0
    }

    /// The list of actions, if there are several.
    #[inline]
    pub(crate) fn list(self) -> Option<u32> {
        let beside = usize::from(self.head & CONSTRAINED != 0);
        let at = self.words.len().checked_sub(1 + beside)?;
        (self.head & SEVERAL != 0)
            .then(|| self.words.get(at).copied())
            .flatten()
    }

    /// The bounds, if there are any.
    #[inline]
    pub(crate) fn constraints(self) -> Option<u32> {
        (self.head & CONSTRAINED != 0)
            .then(|| self.words.last().copied())
            .flatten()
    }
}

/// What nearly every grant that does not match misses, so that most are passed over by their first words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Likeness {
    shape: u32,
    segments: u32,
    /// The numbers of the first two texts that have a word.
    texts: [u32; 2],
}

impl Likeness {
    /// Of a resource of this kind, with this many segments, and these numbers for the two after the kind, or
    /// for the first two if the kind is not well known.
    pub(crate) fn of(kind: u32, segments: usize, texts: [u32; 2]) -> Self {
        let segments = segments as u32;
        Self {
            shape: segments << SEGMENTS_AT | kind << KIND_AT,
            segments,
            texts,
        }
    }

    /// Whether a grant with these first words may match. If it matches, it may.
    #[inline]
    fn fits(self, [head, one, two]: [u32; 3]) -> bool {
        let segments = head >> SEGMENTS_AT & 0xf;
        if head & SHAPE != self.shape {
            let kind = 7 << KIND_AT;
            let below = head & TAIL != 0 && segments < self.segments;
            if !below || (segments > 0 && head & kind != self.shape & kind) {
                return false;
            }
        }
        let [first, second] = self.texts;
        let plain = head & (PREFIX | ELSEWHERE | ANY_SECOND) == 0;
        let both = segments > 2 && head & ANY_THIRD == 0;
        !plain || segments < 2 || (one == first && (!both || two == second))
    }
}

/// Grants in a row, each with the word at which it starts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PackedGrants<'a> {
    words: &'a [u32],
    at: usize,
}

impl<'a> PackedGrants<'a> {
    #[inline]
    fn of(words: &'a [u32]) -> Self {
        Self { words, at: 0 }
    }

    /// The next that is like this.
    #[inline]
    pub(crate) fn next_like(&mut self, likeness: Likeness) -> Option<(u16, Packed<'a>)> {
        let mut at = self.at;
        loop {
            let first: &[u32; 3] = self.words.get(at..)?.first_chunk()?;
            let [head, ..] = *first;
            let next = at + (head & 0xf) as usize;
            if likeness.fits(*first) {
                self.at = next;
                let words = self.words.get(at + 1..next)?;
                // At most 256 grants of at most 15 words.
                return Some((at as u16, Packed { words, head }));
            }
            if next == at {
                // INVARIANT (packed): a grant has a word at least.
                return None;
            }
            at = next;
        }
    }
}

impl<'a> Iterator for PackedGrants<'a> {
    type Item = (u16, Packed<'a>);

    #[inline]
    fn next(&mut self) -> Option<(u16, Packed<'a>)> {
        let first: &[u32; 3] = self.words.get(self.at..)?.first_chunk()?;
        let [head, ..] = *first;
        let at = self.at;
        self.at = at + (head & 0xf) as usize;
        let words = self.words.get(at + 1..self.at)?;
        Some((at as u16, Packed { words, head }))
    }
}
