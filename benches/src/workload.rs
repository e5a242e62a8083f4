//! One generated workload as plain data, from which every engine builds its own model.
//!
//! Lines of agents: the first of a line has ten grants from its owner, and each passes all ten on to the
//! next, one of them narrowed. Nine requests in ten are allowed. The rest fail in turn for every reason
//! there is: by action, by resource, by one segment too many, by what a hop narrowed, and by what an
//! ancestor lost after it had passed it on, so that an engine that looks at the leaf alone is found out.

use std::collections::BTreeSet;
use std::fmt;

/// Grants of each agent.
pub const GRANTS: usize = 10;

const SERVERS: u64 = 100;
const TOOLS: u64 = 50;
const ITEMS: u64 = 20;
/// One line in so many has an ancestor that lost a grant after it had passed it on.
const EDITED_ONE_IN: usize = 10;
/// One request in so many is denied.
const DENIED_ONE_IN: usize = 10;
const SEED: u64 = 20_261_121;

/// How large a workload is.
#[expect(clippy::exhaustive_structs, reason = "whoever measures says all of it")]
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Agents in all, rounded down to whole lines.
    pub agents: usize,
    /// Agents in each line, from the root to the leaf: 1 to 9.
    pub hops: usize,
    /// Requests by leaves drawn at random.
    pub requests: usize,
}

impl Shape {
    /// The one whose figures are published: 10,000 agents, 10,000 requests.
    #[must_use]
    pub fn published(hops: usize) -> Self {
        Self {
            agents: 10_000,
            hops,
            requests: 10_000,
        }
    }
}

/// What is done to a resource.
#[expect(clippy::exhaustive_enums, reason = "every engine must model each")]
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Act {
    /// `read`.
    Read,
    /// `write`.
    Write,
}

impl Act {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Read, Self::Write];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Read => Self::Write,
            Self::Write => Self::Read,
        }
    }
}

/// A tool of a server: `mcp:server-7:tool-3`.
#[expect(clippy::exhaustive_structs, reason = "plain data")]
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Tool {
    /// Its server, by number.
    pub server: u8,
    /// Which of the server's tools.
    pub tool: u8,
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mcp:server-{}:tool-{}", self.server, self.tool)
    }
}

/// What a grant covers of its tool.
#[expect(clippy::exhaustive_enums, reason = "every engine must model each")]
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Reach {
    /// `…:item-4`: exactly that.
    Item(u8),
    /// `…:*`: exactly one segment more.
    Segment,
    /// `…:**`: one segment more, or several.
    Below,
}

/// One grant: an action on a pattern.
#[expect(clippy::exhaustive_structs, reason = "plain data")]
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Grant {
    /// The action.
    pub act: Act,
    /// The first three segments of the pattern.
    pub tool: Tool,
    /// The rest of it.
    pub reach: Reach,
}

impl Grant {
    /// The pattern in the words of `kavach-core`.
    #[must_use]
    pub fn pattern(&self) -> String {
        match self.reach {
            Reach::Item(item) => format!("{}:item-{item}", self.tool),
            Reach::Segment => format!("{}:*", self.tool),
            Reach::Below => format!("{}:**", self.tool),
        }
    }
}

/// Agents, each below the one before it.
#[expect(clippy::exhaustive_structs, reason = "plain data")]
#[derive(Clone, Debug)]
pub struct Line {
    /// The grants of each as they were passed on, from the root to the leaf.
    pub hops: Vec<[Grant; GRANTS]>,
    /// What one of them lost afterwards: which hop, and which of its grants.
    pub lost: Option<(usize, usize)>,
}

impl Line {
    /// The grants that a hop has now.
    pub fn present(&self, hop: usize) -> impl Iterator<Item = Grant> + '_ {
        let lost = self.lost.filter(|(at, _)| *at == hop);
        let all = self.hops.get(hop).into_iter().flatten().copied();
        let kept = all
            .enumerate()
            .filter(move |(place, _)| lost.is_none_or(|(_, gone)| gone != *place));
        kept.map(|(_, grant)| grant)
    }
}

/// A request by the leaf of a line.
#[expect(clippy::exhaustive_structs, reason = "plain data")]
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// Which line.
    pub line: usize,
    /// What the agent wants to do.
    pub act: Act,
    /// The first three segments of what to.
    pub tool: Tool,
    /// The fourth.
    pub item: u8,
    /// The fifth, if there is one.
    pub part: Option<u8>,
    /// What the generator meant the answer to be.
    pub allowed: bool,
}

impl Call {
    /// What it is about, in the words of `kavach-core`.
    #[must_use]
    pub fn resource(&self) -> String {
        match self.part {
            Some(part) => format!("{}:item-{}:part-{part}", self.tool, self.item),
            None => format!("{}:item-{}", self.tool, self.item),
        }
    }

    /// Every grant that would cover it; one of them must be held at each hop.
    #[must_use]
    pub fn covered_by(&self) -> Vec<Grant> {
        let reaches = match self.part {
            Some(_) => vec![Reach::Below],
            None => vec![Reach::Item(self.item), Reach::Segment, Reach::Below],
        };
        let grant = |reach| Grant {
            act: self.act,
            tool: self.tool,
            reach,
        };
        reaches.into_iter().map(grant).collect()
    }
}

/// Lines and requests.
#[expect(clippy::exhaustive_structs, reason = "plain data")]
#[derive(Clone, Debug)]
pub struct Workload {
    /// Every agent there is.
    pub lines: Vec<Line>,
    /// What is asked.
    pub calls: Vec<Call>,
}

impl Workload {
    /// The same for the same shape, always.
    #[must_use]
    pub fn generate(shape: Shape) -> Self {
        let mut dice = Dice(SEED);
        let lines: Vec<Line> = (0..shape.agents / shape.hops)
            .map(|number| line(&mut dice, shape.hops, number))
            .collect();
        let calls = (0..shape.requests)
            .filter_map(|number| {
                let at = dice.below(lines.len() as u64) as usize;
                let line = (at, lines.get(at)?);
                if number.is_multiple_of(DENIED_ONE_IN) {
                    denied(&mut dice, line, number / DENIED_ONE_IN)
                } else {
                    allowed(&mut dice, line)
                }
            })
            .collect();
        Self { lines, calls }
    }

    /// How many agents each line has.
    #[must_use]
    pub fn hops(&self) -> usize {
        self.lines.first().map_or(0, |line| line.hops.len())
    }

    /// How many agents there are.
    #[must_use]
    pub fn agents(&self) -> usize {
        self.lines.iter().map(|line| line.hops.len()).sum()
    }
}

fn line(dice: &mut Dice, hops: usize, number: usize) -> Line {
    let mut tools = BTreeSet::new();
    let mut grants = [(); GRANTS].map(|()| {
        let tool = loop {
            let tool = dice.tool();
            if tools.insert(tool) {
                break tool;
            }
        };
        let act = if dice.below(5) == 0 {
            Act::Write
        } else {
            Act::Read
        };
        let reach = match dice.below(10) {
            0 => Reach::Item(dice.item()),
            1 => Reach::Below,
            _ => Reach::Segment,
        };
        Grant { act, tool, reach }
    });
    let mut given = vec![grants];
    for _ in 1..hops {
        let narrowed = dice.below(GRANTS as u64) as usize;
        if let Some(grant) = grants.get_mut(narrowed) {
            grant.reach = match grant.reach {
                Reach::Below => Reach::Segment,
                Reach::Segment => Reach::Item(dice.item()),
                Reach::Item(item) => Reach::Item(item),
            };
        }
        given.push(grants);
    }
    let edited = hops > 1 && number.is_multiple_of(EDITED_ONE_IN);
    let lost = edited.then(|| {
        let hop = dice.below(hops as u64 - 1) as usize;
        (hop, dice.below(GRANTS as u64) as usize)
    });
    Line { hops: given, lost }
}

/// The grants at the leaf, each with its place.
fn at_leaf(line: &Line) -> impl Iterator<Item = (usize, Grant)> + '_ {
    line.hops.last().into_iter().flatten().copied().enumerate()
}

/// Something that the grant covers.
fn within(dice: &mut Dice, line: usize, grant: Grant) -> Call {
    let (item, part) = match grant.reach {
        Reach::Item(item) => (item, None),
        Reach::Segment => (dice.item(), None),
        Reach::Below => (dice.item(), (dice.below(2) == 0).then(|| dice.item())),
    };
    Call {
        line,
        act: grant.act,
        tool: grant.tool,
        item,
        part,
        allowed: true,
    }
}

fn allowed(dice: &mut Dice, (at, line): (usize, &Line)) -> Option<Call> {
    let lost = line.lost.map(|(_, place)| place);
    let held: Vec<Grant> = at_leaf(line)
        .filter(|(place, _)| Some(*place) != lost)
        .map(|(_, grant)| grant)
        .collect();
    let picked = dice.below(held.len() as u64) as usize;
    held.get(picked).map(|grant| within(dice, at, *grant))
}

/// A request that fails, for the reason whose turn it is, or else for the action.
fn denied(dice: &mut Dice, (at, line): (usize, &Line), turn: usize) -> Option<Call> {
    // An ancestor no longer has it, as often as there is such an ancestor.
    if let Some((_, place)) = line.lost {
        let (_, grant) = at_leaf(line).nth(place)?;
        return Some(refused(within(dice, at, grant)));
    }
    let mut call = allowed(dice, (at, line))?;
    let held: BTreeSet<Tool> = at_leaf(line).map(|(_, grant)| grant.tool).collect();
    let reach = at_leaf(line).find(|(_, grant)| grant.tool == call.tool);
    match (turn % 4, reach.map(|(_, grant)| grant.reach)) {
        (0, _) => {
            call.tool = loop {
                let tool = dice.tool();
                if !held.contains(&tool) {
                    break tool;
                }
            };
        }
        // One segment too many for `*` and for an item.
        (1, Some(Reach::Segment | Reach::Item(_))) => call.part = Some(dice.item()),
        // Another item than the one that is left.
        (2, Some(Reach::Item(item))) => call.item = (item + 1) % ITEMS as u8,
        _ => call.act = call.act.other(),
    }
    Some(refused(call))
}

fn refused(call: Call) -> Call {
    Call {
        allowed: false,
        ..call
    }
}

/// SplitMix64: the same numbers on every machine and with every version of every package.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is small: the bias does not matter here.
    fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    fn item(&mut self) -> u8 {
        self.below(ITEMS) as u8
    }

    fn tool(&mut self) -> Tool {
        Tool {
            server: self.below(SERVERS) as u8,
            tool: self.below(TOOLS) as u8,
        }
    }
}
