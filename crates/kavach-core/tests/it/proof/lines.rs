//! Lines that are built by the public changes, and answer as in the proof.

use kavach_core::{
    AgentEdit, AgentId, DelegationEdit, GuardrailDraft, Leaf, Mode, Permission, Reason, Selector,
};

use super::Vectors;
use crate::world::{TENANT, World};

/// One hop of a line: what it holds, and whether it is alive.
struct Hop {
    grants: Vec<Permission>,
    alive: bool,
}

/// What is asked: an action, a resource, and how many seconds after the line was made.
struct Question {
    action: String,
    resource: String,
    second: u64,
}

/// A hop as it stands in a graph.
struct Built {
    agent: AgentId,
    leaf: Leaf,
}

/// A permission from a row such as `read:mcp:* depth=0 expires_s=10 approve`.
fn permission(row: &str, world: &World) -> Permission {
    let mut words = row.split(' ');
    let body = words.next().unwrap();
    let constraints = words.map(|word| match word.split_once('=') {
        Some(("expires_s", seconds)) => {
            let seconds = seconds.parse().unwrap();
            format!("expires={}", world.now.plus_s(seconds))
        }
        _ => word.to_owned(),
    });
    let constraints: Vec<String> = constraints.collect();
    let text = match constraints.as_slice() {
        [] => body.to_owned(),
        some => format!("{body}?{}", some.join("&")),
    };
    text.parse().unwrap()
}

/// The hops of a row such as `0+3/1!`, the root first, although the leaf stands first in the row.
fn hops(row: &str, grants: &[Permission]) -> Vec<Hop> {
    let hops = row.split('/').rev().map(|hop| {
        let numbers = hop.strip_suffix('!');
        let numbers: Vec<usize> = numbers
            .unwrap_or(hop)
            .split('+')
            .map(|number| number.parse().unwrap())
            .collect();
        Hop {
            grants: numbers
                .iter()
                .map(|number| grants[*number].clone())
                .collect(),
            alive: !hop.ends_with('!'),
        }
    });
    hops.collect()
}

/// A line of these agents in which everybody holds everything, from the one above.
fn wide(world: &mut World, agents: &[AgentId]) -> Vec<Built> {
    let root = agents[0];
    let mut edit = AgentEdit::default();
    edit.permissions = Some(vec!["*:**".parse().unwrap()]);
    let change = world.graph.update_agent(TENANT, root, edit, world.now);
    world.commit(change).unwrap();
    let mut built = vec![Built {
        agent: root,
        leaf: Leaf::Root(root),
    }];
    for &to in &agents[1..] {
        let from = built.last().unwrap().agent;
        let id = world.delegate(from, to, &["*:**"]);
        built.push(Built {
            agent: to,
            leaf: Leaf::Delegation(id),
        });
    }
    built
}

/// Gives every hop what it is to hold, from the leaf up, so that nobody is narrowed below anybody: each
/// hop holds what its parent may no longer have.
fn narrow_from_the_leaf(world: &mut World, built: &[Built], hops: &[Hop]) {
    for (node, hop) in built.iter().zip(hops).rev() {
        let change = match node.leaf {
            Leaf::Root(id) => {
                let mut edit = AgentEdit::default();
                edit.permissions = Some(hop.grants.clone());
                world.graph.update_agent(TENANT, id, edit, world.now)
            }
            Leaf::Delegation(id) => {
                let mut edit = DelegationEdit::default();
                edit.permissions = Some(hop.grants.clone());
                edit.mode = Mode::Attenuate;
                world.graph.update_delegation(TENANT, id, edit, world.now)
            }
        };
        world.commit(change).unwrap();
    }
}

/// The line made from the root down, every hop narrowed below the one above; `None` where nothing is left
/// to pass on.
fn narrow_from_the_root(world: &mut World, agents: &[AgentId], hops: &[Hop]) -> Option<Vec<Built>> {
    let mut built = wide(world, &agents[..1]);
    narrow_from_the_leaf(world, &built, &hops[..1]);
    for (&to, hop) in agents.iter().zip(hops).skip(1) {
        let giver = built.last().unwrap();
        let mut draft = world.delegation_draft(giver.agent, to, &[]);
        draft.via = Some(giver.leaf);
        draft.permissions.clone_from(&hop.grants);
        draft.mode = Mode::Attenuate;
        match world.try_delegate(draft) {
            Ok(id) => built.push(Built {
                agent: to,
                leaf: Leaf::Delegation(id),
            }),
            Err(refusal) => {
                assert_eq!(refusal.reason, Reason::NothingLeft);
                return None;
            }
        }
    }
    Some(built)
}

/// Ends the hops that are dead, by suspending their agent or by revoking what they hold it by.
fn end(world: &mut World, built: &[Built], hops: &[Hop], way: usize) {
    for (node, hop) in built.iter().zip(hops) {
        if hop.alive {
            continue;
        }
        let change = match node.leaf {
            _ if way == 0 => world.graph.suspend_agent(TENANT, node.agent, world.now),
            Leaf::Root(id) => world.graph.revoke_agent(TENANT, id),
            Leaf::Delegation(id) => world.graph.revoke_delegation(TENANT, id),
        };
        world.commit(change).unwrap();
    }
}

/// The answers to `questions`, each a digit: 0 for no, 1 for yes once people say so, 2 for yes.
fn answers(world: &mut World, agent: AgentId, questions: &[Question]) -> String {
    let start = world.now;
    let digits = questions.iter().map(|question| {
        world.now = start.plus_s(question.second);
        let verdict = world.answer(agent, &question.action, &question.resource);
        verdict.decision.rank().to_string()
    });
    digits.collect()
}

/// The grants, questions and rows of a file of vectors.
struct Lines {
    vectors: Vectors,
    /// A world with nobody in it.
    start: World,
    grants: Vec<Permission>,
    questions: Vec<Question>,
}

impl Lines {
    fn read() -> Self {
        let vectors = Vectors::read();
        let start = World::new();
        let grants = vectors.rows("grant", 6).iter();
        let grants = grants.map(|row| permission(row, &start)).collect();
        let questions = vectors.rows("request", 8).iter().map(|row| {
            let words: Vec<&str> = row.split(' ').collect();
            Question {
                action: words[0].into(),
                resource: words[1].into(),
                second: words[2].parse().unwrap(),
            }
        });
        Self {
            questions: questions.collect(),
            vectors,
            start,
            grants,
        }
    }

    /// The answers to an agent, after `world` was made what the row says.
    fn answers(&self, world: &mut World, agent: AgentId) -> String {
        answers(world, agent, &self.questions)
    }

    /// The rows that begin with `word`, in words; at least `least` of them, every answer among them.
    #[track_caller]
    fn rows(&self, word: &str, least: usize) -> Vec<Vec<&str>> {
        let rows = self.vectors.rows(word, least).iter();
        let rows: Vec<Vec<&str>> = rows.map(|row| row.split(' ').collect()).collect();
        for digit in ["0", "1", "2"] {
            let with = rows.iter().filter(|row| row[row.len() - 1].contains(digit));
            assert!(with.count() >= least / 20, "too few answers are {digit}");
        }
        rows
    }
}

/// As many agents without anything.
fn agents(world: &mut World, count: usize) -> Vec<AgentId> {
    let names = (0..count).map(|number| format!("hop-{number}"));
    names.map(|name| world.agent(&name, &[])).collect()
}

/// Holds every line of the vectors, built by `build`, against its answers.
#[track_caller]
fn check(build: impl Fn(&mut World, &[AgentId], &[Hop]) -> Option<Vec<Built>>) {
    let lines = Lines::read();
    for (number, row) in lines.rows("line", 1_900).iter().enumerate() {
        let hops = hops(row[0], &lines.grants);
        let mut world = lines.start.clone();
        let agents = agents(&mut world, hops.len());
        let told = match build(&mut world, &agents, &hops) {
            Some(built) => {
                end(&mut world, &built, &hops, number % 2);
                lines.answers(&mut world, agents[hops.len() - 1])
            }
            None => "0".repeat(lines.questions.len()),
        };
        assert_eq!(told, row[1], "line {}", row[0]);
    }
}

#[test]
fn lines_whose_hops_were_narrowed_later_answer_as_proven() {
    check(|world, agents, hops| {
        let built = wide(world, agents);
        narrow_from_the_leaf(world, &built, hops);
        Some(built)
    });
}

#[test]
fn lines_that_were_narrowed_from_the_root_down_answer_as_proven() {
    check(narrow_from_the_root);
}

#[test]
fn lines_under_guardrails_answer_as_proven() {
    let lines = Lines::read();
    let guardrails = lines.vectors.rows("guardrail", 3);
    for row in lines.rows("guarded", 400) {
        let hops = hops(row[1], &lines.grants);
        let mut world = lines.start.clone();
        // Those beyond the line are there, and stand on no line.
        let agents = agents(&mut world, 3);
        let built = wide(&mut world, &agents[..hops.len()]);
        narrow_from_the_leaf(&mut world, &built, &hops);
        for number in row[0].split('+') {
            set_guardrail(
                &mut world,
                &guardrails[number.parse::<usize>().unwrap()],
                &agents,
            );
        }
        let told = lines.answers(&mut world, agents[hops.len() - 1]);
        assert_eq!(told, row[2], "{row:?}");
    }
}

/// Sets a guardrail from a row such as `read:mcp:a hop=0 expires_s=10`.
fn set_guardrail(world: &mut World, row: &str, agents: &[AgentId]) {
    let (hops, never): (Vec<&str>, Vec<&str>) =
        row.split(' ').partition(|word| word.starts_with("hop="));
    let hop: usize = hops[0].strip_prefix("hop=").unwrap().parse().unwrap();
    let draft = GuardrailDraft {
        name: format!("never-{hop}").parse().unwrap(),
        tenant: TENANT,
        never: permission(&never.join(" "), world),
        agents: Selector::Agents(vec![agents[hop]]),
        shadow: false,
    };
    let change = world.graph.set_guardrail(draft, world.now);
    world.commit(change).unwrap();
}

#[test]
fn an_agent_with_two_lines_is_answered_by_the_better_one_as_proven() {
    let lines = Lines::read();
    for row in lines.rows("agent", 250) {
        let mut world = lines.start.clone();
        let [first, second, agent] = agents(&mut world, 3).try_into().unwrap();
        for (giver, line) in [(first, row[0]), (second, row[1])] {
            let built = wide(&mut world, &[giver, agent]);
            narrow_from_the_leaf(&mut world, &built, &hops(line, &lines.grants));
        }
        let told = lines.answers(&mut world, agent);
        assert_eq!(told, row[2], "{row:?}");
    }
}
