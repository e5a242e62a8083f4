//! Things with a key, stored in a row, so that others can point at them with a small number.

use alloc::vec::Vec;
use core::hash::Hash;

use hashbrown::HashMap;

/// Where a thing stands in its row. Things are never taken out, so it stays valid.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Slot(u32);

#[derive(Clone, Debug)]
pub(crate) struct Slots<K, T> {
    by_key: HashMap<K, Slot>,
    row: Vec<T>,
}

impl<K, T> Default for Slots<K, T> {
    fn default() -> Self {
        Self {
            by_key: HashMap::new(),
            row: Vec::new(),
        }
    }
}

impl<K: Eq + Hash, T> Slots<K, T> {
    pub(crate) fn slot(&self, key: &K) -> Option<Slot> {
        self.by_key.get(key).copied()
    }

    pub(crate) fn get(&self, slot: Slot) -> Option<&T> {
        self.row.get(slot.0 as usize)
    }

    pub(crate) fn get_mut(&mut self, slot: Slot) -> Option<&mut T> {
        self.row.get_mut(slot.0 as usize)
    }

    pub(crate) fn find(&self, key: &K) -> Option<&T> {
        self.get(self.slot(key)?)
    }

    pub(crate) fn find_mut(&mut self, key: &K) -> Option<&mut T> {
        let slot = self.slot(key)?;
        self.get_mut(slot)
    }

    /// Adds a thing under a key that is not there yet.
    ///
    /// A row holds less than 2^32 things: memory ends long before.
    pub(crate) fn insert(&mut self, key: K, thing: T) -> Slot {
        let slot = Slot(self.row.len() as u32);
        self.row.push(thing);
        self.by_key.insert(key, slot);
        slot
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.row.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.row.len()
    }
}
