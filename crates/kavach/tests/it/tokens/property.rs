//! Whatever is presented: an allow means that the token allows it by itself, and that the line behind it
//! allows it now.

use kavach::token::{
    Answer, Online, Question, Refusal, ReplayCache, Request, Revocations, Verifier,
};
use kavach::{AgentEdit, Permission, Supposed};

use super::*;
use crate::dice::Dice;

const GRANTS: [&str; 8] = [
    "*:mcp:github:*",
    "read:mcp:github:*",
    "read,write:mcp:github:repos",
    "read:mcp:**",
    "write:mcp:*:issues",
    "read:mcp:github:repos?rate=2/m",
    "read:mcp:github:**?ip=10.0.0.0/8",
    "write:mcp:github:re*?depth=1",
];

const CALLS: [&str; 6] = [
    READ,
    "write mcp:github:repos",
    "read mcp:github:issues",
    "write mcp:gitlab:issues",
    "read mcp:github:repos:1",
    "delete mcp:github:repos",
];

/// Says yes to all that is asked.
struct Yes;

impl Online for Yes {
    fn holds_key(&mut self, _: AgentId, _: &PublicKey) -> bool {
        true
    }

    fn ask(&mut self, _: &Question<'_>) -> Answer {
        Answer::Yes
    }
}

fn some(dice: &mut Dice) -> Vec<Permission> {
    let count = 1 + dice.below(3);
    (0..count)
        .map(|_| GRANTS[dice.below(GRANTS.len())].parse().unwrap())
        .collect()
}

/// Whether the token alone allows the call, as somebody without a store would say.
fn natively(desk: &Desk, presentation: &Presentation, call: &Call) -> Result<(), Refusal> {
    let kavach = desk.kavach();
    let verifier = Verifier::new(
        SERVICE.parse().unwrap(),
        kavach.key_set().unwrap(),
        Revocations::danger_ignored(),
        ReplayCache::danger_first_start(1),
    );
    let none = ArgumentsHash::of(b"");
    let mut request = Request::new(&call.action, &call.resource, none);
    if let Some(ip) = call.context.ip {
        request = request.from_address(ip);
    }
    let bytes = presentation.as_bytes();
    verifier
        .verify_online(bytes, &request, kavach.now(), &mut Yes)
        .map(drop)
}

/// A token that was passed on up to three times, and who holds it.
async fn passed_on(desk: &Desk, dice: &mut Dice) -> (Token, u8) {
    let mut token = desk.token().await;
    let times = u8::try_from(dice.below(4)).unwrap();
    for number in 0..times {
        let narrowing = Narrowing {
            id: TokenId::from_bytes([number; 16]),
            to: "helper".parse().unwrap(),
            why: "".parse().unwrap(),
            at: desk.kavach().now(),
            expires_at: None,
            max_depth: None,
            audiences: None,
            permissions: Some(some(dice)),
            mode: Mode::Attenuate,
        };
        match token.delegate(&holder(number), &public(number + 1), narrowing) {
            Ok(further) => token = further,
            Err(_) => return (token, number),
        }
    }
    (token, times)
}

#[tokio::test]
async fn an_allow_is_one_of_the_token_and_one_of_the_line() {
    let mut dice = Dice::new(20_261_122);
    let (mut allowed, mut denied) = (0, 0);
    for _ in 0..crate::dice::scale(40, 2_000) {
        let desk = Desk::new(&[]).await;
        let set = async |permissions| {
            let mut edit = AgentEdit::default();
            edit.permissions = Some(permissions);
            desk.kavach()
                .update_agent(&desk.planner.id, edit)
                .await
                .unwrap();
        };
        set(some(&mut dice)).await;
        let (token, number) = passed_on(&desk, &mut dice).await;
        if dice.below(2) == 0 {
            set(some(&mut dice)).await;
        }
        for (nonce, what) in (0..).zip(CALLS) {
            let (action, resource) = what.split_once(' ').unwrap();
            let asked = kavach::token::Call {
                audience: SERVICE.parse().unwrap(),
                action: action.parse().unwrap(),
                resource: resource.parse().unwrap(),
                arguments: ArgumentsHash::of(b""),
            };
            let moment = Moment {
                at: desk.kavach().now(),
                ttl_s: 30,
                nonce: Nonce::from_bytes([nonce; 16]),
            };
            let Ok(presentation) = token.invoke(&holder(number), &asked, moment) else {
                continue;
            };
            let mut call = call(&presentation, what);
            call.context.ip = (dice.below(2) == 0).then(|| "10.0.0.1".parse().unwrap());
            let natively = natively(&desk, &presentation, &call);
            let mut own = Call::new(
                desk.planner.id,
                asked.action.clone(),
                asked.resource.clone(),
            );
            own.context = call.context.clone();
            let line = desk.kavach().suppose(&own, &Supposed::default()).unwrap();
            let answer = desk.kavach().authorize_call(call).await.unwrap();
            if answer.is_allowed() {
                allowed += 1;
                assert_eq!(natively, Ok(()), "{answer}");
                assert!(line.is_allowed(), "{answer}");
            } else {
                denied += 1;
                let only = matches!(answer.reason(), Reason::RateUsedUp | Reason::TooDeep);
                assert!(natively.is_err() || !line.is_allowed() || only, "{answer}");
            }
        }
    }
    assert!(allowed > 20 && denied > 20, "{allowed} {denied}");
}
