//! One call of an agent: who wants to do what, and what else is known about it.

use kavach_core::{Action, AgentId, CredentialHash, Name, ParseError, Resource};
use kavach_token::Presentation;
use serde_json::Value;
use std::sync::Arc;

use crate::error::CannotDecide;
use crate::limits::{
    ARGUMENTS_BYTES_MAX, ARGUMENTS_DEPTH_MAX, ARGUMENTS_INTEGER_MAX, CONTEXT_TEXT_BYTES_MAX,
};
use crate::secret::Secret;

#[cfg(test)]
mod tests;

/// Who wants to do something: an agent by its id, its name, a credential, or a token that it presents.
#[derive(Clone, Debug)]
pub struct Caller(pub(crate) Claim);

#[derive(Clone, Debug)]
pub(crate) enum Claim {
    Id(AgentId),
    Name(Name),
    Credential(CredentialHash),
    Presentation(Presentation),
}

impl Caller {
    /// The agent that `text` names: an id (`agt_…`), a credential (`kv_…`), or else a name.
    ///
    /// # Errors
    /// If it has the form of none of them.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        if text.starts_with(AgentId::PREFIX) {
            return Ok(Self(Claim::Id(text.parse()?)));
        }
        match (text.parse::<Secret>(), text.parse::<Name>()) {
            (Ok(secret), _) => Ok(Self::from(&secret)),
            (Err(_), Ok(name)) => Ok(Self(Claim::Name(name))),
            // It may be a credential with a character too few or a line break too many: not repeated.
            (Err(_), Err(_)) if text.contains("kv_") => Ok(Self(Claim::Name("kv_".parse()?))),
            (Err(_), Err(error)) => Err(error),
        }
    }
}

impl From<&AgentId> for Caller {
    fn from(id: &AgentId) -> Self {
        Self(Claim::Id(*id))
    }
}

impl From<AgentId> for Caller {
    fn from(id: AgentId) -> Self {
        Self(Claim::Id(id))
    }
}

impl From<&Name> for Caller {
    fn from(name: &Name) -> Self {
        Self(Claim::Name(name.clone()))
    }
}

impl From<&Secret> for Caller {
    fn from(secret: &Secret) -> Self {
        Self(Claim::Credential(secret.hash()))
    }
}

/// Whoever holds the token that was presented: the call needs an audience too, which is the service that asks.
impl From<&Presentation> for Caller {
    fn from(presentation: &Presentation) -> Self {
        Self(Claim::Presentation(presentation.clone()))
    }
}

/// One call that an agent wants to make, with what is known about it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Call {
    /// Who.
    pub caller: Caller,
    /// What.
    pub action: Action,
    /// To what.
    pub resource: Resource,
    /// What else is known.
    pub context: Context,
    /// Answer only from a graph that has come at least this far: the revision that a change returned.
    pub at_least: Option<u64>,
}

/// What is known about a call besides who, what, and to what.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Context {
    /// The arguments, a JSON value. Recorded as a keyed hash.
    pub args: Option<Arc<Value>>,
    /// Where the call came from. Recorded beside the event, sealed.
    pub ip: Option<std::net::IpAddr>,
    /// What it will cost, in units of the caller's choice.
    pub cost: Option<u64>,
    /// For whom the answer is meant.
    pub audience: Option<String>,
    /// The caller's own id for it.
    pub request_id: Option<String>,
}

impl Call {
    /// A call about which nothing else is known.
    #[must_use]
    pub fn new(caller: impl Into<Caller>, action: Action, resource: Resource) -> Self {
        Self {
            caller: caller.into(),
            action,
            resource,
            context: Context::default(),
            at_least: None,
        }
    }
}

/// What the caller said it was, where that has the form of a name or an id. Never a credential.
pub(crate) fn claimed(caller: &Caller) -> Option<String> {
    match &caller.0 {
        Claim::Id(id) => Some(id.to_string()),
        Claim::Name(name) => Some(name.to_string()),
        Claim::Credential(_) | Claim::Presentation(_) => None,
    }
}

pub(crate) fn check_context(context: &Context) -> Result<(), CannotDecide> {
    let long = |text: &Option<String>| {
        text.as_ref()
            .is_some_and(|text| text.len() > CONTEXT_TEXT_BYTES_MAX)
    };
    if long(&context.audience) || long(&context.request_id) {
        let words =
            format!("the audience or the request id is longer than {CONTEXT_TEXT_BYTES_MAX} bytes");
        return Err(CannotDecide::Context(words));
    }
    match &context.args {
        Some(args) => check_args(args).map_err(CannotDecide::Arguments),
        None => Ok(()),
    }
}

/// Looks at arguments before they are made canonical, which takes a stack as deep as they are.
///
/// Integers that a double does not hold are refused: RFC 8785 rounds them, so that two calls that do
/// different things would have one hash (RFC 7493 section 2.2).
pub(crate) fn check_args(args: &Value) -> Result<(), String> {
    let mut bytes: usize = 0;
    let mut open = vec![(args, 1)];
    while let Some((value, depth)) = open.pop() {
        if depth > ARGUMENTS_DEPTH_MAX {
            return Err(format!(
                "they are nested more than {ARGUMENTS_DEPTH_MAX} deep; flatten them"
            ));
        }
        // Quotes, commas and the like count as one byte each, so this is never more than the real length.
        bytes = bytes.saturating_add(1);
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => {
                let integer = number.as_u64().or(number.as_i64().map(i64::unsigned_abs));
                if integer.is_some_and(|integer| integer > ARGUMENTS_INTEGER_MAX) {
                    let words = "an integer in them is beyond 2^53 - 1; pass it as a string";
                    return Err(words.to_owned());
                }
            }
            Value::String(text) => bytes = bytes.saturating_add(text.len()),
            Value::Array(values) => open.extend(values.iter().map(|value| (value, depth + 1))),
            Value::Object(entries) => {
                bytes = entries
                    .keys()
                    .fold(bytes, |bytes, key| bytes.saturating_add(key.len()));
                open.extend(entries.values().map(|value| (value, depth + 1)));
            }
        }
        if bytes > ARGUMENTS_BYTES_MAX {
            return Err(too_long());
        }
    }
    Ok(())
}

pub(crate) fn too_long() -> String {
    format!("they are longer than {ARGUMENTS_BYTES_MAX} bytes; pass a reference instead")
}
