//! A file of cases.
//!
//! ```toml
//! policy = "policy.toml"            # what `kavach apply` takes, beside this file
//! at = 2026-11-23T10:00:00Z         # when everything is asked, unless a case says otherwise
//!
//! [[case]]
//! name = "readers read"             # optional
//! agent = ["reader", "searcher"]    # one or several: each with each
//! action = "read"
//! resource = ["mcp:github:issues", "mcp:github:repos"]
//! context = { ip = "10.0.0.7" }     # one or several; as in request lines
//! expect = "allow"                  # allow, needs_approval, deny, or deny:REASON
//! ```

use std::ops::Range;

use kavach::{Call, Context, Decision, Reason, Timestamp, TrustLevel};
use serde_json::{Map, Number, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::declaration::{Fault, FieldPlaces, Reader, Table, parse};
use crate::limits::CASES_MAX;
use crate::requests::{Asked, context};

const KEYS: [&str; 10] = [
    "name",
    "agent",
    "action",
    "resource",
    "context",
    "at",
    "trust",
    "approvals",
    "calls",
    "expect",
];

/// Everything in one file.
#[derive(Debug)]
pub(crate) struct Cases {
    /// The file that declares the state, as it is written.
    pub(crate) policy: String,
    /// Where that stands.
    pub(crate) policy_at: Range<usize>,
    pub(crate) cases: Vec<Case>,
}

/// One call and what the answer must be.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) call: Call,
    pub(crate) at: Timestamp,
    /// How far every agent is trusted; `None` for as far as it is at the start.
    pub(crate) trust: Option<TrustLevel>,
    /// How many people have said yes.
    pub(crate) approvals: u8,
    /// How often it is asked in earnest, one after the other; the last answer counts.
    pub(crate) calls: u32,
    pub(crate) expected: Expected,
    /// Where the case stands.
    pub(crate) at_bytes: Range<usize>,
}

/// What an answer must be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Expected {
    Allow,
    NeedsApproval,
    /// A denial, for this reason or for any.
    Deny(Option<Reason>),
}

impl Expected {
    pub(crate) fn holds(self, decision: Decision) -> bool {
        match (self, decision) {
            (Self::Allow, Decision::Allow)
            | (Self::NeedsApproval, Decision::NeedsApproval)
            | (Self::Deny(None), Decision::Deny(_)) => true,
            (Self::Deny(Some(wanted)), Decision::Deny(reason)) => wanted == reason,
            (Self::Allow | Self::NeedsApproval | Self::Deny(_), _) => false,
        }
    }
}

impl std::fmt::Display for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Allow => f.write_str("allow"),
            Self::NeedsApproval => f.write_str("needs_approval"),
            Self::Deny(None) => f.write_str("deny"),
            Self::Deny(Some(reason)) => write!(f, "deny:{reason}"),
        }
    }
}

impl std::str::FromStr for Expected {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix("deny:")) {
            ("allow", _) => Ok(Self::Allow),
            ("needs_approval", _) => Ok(Self::NeedsApproval),
            ("deny", _) => Ok(Self::Deny(None)),
            (_, Some(reason)) => reason
                .parse()
                .map(|reason| Self::Deny(Some(reason)))
                .map_err(|error| format!("{error}")),
            _ => Err("`expect` is `allow`, `needs_approval`, `deny`, or `deny:REASON`".to_owned()),
        }
    }
}

/// The cases in the text of a file.
///
/// # Errors
/// Every mistake that was found, in the order of the file.
pub(crate) fn read(text: &str) -> Result<Cases, Vec<Fault>> {
    let document = parse(text)?;
    let mut reader = Reader::default();
    reader.only(&document, &["policy", "at", "case"]);
    let top = Table {
        entries: &document,
        header: 0..0,
    };
    let mut places = FieldPlaces::default();
    let policy: Option<String> = reader.required(&top, "policy", &mut places);
    let policy_at = document
        .get("policy")
        .map(Spanned::span)
        .unwrap_or_default();
    let at = document
        .get("at")
        .and_then(|value| reader.time(value, "at"));
    let mut cases = Vec::new();
    for table in reader.tables(&document, "case") {
        case(&mut reader, &table, at, &mut cases);
        if cases.len() > CASES_MAX {
            let words = format!("the file has more than {CASES_MAX} cases; split it");
            reader.fault(table.header, words);
            break;
        }
    }
    let mut faults = reader.faults;
    match policy {
        Some(policy) if faults.is_empty() => Ok(Cases {
            policy,
            policy_at,
            cases,
        }),
        _ => {
            faults.sort_by_key(|fault| fault.at.start);
            Err(faults)
        }
    }
}

/// Adds one case for each agent with each action, resource and context.
fn case(
    reader: &mut Reader,
    table: &Table<'_, '_>,
    default_at: Option<Timestamp>,
    cases: &mut Vec<Case>,
) {
    reader.only(table.entries, &KEYS);
    let mut places = FieldPlaces::default();
    let name: Option<String> = reader.parsed(table, "name", &mut places);
    let agents = some(reader, table, "agent");
    let actions = some(reader, table, "action");
    let resources = some(reader, table, "resource");
    let contexts = contexts(reader, table);
    let expected: Option<Expected> = reader.required(table, "expect", &mut places);
    let trust = reader.parsed(table, "trust", &mut places);
    let approvals = number(reader, table, "approvals", 0..=16).unwrap_or(0);
    let calls = number(reader, table, "calls", 1..=100_000).unwrap_or(1);
    let own_at = table
        .entries
        .get("at")
        .and_then(|value| reader.time(value, "at"));
    let (Some(at), Some(expected)) = (own_at.or(default_at), expected) else {
        if own_at.or(default_at).is_none() {
            let words = "`at` is missing, here and at the top: a result must not depend on the day";
            reader.fault(table.header.clone(), words);
        }
        return;
    };
    for (agent_at, agent) in &agents {
        for (action_at, action) in &actions {
            for (resource_at, resource) in &resources {
                let asked = match Asked::new(agent, action, resource) {
                    Ok(asked) => asked,
                    Err(words) => {
                        let at = match words.get(..4) {
                            Some("`act") => action_at,
                            Some("`res") => resource_at,
                            _ => agent_at,
                        };
                        reader.fault(at.clone(), words);
                        continue;
                    }
                };
                for (number, context) in contexts.iter().enumerate() {
                    let mut call = asked.call.clone();
                    call.context = context.clone();
                    let mut told = format!("{agent} {action} {resource}");
                    if contexts.len() > 1 {
                        told.push_str(&format!(" context {}", number + 1));
                    }
                    cases.push(Case {
                        name: name
                            .as_ref()
                            .map_or(told.clone(), |name| format!("{name}: {told}")),
                        call,
                        at,
                        trust,
                        approvals: u8::try_from(approvals).unwrap_or(u8::MAX),
                        calls,
                        expected,
                        at_bytes: table.header.clone(),
                    });
                }
            }
        }
    }
}

/// One text or a list of some.
fn some(reader: &mut Reader, table: &Table<'_, '_>, name: &str) -> Vec<(Range<usize>, String)> {
    let Some(value) = table.entries.get(name) else {
        reader.fault(table.header.clone(), format!("`{name}` is missing"));
        return Vec::new();
    };
    let texts = match value.get_ref() {
        DeValue::Array(array) => {
            if array.is_empty() {
                reader.fault(
                    value.span(),
                    format!("`{name}` is empty; name at least one"),
                );
            }
            array.iter().collect()
        }
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Table(_) => vec![value],
    };
    texts
        .into_iter()
        .filter_map(|text| reader.text(text, name))
        .map(|(at, text)| (at, text.to_owned()))
        .collect()
}

fn number(
    reader: &mut Reader,
    table: &Table<'_, '_>,
    name: &str,
    range: std::ops::RangeInclusive<u32>,
) -> Option<u32> {
    let value = table.entries.get(name)?;
    let number = reader
        .integer(value)
        .filter(|number| range.contains(number));
    if number.is_none() {
        let (least, most) = (range.start(), range.end());
        let words = format!("`{name}` is a whole number from {least} to {most}");
        reader.fault(value.span(), words);
    }
    number
}

/// The circumstances: none, one table, or a list of some.
fn contexts(reader: &mut Reader, table: &Table<'_, '_>) -> Vec<Context> {
    let Some(value) = table.entries.get("context") else {
        return vec![Context::default()];
    };
    let single = [value];
    let tables: Vec<&Spanned<DeValue<'_>>> = match value.get_ref() {
        DeValue::Array(array) => array.iter().collect(),
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Table(_) => single.to_vec(),
    };
    let mut contexts = Vec::new();
    for table in tables {
        match json(table).and_then(context) {
            Ok(context) => contexts.push(context),
            Err(words) => reader.fault(table.span(), words),
        }
    }
    contexts
}

/// The same value in JSON.
fn json(value: &Spanned<DeValue<'_>>) -> Result<Value, String> {
    Ok(match value.get_ref() {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Boolean(truth) => Value::Bool(*truth),
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
            .map(|number| Value::Number(number.into()))
            .map_err(|error| {
                format!(
                    "`{}` is no number that can be sent: {error}",
                    integer.as_str()
                )
            })?,
        DeValue::Float(float) => float
            .as_str()
            .parse()
            .ok()
            .and_then(Number::from_f64)
            .map(Value::Number)
            .ok_or_else(|| format!("`{}` is no number in JSON", float.as_str()))?,
        DeValue::Datetime(time) => {
            return Err(format!("`{time}` is no JSON value; write it in quotes"));
        }
        DeValue::Array(array) => Value::Array(array.iter().map(json).collect::<Result<_, _>>()?),
        DeValue::Table(entries) => Value::Object(object(entries)?),
    })
}

fn object(entries: &DeTable<'_>) -> Result<Map<String, Value>, String> {
    let entries = entries.iter();
    entries
        .map(|(key, value)| Ok((key.get_ref().to_string(), json(value)?)))
        .collect()
}
