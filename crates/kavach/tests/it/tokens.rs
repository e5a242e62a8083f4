//! Tokens that were passed on offline, presented to a node.

use std::sync::Arc;

use kavach::token::{
    ArgumentsHash, HolderKey, Moment, Narrowing, Nonce, Presentation, PublicKey, Registration,
    Sign, Token, TokenId,
};
use kavach::{
    AgentId, Authorization, Call, Caller, Created, Kavach, Mode, NewToken, Reason, TenantId,
};
use serde_json::Value;

use crate::world::{On, World, name, short};

mod conditions;
mod keys;
mod lines;
mod minting;
mod once;
mod property;
mod refused;
mod restored;
mod revoked;
mod trail;

/// The service that calls are made to.
const SERVICE: &str = "https://files.example";
const READ: &str = "read mcp:github:repos";

/// The secret key of holder number `number`; the planner's is number 0.
fn holder(number: u8) -> HolderKey {
    HolderKey::from_bytes(&[100 + number; 32])
}

fn public(number: u8) -> PublicKey {
    holder(number).public_key()
}

/// Registers a key for an agent, by whoever holds it.
async fn register(kavach: &Kavach, agent: &AgentId, called: &str, number: u8) {
    let registration = Registration::sign(&holder(number), kavach.tenant(), &name(called)).unwrap();
    kavach.add_holder_key(agent, &registration).await.unwrap();
}

/// A node with a planner of Alice's, who holds tokens by key 0.
struct Desk {
    world: World,
    planner: Created,
}

impl Desk {
    async fn new(permissions: &[&str]) -> Self {
        Self::on(On::Memory, permissions).await
    }

    async fn on(on: On, permissions: &[&str]) -> Self {
        let world = World::with_master_key(on, Some(7)).await;
        let planner = world.agent("planner", permissions).await;
        register(&world.kavach, &planner.id, "planner", 0).await;
        Self { world, planner }
    }

    fn kavach(&self) -> &Kavach {
        &self.world.kavach
    }

    fn new_token(&self) -> NewToken {
        NewToken::new(self.planner.id, SERVICE)
    }

    /// A token of all that the planner may do.
    async fn token(&self) -> Token {
        self.kavach().mint(&self.new_token()).await.unwrap().token
    }

    /// Passed on by holder `number` to the next one, who is called so.
    fn pass(&self, token: &Token, number: u8, to: &str) -> Token {
        self.pass_some(token, number, to, None)
    }

    fn pass_some(
        &self,
        token: &Token,
        number: u8,
        to: &str,
        permissions: Option<&[&str]>,
    ) -> Token {
        let narrowing = Narrowing {
            id: TokenId::from_bytes([number + 1; 16]),
            to: to.parse().unwrap(),
            why: "to look around".parse().unwrap(),
            at: self.kavach().now(),
            expires_at: None,
            max_depth: None,
            audiences: None,
            permissions: permissions
                .map(|texts| texts.iter().map(|text| text.parse().unwrap()).collect()),
            mode: Mode::Strict,
        };
        let next = public(number + 1);
        token.delegate(&holder(number), &next, narrowing).unwrap()
    }

    /// A presentation by holder `number` of a call that is told apart by `nonce`.
    fn present(&self, token: &Token, number: u8, what: &str, nonce: u8) -> Presentation {
        self.present_with(token, number, what, None, nonce)
    }

    fn present_with(
        &self,
        token: &Token,
        number: u8,
        what: &str,
        args: Option<&Value>,
        nonce: u8,
    ) -> Presentation {
        let moment = Moment {
            at: self.kavach().now(),
            ttl_s: 60,
            nonce: Nonce::from_bytes([nonce; 16]),
        };
        let (action, resource) = what.split_once(' ').unwrap();
        let call = kavach::token::Call {
            audience: SERVICE.parse().unwrap(),
            action: action.parse().unwrap(),
            resource: resource.parse().unwrap(),
            arguments: args.map_or_else(|| ArgumentsHash::of(b""), ArgumentsHash::of_json),
        };
        token.invoke(&holder(number), &call, moment).unwrap()
    }

    async fn make(&self, presentation: &Presentation, what: &str) -> Authorization {
        make(self.kavach(), presentation, what).await
    }

    /// The answer in short, with what is wrong with the token.
    async fn decide(&self, presentation: &Presentation, what: &str) -> String {
        told(&self.make(presentation, what).await)
    }
}

fn call(presentation: &Presentation, what: &str) -> Call {
    let (action, resource) = what.split_once(' ').unwrap();
    let caller = Caller::from(presentation);
    let mut call = Call::new(caller, action.parse().unwrap(), resource.parse().unwrap());
    call.context.audience = Some(SERVICE.to_owned());
    call
}

async fn make(kavach: &Kavach, presentation: &Presentation, what: &str) -> Authorization {
    kavach
        .authorize_call(call(presentation, what))
        .await
        .unwrap()
}

async fn make_with(
    kavach: &Kavach,
    presentation: &Presentation,
    what: &str,
    args: Value,
) -> Authorization {
    let mut call = call(presentation, what);
    call.context.args = Some(Arc::new(args));
    kavach.authorize_call(call).await.unwrap()
}

/// `allow`, `deny: reason`, or `refused: code at block`.
fn told(answer: &Authorization) -> String {
    match answer.token_refusal {
        None => short(answer),
        // A condition of the token has the reason that the same one of a grant has.
        Some(_) if answer.reason() != Reason::TokenRefused => short(answer),
        Some(refusal) => match refusal.block() {
            Some(block) => format!("refused: {} at {block}", refusal.code()),
            None => format!("refused: {}", refusal.code()),
        },
    }
}
