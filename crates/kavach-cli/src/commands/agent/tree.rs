//! `kavach agent tree`

use std::collections::BTreeSet;

use clap::ValueEnum;

use super::forest::{Holder, Owned, places_of, trees};
use crate::branch::Branch;
use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::lookup::{self, summary};
use crate::paint::{Ink, Paint};

/// Permissions that a tree shows of one holder; `agent show` lists all.
const PERMISSIONS_SHOWN_MAX: usize = 4;

/// Draw who passed what on to whom
#[derive(clap::Args, Debug)]
pub(crate) struct Tree {
    /// Only this agent, by its name or id, and what hangs below it
    agent: Option<String>,
    /// How to draw it
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Leave out what can no longer act
    #[arg(long)]
    active: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// Lines and corners
    Text,
    /// A flowchart for Mermaid
    Mermaid,
    /// A graph for Graphviz
    Dot,
}

impl Tree {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        data.look(console, async |kavach, console| {
            let trees = match &self.agent {
                None => trees(kavach, self.active),
                Some(name) => {
                    let agent = lookup::agent(kavach, name)?;
                    let places = places_of(kavach, &agent, self.active);
                    places
                        .into_iter()
                        .map(|(line, holder)| hanging(line, holder))
                        .collect()
                }
            };
            if console.json {
                console.array(&trees)?;
                return Ok(Exit::Done);
            }
            if trees.is_empty() {
                console.note("no agents");
            }
            let lines = match self.format {
                Format::Text => text(&trees, console.paint),
                Format::Mermaid => mermaid(&trees),
                Format::Dot => dot(&trees),
            };
            for line in lines {
                console.line(line)?;
            }
            Ok(Exit::Done)
        })
        .await
    }
}

/// A tree that begins in the middle of a line.
fn hanging(mut line: Vec<String>, holder: Holder) -> Owned {
    // The last is the agent itself.
    line.pop();
    let owner = line.join(" > ");
    Owned {
        owner_id: owner.clone(),
        owner,
        agents: vec![holder],
    }
}

fn text(trees: &[Owned], paint: Paint) -> Vec<String> {
    let mut lines = Vec::new();
    for tree in trees {
        let mut root = Branch::new(paint.ink(Ink::Strong, &tree.owner).to_string());
        root.below = tree
            .agents
            .iter()
            .map(|holder| branch(holder, paint))
            .collect();
        lines.extend(root.draw());
    }
    lines
}

fn branch(holder: &Holder, paint: Paint) -> Branch {
    let mut label = holder.name.clone();
    let (rights, until) = rights(holder);
    if !rights.is_empty() {
        label.push_str("  ");
        label.push_str(&paint.ink(Ink::Faint, rights).to_string());
    }
    if let Some(end) = until {
        label.push_str(&format!("  until {end}"));
    }
    if holder.standing != "active" {
        label.push_str("  ");
        label.push_str(&paint.ink(Ink::Bad, holder.standing).to_string());
    }
    Branch {
        label,
        below: holder
            .below
            .iter()
            .map(|holder| branch(holder, paint))
            .collect(),
    }
}

/// The permissions, as many as are shown, and when all of them end.
fn rights(holder: &Holder) -> (String, Option<String>) {
    let (permissions, until) = summary(holder.permissions.iter(), holder.expires_at);
    let more = permissions.len().saturating_sub(PERMISSIONS_SHOWN_MAX);
    let shown: Vec<&str> = permissions
        .iter()
        .take(PERMISSIONS_SHOWN_MAX)
        .map(String::as_str)
        .collect();
    let mut text = shown.join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    (text, until)
}

/// Every agent once, however many lines it has, and an arrow for each delegation.
///
/// Names and permissions have no character that either language would read as its own.
fn mermaid(trees: &[Owned]) -> Vec<String> {
    let mut lines = vec!["flowchart LR".to_owned()];
    graph(trees, &mut |piece| {
        lines.push(match piece {
            Piece::Node { id, label, ended } => {
                let ended = if ended { ":::ended" } else { "" };
                format!("  {}[\"{label}\"]{ended}", word(id))
            }
            Piece::Arrow {
                from,
                to,
                label,
                ended,
            } => {
                let arrow = if ended { "-.->" } else { "-->" };
                let label = if label.is_empty() {
                    String::new()
                } else {
                    format!("|\"{label}\"|")
                };
                format!("  {} {arrow}{label} {}", word(from), word(to))
            }
        });
    });
    lines.push("  classDef ended stroke-dasharray: 4 4".to_owned());
    lines
}

fn dot(trees: &[Owned]) -> Vec<String> {
    let mut lines = vec!["digraph kavach {".to_owned(), "  rankdir=LR".to_owned()];
    graph(trees, &mut |piece| {
        lines.push(match piece {
            Piece::Node { id, label, ended } => {
                let style = if ended { ", style=dashed" } else { "" };
                format!("  \"{id}\" [label=\"{label}\"{style}]")
            }
            Piece::Arrow {
                from,
                to,
                label,
                ended,
            } => {
                let style = if ended { ", style=dashed" } else { "" };
                format!("  \"{from}\" -> \"{to}\" [label=\"{label}\"{style}]")
            }
        });
    });
    lines.push("}".to_owned());
    lines
}

/// An id as one word of Mermaid's.
fn word(id: &str) -> String {
    id.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '_' {
                c
            } else {
                '_'
            }
        })
        .collect()
}

/// A part of a graph.
enum Piece<'a> {
    Node {
        id: &'a str,
        label: &'a str,
        ended: bool,
    },
    Arrow {
        from: &'a str,
        to: &'a str,
        label: &'a str,
        ended: bool,
    },
}

fn graph(trees: &[Owned], emit: &mut impl FnMut(Piece<'_>)) {
    let mut seen = BTreeSet::new();
    for tree in trees {
        if seen.insert(tree.owner_id.clone()) {
            let (id, label) = (&tree.owner_id, &tree.owner);
            emit(Piece::Node {
                id,
                label,
                ended: false,
            });
        }
        for holder in &tree.agents {
            pieces(&tree.owner_id, holder, &mut seen, emit);
        }
    }
}

fn pieces(
    from: &str,
    holder: &Holder,
    seen: &mut BTreeSet<String>,
    emit: &mut impl FnMut(Piece<'_>),
) {
    let ended = holder.standing != "active";
    if seen.insert(holder.id.clone()) {
        let (id, label) = (&holder.id, &holder.name);
        emit(Piece::Node { id, label, ended });
    }
    let (label, _) = rights(holder);
    let (to, label) = (&holder.id, &label);
    emit(Piece::Arrow {
        from,
        to,
        label,
        ended,
    });
    for below in &holder.below {
        pieces(&holder.id, below, seen, emit);
    }
}
