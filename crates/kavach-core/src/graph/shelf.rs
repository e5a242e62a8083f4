//! Things that are kept once, however many use them.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hash::{BuildHasher, Hash};

use hashbrown::DefaultHashBuilder;

use super::index::Index;
use super::rows::{NONE, Rows};

/// Things by number, and numbers by thing. What nobody uses any more is let go, and its number given out
/// again.
#[derive(Debug)]
pub(crate) struct Shelf<T: ?Sized> {
    index: Index,
    rows: Rows<Kept<T>, 64>,
    /// The first of the numbers that are free; each names the next.
    free: u32,
    hasher: DefaultHashBuilder,
    /// While much is put in at once: uses by number that are not in the rows yet. Nobody else has a copy then,
    /// and counting in a row asks that at each of its levels.
    uncounted: Option<Vec<u32>>,
}

#[derive(Debug)]
struct Kept<T: ?Sized> {
    thing: Option<Arc<T>>,
    /// How many use it; of a number that is free, the next that is.
    uses: u32,
}

impl<T: ?Sized> Default for Kept<T> {
    fn default() -> Self {
        Self {
            thing: None,
            uses: NONE,
        }
    }
}

impl<T: ?Sized> Clone for Kept<T> {
    fn clone(&self) -> Self {
        Self {
            thing: self.thing.clone(),
            uses: self.uses,
        }
    }
}

impl<T: ?Sized> Default for Shelf<T> {
    fn default() -> Self {
        Self {
            index: Index::default(),
            rows: Rows::default(),
            free: NONE,
            hasher: DefaultHashBuilder::default(),
            uncounted: None,
        }
    }
}

impl<T: ?Sized> Clone for Shelf<T> {
    fn clone(&self) -> Self {
        Self {
            index: self.index.clone(),
            rows: self.rows.clone(),
            free: self.free,
            hasher: self.hasher.clone(),
            uncounted: self.uncounted.clone(),
        }
    }
}

impl<T: ?Sized> Shelf<T> {
    #[inline]
    pub(crate) fn get(&self, number: u32) -> Option<&T> {
        self.rows.get(number)?.thing.as_deref()
    }

    /// The number of the thing that hashes like `key` and of which `is` says that it is the one.
    #[inline]
    pub(crate) fn find<K: Hash + ?Sized>(
        &self,
        key: &K,
        mut is: impl FnMut(&T) -> bool,
    ) -> Option<u32> {
        let hash = self.hasher.hash_one(key);
        self.index
            .find(hash, |number| self.get(number).is_some_and(&mut is))
    }

    /// What `of` makes of the thing of each number in turn; the default where a number is free.
    pub(crate) fn places<R: Default>(&self, of: impl Fn(&T) -> R) -> impl Iterator<Item = R> {
        let things = self.rows.iter().map(|kept| kept.thing.as_deref());
        things.map(move |thing| thing.map(&of).unwrap_or_default())
    }

    /// How many use each, by number.
    #[cfg(test)]
    pub(crate) fn uses(&self) -> Vec<u32> {
        let kept = self.rows.iter().filter(|kept| kept.thing.is_some());
        kept.map(|kept| kept.uses).collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.rows.iter().filter_map(|kept| kept.thing.as_deref())
    }
}

impl<T: Hash + ?Sized> Shelf<T> {
    /// Keeps a thing that is not there yet, used once.
    pub(crate) fn add(&mut self, thing: Arc<T>) -> u32 {
        let hash = self.hasher.hash_one(&*thing);
        let kept = Kept {
            thing: Some(thing),
            uses: 1,
        };
        let number = match self.rows.get_mut(self.free) {
            Some(free) => {
                let number = self.free;
                self.free = free.uses;
                *free = kept;
                number
            }
            None => self.rows.push(kept),
        };
        self.index.insert(hash, number);
        number
    }

    /// Puts a thing in the place of one that has the same key.
    pub(crate) fn replace(&mut self, number: u32, thing: Arc<T>) {
        if let Some(kept) = self.rows.get_mut(number) {
            kept.thing = Some(thing);
        }
    }

    /// Much will be put in, until [`settle`](Self::settle).
    pub(crate) fn hurry(&mut self) {
        self.uncounted = Some(Vec::new());
    }

    /// Everything is put in.
    pub(crate) fn settle(&mut self) {
        let uncounted = self.uncounted.take().unwrap_or_default();
        for (number, uses) in (0..).zip(uncounted).filter(|(_, uses)| *uses > 0) {
            self.count(number, uses);
        }
    }

    fn count(&mut self, number: u32, uses: u32) {
        if let Some(kept) = self.rows.get_mut(number) {
            kept.uses = kept.uses.saturating_add(uses);
        }
    }

    /// One more uses it.
    pub(crate) fn reuse(&mut self, number: u32) {
        let Some(uncounted) = &mut self.uncounted else {
            return self.count(number, 1);
        };
        let place = number as usize;
        if place >= uncounted.len() {
            uncounted.resize(place + 1, 0);
        }
        if let Some(uses) = uncounted.get_mut(place) {
            *uses = uses.saturating_add(1);
        }
    }

    /// One less uses it. If that was the last, it is let go, and returned.
    pub(crate) fn release(&mut self, number: u32) -> Option<Arc<T>> {
        if let Some(uses) = self
            .uncounted
            .as_mut()
            .and_then(|all| all.get_mut(number as usize))
        {
            let uses = core::mem::take(uses);
            self.count(number, uses);
        }
        let kept = self.rows.get_mut(number)?;
        if kept.uses > 1 {
            kept.uses -= 1;
            return None;
        }
        let thing = kept.thing.take()?;
        kept.uses = self.free;
        self.free = number;
        let hash = self.hasher.hash_one(&*thing);
        self.index.remove(hash, number);
        Some(thing)
    }
}

impl<T: Eq + Hash + ?Sized> Shelf<T> {
    /// The number of this thing; it is kept from now on, and used once more.
    pub(crate) fn take(&mut self, thing: &T, make: impl FnOnce() -> Arc<T>) -> (u32, Fresh) {
        match self.find(thing, |known| known == thing) {
            Some(number) => {
                self.reuse(number);
                (number, Fresh::No)
            }
            None => (self.add(make()), Fresh::Yes),
        }
    }
}

/// Whether a thing was not kept before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fresh {
    Yes,
    No,
}
