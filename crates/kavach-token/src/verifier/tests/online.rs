//! What somebody is asked about.

use super::*;
use crate::scene::mint;

/// Knows the keys of two agents: the one that the token was minted for, and another.
struct Knows {
    agent: AgentId,
    key: PublicKey,
}

impl Online for Knows {
    fn holds_key(&mut self, agent: AgentId, key: &PublicKey) -> bool {
        let first = (mint(ALL).agent, mint(ALL).holder);
        [(self.agent, self.key), first].contains(&(agent, *key))
    }

    fn ask(&mut self, _question: &Question<'_>) -> Answer {
        Answer::Unknown
    }
}

#[test]
fn a_hop_that_takes_a_registered_agents_name_needs_its_key() {
    let agent = AgentId::from_parts(5, 5);
    let mut one = delegation(1, ALL);
    one.to = Party::Agent(agent);
    let forge = Forge::authority(&authority(ALL)).delegation(1, &one);
    let presentation = forge.invocation(1, &invocation(&read(), 1)).present();
    let call = read();
    let request = Request::new(&call.action, &call.resource, call.arguments);
    for (key, want) in [(3, Some(Refusal::Impostor { block: 1 })), (1, None)] {
        let key = holder(key).public_key();
        let mut knows = Knows { agent, key };
        let verified = verifier().verify_online(&presentation, &request, now(), &mut knows);
        assert_eq!(verified.err(), want);
    }
}
