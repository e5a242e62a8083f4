//! The constraints of a permission that is written as a table.
//!
//! Each entry becomes a constraint by name and value, as the shorthand has it, so that there is one reader
//! of values and both forms mean the same.

use kavach::{Constraints, Timestamp};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::reader::Reader;

#[cfg(test)]
mod tests;

/// A constraint by its name in the shorthand, and its value if it has one.
type Part = (String, Option<String>);

const KNOWN: [&str; 9] = [
    "approval",
    "args",
    "budget",
    "depth",
    "expires",
    "ip",
    "min_trust",
    "rate",
    "window",
];

pub(super) fn constraints(
    reader: &mut Reader,
    value: &Spanned<DeValue<'_>>,
) -> Option<Constraints> {
    let DeValue::Table(entries) = value.get_ref() else {
        let words = "`constraints` is not a table; write one, as in `{ depth = 1 }`";
        reader.fault(value.span(), words);
        return None;
    };
    let before = reader.faults.len();
    reader.only(entries, &KNOWN);
    let mut parts: Vec<Part> = Vec::new();
    for (key, value) in entries.iter() {
        match key.get_ref().as_ref() {
            "approval" => parts.extend(approval(reader, value)),
            "args" => parts.extend(arguments(reader, value)),
            "depth" => {
                let depth = reader.depth(value, "depth");
                parts.extend(depth.map(|depth| ("depth".to_owned(), Some(depth.to_string()))));
            }
            "expires" => {
                let end: Option<Timestamp> = reader.time(value, "expires");
                parts.extend(end.map(|end| ("expires".to_owned(), Some(end.to_string()))));
            }
            "window" => parts.extend(several(reader, "window", ";", value)),
            name @ ("budget" | "ip" | "rate") => parts.extend(several(reader, name, ",", value)),
            "min_trust" => {
                let text = reader.text(value, "min_trust");
                let part = text.map(|(_, text)| ("min_trust".to_owned(), Some(text.to_owned())));
                parts.extend(part.filter(|part| checked(reader, value, part)));
            }
            // Told already.
            _ => {}
        }
    }
    if reader.faults.len() > before {
        return None;
    }
    read(&parts)
        .map_err(|words| reader.fault(value.span(), words))
        .ok()
}

fn read(parts: &[Part]) -> Result<Constraints, String> {
    let parts = parts
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_deref()));
    Constraints::of(parts).map_err(|error| error.to_string())
}

/// Whether the part is a constraint by itself; what is wrong with it is told where it stands.
fn checked(reader: &mut Reader, value: &Spanned<DeValue<'_>>, part: &Part) -> bool {
    let checked = read(std::slice::from_ref(part));
    checked
        .map_err(|words| reader.fault(value.span(), words))
        .is_ok()
}

/// `true` for one person, or how many.
fn approval(reader: &mut Reader, value: &Spanned<DeValue<'_>>) -> Option<Part> {
    let people = match value.get_ref() {
        DeValue::Boolean(true) => None,
        DeValue::Integer(_) => Some(reader.integer::<u64>(value).unwrap_or_default().to_string()),
        DeValue::Boolean(false)
        | DeValue::String(_)
        | DeValue::Float(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => {
            let words = "`approval` is `true`, or a number of people from 1 to 16; leave it out if nobody \
                         need say yes";
            reader.fault(value.span(), words);
            return None;
        }
    };
    let part = ("approve".to_owned(), people);
    checked(reader, value, &part).then_some(part)
}

/// Text, or a list of it. Of a list, each item must be something by itself.
fn several(
    reader: &mut Reader,
    name: &str,
    separator: &str,
    value: &Spanned<DeValue<'_>>,
) -> Option<Part> {
    let before = reader.faults.len();
    let texts = match value.get_ref() {
        DeValue::Array(items) => {
            let mut texts = Vec::new();
            for item in items.iter() {
                let Some((_, text)) = reader.text(item, name) else {
                    continue;
                };
                let part = (name.to_owned(), Some(text.to_owned()));
                if checked(reader, item, &part) {
                    texts.push(text);
                }
            }
            texts
        }
        DeValue::String(text) => vec![&**text],
        DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Table(_) => {
            let words = format!("`{name}` is text, or a list of it; write it in quotes");
            reader.fault(value.span(), words);
            return None;
        }
    };
    if reader.faults.len() > before {
        return None;
    }
    if texts.is_empty() && name != "ip" {
        let words = format!("`{name}` lists nothing; leave it out, or say what it is");
        reader.fault(value.span(), words);
        return None;
    }
    // No address at all is something to say.
    let text = if texts.is_empty() {
        "none".to_owned()
    } else {
        texts.join(separator)
    };
    let part = (name.to_owned(), Some(text));
    checked(reader, value, &part).then_some(part)
}

/// A table of rules for each place in the arguments. No place: no arguments.
fn arguments(reader: &mut Reader, value: &Spanned<DeValue<'_>>) -> Vec<Part> {
    let DeValue::Table(places) = value.get_ref() else {
        let words = "`args` is not a table; write one of JSON pointers, as in \
                     `{ \"/amount\" = { max = 500 } }`, or `{}` for no arguments";
        reader.fault(value.span(), words);
        return Vec::new();
    };
    if places.is_empty() {
        return vec![("args".to_owned(), Some("none".to_owned()))];
    }
    let mut parts = Vec::new();
    for (place, rules) in places.iter() {
        let pointer = place.get_ref();
        let any: Part = (format!("args{pointer}.any"), None);
        let is_pointer = pointer.is_empty() || pointer.starts_with('/');
        if !is_pointer || read(std::slice::from_ref(&any)).is_err() {
            let words = "a place in the arguments is a JSON pointer of up to 16 tokens, as in \
                         `\"/amount\"`; `\"\"` is all of them";
            reader.fault(place.span(), words);
            continue;
        }
        let DeValue::Table(rules) = rules.get_ref() else {
            let words =
                "the rules of a place are a table, as in `{ max = 500 }`; `{}` takes anything";
            reader.fault(rules.span(), words);
            continue;
        };
        if rules.is_empty() {
            parts.push(any);
        }
        parts.extend(self::rules(reader, pointer, rules));
    }
    parts
}

fn rules(reader: &mut Reader, pointer: &str, rules: &DeTable<'_>) -> Vec<Part> {
    let mut parts = Vec::new();
    for (rule, value) in rules.iter() {
        let word = rule.get_ref();
        let part = (
            format!("args{pointer}.{word}"),
            operand(reader, word, value),
        );
        match part {
            (_, Some(Err(words))) => reader.fault(value.span(), words),
            (name, operand) => {
                let part = (name, operand.and_then(Result::ok));
                if checked(reader, value, &part) {
                    parts.push(part);
                }
            }
        }
    }
    parts
}

/// The value of a rule as the shorthand has it; none for what stands alone there.
fn operand(
    reader: &Reader,
    rule: &str,
    value: &Spanned<DeValue<'_>>,
) -> Option<Result<String, String>> {
    let flag = matches!(rule, "any" | "closed" | "none" | "optional");
    let quoted = matches!(rule, "eq" | "in");
    if flag {
        let is_set = matches!(value.get_ref(), DeValue::Boolean(true));
        return (!is_set).then(|| Err(format!("`{rule}` is `true`, or left out")));
    }
    if let DeValue::Array(items) = value.get_ref()
        && !matches!(rule, "prefix" | "subpath")
    {
        let items = items.iter().map(|item| scalar(reader, item, quoted));
        let items: Result<Vec<String>, String> = items.collect();
        return Some(items.map(|items| items.join(",")));
    }
    Some(scalar(reader, value, quoted))
}

/// One value; text in quotes, as JSON, where it could be taken for something else.
fn scalar(reader: &Reader, value: &Spanned<DeValue<'_>>, quoted: bool) -> Result<String, String> {
    match value.get_ref() {
        DeValue::String(text) if quoted => Ok(serde_json::Value::from(&**text).to_string()),
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(_) => {
            let words = "a number in a rule is a whole number of 64 bits, or a decimal";
            reader.signed(value).ok_or_else(|| words.to_owned())
        }
        DeValue::Float(float) => Ok(float.as_str().trim_start_matches('+').to_owned()),
        DeValue::Boolean(value) => Ok(value.to_string()),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
            let words = "a value in a rule is text, a number, `true` or `false`";
            Err(words.to_owned())
        }
    }
}
