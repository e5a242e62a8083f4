//! One request: who wants to do what to which.

use kavach::{Action, Call, Caller, Context, Resource, Secret, Timestamp};
use serde_json::{Map, Value};

use super::json;
use crate::failure::{Failure, quoted};

/// How requests are to be answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Manner {
    /// In earnest: at the present time, and recorded.
    Record,
    /// As if: at any time, and not recorded.
    Simulate,
}

/// A request that is well formed.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) call: Call,
    /// When it is to be decided; `None` for now.
    pub(crate) at: Option<Timestamp>,
}

impl Asked {
    /// The request in these bytes: `{"agent","action","resource","context"?,"at"?}`.
    ///
    /// # Errors
    /// If it is anything else; the message says what to write.
    pub(crate) fn parse(line: &[u8], manner: Manner) -> Result<Self, String> {
        let Value::Object(mut fields) = json::parse(line)? else {
            let words = "it is not an object; write `{\"agent\":…,\"action\":…,\"resource\":…}`";
            return Err(words.to_owned());
        };
        let agent = required(&mut fields, "agent")?;
        let action = required(&mut fields, "action")?;
        let resource = required(&mut fields, "resource")?;
        let at = optional_text(&mut fields, "at")?;
        let about = present(&mut fields, "context");
        nothing_else(&fields, "", "agent, action, resource, context, at")?;
        if at.is_some() && manner == Manner::Record {
            let words = "`at` stands only in simulated requests; leave it out, or say `--simulate`";
            return Err(words.to_owned());
        }
        let mut asked = Self::new(&agent, &action, &resource)?;
        asked.call.context = about.map_or(Ok(Context::default()), context)?;
        asked.at = at
            .map(|at| at.parse())
            .transpose()
            .map_err(in_field("at"))?;
        Ok(asked)
    }

    /// A request of which nothing else is known.
    pub(crate) fn new(agent: &str, action: &str, resource: &str) -> Result<Self, String> {
        Self::by(caller(agent)?, action, resource)
    }

    /// The same by somebody who is known already.
    pub(crate) fn by(caller: Caller, action: &str, resource: &str) -> Result<Self, String> {
        let action: Action = action.parse().map_err(in_field("action"))?;
        let resource: Resource = resource.parse().map_err(in_field("resource"))?;
        Ok(Self {
            call: Call::new(caller, action, resource),
            at: None,
        })
    }
}

/// Who asks: a name, an id, or a credential. A credential with a mistake in it is not repeated.
fn caller(text: &str) -> Result<Caller, String> {
    if text.starts_with("kv_") {
        let secret: Secret = text.parse().map_err(in_field("agent"))?;
        return Ok(Caller::from(&secret));
    }
    Caller::parse(text).map_err(in_field("agent"))
}

/// What else is known about a call: `{"args"?,"ip"?,"cost"?,"audience"?,"request_id"?}`.
pub(crate) fn context(value: Value) -> Result<Context, String> {
    let Value::Object(mut fields) = value else {
        return Err("`context` is not an object; write `{…}`".to_owned());
    };
    let mut context = Context::default();
    context.args = present(&mut fields, "args").map(std::sync::Arc::new);
    let ip = optional_text(&mut fields, "ip")?
        .map(|ip| ip.parse())
        .transpose();
    context.ip =
        ip.map_err(|_| "`ip` is not an address; write one as in `203.0.113.7`".to_owned())?;
    context.audience = optional_text(&mut fields, "audience")?;
    context.request_id = optional_text(&mut fields, "request_id")?;
    context.cost = match present(&mut fields, "cost") {
        None => None,
        Some(cost) => {
            let words =
                || "`cost` is not a number of units; write a whole number from 0".to_owned();
            Some(cost.as_u64().ok_or_else(words)?)
        }
    };
    nothing_else(&fields, "context.", "args, ip, cost, audience, request_id")?;
    Ok(context)
}

/// The circumstances after `--context`.
pub(crate) fn context_argument(text: &str) -> Result<Context, Failure> {
    let read = json::parse(text.as_bytes()).and_then(context);
    read.map_err(|words| Failure::error(format!("`--context`: {words}")))
}

/// A field that is there; `null` is not.
fn present(fields: &mut Map<String, Value>, name: &str) -> Option<Value> {
    fields.remove(name).filter(|value| !value.is_null())
}

fn optional_text(fields: &mut Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match present(fields, name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("`{name}` is not a string; write it in quotes")),
    }
}

fn required(fields: &mut Map<String, Value>, name: &str) -> Result<String, String> {
    optional_text(fields, name)?.ok_or_else(|| format!("`{name}` is missing; write a string"))
}

fn nothing_else(fields: &Map<String, Value>, within: &str, known: &str) -> Result<(), String> {
    match fields.keys().next() {
        None => Ok(()),
        Some(key) => {
            let key = quoted(&format!("{within}{key}"));
            Err(format!("{key} is not a known key; known are: {known}"))
        }
    }
}

fn in_field<E: std::fmt::Display>(name: &'static str) -> impl Fn(E) -> String {
    move |error| format!("`{name}`: {error}")
}
