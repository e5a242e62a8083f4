//! Which constraints a call fails, by their text: a second evaluation that shares no code with the first.
//!
//! Windows go through their minutes one by one, addresses are strings of bits, and arguments are lists of
//! places with text compared to text.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::IpAddr;

use serde_json::Value;

use crate::time::Timestamp;

/// What a constraint may ask of a call.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "what a call says of itself")]
pub struct Circumstances<'a> {
    /// From where.
    pub address: Option<IpAddr>,
    /// With which arguments.
    pub args: Option<&'a Value>,
    /// When.
    pub now: Timestamp,
}

/// The names of the constraints in this shorthand that the call fails, of those that a call meets or not by
/// itself: `args`, `expires`, `ip` and `window`.
#[must_use]
pub fn failed(shorthand: &str, call: Circumstances<'_>) -> Vec<&'static str> {
    let parts: Vec<(String, String)> = parts(shorthand);
    let value = |wanted: &str| {
        let found = parts.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.as_str())
    };
    let mut failed = Vec::new();
    if parts.iter().any(|(name, _)| name.starts_with("args")) && !arguments_fit(&parts, call.args) {
        failed.push("args");
    }
    if value("expires").is_some_and(|end| call.now.to_string().as_str() >= end) {
        failed.push("expires");
    }
    if value("ip").is_some_and(|blocks| !call.address.is_some_and(|from| lies_in(blocks, from))) {
        failed.push("ip");
    }
    let mut windows = value("window").into_iter().flat_map(|list| list.split(';'));
    if !windows.all(|window| holds(window, call.now.as_s())) {
        failed.push("window");
    }
    failed
}

/// Names and values, with the escaping undone.
fn parts(shorthand: &str) -> Vec<(String, String)> {
    let (_, constraints) = shorthand.split_once('?').unwrap_or_default();
    let pairs = constraints.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (plain(name), plain(value))
        })
        .collect()
}

fn plain(text: &str) -> String {
    let spaced = text.replace('+', " ");
    let mut pieces = spaced.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (code, rest) = piece.split_at(2);
        bytes.push(u8::from_str_radix(code, 16).unwrap_or_default());
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether a window holds: goes through every minute from its beginning, today and yesterday.
fn holds(window: &str, now_s: i64) -> bool {
    let words: Vec<&str> = window.split(' ').collect();
    let [days, times, zone] = words.as_slice() else {
        return false;
    };
    let Ok(zone) = jiff::tz::TimeZoneDatabase::bundled().get(zone) else {
        return false;
    };
    let Ok(now) = jiff::Timestamp::from_second(now_s) else {
        return false;
    };
    let wall = now.to_zoned(zone).datetime();
    let written = format!("{:02}:{:02}", wall.hour(), wall.minute());
    let (from, to) = times.split_once('-').unwrap_or_default();
    let [today, yesterday] = [Ok(wall.date()), wall.date().yesterday()].map(|date| {
        let begins =
            date.is_ok_and(|date| named(days).contains(&date.weekday().to_monday_zero_offset()));
        begins.then(|| minutes(from, to))
    });
    let in_today = today.is_some_and(|minutes| minutes.contains(&(0, written.clone())));
    in_today || yesterday.is_some_and(|minutes| minutes.contains(&(1, written)))
}

/// The days that a list names, Monday being 0.
fn named(days: &str) -> Vec<i8> {
    let week = "mon tue wed thu fri sat sun ";
    let place = |day: &str| (week.find(day).unwrap_or_default() / 4) as i8;
    let mut named = Vec::new();
    for run in days.replace("daily", "mon-sun").split(',') {
        let mut ends = run.split('-').map(place);
        let first = ends.next().unwrap_or_default();
        let last = ends.next().unwrap_or(first);
        let mut day = first;
        named.push(day);
        while day != last {
            day = (day + 1) % 7;
            named.push(day);
        }
    }
    named
}

/// Each minute of a window, with how many midnights lie before it.
fn minutes(from: &str, to: &str) -> Vec<(u8, String)> {
    let mut minutes = Vec::new();
    let mut midnights = 0;
    let mut at = from.to_string();
    while at != to && midnights < 2 {
        minutes.push((midnights, at.clone()));
        let (hour, minute) = at.split_once(':').unwrap_or_default();
        let hour: u8 = hour.parse().unwrap_or_default();
        let minute: u8 = minute.parse().unwrap_or_default();
        at = match (hour, minute) {
            (23, 59) if to == "24:00" => to.to_string(),
            (23, 59) => {
                midnights += 1;
                "00:00".to_string()
            }
            (_, 59) => format!("{:02}:00", hour + 1),
            _ => format!("{hour:02}:{:02}", minute + 1),
        };
    }
    minutes
}

/// Whether an address lies in one of these blocks: whether its bits begin as the block's do.
fn lies_in(blocks: &str, address: IpAddr) -> bool {
    let bits = bits(address);
    blocks.split(',').any(|block| {
        let (first, length) = block.split_once('/').unwrap_or((block, "128"));
        let first: Option<IpAddr> = first.parse().ok();
        let begins = |first: String| {
            let prefix: String = first
                .chars()
                .take(4 + length.parse::<usize>().unwrap_or(0))
                .collect();
            bits.starts_with(&prefix)
        };
        first.map(self::bits).is_some_and(begins)
    })
}

/// An address as ones and zeros, with its family before them.
fn bits(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => format!("four{:032b}", u32::from(address)),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => bits(IpAddr::V4(mapped)),
            None => format!("six:{:0128b}", u128::from(address)),
        },
    }
}

/// Whether the arguments keep the rules among these parts.
fn arguments_fit(parts: &[(String, String)], args: Option<&Value>) -> bool {
    let rules: Vec<(&str, &str, &str)> = parts
        .iter()
        .filter_map(|(name, value)| {
            let (place, rule) = name.strip_prefix("args")?.rsplit_once('.')?;
            Some((place, rule, value.as_str()))
        })
        .collect();
    if let Some((_, word)) = parts.iter().find(|(name, _)| name == "args") {
        return word == "none" && args.is_none_or(|args| *args == serde_json::json!({}));
    }
    let has = |place: &str, word: &str| {
        rules
            .iter()
            .any(|(at, rule, _)| *at == place && *rule == word)
    };
    if !rules_fit(&rules, args) {
        return false;
    }
    let mut leaves = Vec::new();
    if let Some(args) = args.filter(|args| **args != serde_json::json!({})) {
        list_leaves("", args, &mut leaves);
    }
    let opened = |leaf: &String| {
        let below = |place: &str| *leaf == place || leaf.starts_with(&format!("{place}/"));
        let opens = |place: &str| !has(place, "closed") && !has(place, "none");
        rules
            .iter()
            .any(|(place, _, _)| below(place) && opens(place))
    };
    leaves.iter().all(opened)
}

/// Whether the arguments keep the rules in this shorthand, whatever else there is, as a guardrail asks.
#[must_use]
pub fn described(shorthand: &str, args: &Value) -> bool {
    let parts = parts(shorthand);
    if parts
        .iter()
        .any(|(name, value)| name == "args" && value == "never")
    {
        return false;
    }
    let rules = parts.iter().filter_map(|(name, value)| {
        let (place, rule) = name.strip_prefix("args")?.rsplit_once('.')?;
        Some((place, rule, value.as_str()))
    });
    let rules: Vec<_> = rules.collect();
    // What a rule cannot read may be what it names.
    let read: Vec<_> = rules
        .iter()
        .filter(|(place, _, _)| {
            let here = rules.iter().filter(|(at, _, _)| at == place);
            let mut unread = here.filter(|(_, rule, wanted)| {
                let there = args.pointer(place);
                there.is_some_and(|there| is_foreign(rule, wanted, there))
            });
            unread.next().is_none()
        })
        .copied()
        .collect();
    rules_fit(&read, Some(args))
}

/// Whether a value is of a type, or in a form, that a rule does not speak of.
fn is_foreign(rule: &str, wanted: &str, there: &Value) -> bool {
    let alike = |one: &Value| core::mem::discriminant(one) == core::mem::discriminant(there);
    let unread = |reads: &dyn Fn(&str) -> bool| there.as_str().is_none_or(|text| !reads(text));
    match rule {
        "eq" | "in" => !scalars(wanted).iter().any(alike),
        "bool" => !there.is_boolean(),
        "min" | "max" => !there.is_number(),
        "len_min" | "len_max" => !there.is_string() && !there.is_array() && !there.is_object(),
        "prefix" => !there.is_string(),
        "subpath" => {
            unread(&|path| !is_odd(path) && wanted.starts_with('/') == path.starts_with('/'))
        }
        "cidr" => unread(&|text| text.parse::<IpAddr>().is_ok()),
        "host" => unread(&|text| host_in(text).is_some()),
        _ => false,
    }
}

fn rules_fit(rules: &[(&str, &str, &str)], args: Option<&Value>) -> bool {
    let has = |place: &str, word: &str| {
        rules
            .iter()
            .any(|(at, rule, _)| *at == place && *rule == word)
    };
    rules.iter().all(
        |(place, rule, value)| match args.and_then(|args| args.pointer(place)) {
            Some(there) => check(rule, value, there),
            None => has(place, "optional") || has(place, "none"),
        },
    )
}

/// The places of all that has no parts.
fn list_leaves(at: &str, value: &Value, leaves: &mut Vec<String>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (key, member) in members {
                let key = key.replace('~', "~0").replace('/', "~1");
                list_leaves(&format!("{at}/{key}"), member, leaves);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (place, item) in items.iter().enumerate() {
                list_leaves(&format!("{at}/{place}"), item, leaves);
            }
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => leaves.push(at.to_string()),
    }
}

fn check(rule: &str, wanted: &str, there: &Value) -> bool {
    let text = there.as_str();
    let length = match there {
        Value::String(text) => Some(text.chars().count()),
        Value::Array(items) => Some(items.len()),
        Value::Object(members) => Some(members.len()),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    };
    let bound = wanted.parse::<usize>();
    match rule {
        "any" | "closed" | "optional" => true,
        "none" => false,
        "eq" | "in" => scalars(wanted).iter().any(|scalar| same(scalar, there)),
        "bool" => there
            .as_bool()
            .is_some_and(|flag| flag.to_string() == wanted),
        "min" => compared(there, wanted).is_some_and(|order| order.is_ge()),
        "max" => compared(there, wanted).is_some_and(|order| order.is_le()),
        "len_min" => length.is_some_and(|length| bound.is_ok_and(|bound| length >= bound)),
        "len_max" => length.is_some_and(|length| bound.is_ok_and(|bound| length <= bound)),
        "prefix" => text.is_some_and(|text| text.starts_with(wanted)),
        "subpath" => text.is_some_and(|text| lies_below(wanted, text)),
        "cidr" => {
            let address = text.and_then(|text| text.parse().ok());
            address.is_some_and(|address| lies_in(wanted, address))
        }
        "host" => text.is_some_and(|text| leads_to(wanted, text)),
        "type" => wanted.split(',').any(|word| is_of_type(word, there)),
        _ => false,
    }
}

fn is_of_type(word: &str, there: &Value) -> bool {
    match word {
        "null" => there.is_null(),
        "bool" => there.is_boolean(),
        "number" => there.is_number(),
        "integer" => {
            there.is_number()
                && there
                    .as_f64()
                    .is_none_or(|double| !format!("{double}").contains('.'))
        }
        "string" => there.is_string(),
        "array" => there.is_array(),
        "object" => there.is_object(),
        _ => false,
    }
}

/// A list of values, as JSON.
fn scalars(list: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut item = String::new();
    let mut quoted = false;
    for character in list.chars() {
        if character == '"' && !item.ends_with('\\') {
            quoted = !quoted;
        }
        if character == ',' && !quoted {
            found.push(core::mem::take(&mut item));
        } else {
            item.push(character);
        }
    }
    found.push(item);
    let value = |item: String| serde_json::from_str(&item).unwrap_or(Value::String(item));
    found.into_iter().map(value).collect()
}

fn same(wanted: &Value, there: &Value) -> bool {
    match (wanted, there) {
        (Value::Number(_), Value::Number(_)) => {
            compared(there, &wanted.to_string()).is_some_and(|order| order.is_eq())
        }
        _ => wanted == there,
    }
}

/// How a number is to another: digit by digit where both are whole, as doubles otherwise.
fn compared(there: &Value, wanted: &str) -> Option<core::cmp::Ordering> {
    let there = there.as_number()?;
    let written = there.to_string();
    let digits = match there.as_f64() {
        // A double is written without an exponent, and without a fraction if it has none.
        Some(double) if there.is_f64() => format!("{double}"),
        _ => written,
    };
    match (digits.parse::<i128>(), wanted.parse::<i128>()) {
        (Ok(there), Ok(wanted)) => Some(there.cmp(&wanted)),
        _ => there.as_f64()?.partial_cmp(&wanted.parse::<f64>().ok()?),
    }
}

/// Whether a path goes down from a base.
fn lies_below(base: &str, path: &str) -> bool {
    let steps = |path: &str| -> Vec<String> {
        let steps = path.split('/').filter(|step| !["", "."].contains(step));
        steps.map(ToString::to_string).collect()
    };
    let (above, steps) = (steps(base), steps(path));
    !is_odd(path) && base.starts_with('/') == path.starts_with('/') && steps.starts_with(&above)
}

/// Whether a path may lead elsewhere than its text says.
fn is_odd(path: &str) -> bool {
    let first = path.split('/').next().unwrap_or_default();
    path.is_empty()
        || path.starts_with("//")
        || first.contains(':')
        || first.starts_with('~')
        || path
            .chars()
            .any(|character| character == '\\' || character.is_control())
        || path.split('/').any(|step| step == "..")
}

/// Whether text leads to one of these hosts.
fn leads_to(hosts: &str, text: &str) -> bool {
    host_in(text).is_some_and(|name| {
        hosts.split(',').any(|host| match host.strip_prefix('*') {
            Some(end) => name.ends_with(end) && name.len() > end.len(),
            None => name == host,
        })
    })
}

/// The host that text leads to, if that is clear from it.
fn host_in(text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    let strange = |character: char| !character.is_ascii_graphic() || character == '\\';
    if text.contains(strange) {
        return None;
    }
    let url = ["http://", "https://", "ws://", "wss://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    let place = url.map_or(text.as_str(), |rest| {
        let place = rest.split('/').next().unwrap_or_default();
        if place.contains('@') {
            "@"
        } else {
            place.split(['?', '#']).next().unwrap_or_default()
        }
    });
    let (name, port) = place.split_once(':').unwrap_or((place, "0"));
    let letters = "abcdefghijklmnopqrstuvwxyz0123456789-_";
    let labels: Vec<&str> = name.split('.').collect();
    let named = name.len() < 254
        && labels.iter().all(|label| {
            !label.is_empty()
                && label.len() < 64
                && label.chars().all(|character| letters.contains(character))
        });
    let digits =
        !port.is_empty() && port.len() < 6 && port.chars().all(|digit| digit.is_ascii_digit());
    (named && digits).then(|| name.to_string())
}
