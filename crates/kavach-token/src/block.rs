//! The inside of a block: facts, and checks that ask for them.
//!
//! Facts are read and written. Checks are only written: what a block's checks must be follows from its
//! facts, so a reader writes them again and compares the bytes.

use kavach_core::limits::ACTIONS_MAX;
use kavach_core::{Constraints, Timestamp};

use crate::limits::{FACTS_MAX, TEXT_BYTES_MAX};
use crate::refusal::Refusal;
use crate::symbols::{Interner, Resolver, Symbols};
use crate::wire::{Malformed, Reader, put_bytes, put_integer, put_message};

/// Why a block cannot be read as one of ours.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Unreadable {
    /// Not the canonical encoding of a block, or not of one that the profile has.
    Profile,
    /// More facts than [`FACTS_MAX`].
    TooManyFacts,
    /// More text than [`TEXT_BYTES_MAX`], because long strings are used many times.
    TooMuchText,
}

impl Unreadable {
    pub(crate) fn in_block(self, block: usize) -> Refusal {
        match self {
            Self::Profile => Refusal::Profile { block },
            Self::TooManyFacts => Refusal::TooManyFacts { block },
            Self::TooMuchText => Refusal::TooMuchWork,
        }
    }
}

impl From<Malformed> for Unreadable {
    fn from(_: Malformed) -> Self {
        Self::Profile
    }
}

/// One value in a fact.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Term<'a> {
    Number(u64),
    Text(&'a str),
    Date(Timestamp),
    Bytes(&'a [u8]),
    Texts(Vec<&'a str>),
}

/// A named list of values, taken off one by one.
#[derive(Clone, Debug)]
pub(crate) struct Fact<'a> {
    pub(crate) name: &'a str,
    terms: Reader<'a>,
    strings: &'a Resolver<'a>,
}

impl<'a> Fact<'a> {
    fn read(bytes: &'a [u8], strings: &'a Resolver<'a>) -> Result<Self, Unreadable> {
        let mut reader = Reader::new(bytes);
        let mut terms = Reader::new(reader.bytes(1)?);
        reader.finish()?;
        let name = strings.name(terms.integer(1)?).ok_or(Malformed)?;
        Ok(Self {
            name,
            terms,
            strings,
        })
    }

    /// The next value.
    fn term(&mut self) -> Result<Term<'a>, Unreadable> {
        let term = self.terms.bytes(2)?;
        Ok(Term::read(term, self.strings)?)
    }

    /// The one value of a fact that must be called `name`, as `read` reads it.
    pub(crate) fn only<T>(
        mut self,
        name: &str,
        read: impl FnOnce(&mut Self) -> Result<T, Unreadable>,
    ) -> Result<T, Unreadable> {
        if self.name != name {
            return Err(Unreadable::Profile);
        }
        let value = read(&mut self)?;
        self.done()?;
        Ok(value)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Unreadable> {
        let Term::Text(text) = self.term()? else {
            return Err(Unreadable::Profile);
        };
        Ok(text)
    }

    /// The next value, if it is a set of texts.
    pub(crate) fn optional_texts(&mut self) -> Result<Option<Vec<&'a str>>, Unreadable> {
        let mut further = self.terms.clone();
        let Some(term) = further.optional_bytes(2)? else {
            return Ok(None);
        };
        if !Term::is_set(term) {
            return Ok(None);
        }
        self.terms = further;
        let Term::Texts(texts) = Term::read(term, self.strings)? else {
            return Err(Unreadable::Profile);
        };
        Ok(Some(texts))
    }

    /// The next value, if it is a text that `parse` understands as a condition; and what it means.
    pub(crate) fn condition(
        &mut self,
        parse: impl FnOnce(&str) -> Option<Constraints>,
    ) -> Result<(&'a str, Constraints), Unreadable> {
        let words = self.text()?;
        let constraints = self.strings.condition(words, parse);
        Ok((words, constraints.ok_or(Unreadable::Profile)?))
    }

    pub(crate) fn date(&mut self) -> Result<Timestamp, Unreadable> {
        let Term::Date(date) = self.term()? else {
            return Err(Unreadable::Profile);
        };
        Ok(date)
    }

    pub(crate) fn number<T: TryFrom<u64>>(&mut self) -> Result<T, Unreadable> {
        let Term::Number(number) = self.term()? else {
            return Err(Unreadable::Profile);
        };
        T::try_from(number).map_err(|_| Unreadable::Profile)
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        let Term::Bytes(bytes) = self.term()? else {
            return Err(Unreadable::Profile);
        };
        bytes.try_into().map_err(|_| Unreadable::Profile)
    }

    /// What `parse` makes of the text.
    pub(crate) fn parsed<T: core::str::FromStr>(&mut self) -> Result<T, Unreadable> {
        self.text()?.parse().map_err(|_| Unreadable::Profile)
    }

    pub(crate) fn done(self) -> Result<(), Unreadable> {
        Ok(self.terms.finish()?)
    }
}

impl<'a> Term<'a> {
    /// Whether the bytes begin as a set does.
    fn is_set(bytes: &[u8]) -> bool {
        let mut reader = Reader::new(bytes);
        matches!(reader.optional_bytes(7), Ok(Some(_)))
    }

    fn read(bytes: &'a [u8], strings: &Resolver<'a>) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let term = if let Some(number) = reader.optional_integer(2)? {
            // The other half of the range is negative numbers, which no fact of the profile has.
            Self::Number(i64::try_from(number).map_err(|_| Malformed)?.unsigned_abs())
        } else if let Some(text) = reader.optional_integer(3)? {
            Self::Text(strings.name(text).ok_or(Malformed)?)
        } else if let Some(date) = reader.optional_integer(4)? {
            let seconds = i64::try_from(date).map_err(|_| Malformed)?;
            let date = Timestamp::from_s(seconds);
            if date.as_s() != seconds {
                return Err(Malformed);
            }
            Self::Date(date)
        } else if let Some(bytes) = reader.optional_bytes(5)? {
            Self::Bytes(bytes)
        } else {
            let mut set = Reader::new(reader.bytes(7)?);
            let mut texts = Vec::new();
            while let Some(term) = set.optional_bytes(1)? {
                if texts.len() >= ACTIONS_MAX {
                    return Err(Malformed);
                }
                match Self::read_text(term, strings)? {
                    Some(text) => texts.push(text),
                    None => return Err(Malformed),
                }
            }
            set.finish()?;
            Self::Texts(texts)
        };
        reader.finish()?;
        Ok(term)
    }

    fn read_text(bytes: &'a [u8], strings: &Resolver<'a>) -> Result<Option<&'a str>, Malformed> {
        let mut reader = Reader::new(bytes);
        let text = reader.integer(3)?;
        reader.finish()?;
        Ok(strings.name(text))
    }

    fn write(&self, out: &mut Vec<u8>, strings: &mut Interner<'_>) {
        match self {
            Self::Number(number) => put_integer(out, 2, *number),
            Self::Text(text) => put_integer(out, 3, strings.number(text)),
            Self::Date(date) => put_integer(out, 4, date.as_s().unsigned_abs()),
            Self::Bytes(bytes) => put_bytes(out, 5, bytes),
            Self::Texts(texts) => {
                let mut numbers: Vec<u64> = texts.iter().map(|text| strings.number(text)).collect();
                numbers.sort_unstable();
                put_message(out, 7, |out| {
                    for number in numbers {
                        put_message(out, 1, |out| put_integer(out, 3, number));
                    }
                });
            }
        }
    }
}

/// The strings that a block at `payload` may use, after those that brought `before`; and what follows them.
pub(crate) fn read_strings<'a>(
    payload: &'a [u8],
    before: &'a Symbols,
) -> Result<(Resolver<'a>, Reader<'a>), Unreadable> {
    let mut reader = Reader::new(payload);
    let mut own = Vec::new();
    while let Some(name) = reader.optional_bytes(1)? {
        own.push(core::str::from_utf8(name).map_err(|_| Malformed)?);
    }
    Ok((Resolver::new(before, own), reader))
}

/// The facts of a block, in their order.
#[derive(Debug)]
pub(crate) struct BlockReader<'a> {
    strings: &'a Resolver<'a>,
    reader: Reader<'a>,
    version: u64,
    facts: usize,
}

impl<'a> BlockReader<'a> {
    /// Begins to read a block, behind its strings.
    pub(crate) fn new(
        mut reader: Reader<'a>,
        strings: &'a Resolver<'a>,
    ) -> Result<Self, Unreadable> {
        let version = reader.integer(3)?;
        Ok(Self {
            strings,
            reader,
            version,
            facts: 0,
        })
    }

    /// The version of Datalog that it says it needs.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    pub(crate) fn next_fact(&mut self) -> Result<Option<Fact<'a>>, Unreadable> {
        let Some(bytes) = self.reader.optional_bytes(4)? else {
            return Ok(None);
        };
        self.facts += 1;
        if self.facts > FACTS_MAX {
            return Err(Unreadable::TooManyFacts);
        }
        if self.strings.found() > TEXT_BYTES_MAX {
            return Err(Unreadable::TooMuchText);
        }
        Fact::read(bytes, self.strings).map(Some)
    }

    /// The next fact, which must be there.
    pub(crate) fn fact(&mut self) -> Result<Fact<'a>, Unreadable> {
        self.next_fact()?.ok_or(Unreadable::Profile)
    }
}

/// What an expression computes with, in the order of a stack machine.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    Variable(u64),
    Text(&'static str),
    Binary(Binary),
}

/// The operators that the checks use, with their numbers in the schema. All are of Datalog 3.0.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Binary {
    Less = 0,
    LessOrEqual = 2,
    Equal = 4,
    Contains = 5,
    Prefix = 6,
    Or = 14,
}

/// Writes one way to pass a check: facts that must be there, and then what must be true of them.
#[derive(Debug)]
pub(crate) struct QueryWriter<'w, 's> {
    out: &'w mut Vec<u8>,
    strings: &'w mut Interner<'s>,
}

impl QueryWriter<'_, '_> {
    /// Asks for a fact, and calls its values by these variables.
    pub(crate) fn with(&mut self, name: &str, variables: &[u64]) -> &mut Self {
        let name = self.strings.number(name);
        put_message(self.out, 2, |out| {
            put_integer(out, 1, name);
            for variable in variables {
                put_message(out, 2, |out| put_integer(out, 1, *variable));
            }
        });
        self
    }

    /// Asks that an expression is true.
    pub(crate) fn that(&mut self, ops: &[Op]) -> &mut Self {
        let strings = &mut *self.strings;
        put_message(self.out, 3, |out| {
            for op in ops {
                put_message(out, 1, |out| op.write(out, strings));
            }
        });
        self
    }
}

impl Op {
    fn write(self, out: &mut Vec<u8>, strings: &mut Interner<'_>) {
        match self {
            Self::Variable(variable) => put_message(out, 1, |out| put_integer(out, 1, variable)),
            Self::Text(text) => {
                let number = strings.number(text);
                put_message(out, 1, |out| put_integer(out, 3, number));
            }
            Self::Binary(binary) => put_message(out, 3, |out| put_integer(out, 1, binary as u64)),
        }
    }
}

/// Writes a block: its facts, then its checks.
#[derive(Debug)]
pub(crate) struct BlockWriter<'s> {
    strings: Interner<'s>,
    version: u64,
    facts: Vec<u8>,
    count: usize,
    checks: Vec<u8>,
}

impl<'s> BlockWriter<'s> {
    /// Begins a block after those that brought `before`.
    pub(crate) fn after(before: &'s Symbols, version: u64) -> Self {
        Self {
            strings: Interner::after(before),
            version,
            facts: Vec::with_capacity(512),
            count: 0,
            checks: Vec::with_capacity(512),
        }
    }

    pub(crate) fn fact(&mut self, name: &str, terms: &[Term<'_>]) {
        self.count += 1;
        let strings = &mut self.strings;
        let name = strings.number(name);
        put_message(&mut self.facts, 4, |out| {
            put_message(out, 1, |out| {
                put_integer(out, 1, name);
                for term in terms {
                    put_message(out, 2, |out| term.write(out, strings));
                }
            });
        });
    }

    /// A check that passes if there is an answer to the query that `write` writes.
    pub(crate) fn check(&mut self, write: impl Fn(&mut QueryWriter<'_, '_>)) {
        self.check_any(&[()], |query, ()| write(query));
    }

    /// A check that passes if there is an answer to one of the queries that `write` writes.
    pub(crate) fn check_any<T: Copy>(
        &mut self,
        queries: &[T],
        write: impl Fn(&mut QueryWriter<'_, '_>, T),
    ) {
        let strings = &mut self.strings;
        put_message(&mut self.checks, 6, |out| {
            for query in queries {
                put_message(out, 1, |out| {
                    let head = strings.number("query");
                    put_message(out, 1, |out| put_integer(out, 1, head));
                    write(&mut QueryWriter { out, strings }, *query);
                });
            }
        });
    }

    /// The block's bytes, how many facts it has, and the strings that it brings.
    pub(crate) fn finish(self) -> Written {
        let mut payload = Vec::with_capacity(self.facts.len() + self.checks.len() + 256);
        for name in self.strings.new_names() {
            put_bytes(&mut payload, 1, name.as_bytes());
        }
        put_integer(&mut payload, 3, self.version);
        payload.extend_from_slice(&self.facts);
        payload.extend_from_slice(&self.checks);
        Written {
            payload,
            facts: self.count,
            symbols: self.strings.into_new(),
        }
    }
}

/// A block that was written.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) payload: Vec<u8>,
    pub(crate) facts: usize,
    pub(crate) symbols: Symbols,
}
