//! A row of records that copies share, and of which a write copies little.

use alloc::sync::Arc;

/// Things below one node.
const FAN: usize = 16;
const FAN_BITS: u32 = 4;

/// Things in a row, each at a place that never changes, as in [`Rows`](super::rows::Rows).
///
/// It takes more steps to find one, which is why what decisions read does not stand here; but whoever writes
/// to one of two copies pays for 16 things and 16 pointers a level.
#[derive(Clone, Debug)]
pub(crate) struct Tall<T> {
    root: Node<T>,
    len: u32,
    /// Levels above the things, without the lowest.
    height: u32,
}

#[derive(Debug)]
enum Node<T> {
    Empty,
    Leaf(Arc<[T; FAN]>),
    Branch(Arc<[Self; FAN]>),
}

impl<T> Clone for Node<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Empty => Self::Empty,
            Self::Leaf(things) => Self::Leaf(Arc::clone(things)),
            Self::Branch(nodes) => Self::Branch(Arc::clone(nodes)),
        }
    }
}

impl<T> Default for Tall<T> {
    fn default() -> Self {
        Self {
            root: Node::Empty,
            len: 0,
            height: 0,
        }
    }
}

/// Which of the things below a node of this height leads to a place.
fn turn(place: u32, height: u32) -> usize {
    (place >> (FAN_BITS * height)) as usize % FAN
}

impl<T> Tall<T> {
    /// The thing at a place; `None` if the row is not that long.
    pub(crate) fn get(&self, place: u32) -> Option<&T> {
        if place >= self.len {
            return None;
        }
        let (mut node, mut height) = (&self.root, self.height);
        while let Node::Branch(nodes) = node {
            node = nodes.get(turn(place, height))?;
            height = height.saturating_sub(1);
        }
        match node {
            Node::Leaf(things) => things.get(turn(place, 0)),
            Node::Empty | Node::Branch(_) => None,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        (0..self.len).filter_map(|place| self.get(place))
    }
}

impl<T: Clone + Default> Tall<T> {
    /// The same to be changed, in this copy alone.
    pub(crate) fn get_mut(&mut self, place: u32) -> Option<&mut T> {
        if place >= self.len {
            return None;
        }
        self.root.get_mut(place, self.height)
    }

    /// Adds a thing at the end, and says where that is.
    pub(crate) fn push(&mut self, thing: T) -> u32 {
        let place = self.len;
        if u64::from(place) == 1 << (FAN_BITS * (self.height + 1)) {
            let mut nodes = [const { Node::Empty }; FAN];
            if let Some(first) = nodes.first_mut() {
                *first = core::mem::replace(&mut self.root, Node::Empty);
            }
            self.root = Node::Branch(Arc::new(nodes));
            self.height += 1;
        }
        if let Some(free) = self.root.get_mut(place, self.height) {
            *free = thing;
        }
        self.len = place.saturating_add(1);
        place
    }
}

impl<T: Clone + Default> Node<T> {
    /// The thing at a place below, and the way to it, made where it is missing.
    fn get_mut(&mut self, place: u32, height: u32) -> Option<&mut T> {
        if let Self::Empty = self {
            *self = if height == 0 {
                Self::Leaf(Arc::new(core::array::from_fn(|_| T::default())))
            } else {
                Self::Branch(Arc::new([const { Self::Empty }; FAN]))
            };
        }
        match self {
            Self::Empty => None,
            Self::Leaf(things) => Arc::make_mut(things).get_mut(turn(place, 0)),
            Self::Branch(nodes) => {
                let node = Arc::make_mut(nodes).get_mut(turn(place, height))?;
                node.get_mut(place, height.saturating_sub(1))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::Tall;

    /// Lengths on both sides of each level that grows.
    #[test]
    fn things_stand_where_they_were_put_and_copies_stay_as_they_were() {
        let mut tall = Tall::default();
        let mut copies: Vec<(u32, Tall<u32>)> = Vec::new();
        for place in 0..5_000 {
            if [0, 1, 15, 16, 17, 255, 256, 257, 4_095, 4_096, 4_097].contains(&place) {
                copies.push((place, tall.clone()));
            }
            assert_eq!(tall.push(place * 2), place);
        }
        for place in (0..5_000).step_by(7) {
            *tall.get_mut(place).unwrap() += 1;
        }
        for place in 0..5_000 {
            let wanted = place * 2 + u32::from(place % 7 == 0);
            assert_eq!(tall.get(place), Some(&wanted));
        }
        assert_eq!(tall.get(5_000), None);
        assert_eq!(tall.get_mut(5_000), None);
        assert_eq!((tall.len(), tall.iter().count()), (5_000, 5_000));
        for (len, copy) in copies {
            let wanted: Vec<u32> = (0..len).map(|place| place * 2).collect();
            assert!(copy.iter().copied().eq(wanted), "{len}");
            assert_eq!(copy.get(len), None);
        }
    }
}
