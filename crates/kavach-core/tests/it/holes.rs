//! Holes that other systems had: semantics, section 9. Each is shut here.

use kavach_core::{AgentEdit, AgentId, Edit, Leaf, Timestamp};

use crate::world::{World, permissions};

mod constraints;
mod endings;
mod guardrails;
mod identity;
mod lines;
mod narrowing;

/// Three agents in a row, `mcp:**` each; the delegations that lead to the second and the third.
fn three(world: &mut World) -> ([AgentId; 3], [Leaf; 2]) {
    let first = world.agent("first", &["*:mcp:**"]);
    let [second, third] = ["second", "third"].map(|name| world.agent(name, &[]));
    let one = world.delegate(first, second, &["*:mcp:**"]);
    let two = world.delegate(second, third, &["*:mcp:**"]);
    (
        [first, second, third],
        [Leaf::Delegation(one), Leaf::Delegation(two)],
    )
}

fn edit(permissions_held: &[&str]) -> AgentEdit {
    let mut edit = AgentEdit::default();
    edit.permissions = Some(permissions(permissions_held));
    edit
}

fn ending(end: Edit<Timestamp>) -> AgentEdit {
    let mut edit = AgentEdit::default();
    edit.expires_at = end;
    edit
}
