//! Cedar.
//!
//! Tried, fastest first: what stands here; grants as entities that a resource lies in, held in an attribute
//! of the agent; one request for each hop. A policy, or a link of a template, for each grant would have the
//! authorizer evaluate every one of a hundred thousand.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt::Write;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid,
    PolicySet, Request, RestrictedExpression, Schema, ValidationMode, Validator,
};

use crate::Failed;
use crate::engine::Engine;
use crate::workload::{Act, Call, Workload};

const SCHEMA: &str = "
    entity Grant;
    entity Agent in [Grant] { parent?: Agent };
    entity Resource { read: Set<Grant>, write: Set<Grant> };
    action read, write appliesTo { principal: Agent, resource: Resource };
";

/// Agents are members of their grants as of groups, and a resource names the grants that cover it, as
/// `principal in resource.readers` does in Cedar's own task-list example. One policy for each action walks
/// up the line. Policies are validated against a schema, entities and requests built beforehand.
pub struct Cedar {
    authorizer: Authorizer,
    policies: PolicySet,
    entities: Entities,
    schema: Schema,
    hops: usize,
}

fn policies(hops: usize) -> Result<String, Failed> {
    let mut text = String::new();
    for act in Act::ALL {
        let act = act.name();
        let mut condition = String::new();
        let mut agent = "principal".to_owned();
        for _ in 1..hops {
            write!(
                condition,
                "{agent} in resource.{act} && (if {agent} has parent then "
            )?;
            agent += ".parent";
        }
        // Nobody hangs lower than that, and whoever did would be denied.
        write!(
            condition,
            "{agent} in resource.{act} && !({agent} has parent)"
        )?;
        condition += &" else true)".repeat(hops - 1);
        writeln!(
            text,
            "permit (principal, action == Action::\"{act}\", resource) when {{ {condition} }};"
        )?;
    }
    Ok(text)
}

fn uid(kind: &str, id: impl AsRef<str>) -> Result<EntityUid, Failed> {
    let kind: EntityTypeName = kind.parse()?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
}

fn agent(line: usize, hop: usize) -> Result<EntityUid, Failed> {
    uid("Agent", format!("agent-{line}-{hop}"))
}

fn agents(workload: &Workload) -> Result<Vec<Entity>, Failed> {
    let mut made = Vec::new();
    for (number, line) in workload.lines.iter().enumerate() {
        for hop in 0..line.hops.len() {
            let grants: Result<HashSet<_>, Failed> = line
                .present(hop)
                .map(|grant| uid("Grant", format!("{}:{}", grant.act.name(), grant.pattern())))
                .collect();
            let mut attributes = HashMap::new();
            if hop > 0 {
                let parent = RestrictedExpression::new_entity_uid(agent(number, hop - 1)?);
                attributes.insert("parent".to_owned(), parent);
            }
            made.push(Entity::new(agent(number, hop)?, attributes, grants?)?);
        }
    }
    Ok(made)
}

/// The resources that are asked about.
fn resources(workload: &Workload) -> Result<Vec<Entity>, Failed> {
    let mut known = BTreeSet::new();
    let mut made = Vec::new();
    for call in &workload.calls {
        if !known.insert(call.resource()) {
            continue;
        }
        let mut attributes = HashMap::new();
        for act in Act::ALL {
            let covering = Call { act, ..*call }.covered_by();
            let grants: Result<Vec<_>, Failed> = covering
                .iter()
                .map(|grant| {
                    let id = format!("{}:{}", grant.act.name(), grant.pattern());
                    Ok(RestrictedExpression::new_entity_uid(uid("Grant", id)?))
                })
                .collect();
            let set = RestrictedExpression::new_set(grants?);
            attributes.insert(act.name().to_owned(), set);
        }
        let id = uid("Resource", call.resource())?;
        made.push(Entity::new(id, attributes, HashSet::new())?);
    }
    Ok(made)
}

impl Engine for Cedar {
    const NAME: &'static str = "Cedar 4.14";
    type Question = Request;
    type Worker<'a> = &'a Self;

    fn of(workload: &Workload) -> Result<Self, Failed> {
        let (schema, _) = Schema::from_cedarschema_str(SCHEMA)?;
        let policies: PolicySet = policies(workload.hops())?.parse()?;
        let validated = Validator::new(schema.clone()).validate(&policies, ValidationMode::Strict);
        if !validated.validation_passed() {
            return Err(validated.to_string().into());
        }
        let mut entities = agents(workload)?;
        entities.extend(resources(workload)?);
        Ok(Self {
            authorizer: Authorizer::new(),
            policies,
            entities: Entities::from_entities(entities, Some(&schema))?,
            schema,
            hops: workload.hops(),
        })
    }

    fn question(&self, call: &Call) -> Result<Request, Failed> {
        let (principal, action) = (
            agent(call.line, self.hops - 1)?,
            uid("Action", call.act.name())?,
        );
        let resource = uid("Resource", call.resource())?;
        let context = Context::empty();
        Ok(Request::new(
            principal,
            action,
            resource,
            context,
            Some(&self.schema),
        )?)
    }

    fn worker(&self) -> Result<&Self, Failed> {
        Ok(self)
    }

    fn allows(cedar: &mut &Self, request: &Request) -> Result<bool, Failed> {
        let response = cedar
            .authorizer
            .is_authorized(request, &cedar.policies, &cedar.entities);
        if let Some(error) = response.diagnostics().errors().next() {
            return Err(error.to_string().into());
        }
        Ok(response.decision() == Decision::Allow)
    }
}
