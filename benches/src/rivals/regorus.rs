//! regorus: Rego, compiled for its register machine.
//!
//! Tried, fastest first: what stands here; lines of names, with grants looked up by name. Looking them up
//! by the variable of `every` itself, `data.grants[agent]`, is answered wrongly by 0.14.1, by the machine
//! and by the interpreter in different ways: that is what asking the oracle first is for.

use std::collections::BTreeMap;
use std::sync::Arc;

use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::program::Program;
use regorus::rvm::vm::RegoVM;
use regorus::{Engine as Rego, Value};

use crate::Failed;
use crate::engine::Engine;
use crate::workload::{Call, Grant, Reach, Workload};

const RULE: &str = "data.authority.allow";
const POLICY: &str = r#"
package authority

default allow := false

allow if {
    every grants in data.lines[input.agent] {
        covered(grants[input.action][input.tool])
    }
}

covered(reach) if reach[input.item]
covered(reach) if { input.single; reach["*"] }
covered(reach) if reach["**"]
"#;

/// A line is the list of what each hop holds, indexed by action and tool: objects looked up by key in the
/// place of lists that are searched, as the performance page of the Rego documentation asks. One machine
/// for each thread, kept between decisions, as in the benchmarks of regorus.
pub struct Regorus {
    program: Arc<Program>,
    data: Value,
    hops: usize,
}

fn object(entries: BTreeMap<Value, Value>) -> Value {
    Value::from(entries)
}

fn agent(line: usize, hop: usize) -> Value {
    Value::from(format!("agent-{line}-{hop}"))
}

fn grants(present: impl Iterator<Item = Grant>) -> Value {
    let mut by_act: BTreeMap<Value, BTreeMap<Value, Value>> = BTreeMap::new();
    for grant in present {
        let reach = match grant.reach {
            Reach::Item(item) => format!("item-{item}"),
            Reach::Segment => "*".to_owned(),
            Reach::Below => "**".to_owned(),
        };
        let reach = object(BTreeMap::from([(Value::from(reach), Value::from(true))]));
        let by_tool = by_act.entry(Value::from(grant.act.name())).or_default();
        by_tool.insert(Value::from(grant.tool.to_string()), reach);
    }
    let by_act = by_act.into_iter();
    object(by_act.map(|(act, tools)| (act, object(tools))).collect())
}

fn data(workload: &Workload) -> Value {
    let mut lines = BTreeMap::new();
    for (number, line) in workload.lines.iter().enumerate() {
        let mut above = Vec::new();
        for hop in 0..line.hops.len() {
            above.push(grants(line.present(hop)));
            lines.insert(agent(number, hop), Value::from(above.clone()));
        }
    }
    object(BTreeMap::from([(Value::from("lines"), object(lines))]))
}

impl Engine for Regorus {
    const NAME: &'static str = "regorus 0.14";
    type Question = Value;
    type Worker<'a> = RegoVM;

    fn of(workload: &Workload) -> Result<Self, Failed> {
        let mut rego = Rego::new();
        rego.add_policy("authority.rego".to_owned(), POLICY.to_owned())?;
        let policy = rego.compile_with_entrypoint(&RULE.into())?;
        Ok(Self {
            program: Compiler::compile_from_policy(&policy, &[RULE])?,
            data: data(workload),
            hops: workload.hops(),
        })
    }

    fn question(&self, call: &Call) -> Result<Value, Failed> {
        let item = match call.part {
            Some(part) => format!("item-{}:part-{part}", call.item),
            None => format!("item-{}", call.item),
        };
        Ok(object(BTreeMap::from([
            ("agent".into(), agent(call.line, self.hops - 1)),
            ("action".into(), call.act.name().into()),
            ("tool".into(), call.tool.to_string().into()),
            ("item".into(), item.into()),
            ("single".into(), call.part.is_none().into()),
        ])))
    }

    fn worker(&self) -> Result<RegoVM, Failed> {
        let mut machine = RegoVM::new();
        machine.load_program(Arc::clone(&self.program));
        machine.set_data(self.data.clone())?;
        Ok(machine)
    }

    fn allows(machine: &mut RegoVM, input: &Value) -> Result<bool, Failed> {
        machine.set_input(input.clone());
        Ok(*machine.execute()?.as_bool()?)
    }
}
