//! A request in the numbers that packed grants are written in.

use core::cell::Cell;

use crate::decide::Request;
use crate::decide::hop::Miss;
use crate::graph::{Alike, NONE, Packed, PackedActions, PackedGrants, Shape, Tags, Words};
use crate::limits::SEGMENTS_MAX;
use crate::segment::KIND_OTHER;
use crate::time::Timestamp;

/// What has not been looked up yet. No text has this number.
const UNKNOWN: u32 = NONE - 1;

/// A request, translated once for all the grants that it is held against. What nearly every grant is told
/// by is looked up at once, the rest when a grant first asks.
pub(crate) struct Query<'a> {
    request: &'a Request,
    words: &'a Words,
    tags: Tags,
    shape: Shape,
    /// Whether any grant names the segment after the kind.
    names_first: bool,
    /// The number of each segment's text; [`NONE`] where no grant names it.
    numbers: [Cell<u32>; SEGMENTS_MAX],
    action: Cell<u32>,
    /// The list of actions that was asked about last, and whether the action is in it.
    listed: Cell<(u32, bool)>,
    /// What was found out last about the circumstances that some constraints ask for: which, when, and why
    /// the call misses them. The hops of a line often have the same.
    circumstances: Cell<Option<(u32, Timestamp, Option<Miss>)>>,
}

impl<'a> Query<'a> {
    pub(crate) fn of(words: &'a Words, request: &'a Request) -> Self {
        let resource = &request.resource;
        let mut numbers = [const { Cell::new(UNKNOWN) }; SEGMENTS_MAX];
        let kind = resource.kind();
        let kind_text = if kind == KIND_OTHER {
            words.find_text(resource.segment(0))
        } else {
            NONE
        };
        let first = words.find_text(resource.segment(1));
        let second = if resource.len() > 2 {
            words.find_text(resource.segment(2))
        } else {
            NONE
        };
        let [of_kind, of_first, of_second, ..] = &mut numbers;
        *of_kind = Cell::new(kind_text);
        *of_first = Cell::new(first);
        *of_second = Cell::new(second);
        Self {
            request,
            words,
            tags: Tags::of(kind, kind_text, [first, second]),
            shape: Shape::of(kind, resource.len()),
            names_first: first != NONE,
            numbers,
            action: Cell::new(UNKNOWN),
            listed: Cell::new((NONE, false)),
            circumstances: Cell::new(None),
        }
    }

    /// What `miss` says of these constraints at this time, asked only if it was not asked last.
    #[inline]
    pub(super) fn remembered(
        &self,
        constraints: u32,
        now: Timestamp,
        miss: impl FnOnce() -> Option<Miss>,
    ) -> Option<Miss> {
        match self.circumstances.get() {
            Some((known, at, miss)) if (known, at) == (constraints, now) => miss,
            _ => {
                let miss = miss();
                self.circumstances.set(Some((constraints, now, miss)));
                miss
            }
        }
    }

    /// The grants that may speak of the request.
    #[inline]
    pub(crate) fn alike<'g>(&self, grants: PackedGrants<'g>) -> Alike<'g> {
        Alike::of(grants, self.tags)
    }

    /// The next grant that speaks of the request.
    #[inline]
    pub(crate) fn next_match<'g>(&self, alike: &mut Alike<'g>) -> Option<Packed<'g>> {
        alike.find(|grant| self.is_resource_of(*grant) && self.is_action_of(*grant))
    }

    #[inline]
    fn number(&self, place: usize) -> u32 {
        let Some(cell) = self.numbers.get(place) else {
            return NONE;
        };
        let known = cell.get();
        if known != UNKNOWN {
            return known;
        }
        self.look_up(place, cell)
    }

    #[inline(never)]
    fn look_up(&self, place: usize, cell: &Cell<u32>) -> u32 {
        let found = self.words.find_text(self.request.resource.segment(place));
        cell.set(found);
        found
    }

    /// Looks at the whole pattern again: a tag is a sum, and others may have the same.
    #[inline]
    fn is_resource_of(&self, grant: Packed<'_>) -> bool {
        if !grant.has_shape(self.shape) {
            return false;
        }
        let mut named = grant.texts().iter().copied();
        if grant.kind() == KIND_OTHER && named.next() != Some(self.number(0)) {
            return false;
        }
        let mut exact = grant.exact();
        if grant.names_first() {
            // The numbers of the kind and of the second segment are compared as well, and so the sum of the
            // three leaves just one for the first.
            if !self.names_first || !grant.has_tag(self.tags) {
                return false;
            }
            exact &= exact - 1;
        }
        while exact != 0 {
            let place = 1 + exact.trailing_zeros() as usize;
            exact &= exact - 1;
            if named.next() != Some(self.number(place)) {
                return false;
            }
        }
        !grant.has_prefix() || self.begins(grant.segments().wrapping_sub(1), named.next())
    }

    /// Whether the segment at this place begins with the text of this number.
    #[cold]
    fn begins(&self, place: usize, text: Option<u32>) -> bool {
        let segment = self.request.resource.segment(place);
        text.is_some_and(|text| segment.starts_with(self.words.text(text)))
    }

    #[inline]
    fn is_action_of(&self, grant: Packed<'_>) -> bool {
        match grant.actions() {
            PackedActions::All => true,
            PackedActions::One(text) => text == self.action(),
            PackedActions::Several(list) => match self.listed.get() {
                (known, has) if known == list => has,
                _ => {
                    let has = self.words.lists(list, self.action());
                    self.listed.set((list, has));
                    has
                }
            },
        }
    }

    #[inline]
    fn action(&self) -> u32 {
        let known = self.action.get();
        if known != UNKNOWN {
            return known;
        }
        self.look_up_action()
    }

    #[inline(never)]
    fn look_up_action(&self) -> u32 {
        let found = self.words.find_text(self.request.action.as_str());
        self.action.set(found);
        found
    }
}

#[cfg(test)]
mod tests;
