//! Kavach's side: the graph of a workload, its requests, and the oracle's answers to them.

use std::collections::HashMap;

use kavach_core::oracle::Oracle;
use kavach_core::{
    AgentDraft, AgentEdit, AgentId, AgentKind, Change, Credential, CredentialHash, DelegationDraft,
    DelegationEdit, DelegationId, Graph, Mode, NothingRecorded, OwnerDraft, Permission, Record,
    Request, SpawnDraft, Stamp, Subject, SubjectId, TenantId, Timestamp, decide,
};

use crate::Failed;
use crate::engine::Engine;
use crate::workload::{Call, Grant, Line, Workload};

/// When everything happens.
pub const NOW: Timestamp = Timestamp::from_s(1_790_000_000);

const TENANT: TenantId = TenantId::DEFAULT;
/// Ids are numbered: line × this + hop.
const HOPS_MAX: usize = 10;

/// The graph that decides.
#[derive(Debug)]
pub struct Kavach {
    /// Every agent and delegation of the workload.
    pub graph: Graph,
    hops: usize,
}

impl Engine for Kavach {
    const NAME: &'static str = "Kavach";
    type Question = Request;
    type Worker<'a> = &'a Graph;

    fn of(workload: &Workload) -> Result<Self, Failed> {
        let graph = graph(workload, |_, _| ())?;
        let hops = workload.hops();
        Ok(Self { graph, hops })
    }

    fn question(&self, call: &Call) -> Result<Request, Failed> {
        request(call, agent_id(call.line, self.hops - 1))
    }

    fn worker(&self) -> Result<&Graph, Failed> {
        Ok(&self.graph)
    }

    fn allows(graph: &mut &Graph, request: &Request) -> Result<bool, Failed> {
        Ok(decide(graph, request, &NothingRecorded, NOW)
            .decision
            .is_allow())
    }
}

/// What the naive oracle answers to every request of the workload.
///
/// A line rests on nothing outside it, so each is judged by the records of its own agents and owner alone;
/// with all records in one list, the oracle would search through millions for every request.
///
/// # Errors
/// If the workload cannot be built, or if the oracle does not say what the generator meant.
pub fn truth(workload: &Workload) -> Result<Vec<bool>, Failed> {
    let mut oracles: HashMap<usize, (Oracle, AgentId)> = HashMap::new();
    for call in &workload.calls {
        let leaf = agent_id(call.line, workload.hops() - 1);
        oracles.insert(call.line, (Oracle::default(), leaf));
    }
    graph(workload, |line, record| {
        if let Some((oracle, _)) = oracles.get_mut(&line) {
            oracle.put(record);
        }
    })?;
    let mut answers = Vec::with_capacity(workload.calls.len());
    for call in &workload.calls {
        let (oracle, leaf) = oracles.get(&call.line).ok_or("no oracle for the line")?;
        let request = request(call, *leaf)?;
        let universe = [(request.action, request.resource)];
        let allowed = !oracle.allowed(TENANT, *leaf, &universe, NOW).is_empty();
        if allowed != call.allowed {
            return Err(format!("the oracle says {allowed}: {call:?}").into());
        }
        answers.push(allowed);
    }
    let allowed = answers.iter().filter(|allowed| **allowed).count();
    if allowed * 10 / workload.calls.len().max(1) != 9 {
        return Err(format!("{allowed} are allowed, and not nine in ten").into());
    }
    let fooled = workload.calls.iter().filter(|call| {
        let hop = workload.hops() - 1;
        let line = workload.lines.get(call.line);
        let held: Vec<Grant> = line
            .into_iter()
            .flat_map(|line| line.present(hop))
            .collect();
        !call.allowed && call.covered_by().iter().any(|grant| held.contains(grant))
    });
    if workload.hops() > 1 && fooled.count() == 0 {
        return Err("no request would fool an engine that looks at the leaf alone".into());
    }
    Ok(answers)
}

/// Builds the graph as hosts do, by one change after another, and shows each record that is written.
fn graph(workload: &Workload, mut written: impl FnMut(usize, &Record)) -> Result<Graph, Failed> {
    let mut graph = Graph::new();
    let mut apply = |graph: &mut Graph, line, change: Change| -> Result<(), Failed> {
        for record in change.writes {
            written(line, &record);
            graph.apply(record, Stamp::default())?;
        }
        Ok(())
    };
    for (number, line) in workload.lines.iter().enumerate() {
        let owner = SubjectId::from_parts(1, number as u128);
        let named = OwnerDraft::Named {
            subject: Subject::user(&format!("owner-{number}"))?,
            fresh: owner,
        };
        let root = permissions(line.hops.first().into_iter().flatten().copied())?;
        let root = draft(agent_id(number, 0), named, root)?;
        let change = graph.create_agent(root, NOW)?;
        apply(&mut graph, number, change)?;
        for (hop, grants) in line.hops.iter().enumerate().skip(1) {
            let agent = draft(agent_id(number, hop), OwnerDraft::Known(owner), Vec::new())?;
            let delegation = delegation(number, hop, permissions(grants.iter().copied())?);
            let change = graph.spawn(SpawnDraft { agent, delegation }, NOW)?;
            apply(&mut graph, number, change)?;
        }
        if let Some((hop, _)) = line.lost {
            let change = lose(&graph, number, hop, line)?;
            apply(&mut graph, number, change)?;
        }
    }
    Ok(graph)
}

/// Takes from a hop what the line says it lost; what hangs below it is left as it was.
fn lose(graph: &Graph, number: usize, hop: usize, line: &Line) -> Result<Change, Failed> {
    let permissions = Some(permissions(line.present(hop))?);
    let change = if hop == 0 {
        let mut edit = AgentEdit::default();
        edit.permissions = permissions;
        graph.update_agent(TENANT, agent_id(number, 0), edit, NOW)?
    } else {
        let mut edit = DelegationEdit::default();
        edit.permissions = permissions;
        graph.update_delegation(TENANT, delegation_id(number, hop), edit, NOW)?
    };
    Ok(change)
}

fn agent_id(line: usize, hop: usize) -> AgentId {
    AgentId::from_parts(1, (line * HOPS_MAX + hop) as u128)
}

fn delegation_id(line: usize, hop: usize) -> DelegationId {
    DelegationId::from_parts(1, (line * HOPS_MAX + hop) as u128)
}

fn permissions(grants: impl Iterator<Item = Grant>) -> Result<Vec<Permission>, Failed> {
    let text = grants.map(|grant| format!("{}:{}", grant.act.name(), grant.pattern()));
    text.map(|text| Ok(text.parse()?)).collect()
}

fn draft(
    id: AgentId,
    owner: OwnerDraft,
    permissions: Vec<Permission>,
) -> Result<AgentDraft, Failed> {
    let mut hash = [0; 32];
    for (byte, of_id) in hash.iter_mut().zip(id.as_u128().to_be_bytes()) {
        *byte = of_id;
    }
    let credential = Credential {
        hash: CredentialHash::from_bytes(hash),
        prefix: "kv_bench".into(),
        created_at: NOW,
        expires_at: None,
    };
    Ok(AgentDraft {
        id,
        tenant: TENANT,
        owner,
        name: format!("agent-{}", id.as_u128() & 0xffff_ffff).parse()?,
        kind: AgentKind::Autonomous,
        expires_at: None,
        permissions,
        credential,
        metadata: Default::default(),
        recreate: false,
    })
}

fn delegation(line: usize, hop: usize, permissions: Vec<Permission>) -> DelegationDraft {
    DelegationDraft {
        id: delegation_id(line, hop),
        tenant: TENANT,
        from: agent_id(line, hop - 1),
        to: agent_id(line, hop),
        via: None,
        permissions,
        expires_at: None,
        max_depth: None,
        mode: Mode::Strict,
    }
}

fn request(call: &Call, agent: AgentId) -> Result<Request, Failed> {
    let (action, resource) = (call.act.name().parse()?, call.resource().parse()?);
    Ok(Request::new(TENANT, agent, action, resource))
}
