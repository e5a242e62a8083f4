//! A row of things that copies share, except where they differ.

use alloc::sync::Arc;
use alloc::vec::Vec;

/// What stands for no slot at all: no row is ever this long.
pub(crate) const NONE: u32 = u32::MAX;

/// Leaves below one branch.
const FAN: usize = 64;

type Branch<T, const LEAF: usize> = [Option<Arc<[T; LEAF]>>; FAN];

/// Things in a row, each at a place that never changes.
///
/// A copy costs next to nothing. Whoever writes to one of two copies pays for `LEAF` things and a few
/// pointers.
#[derive(Debug)]
pub(crate) struct Rows<T, const LEAF: usize> {
    trunk: Arc<[Arc<Branch<T, LEAF>>]>,
    len: u32,
}

impl<T, const LEAF: usize> Clone for Rows<T, LEAF> {
    fn clone(&self) -> Self {
        Self {
            trunk: Arc::clone(&self.trunk),
            len: self.len,
        }
    }
}

impl<T, const LEAF: usize> Default for Rows<T, LEAF> {
    fn default() -> Self {
        Self {
            trunk: Arc::from([]),
            len: 0,
        }
    }
}

impl<T, const LEAF: usize> Rows<T, LEAF> {
    /// The thing at a place; `None` if the row is not that long.
    #[inline]
    pub(crate) fn get(&self, place: u32) -> Option<&T> {
        let leaf = place as usize / LEAF;
        let branch = self.trunk.get(leaf / FAN)?;
        let leaf = branch.get(leaf % FAN)?.as_ref()?;
        leaf.get(place as usize % LEAF)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        (0..self.len).filter_map(|place| self.get(place))
    }
}

impl<T: Clone + Default, const LEAF: usize> Rows<T, LEAF> {
    /// The same to be changed, in this copy alone.
    pub(crate) fn get_mut(&mut self, place: u32) -> Option<&mut T> {
        let leaf = place as usize / LEAF;
        if place >= self.len {
            return None;
        }
        let branch = Arc::make_mut(&mut self.trunk).get_mut(leaf / FAN)?;
        let leaf = Arc::make_mut(branch).get_mut(leaf % FAN)?.as_mut()?;
        Arc::make_mut(leaf).get_mut(place as usize % LEAF)
    }

    /// Adds a thing at the end, and says where that is.
    ///
    /// A row holds less than 2^32 things: memory ends long before.
    pub(crate) fn push(&mut self, thing: T) -> u32 {
        let place = self.len;
        let leaf = place as usize / LEAF;
        if self.trunk.len() == leaf / FAN {
            let new: Arc<Branch<T, LEAF>> = Arc::new([const { None }; FAN]);
            let known = self.trunk.iter().cloned();
            self.trunk = known.chain([new]).collect::<Vec<_>>().into();
        }
        if let Some(branch) = Arc::make_mut(&mut self.trunk).get_mut(leaf / FAN)
            && let Some(leaf) = Arc::make_mut(branch).get_mut(leaf % FAN)
        {
            let leaf = leaf.get_or_insert_with(|| Arc::new(core::array::from_fn(|_| T::default())));
            if let Some(free) = Arc::make_mut(leaf).get_mut(place as usize % LEAF) {
                *free = thing;
            }
        }
        self.len = place.saturating_add(1);
        place
    }
}
