//! From a hash to where a thing stands, in a table that copies share, except where they differ.

use alloc::sync::Arc;

use hashbrown::HashTable;

/// Entries of a table before it is split. A write to one of two copies copies one table.
const TABLE_MAX: usize = 512;
/// Tables below one node, and the bits of the hash that choose among them.
const FAN: usize = 64;
const FAN_BITS: u32 = 6;
/// The table itself goes by the lowest bits and by the highest.
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
    Table(Arc<HashTable<Place>>),
    Split(Arc<[Self; FAN]>),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Place {
    hash: u32,
    place: u32,
}

impl Default for Node {
    fn default() -> Self {
        Self::Table(Arc::default())
    }
}

/// 64 bits again, of which every part depends on all of the 32.
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
    pub(crate) fn find(&self, hash: u64, mut is: impl FnMut(u32) -> bool) -> Option<u32> {
        let hash = (hash >> 32) as u32;
        let spread = spread(hash);
        let mut node = &self.root;
        let mut depth = 0;
        while let Node::Split(nodes) = node {
            node = nodes.get(branch(spread, depth))?;
            depth += 1;
        }
        let Node::Table(table) = node else {
            return None;
        };
        let found = table.find(spread, |known| known.hash == hash && is(known.place));
        found.map(|known| known.place)
    }

    pub(crate) fn insert(&mut self, hash: u64, place: u32) {
        let hash = (hash >> 32) as u32;
        self.root.insert(Place { hash, place }, 0);
    }

    pub(crate) fn remove(&mut self, hash: u64, place: u32) {
        let hash = (hash >> 32) as u32;
        self.root.remove(Place { hash, place }, 0);
    }
}

impl Node {
    fn insert(&mut self, new: Place, depth: u32) {
        match self {
            Self::Split(nodes) => {
                let nodes = Arc::make_mut(nodes);
                if let Some(node) = nodes.get_mut(branch(spread(new.hash), depth)) {
                    node.insert(new, depth + 1);
                }
            }
            Self::Table(table) if table.len() < TABLE_MAX || depth >= DEPTH_MAX => {
                let table = Arc::make_mut(table);
                table.insert_unique(spread(new.hash), new, |known| spread(known.hash));
            }
            Self::Table(table) => {
                let mut split = Self::Split(Arc::new(core::array::from_fn(|_| Self::default())));
                for known in table.iter() {
                    split.insert(*known, depth);
                }
                split.insert(new, depth);
                *self = split;
            }
        }
    }

    fn remove(&mut self, gone: Place, depth: u32) {
        match self {
            Self::Split(nodes) => {
                let nodes = Arc::make_mut(nodes);
                if let Some(node) = nodes.get_mut(branch(spread(gone.hash), depth)) {
                    node.remove(gone, depth + 1);
                }
            }
            Self::Table(table) => {
                let table = Arc::make_mut(table);
                if let Ok(found) = table.find_entry(spread(gone.hash), |known| *known == gone) {
                    found.remove();
                }
            }
        }
    }
}
