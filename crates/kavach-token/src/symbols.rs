//! The strings that blocks refer to by number.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;

use kavach_core::Constraints;

/// How much more a byte counts that has to be understood, and not only compared. It takes some 100 ns.
const CONDITION_WEIGHT: usize = 3;

/// The strings that every Biscuit library knows, by their numbers from 0.
pub(crate) const KNOWN: [&str; 28] = [
    "read",
    "write",
    "resource",
    "operation",
    "right",
    "time",
    "role",
    "owner",
    "tenant",
    "namespace",
    "user",
    "team",
    "service",
    "admin",
    "email",
    "group",
    "member",
    "ip_address",
    "client",
    "client_ip",
    "domain",
    "path",
    "version",
    "cluster",
    "node",
    "hostname",
    "nonce",
    "query",
];

/// The number of the first string that a token brings itself.
const FIRST: u64 = 1024;

/// The number of a string that every library knows.
fn known(name: &str) -> Option<u64> {
    // The shortest has 4 bytes; most strings are told from all of these by their length and first byte.
    let first = *name.as_bytes().first()?;
    let same = |known: &&str| {
        known.len() == name.len() && known.as_bytes().first() == Some(&first) && *known == name
    };
    let place = KNOWN.iter().position(same)?;
    Some(place as u64)
}

/// Strings in the order in which they were first used, each once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Symbols {
    names: Vec<Arc<str>>,
    /// INVARIANT (order): one for each name, in byte order. Sorted rather than hashed, so that whoever
    /// chooses the names cannot choose the cost.
    order: Vec<Place>,
}

/// Where in `names` a string stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// The first eight bytes, zeros behind: most comparisons need no more.
    start: u64,
    place: u32,
}

/// The first eight bytes as a number that is ordered as they are.
fn start(name: &str) -> u64 {
    let mut bytes = [0; 8];
    let first = name.as_bytes().iter().zip(&mut bytes);
    first.for_each(|(byte, to)| *to = *byte);
    u64::from_be_bytes(bytes)
}

impl Symbols {
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(AsRef::as_ref)
    }

    fn name(&self, place: u64) -> Option<&str> {
        let place = usize::try_from(place).ok()?;
        self.names.get(place).map(AsRef::as_ref)
    }

    /// The place of `name`, or where in `order` it would stand.
    fn find(&self, name: &str) -> Result<u64, usize> {
        let wanted = start(name);
        let found = self.order.binary_search_by(|known| {
            let whole = || {
                let known = self.name(u64::from(known.place)).unwrap_or_default();
                known.cmp(name)
            };
            known.start.cmp(&wanted).then_with(whole)
        })?;
        let known = self.order.get(found);
        known.map(|known| u64::from(known.place)).ok_or(found)
    }

    fn insert(&mut self, name: &str) -> u64 {
        match self.find(name) {
            Ok(place) => place,
            Err(at) => self.insert_at(at, name.into()),
        }
    }

    fn insert_at(&mut self, at: usize, name: Arc<str>) -> u64 {
        let place = self.names.len();
        let known = Place {
            start: start(&name),
            // A token of 16 KiB has fewer strings than a `u32` counts.
            place: u32::try_from(place).unwrap_or(u32::MAX),
        };
        self.order.insert(at, known);
        self.names.push(name);
        place as u64
    }

    /// Takes over what a block brought.
    pub(crate) fn extend(&mut self, new: &Self) {
        for name in &new.names {
            if let Err(at) = self.find(name) {
                self.insert_at(at, Arc::clone(name));
            }
        }
    }
}

/// Gives strings their numbers, while a block is written after others.
#[derive(Debug)]
pub(crate) struct Interner<'s> {
    before: &'s Symbols,
    new: Symbols,
}

impl<'s> Interner<'s> {
    pub(crate) fn after(before: &'s Symbols) -> Self {
        Self {
            before,
            new: Symbols::default(),
        }
    }

    /// The number of `name`; a new one if nobody used it before.
    pub(crate) fn number(&mut self, name: &str) -> u64 {
        if let Some(known) = known(name) {
            return known;
        }
        if let Ok(place) = self.before.find(name) {
            return FIRST + place;
        }
        FIRST + self.before.names.len() as u64 + self.new.insert(name)
    }

    /// What the block brings.
    pub(crate) fn into_new(self) -> Symbols {
        self.new
    }

    pub(crate) fn new_names(&self) -> impl Iterator<Item = &str> {
        self.new.names()
    }
}

/// Finds strings by their numbers, while a block is read after others.
#[derive(Debug)]
pub(crate) struct Resolver<'a> {
    before: &'a Symbols,
    own: Vec<&'a str>,
    /// Bytes of all strings found so far, each as often as it was.
    found: Cell<usize>,
    /// What the texts of conditions mean, each worked out once.
    conditions: RefCell<BTreeMap<&'a str, Constraints>>,
}

impl<'a> Resolver<'a> {
    pub(crate) fn new(before: &'a Symbols, own: Vec<&'a str>) -> Self {
        Self {
            before,
            own,
            found: Cell::new(0),
            conditions: RefCell::default(),
        }
    }

    pub(crate) fn name(&self, number: u64) -> Option<&'a str> {
        let name = self.find(number)?;
        self.count(name.len());
        Some(name)
    }

    /// What a condition means, as `parse` has it; `None` if nothing.
    pub(crate) fn condition(
        &self,
        words: &'a str,
        parse: impl FnOnce(&str) -> Option<Constraints>,
    ) -> Option<Constraints> {
        if let Some(known) = self.conditions.borrow().get(words) {
            return Some(known.clone());
        }
        self.count(words.len().saturating_mul(CONDITION_WEIGHT));
        let constraints = parse(words)?;
        let mut conditions = self.conditions.borrow_mut();
        conditions.insert(words, constraints.clone());
        Some(constraints)
    }

    fn count(&self, bytes: usize) {
        self.found.set(self.found.get().saturating_add(bytes));
    }

    /// How many bytes were found: a number of three bytes may stand for a text of thousands.
    pub(crate) fn found(&self) -> usize {
        self.found.get()
    }

    fn find(&self, number: u64) -> Option<&'a str> {
        let Some(place) = number.checked_sub(FIRST) else {
            let number = usize::try_from(number).ok()?;
            return KNOWN.get(number).copied();
        };
        if let Some(name) = self.before.name(place) {
            return Some(name);
        }
        let own = usize::try_from(place)
            .ok()?
            .checked_sub(self.before.names.len())?;
        self.own.get(own).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_has_one_number_wherever_it_stands_first() {
        let mut symbols = Symbols::default();
        let mut first = Interner::after(&symbols);
        let numbers = ["read", "kv", "agent", "kv", "query"].map(|name| first.number(name));
        assert_eq!(numbers, [0, 1024, 1025, 1024, 27]);
        let new = first.into_new();
        symbols.extend(&new);
        let mut second = Interner::after(&symbols);
        let numbers = ["agent", "zebra", "abc", "zebra"].map(|name| second.number(name));
        assert_eq!(numbers, [1025, 1026, 1027, 1026]);
        assert_eq!(
            second.into_new().names().collect::<Vec<_>>(),
            ["zebra", "abc"]
        );
    }

    #[test]
    fn a_number_resolves_to_what_it_was_given_for_and_no_other_does() {
        let mut symbols = Symbols::default();
        symbols.insert("kv");
        let resolver = Resolver::new(&symbols, vec!["zebra"]);
        let names =
            [0, 27, 28, 1023, 1024, 1025, 1026, u64::MAX].map(|number| resolver.name(number));
        let [none, kv, zebra] = [None, Some("kv"), Some("zebra")];
        assert_eq!(
            names,
            [
                Some("read"),
                Some("query"),
                none,
                none,
                kv,
                zebra,
                none,
                none
            ]
        );
    }
}
