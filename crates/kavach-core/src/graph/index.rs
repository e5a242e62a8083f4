//! From a hash to where a thing stands, in a table that copies share, except where they differ.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::rows::NONE;

/// Places of a table before it is split. A write to one of two copies copies one table.
const TABLE_MAX: usize = 512;
/// Tables below one node, and the bits of the hash that choose among them.
const FAN: usize = 64;
const FAN_BITS: u32 = 6;
/// A table goes by the lowest bits.
const FIRST_BIT: u32 = 16;
const DEPTH_MAX: u32 = 6;

/// Places by the hash of what stands there.
///
/// It keeps 32 bits of each hash, and finds things by asking about those that have the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    root: Node,
}

#[derive(Clone, Debug)]
enum Node {
    Table(Table),
    Split(Arc<[Self; FAN]>),
}

/// Entries at the first free slot from the one that their hash names: most are found in one line of memory.
#[derive(Clone, Debug, Default)]
struct Table {
    /// INVARIANT (probing): a power of two, or none at all; at least a quarter is free; and none is free
    /// between an entry and the slot that its hash names.
    slots: Arc<[Entry]>,
    len: u32,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Entry {
    hash: u32,
    /// [`NONE`] if the slot is free.
    place: u32,
}

const FREE: Entry = Entry {
    hash: 0,
    place: NONE,
};

impl Default for Node {
    fn default() -> Self {
        Self::Table(Table::default())
    }
}

/// 64 bits again, of which every part depends on much of the 32.
#[inline]
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[inline]
fn branch(spread: u64, depth: u32) -> usize {
    (spread >> (FIRST_BIT + FAN_BITS * depth)) as usize % FAN
}

impl Index {
    /// The first place with this hash of which `is` says that it is the one.
    #[inline]
    pub(crate) fn find(&self, hash: u64, is: impl FnMut(u32) -> bool) -> Option<u32> {
        let hash = (hash >> 32) as u32;
        let spread = spread(hash);
        let mut node = &self.root;
        let mut depth = 0;
        while let Node::Split(nodes) = node {
            node = nodes.get(branch(spread, depth))?;
            depth += 1;
        }
        match node {
            Node::Table(table) => table.find(hash, is),
            Node::Split(_) => None,
        }
    }

    pub(crate) fn insert(&mut self, hash: u64, place: u32) {
        let hash = (hash >> 32) as u32;
        self.root.insert(Entry { hash, place }, 0);
    }

    pub(crate) fn remove(&mut self, hash: u64, place: u32) {
        let hash = (hash >> 32) as u32;
        self.root.remove(Entry { hash, place }, 0);
    }
}

impl Node {
    fn insert(&mut self, new: Entry, depth: u32) {
        match self {
            Self::Split(nodes) => {
                let nodes = Arc::make_mut(nodes);
                if let Some(node) = nodes.get_mut(branch(spread(new.hash), depth)) {
                    node.insert(new, depth + 1);
                }
            }
            Self::Table(table) if (table.len as usize) < TABLE_MAX || depth >= DEPTH_MAX => {
                table.insert(new);
            }
            Self::Table(table) => {
                let mut split = Self::Split(Arc::new(core::array::from_fn(|_| Self::default())));
                for known in table.slots.iter().filter(|known| **known != FREE) {
                    split.insert(*known, depth);
                }
                split.insert(new, depth);
                *self = split;
            }
        }
    }

    fn remove(&mut self, gone: Entry, depth: u32) {
        match self {
            Self::Split(nodes) => {
                let nodes = Arc::make_mut(nodes);
                if let Some(node) = nodes.get_mut(branch(spread(gone.hash), depth)) {
                    node.remove(gone, depth + 1);
                }
            }
            Self::Table(table) => table.remove(gone),
        }
    }
}

impl Table {
    #[inline]
    fn find(&self, hash: u32, mut is: impl FnMut(u32) -> bool) -> Option<u32> {
        let slots = &*self.slots;
        let last = slots.len().wrapping_sub(1);
        let mut at = spread(hash) as usize;
        loop {
            let entry = slots.get(at & last)?;
            if entry.place == NONE {
                return None;
            }
            if entry.hash == hash && is(entry.place) {
                return Some(entry.place);
            }
            at = at.wrapping_add(1);
        }
    }

    fn insert(&mut self, new: Entry) {
        let wanted = (self.len as usize + 1) * 4;
        if wanted > self.slots.len() * 3 {
            let known: Vec<Entry> = self
                .slots
                .iter()
                .copied()
                .filter(|known| *known != FREE)
                .collect();
            let slots = (self.slots.len() * 2).max(8);
            self.slots = core::iter::repeat_n(FREE, slots).collect();
            known.into_iter().for_each(|entry| self.put(entry));
        }
        self.put(new);
        self.len = self.len.saturating_add(1);
    }

    /// Puts an entry into a table with room.
    fn put(&mut self, new: Entry) {
        let slots = Arc::make_mut(&mut self.slots);
        let last = slots.len().wrapping_sub(1);
        let mut at = spread(new.hash) as usize;
        while let Some(slot) = slots.get_mut(at & last) {
            if *slot == FREE {
                *slot = new;
                return;
            }
            at = at.wrapping_add(1);
        }
    }

    fn remove(&mut self, gone: Entry) {
        let Some(hole) = self.slot_of(gone) else {
            return;
        };
        let slots = Arc::make_mut(&mut self.slots);
        let last = slots.len().wrapping_sub(1);
        // What stands behind moves up, unless it would come before the slot that its hash names.
        let (mut hole, mut at) = (hole, hole);
        loop {
            at = (at + 1) & last;
            let Some(entry) = slots.get(at).copied().filter(|entry| *entry != FREE) else {
                break;
            };
            let named = spread(entry.hash) as usize & last;
            let moves = at.wrapping_sub(named) & last >= at.wrapping_sub(hole) & last;
            if moves && let Some(slot) = slots.get_mut(hole) {
                *slot = entry;
                hole = at;
            }
        }
        if let Some(slot) = slots.get_mut(hole) {
            *slot = FREE;
        }
        self.len = self.len.saturating_sub(1);
    }

    fn slot_of(&self, wanted: Entry) -> Option<usize> {
        let last = self.slots.len().wrapping_sub(1);
        let mut at = spread(wanted.hash) as usize & last;
        loop {
            match *self.slots.get(at)? {
                FREE => return None,
                entry if entry == wanted => return Some(at),
                _ => at = (at + 1) & last,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use super::Index;

    /// Places 0 to 99,999 with hashes of which many are the same, put in and taken out in a muddle.
    #[test]
    fn what_was_put_in_and_not_taken_out_is_found_and_nothing_else() {
        let hash = |place: u32| u64::from(place % 30_000).wrapping_mul(0x9e37_79b9_7f4a_7c15) << 3;
        let (mut index, mut known) = (Index::default(), BTreeSet::new());
        let mut drawn = 7_u32;
        for step in 0..150_000 {
            drawn = drawn.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let place = (drawn >> 8) % 100_000;
            if known.insert(place) {
                index.insert(hash(place), place);
            } else if !drawn.is_multiple_of(3) {
                known.remove(&place);
                index.remove(hash(place), place);
            }
            if step == 75_000 {
                let earlier = index.clone();
                index.remove(hash(place), place);
                let is = |other| other == place;
                assert_eq!(
                    earlier.find(hash(place), is).is_some(),
                    known.remove(&place)
                );
            }
        }
        for place in 0..100_000 {
            let found = index.find(hash(place), |other| other == place);
            assert_eq!(found.is_some(), known.contains(&place), "{place}");
        }
        assert!(known.len() > 10_000);
    }
}
