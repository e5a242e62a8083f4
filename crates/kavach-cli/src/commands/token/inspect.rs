//! `kavach token inspect`

use std::path::PathBuf;

use kavach::Timestamp;
use kavach::token::{Form, Inspection, KeySet};
use serde::Serialize;

use super::chain;
use super::text::{failed, key_set, now, read};
use crate::console::Console;
use crate::failure::{Exit, Failure};
use crate::limits::TOKEN_FILE_BYTES_MAX;
use crate::paint::Ink;
use crate::table::field;

/// Show what a token of any form says, block by block, and in words what it may do and until when
///
/// What it says is the word of whoever wrote it: with --keys, whether that was the issuer and the holders that
/// it names is looked at. Exit code 1 where it does not hold.
#[derive(clap::Args, Debug)]
pub(super) struct Inspect {
    /// The file with the token; `-` is standard input
    token: PathBuf,
    /// The issuer's key set, as `kavach keys export` writes it
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
}

/// What is known of the signatures.
enum Signed {
    NotLookedAt,
    Holds,
    Fails(String),
}

#[derive(Serialize)]
struct Shown {
    form: &'static str,
    /// `null` where nobody looked.
    signatures_hold: Option<bool>,
    fault: Option<String>,
    issuer: String,
    root_key: u32,
    tenant: String,
    agent: String,
    owner: String,
    rests_on: String,
    generation: u32,
    not_before: String,
    holders: Vec<chain::ShownHolder>,
    approvals: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<chain::ShownCall>,
}

impl Inspect {
    pub(super) fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        let keys = self.keys.as_deref().map(key_set).transpose()?;
        let text = read(&self.token, TOKEN_FILE_BYTES_MAX)?;
        let said: Inspection = text.parse().map_err(|refusal| {
            failed(format!("this is no token that kavach can read ({refusal})"))
        })?;
        let now = now();
        let signed = looked_at(&said, keys.as_ref(), now);
        if console.json {
            console.object(&shown(&said, &signed))?;
        } else {
            print(console, &said, &signed, now)?;
        }
        let holds = said.fault().is_none() && !matches!(signed, Signed::Fails(_));
        Ok(if holds { Exit::Done } else { Exit::Denied })
    }
}

fn looked_at(said: &Inspection, keys: Option<&KeySet>, now: Timestamp) -> Signed {
    match keys.map(|keys| said.signed_by(keys, now)) {
        None => Signed::NotLookedAt,
        Some(Ok(())) => Signed::Holds,
        Some(Err(refusal)) => Signed::Fails(refusal.to_string()),
    }
}

fn shown(said: &Inspection, signed: &Signed) -> Shown {
    let (holds, wrong) = match signed {
        Signed::NotLookedAt => (None, None),
        Signed::Holds => (Some(true), None),
        Signed::Fails(words) => (Some(false), Some(words.clone())),
    };
    let source = said.source();
    Shown {
        form: form_word(said.form()),
        signatures_hold: holds,
        fault: said.fault().map(|fault| fault.to_string()).or(wrong),
        issuer: said.issuer().to_string(),
        root_key: said.root_key_id(),
        tenant: said.tenant().to_string(),
        agent: said.agent().to_string(),
        owner: said.owner().to_string(),
        rests_on: source.record.to_string(),
        generation: source.generation,
        not_before: said.not_before().to_string(),
        holders: chain::holders(said),
        approvals: said.approvals(),
        call: said.invocation().map(chain::ShownCall::of),
    }
}

fn print(
    console: &mut Console,
    said: &Inspection,
    signed: &Signed,
    now: Timestamp,
) -> Result<(), Failure> {
    field(console, "form", form_words(said.form()))?;
    let (ink, words) = match signed {
        Signed::NotLookedAt => {
            let words = "not looked at: anybody may have written this; name the issuer's `--keys`";
            (Ink::Warn, words.to_owned())
        }
        Signed::Holds => (Ink::Good, "all hold".to_owned()),
        Signed::Fails(words) => (Ink::Bad, words.clone()),
    };
    let words = console.paint.ink(ink, words).to_string();
    field(console, "signatures", words)?;
    if let Some(fault) = said.fault() {
        let words = format!("{fault}; what follows is not shown, and a verifier refuses all of it");
        let words = console.paint.ink(Ink::Bad, words).to_string();
        field(console, "fault", words)?;
    }
    field(
        console,
        "issuer",
        format!("{}, root key {}", said.issuer(), said.root_key_id()),
    )?;
    field(console, "tenant", said.tenant())?;
    let source = said.source();
    field(
        console,
        "rests on",
        format!("{} in generation {}", source.record, source.generation),
    )?;
    if now < said.not_before() {
        field(console, "not before", said.not_before())?;
    }
    console.line("")?;
    for line in chain::tree(said, now).draw() {
        console.line(line)?;
    }
    Ok(())
}

fn form_word(form: Form) -> &'static str {
    match form {
        Form::Open => "open",
        Form::Presentation => "presentation",
        Form::Bearer => "bearer",
        Form::Sealed => "sealed",
    }
}

fn form_words(form: Form) -> &'static str {
    match form {
        Form::Open => "open: of use only to the holder of the last key",
        Form::Presentation => "presentation: for one call, once",
        Form::Bearer => {
            "BEARER: whoever has it can use it and pass it on; keep it as secret as a password. \
             Kavach's own verifier takes none"
        }
        Form::Sealed => {
            "SEALED BEARER: whoever has it can use it; keep it as secret as a password. Kavach's own \
             verifier takes none"
        }
    }
}
