//! Typed fields of a table; what is wrong with them is collected.

use std::ops::Range;

use kavach::Timestamp;
use kavach::declare::DeclaredEnd;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Fault;
use super::places::FieldPlaces;
use crate::failure::quoted;
use crate::when;

/// Reads tables, and notes down every mistake on the way.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    pub(crate) faults: Vec<Fault>,
}

/// A table of the file with the bytes of its header.
#[derive(Debug)]
pub(crate) struct Table<'a, 'i> {
    pub(crate) entries: &'a DeTable<'i>,
    pub(crate) header: Range<usize>,
}

/// Text with the bytes that it stands in.
pub(crate) type Text<'a> = (Range<usize>, &'a str);

impl Reader {
    pub(crate) fn fault(&mut self, at: Range<usize>, message: impl Into<String>) {
        let message = message.into();
        self.faults.push(Fault { at, message });
    }

    /// Refuses every key but these.
    pub(crate) fn only(&mut self, entries: &DeTable<'_>, known: &[&str]) {
        for key in entries.keys() {
            if !known.contains(&key.get_ref().as_ref()) {
                let words = format!(
                    "{} is not a known key; known here are: {}",
                    quoted(key.get_ref()),
                    known.join(", ")
                );
                self.fault(key.span(), words);
            }
        }
    }

    /// The tables under `[[name]]`.
    pub(crate) fn tables<'a, 'i>(
        &mut self,
        document: &'a DeTable<'i>,
        name: &str,
    ) -> Vec<Table<'a, 'i>> {
        let Some(value) = document.get(name) else {
            return Vec::new();
        };
        let words = format!("`{name}` is not a list of tables; head each with `[[{name}]]`");
        let DeValue::Array(array) = value.get_ref() else {
            self.fault(value.span(), words);
            return Vec::new();
        };
        let mut tables = Vec::new();
        for item in array.iter() {
            if let DeValue::Table(entries) = item.get_ref() {
                let header = item.span();
                tables.push(Table { entries, header });
            } else {
                self.fault(item.span(), &*words);
            }
        }
        tables
    }

    /// The text in a value.
    pub(crate) fn text<'a>(
        &mut self,
        value: &'a Spanned<DeValue<'_>>,
        name: &str,
    ) -> Option<Text<'a>> {
        if let DeValue::String(text) = value.get_ref() {
            return Some((value.span(), text));
        }
        let words = format!("`{name}` is not a string; write it in quotes");
        self.fault(value.span(), words);
        None
    }

    /// The field of this name as whatever it parses as.
    pub(crate) fn parsed<T: std::str::FromStr<Err = impl std::fmt::Display>>(
        &mut self,
        table: &Table<'_, '_>,
        name: &'static str,
        places: &mut FieldPlaces,
    ) -> Option<T> {
        let value = table.entries.get(name)?;
        places.note(name, value.span());
        let (at, text) = self.text(value, name)?;
        text.parse()
            .map_err(|error| self.fault(at, format!("{error}")))
            .ok()
    }

    /// The same for a field that must be there.
    pub(crate) fn required<T: std::str::FromStr<Err = impl std::fmt::Display>>(
        &mut self,
        table: &Table<'_, '_>,
        name: &'static str,
        places: &mut FieldPlaces,
    ) -> Option<T> {
        if !table.entries.contains_key(name) {
            self.fault(table.header.clone(), format!("`{name}` is missing"));
        }
        self.parsed(table, name, places)
    }

    /// When it ends: `expires_in` or `expires_at`, or not at all.
    pub(crate) fn end(&mut self, table: &Table<'_, '_>, places: &mut FieldPlaces) -> DeclaredEnd {
        let within = table.entries.get("expires_in");
        let at = table.entries.get("expires_at");
        if let Some(value) = within.or(at) {
            places.note("expires_at", value.span());
        }
        match (within, at) {
            (None, None) => DeclaredEnd::Never,
            (Some(value), None) => self
                .duration(value)
                .map(DeclaredEnd::In)
                .unwrap_or_default(),
            (None, Some(value)) => self
                .time(value, "expires_at")
                .map(DeclaredEnd::At)
                .unwrap_or_default(),
            (Some(_), Some(value)) => {
                let words = "`expires_at` and `expires_in` say the same thing twice; keep one";
                self.fault(value.span(), words);
                DeclaredEnd::Never
            }
        }
    }

    /// Whole seconds, or a duration such as `1h`.
    fn duration(&mut self, value: &Spanned<DeValue<'_>>) -> Option<u64> {
        let words = "`expires_in` is a number of seconds, or text as in \"1h\", \"30m\" or \"7d\"";
        let seconds = if let DeValue::String(text) = value.get_ref() {
            when::seconds(text)
        } else {
            self.integer(value).ok_or_else(|| words.to_owned())
        };
        seconds
            .map_err(|words| self.fault(value.span(), words))
            .ok()
    }

    /// A point in time, in quotes or as TOML writes it.
    pub(crate) fn time(&mut self, value: &Spanned<DeValue<'_>>, name: &str) -> Option<Timestamp> {
        let words = match value.get_ref() {
            DeValue::String(text) => return self.timestamp(value, text),
            DeValue::Datetime(time) if time.offset.is_some() => {
                return self.timestamp(value, &time.to_string());
            }
            DeValue::Datetime(_) => "has no offset",
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => "is not a time",
        };
        let words = format!("`{name}` {words}; write it as in `2026-11-21T10:00:00Z`");
        self.fault(value.span(), words);
        None
    }

    fn timestamp(&mut self, value: &Spanned<DeValue<'_>>, text: &str) -> Option<Timestamp> {
        text.parse()
            .map_err(|error| self.fault(value.span(), format!("{error}")))
            .ok()
    }

    /// A whole number from 0; `None` for anything else, without a word.
    pub(crate) fn integer<T: TryFrom<u64>>(&self, value: &Spanned<DeValue<'_>>) -> Option<T> {
        let DeValue::Integer(integer) = value.get_ref() else {
            return None;
        };
        let number = u64::from_str_radix(integer.as_str(), integer.radix()).ok()?;
        T::try_from(number).ok()
    }

    /// A whole number in decimal digits, whatever it is written in; `None` for anything else, without a word.
    pub(crate) fn signed(&self, value: &Spanned<DeValue<'_>>) -> Option<String> {
        let DeValue::Integer(integer) = value.get_ref() else {
            return None;
        };
        let number = i128::from_str_radix(integer.as_str(), integer.radix()).ok()?;
        Some(number.to_string())
    }

    /// How many hops further.
    pub(crate) fn depth(&mut self, value: &Spanned<DeValue<'_>>, name: &str) -> Option<u8> {
        let max = kavach::core::limits::DEPTH_MAX;
        let depth = self.integer(value).filter(|depth| *depth <= max);
        if depth.is_none() {
            let words = format!("`{name}` is a number of hops, a whole number from 0 to {max}");
            self.fault(value.span(), words);
        }
        depth
    }
}
