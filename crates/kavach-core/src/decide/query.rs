//! A request in the numbers that packed grants are written in.

use crate::decide::Request;
use crate::graph::{KIND_OTHER, Likeness, NONE, Packed, PackedGrants, Words, kind_of};
use crate::limits::SEGMENTS_MAX;

/// A request, translated once for all the grants that it is held against.
pub(crate) struct Query<'a> {
    texts: [&'a str; SEGMENTS_MAX],
    /// The number of each text; [`NONE`] where no grant names it.
    numbers: [u32; SEGMENTS_MAX],
    segments: usize,
    kind: u32,
    action: u32,
    likeness: Likeness,
}

impl<'a> Query<'a> {
    pub(crate) fn of(words: &Words, request: &'a Request) -> Self {
        let mut query = Self {
            texts: [""; SEGMENTS_MAX],
            numbers: [NONE; SEGMENTS_MAX],
            segments: 0,
            kind: KIND_OTHER,
            action: words.find_text(request.action.as_str()),
            likeness: Likeness::of(KIND_OTHER, 0, [NONE; 2]),
        };
        let places = query.texts.iter_mut().zip(&mut query.numbers);
        for (text, (place, number)) in request.resource.segments().zip(places) {
            if query.segments == 0 {
                query.kind = kind_of(text);
            }
            if query.segments > 0 || query.kind == KIND_OTHER {
                *number = words.find_text(text);
            }
            *place = text;
            query.segments += 1;
        }
        let [first, second, third, ..] = query.numbers;
        let texts = if query.kind == KIND_OTHER {
            [first, second]
        } else {
            [second, third]
        };
        query.likeness = Likeness::of(query.kind, query.segments, texts);
        query
    }

    /// The next grant that speaks of the request.
    #[inline]
    pub(crate) fn next_match<'g>(
        &self,
        grants: &mut PackedGrants<'g>,
        words: &Words,
    ) -> Option<(u16, Packed<'g>)> {
        loop {
            let (at, grant) = grants.next_like(self.likeness)?;
            if self.matches(grant, words) {
                return Some((at, grant));
            }
        }
    }

    /// Whether the grant speaks of the request, whatever its constraints.
    #[inline]
    fn matches(&self, grant: Packed<'_>, words: &Words) -> bool {
        self.is_resource_of(grant, words) && self.is_action_of(grant, words)
    }

    /// Looks at the whole pattern again: what a likeness has seen of it is little.
    #[inline]
    fn is_resource_of(&self, grant: Packed<'_>, words: &Words) -> bool {
        let segments = grant.segments();
        let lengths = if grant.has_tail() {
            segments < self.segments
        } else {
            segments == self.segments
        };
        if !lengths || (segments > 0 && grant.kind() != self.kind) {
            return false;
        }
        let mut named = grant.words_from_texts().iter();
        // A well-known kind has no word.
        let first = usize::from(self.kind != KIND_OTHER);
        let numbers = self.numbers.iter().enumerate().take(segments).skip(first);
        for (place, number) in numbers {
            if grant.is_any(place) {
                continue;
            }
            match named.next() {
                Some(named) if named == number => {}
                Some(named) if place + 1 == segments && grant.has_prefix() => {
                    let text = self.texts.get(place).copied().unwrap_or_default();
                    return text.starts_with(words.text(*named));
                }
                _ => return false,
            }
        }
        true
    }

    #[inline]
    fn is_action_of(&self, grant: Packed<'_>, words: &Words) -> bool {
        if grant.allows_all() {
            return true;
        }
        match grant.list() {
            Some(list) => words.lists(list, self.action),
            None => self.action != NONE && grant.texts().last() == Some(&self.action),
        }
    }
}
