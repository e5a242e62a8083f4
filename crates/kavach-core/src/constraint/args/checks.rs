//! What one value must be.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::IpAddr;

use serde_json::Value;

use super::host::{self, Host};
use super::kind::{self, Kinds};
use super::number::Number;
use super::path;
use super::scalar::{self, Scalar};
use crate::constraint::address::AddressSet;
use crate::constraint::{greater, lesser};
use crate::limits::{ADDRESS_BLOCKS_MAX, ARG_VALUES_MAX};

/// What one value must be: all of these at once. A value of another type than a check is for fails it.
///
/// INVARIANT (one spelling): as [`Checks::settled`] leaves it.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Checks {
    /// Of one of these types, those left out that another check rules out.
    kinds: Kinds,
    /// One of these, sorted. Then there are no other checks: those that fail one are not among them.
    values: Option<Vec<Scalar>>,
    min: Option<Number>,
    max: Option<Number>,
    /// Characters of a string, items of an array, members of an object.
    len_min: Option<u64>,
    len_max: Option<u64>,
    prefix: Option<Box<str>>,
    subpath: Option<path::Base>,
    addresses: Option<AddressSet>,
    hosts: Option<Vec<Host>>,
}

/// What has a length.
const SIZED: Kinds = Kinds::STRING.or(Kinds::ARRAY).or(Kinds::OBJECT);

impl Checks {
    /// Any value at all.
    pub(super) const ANY: Self = Self {
        kinds: Kinds::ALL,
        values: None,
        min: None,
        max: None,
        len_min: None,
        len_max: None,
        prefix: None,
        subpath: None,
        addresses: None,
        hosts: None,
    };

    /// No value at all.
    pub(super) const NOTHING: Self = Self {
        kinds: Kinds::NONE,
        ..Self::ANY
    };

    pub(super) fn is_any(&self) -> bool {
        *self == Self::ANY
    }

    pub(super) fn is_nothing(&self) -> bool {
        *self == Self::NOTHING
    }

    /// The one check of this name; the words say what to write if there is none, or not with this value.
    pub(super) fn parse(name: &str, text: &str) -> Result<Self, &'static str> {
        let mut checks = Self::ANY;
        let list = scalar::parse_list(text).filter(|list| list.len() <= ARG_VALUES_MAX);
        match name {
            "eq" | "in" => {
                let list = list.filter(|list| list.len() == 1 || name == "in");
                checks.values = Some(list.ok_or(VALUES)?);
            }
            "bool" => match text {
                "true" | "false" => checks.values = Some(Vec::from([Scalar::Bool(text == "true")])),
                _ => return Err("`bool` is `true` or `false`"),
            },
            "min" => checks.min = Some(Number::parse(text).ok_or(NUMBER)?),
            "max" => checks.max = Some(Number::parse(text).ok_or(NUMBER)?),
            "len_min" => checks.len_min = Some(length(text)?),
            "len_max" => checks.len_max = Some(length(text)?),
            "prefix" if text.is_empty() => {
                return Err("`prefix` is text; for any, write `type=string`");
            }
            "prefix" => checks.prefix = Some(text.into()),
            "subpath" => checks.subpath = Some(path::Base::parse(text).ok_or(PATH)?),
            "cidr" => {
                let set = text.parse().ok();
                let fits =
                    |set: &AddressSet| (1..=ADDRESS_BLOCKS_MAX).contains(&set.blocks().len());
                checks.addresses = Some(set.filter(fits).ok_or(CIDR)?);
            }
            "host" => {
                let hosts = host::parse_list(text).filter(|hosts| hosts.len() <= ARG_VALUES_MAX);
                checks.hosts = Some(hosts.ok_or(HOST)?);
            }
            "type" => checks.kinds = kind::parse_list(text).ok_or(TYPE)?,
            _ => return Err(UNKNOWN),
        }
        Ok(checks.settled())
    }

    /// Whether `value` passes all of them.
    pub(super) fn allow(&self, value: &Value) -> bool {
        if !self.kinds.has(Kinds::of(value)) {
            return false;
        }
        if let Some(values) = &self.values {
            return values.iter().any(|known| known.is(value));
        }
        let number_fits = |number: &serde_json::Number| {
            Number::of(number).is_some_and(|number| {
                self.min.is_none_or(|min| min <= number) && self.max.is_none_or(|max| number <= max)
            })
        };
        match value {
            Value::Null | Value::Bool(_) => true,
            Value::Number(number) => number_fits(number),
            Value::String(text) => self.allow_text(text),
            Value::Array(items) => self.allow_length(items.len()),
            Value::Object(members) => self.allow_length(members.len()),
        }
    }

    /// Whether `value` is of a type, and in a form, that these checks tell apart. A path with `..` in it, or
    /// `"500"` where they ask for a number, may be what they name to whoever uses it, although it passes none.
    pub(super) fn can_read(&self, value: &Value) -> bool {
        let implied = self.implied();
        let numbers = implied.and(Kinds::NUMBER) != Kinds::NONE;
        let kinds = if numbers {
            implied.or(Kinds::NUMBER)
        } else {
            implied
        };
        let plain = |text: &str| {
            self.subpath.as_ref().is_none_or(|base| base.can_read(text))
                && (self.addresses.is_none() || text.parse::<IpAddr>().is_ok())
                && (self.hosts.is_none() || host::is_plain(text))
        };
        kinds.has(Kinds::of(value)) && value.as_str().is_none_or(plain)
    }

    fn allow_text(&self, text: &str) -> bool {
        let sized = self.len_min.is_some() || self.len_max.is_some();
        let in_set =
            |set: &AddressSet| text.parse::<IpAddr>().is_ok_and(|address| set.has(address));
        (!sized || self.allow_length(text.chars().count()))
            && self
                .prefix
                .as_ref()
                .is_none_or(|prefix| text.starts_with(&**prefix))
            && self.subpath.as_ref().is_none_or(|base| base.has(text))
            && self.addresses.as_ref().is_none_or(in_set)
            && self
                .hosts
                .as_ref()
                .is_none_or(|hosts| host::any_has(hosts, text))
    }

    fn allow_length(&self, length: usize) -> bool {
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        self.len_min.is_none_or(|min| min <= length) && self.len_max.is_none_or(|max| length <= max)
    }

    /// All checks of both: whatever passes them passes those and these.
    pub(super) fn meet(&self, other: &Self) -> Self {
        let together = || {
            Some(Self {
                kinds: self.kinds.and(other.kinds),
                values: either(&self.values, &other.values, |mine, its| {
                    Some(
                        mine.iter()
                            .filter(|value| its.contains(value))
                            .cloned()
                            .collect(),
                    )
                })?,
                min: greater(self.min, other.min),
                max: lesser(self.max, other.max),
                len_min: greater(self.len_min, other.len_min),
                len_max: lesser(self.len_max, other.len_max),
                prefix: either(&self.prefix, &other.prefix, |mine, its| {
                    let longer = if mine.len() < its.len() { its } else { mine };
                    let nested = longer.starts_with(&**mine) && longer.starts_with(&**its);
                    nested.then(|| longer.clone())
                })?,
                subpath: either(&self.subpath, &other.subpath, |mine, its| {
                    mine.meet(its).cloned()
                })?,
                addresses: either(&self.addresses, &other.addresses, |mine, its| {
                    Some(mine.meet(its))
                })?,
                hosts: either(&self.hosts, &other.hosts, |mine, its| {
                    Some(host::meet(mine, its))
                })?,
            })
        };
        together().map_or(Self::NOTHING, Self::settled)
    }

    /// The types that the other checks leave.
    fn implied(&self) -> Kinds {
        let kinds = self.values.as_ref().map_or(Kinds::ALL, |values| {
            let kinds = values.iter().map(|value| Kinds::of(&value.to_json()));
            kinds.fold(Kinds::NONE, Kinds::or)
        });
        let numbers = self.min.is_some() || self.max.is_some();
        let sized = self.len_min.is_some() || self.len_max.is_some();
        let texts = self.prefix.is_some()
            || self.subpath.is_some()
            || self.addresses.is_some()
            || self.hosts.is_some();
        let only = |asked: bool, kinds: Kinds| if asked { kinds } else { Kinds::ALL };
        kinds
            .and(only(numbers, Kinds::NUMBER))
            .and(only(sized, SIZED))
            .and(only(texts, Kinds::STRING))
    }

    /// The one spelling of what it means, as far as that can be told of each check by itself: what fails
    /// another check is no value to name, what no value can pass is nothing, and a type that another check
    /// rules out is none.
    fn settled(mut self) -> Self {
        if let Some(mut values) = self.values.take() {
            values.retain(|value| self.allow(&value.to_json()));
            values.sort_unstable();
            values.dedup();
            self = Self {
                values: Some(values),
                ..Self::ANY
            };
        }
        self.kinds = self.kinds.and(self.implied());
        let crossed =
            |min: Option<u64>, max: Option<u64>| min.zip(max).is_some_and(|(min, max)| min > max);
        let empty = self.kinds == Kinds::NONE
            || self.min.zip(self.max).is_some_and(|(min, max)| min > max)
            || crossed(self.len_min, self.len_max)
            || self.addresses.as_ref().is_some_and(AddressSet::is_empty)
            || self.hosts.as_ref().is_some_and(Vec::is_empty);
        if empty { Self::NOTHING } else { self }
    }

    /// Each check by its name, as it is parsed, in the order of the names.
    pub(super) fn parts(&self) -> Vec<(&'static str, String)> {
        fn text(value: &Option<impl ToString>) -> Option<String> {
            value.as_ref().map(ToString::to_string)
        }
        fn list<T: ToString>(values: &Option<Vec<T>>) -> Option<String> {
            let texts = values.as_ref()?.iter().map(ToString::to_string);
            texts.reduce(|list, next| format!("{list},{next}"))
        }
        let one = self.values.as_ref().is_some_and(|values| values.len() == 1);
        let kinds = (self.kinds != self.implied()).then_some(self.kinds);
        let parts = [
            ("cidr", text(&self.addresses)),
            (if one { "eq" } else { "in" }, list(&self.values)),
            ("host", list(&self.hosts)),
            ("len_max", text(&self.len_max)),
            ("len_min", text(&self.len_min)),
            ("max", text(&self.max)),
            ("min", text(&self.min)),
            ("prefix", text(&self.prefix)),
            ("subpath", text(&self.subpath)),
            ("type", text(&kinds)),
        ];
        let there = parts
            .into_iter()
            .filter_map(|(name, text)| Some((name, text?)));
        let mut there: Vec<_> = there.collect();
        there.sort_unstable();
        there
    }
}

/// What both say where both say something; `None` if that contradicts itself.
fn either<T: Clone>(
    one: &Option<T>,
    other: &Option<T>,
    both: impl Fn(&T, &T) -> Option<T>,
) -> Option<Option<T>> {
    match (one, other) {
        (Some(one), Some(other)) => both(one, other).map(Some),
        (one, other) => Some(one.clone().or_else(|| other.clone())),
    }
}

fn length(text: &str) -> Result<u64, &'static str> {
    crate::constraint::rate::whole(text).ok_or("a length is a whole number from 0")
}

const VALUES: &str = "`eq` is one value, and `in` up to 64 with commas between them: text, a plain number, \
                      `true`, `false` or `null`; text that begins as a number does, or has a comma in it, \
                      stands in quotes";
const NUMBER: &str = "`min` and `max` are whole numbers of 64 bits, or decimals of up to 15 digits, as in \
                      `500` or `0.25`";
const PATH: &str = "`subpath` is a path without `.`, `..`, `//`, a slash at its end, a backslash, `~` or a \
                    drive, as in `/srv/data` or `docs`; `.` alone is every relative one";
const CIDR: &str = "`cidr` is up to 64 blocks of addresses with commas between them, as in \
                    `10.0.0.0/8,2001:db8::/32`, each with no bits below its prefix";
const HOST: &str =
    "`host` is up to 64 hosts with commas between them, as in `example.com,*.example.org`";
const TYPE: &str = "`type` is of `array`, `bool`, `integer`, `null`, `number`, `object` and `string`, with \
                    commas between them";
const UNKNOWN: &str = "it has a rule for arguments that is not known; known are `any`, `bool`, `cidr`, \
                       `closed`, `eq`, `host`, `in`, `len_max`, `len_min`, `max`, `min`, `none`, `optional`, \
                       `prefix`, `subpath` and `type`";
