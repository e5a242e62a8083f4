//! Grants in numbers, for deciding: equal texts, lists and bounds are kept once. See [`sheet`](super::sheet)
//! for what a list of grants looks like.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::rows::NONE;
use super::sheet::{Draft, PackedActions, PackedGrants, SheetWriter};
use super::shelf::{Fresh, Shelf};
use crate::action::Actions;
use crate::constraint::Constraints;
use crate::grant::Grants;
use crate::limits::SEGMENTS_MAX;
use crate::permission::Permission;
use crate::segment::{KIND_OTHER, Segment, kind_of};

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
    last: Option<(Actions, PackedActions)>,
}

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

    /// Keeps that many grants, and returns their number; [`NONE`] for none at all.
    pub(crate) fn keep<'a>(
        &mut self,
        count: usize,
        grants: impl IntoIterator<Item = (u32, &'a Permission)>,
    ) -> u32 {
        if count == 0 {
            return NONE;
        }
        let mut sheet = SheetWriter::new(count);
        let mut before: Option<Before<'_>> = None;
        for (number, permission) in grants {
            before = Some(self.pack(number, permission, before.as_ref(), &mut sheet));
        }
        let words = sheet.finish();
        let (number, fresh) = self.grants.take(&words, || Arc::from(words.as_slice()));
        if fresh == Fresh::No {
            self.forget(&words);
        }
        number
    }

    /// Keeps these grants in the place of the former ones.
    pub(crate) fn repack(&mut self, packed: u32, after: &Grants) -> u32 {
        let grants = after.iter().map(|grant| (grant.id, &grant.permission));
        let after = self.keep(after.len(), grants);
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
        sheet: &mut SheetWriter,
    ) -> Before<'a> {
        let (segments, tail) = permission.pattern.parts();
        let mut texts = [NONE; SEGMENTS_MAX];
        // A pattern that begins with no kind names none.
        let (mut kind, mut prefix) = (0, false);
        for ((place, segment), kept) in segments.iter().enumerate().zip(&mut texts) {
            let text = match segment {
                Segment::Any => continue,
                Segment::Exact(text) if place == 0 => {
                    kind = kind_of(text);
                    if kind != KIND_OTHER {
                        continue;
                    }
                    text
                }
                Segment::Exact(text) => text,
                Segment::Prefix(text) => {
                    prefix = true;
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
        }
        let actions = self.pack_actions(&permission.actions);
        let constraints = &permission.constraints;
        let constraints = (!constraints.is_absent()).then(|| {
            let kept = self
                .constraints
                .take(constraints, || Arc::new(constraints.clone()));
            kept.0
        });
        sheet.add(&Draft {
            number,
            kind,
            segments: segments.len(),
            tail,
            prefix,
            texts,
            actions,
            constraints,
        });
        Before { permission, texts }
    }

    /// The word for these actions. Whoever comes next often has the same.
    fn pack_actions(&mut self, actions: &Actions) -> PackedActions {
        if let Some((last, packed)) = &self.last
            && last == actions
        {
            let packed = *packed;
            match packed {
                PackedActions::All => {}
                PackedActions::One(text) => self.texts.reuse(text),
                PackedActions::Several(list) => self.lists.reuse(list),
            }
            return packed;
        }
        let packed = match actions.listed() {
            None => PackedActions::All,
            Some([only]) => PackedActions::One(self.take_text(only.as_str())),
            Some(several) => {
                let taken = several.iter().map(|action| self.take_text(action.as_str()));
                let mut list: Vec<u32> = taken.collect();
                list.sort_unstable();
                let (number, fresh) = self.lists.take(&list, || Arc::from(list.as_slice()));
                if fresh == Fresh::No {
                    list.iter().for_each(|text| drop(self.texts.release(*text)));
                }
                PackedActions::Several(number)
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
        for packed in PackedGrants::of(words).iter() {
            for text in packed.all_texts() {
                self.texts.release(text);
            }
            match packed.actions() {
                PackedActions::All => {}
                PackedActions::One(text) => drop(self.texts.release(text)),
                PackedActions::Several(list) => {
                    if let Some(list) = self.lists.release(list) {
                        list.iter().for_each(|text| drop(self.texts.release(*text)));
                    }
                }
            }
            if let Some(constraints) = packed.constraints() {
                self.constraints.release(constraints);
            }
        }
    }
}
