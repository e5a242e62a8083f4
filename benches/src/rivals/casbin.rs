//! casbin.
//!
//! Tried, fastest first: what stands here; the same with one call of `enforce` for each hop; one enforcer
//! for each agent with its ten rules, which are tried in turn. One enforcer with a rule for each grant of
//! every agent would try a hundred thousand.

use casbin::rhai::ImmutableString;
use casbin::{CoreApi, DefaultModel, Enforcer, MgmtApi, NullAdapter};

use crate::Failed;
use crate::engine::Engine;
use crate::workload::{Call, Grant, Reach, Workload};

/// Grants are roles that agents have, as the performance page of casbin's documentation asks, and one rule
/// looks for the roles that would cover the request at every hop.
pub struct Casbin {
    enforcer: Enforcer,
    hops: usize,
}

/// The model for lines of so many hops.
fn model(hops: usize) -> String {
    let agents: Vec<String> = (0..hops).map(|hop| format!("agent{hop}")).collect();
    let covered = agents.iter().map(|agent| {
        let has = |role: &str| format!("g(r.{agent}, r.{role})");
        format!(
            "({} || {} || {})",
            has("segment"),
            has("below"),
            has("item")
        )
    });
    let covered: Vec<String> = covered.collect();
    format!(
        "[request_definition]\nr = {}, item, segment, below\n\
         [policy_definition]\np = rule\n\
         [role_definition]\ng = _, _\n\
         [policy_effect]\ne = some(where (p.eft == allow))\n\
         [matchers]\nm = {}\n",
        agents.join(", "),
        covered.join(" && ")
    )
}

fn agent(line: usize, hop: usize) -> String {
    format!("agent-{line}-{hop}")
}

fn role(grant: Grant) -> String {
    format!("{}:{}", grant.act.name(), grant.pattern())
}

async fn enforcer(workload: &Workload) -> Result<Enforcer, Failed> {
    let model = DefaultModel::from_str(&model(workload.hops())).await?;
    let mut enforcer = Enforcer::new(model, NullAdapter).await?;
    enforcer.add_policy(vec!["any".to_owned()]).await?;
    let mut roles = Vec::new();
    for (number, line) in workload.lines.iter().enumerate() {
        for hop in 0..line.hops.len() {
            let held = line.present(hop).map(role);
            roles.extend(held.map(|role| vec![agent(number, hop), role]));
        }
    }
    enforcer.add_grouping_policies(roles).await?;
    Ok(enforcer)
}

impl Engine for Casbin {
    const NAME: &'static str = "casbin 2.20";
    type Question = Vec<ImmutableString>;
    type Worker<'a> = &'a Enforcer;

    fn of(workload: &Workload) -> Result<Self, Failed> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        Ok(Self {
            enforcer: runtime.block_on(enforcer(workload))?,
            hops: workload.hops(),
        })
    }

    fn question(&self, call: &Call) -> Result<Vec<ImmutableString>, Failed> {
        let (mut item, mut segment, mut below) = (String::new(), String::new(), String::new());
        for grant in call.covered_by() {
            let place = match grant.reach {
                Reach::Item(_) => &mut item,
                Reach::Segment => &mut segment,
                Reach::Below => &mut below,
            };
            *place = role(grant);
        }
        let agents = (0..self.hops).map(|hop| agent(call.line, hop));
        let values = agents.chain([item, segment, below]);
        Ok(values.map(ImmutableString::from).collect())
    }

    fn worker(&self) -> Result<&Enforcer, Failed> {
        Ok(&self.enforcer)
    }

    fn allows(enforcer: &mut &Enforcer, values: &Vec<ImmutableString>) -> Result<bool, Failed> {
        Ok(enforcer.enforce(values.clone())?)
    }
}
