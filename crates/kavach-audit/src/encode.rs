//! The canonical encoding of an event, version 1. It is final: what is hashed once is hashed for ever.
//!
//! One object of JSON in the form of RFC 8785. What is absent or an empty list is left out.
//!
//! | key | value |
//! | --- | --- |
//! | `action` | text |
//! | `agent` | id |
//! | `args_hash` | 64 hex digits |
//! | `audience` | text |
//! | `claimed` | text |
//! | `cost` | decimal digits in a text |
//! | `detail` | an object of texts and lists of texts |
//! | `duration_ns` | decimal digits in a text |
//! | `grant` | number |
//! | `id` | id |
//! | `index` | decimal digits in a text |
//! | `kind` | code |
//! | `line` | list of objects with `agent` (id), `at` (RFC 3339, UTC, whole seconds), `delegation` (id) |
//! | `log` | id |
//! | `obligations` | list of texts |
//! | `outcome` | code |
//! | `owner` | id |
//! | `private` | 64 hex digits |
//! | `reason` | code |
//! | `request_id` | text |
//! | `resource` | text |
//! | `revision` | decimal digits in a text |
//! | `tenant` | id |
//! | `time_ns` | decimal digits in a text |
//! | `token_ids` | list of texts |
//! | `v` | the number 1 |
//! | `withdraws` | id |
//!
//! Always there: `id`, `index`, `kind`, `log`, `outcome`, `reason`, `revision`, `tenant`, `time_ns`,
//! `v`. Hex digits are lower case; decimal digits have no leading zero and no sign.

use std::collections::BTreeMap;
use std::fmt;

use crate::canonical::Canonical;
use crate::event::{Detail, Event, Hop};
use crate::hash::Hash;

/// The version that is written, and the only one so far.
pub(crate) const VERSION: u64 = 1;

/// Most events of decisions fit without growing the buffer.
const USUAL_BYTES: usize = 1280;

impl Event {
    /// The canonical encoding, however long.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut json = Canonical::with_capacity(USUAL_BYTES);
        json.open(b'{');
        self.encode_action_to_id(&mut json);
        json.key("index").plain(self.index);
        json.key("kind").text(self.kind.code());
        if !self.line.is_empty() {
            encode_line(json.key("line"), &self.line);
        }
        json.key("log").plain(self.log);
        texts(&mut json, "obligations", &self.obligations);
        json.key("outcome").text(self.outcome.code());
        plain(&mut json, "owner", self.owner);
        hash(&mut json, "private", self.private.as_ref());
        json.key("reason").text(self.reason.code());
        text(&mut json, "request_id", self.request_id.as_deref());
        text(
            &mut json,
            "resource",
            self.resource.as_ref().map(|resource| resource.as_str()),
        );
        json.key("revision").plain(self.revision);
        json.key("tenant").plain(self.tenant);
        json.key("time_ns").plain(self.time_ns);
        texts(&mut json, "token_ids", &self.token_ids);
        json.key("v").number(VERSION);
        plain(&mut json, "withdraws", self.withdraws);
        json.close(b'}');
        json.into_bytes()
    }

    fn encode_action_to_id(&self, json: &mut Canonical) {
        text(
            json,
            "action",
            self.action.as_ref().map(|action| action.as_str()),
        );
        plain(json, "agent", self.agent);
        hash(json, "args_hash", self.args_hash.as_ref());
        text(json, "audience", self.audience.as_deref());
        text(json, "claimed", self.claimed.as_deref());
        plain(json, "cost", self.cost);
        if !self.detail.is_empty() {
            encode_detail(json.key("detail"), &self.detail);
        }
        plain(json, "duration_ns", self.duration_ns);
        if let Some(grant) = self.grant {
            json.key("grant").number(grant);
        }
        json.key("id").plain(self.id);
    }
}

fn text(json: &mut Canonical, key: &str, value: Option<&str>) {
    if let Some(value) = value {
        json.key(key).text(value);
    }
}

fn plain(json: &mut Canonical, key: &str, value: Option<impl fmt::Display>) {
    if let Some(value) = value {
        json.key(key).plain(value);
    }
}

fn hash(json: &mut Canonical, key: &str, value: Option<&Hash>) {
    if let Some(value) = value {
        json.key(key).hash(value);
    }
}

fn texts(json: &mut Canonical, key: &str, values: &[String]) {
    if !values.is_empty() {
        json.key(key).texts(values);
    }
}

fn encode_line(json: &mut Canonical, line: &[Hop]) {
    json.open(b'[');
    for hop in line {
        json.entry();
        json.open(b'{');
        json.key("agent").plain(hop.agent);
        json.key("at").plain(hop.at);
        plain(json, "delegation", hop.delegation);
        json.close(b'}');
    }
    json.close(b']');
}

/// Also a cell of the export as CSV.
pub(crate) fn encode_detail(json: &mut Canonical, detail: &BTreeMap<String, Detail>) {
    // The map sorts by code point, which differs beyond U+FFFF.
    let mut entries: Vec<_> = detail.iter().collect();
    entries.sort_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
    json.open(b'{');
    for (key, value) in entries {
        json.key(key);
        match value {
            Detail::Text(value) => json.text(value),
            Detail::List(values) => json.texts(values),
        }
    }
    json.close(b'}');
}
