//! What was revoked, here and in the list for others.

use kavach::token::{Refusal, ReplayCache, Request, Revocations, Verifier};
use kavach::{ChangeError, Revocable};

use super::*;

#[tokio::test]
async fn a_block_a_key_or_a_name_that_is_revoked_takes_what_hangs_below_with_it() {
    for kind in ["block", "key", "token"] {
        let desk = Desk::on(On::Redb, &["*:mcp:github:*"]).await;
        let token = desk.token().await;
        let passed = desk.pass(&token, 0, "helper");
        let further = desk.pass(&passed, 1, "next");
        let hop = &passed.line()[1];
        let what = match kind {
            "block" => Revocable::Block(hop.block()),
            "key" => Revocable::Key(*hop.key()),
            _ => Revocable::Token(hop.id()),
        };
        let text = what.to_string();
        assert_eq!(text.parse(), Ok(what));
        let before = desk.present(&further, 2, READ, 1);
        assert_eq!(desk.decide(&before, READ).await, "allow");
        desk.kavach().revoke_tokens(what).await.unwrap();
        let again = desk.kavach().revoke_tokens(what).await;
        assert!(
            matches!(again, Err(ChangeError::Refused(refusal)) if refusal.reason == Reason::AlreadyRevoked)
        );
        let check = async |desk: &Desk, nonce| {
            for (number, token, want) in [
                (0, &token, "allow"),
                (1, &passed, "refused: revoked at 1"),
                (2, &further, "refused: revoked at 1"),
            ] {
                let presentation = desk.present(token, number, READ, nonce + number);
                assert_eq!(
                    desk.decide(&presentation, READ).await,
                    want,
                    "{kind} {number}"
                );
            }
        };
        check(&desk, 10).await;
        let Desk { world, planner } = desk;
        let desk = Desk {
            world: world.reopen().await,
            planner,
        };
        check(&desk, 20).await;
        assert_eq!(desk.kavach().revoked_tokens(), [what]);
        // Other tenants have revoked nothing.
        assert!(
            desk.kavach()
                .in_tenant(TenantId::from_u128(5))
                .revoked_tokens()
                .is_empty()
        );
    }
}

/// What a verifier elsewhere says, which knows the key set and the list.
fn offline(kavach: &Kavach, list: &str, presentation: &Presentation) -> Result<(), Refusal> {
    let keys = kavach.key_set().unwrap();
    let mut revocations = Revocations::following(60, 0);
    revocations.update(list, &keys, kavach.now()).unwrap();
    let replays = ReplayCache::danger_first_start(10);
    let verifier = Verifier::new(SERVICE.parse().unwrap(), keys, revocations, replays);
    let (action, resource) = ("read".parse().unwrap(), "mcp:github:repos".parse().unwrap());
    let request = Request::new(&action, &resource, ArgumentsHash::of(b""));
    verifier
        .verify(presentation.as_bytes(), &request, kavach.now())
        .map(drop)
}

#[tokio::test]
async fn the_list_names_all_that_does_not_hold_and_its_version_never_goes_back() {
    let desk = Desk::on(On::Redb, &["*:mcp:github:*"]).await;
    let kavach = desk.kavach();
    let reader = desk.world.agent("reader", &[]).await.id;
    register(kavach, &reader, "reader", 1).await;
    let lead = desk.world.agent("lead", &["*:mcp:github:*"]).await.id;
    let given = desk
        .world
        .delegate(&lead, &reader, &["*:mcp:github:*"])
        .await;
    let own = desk.token().await;
    let below = kavach
        .mint(&NewToken::new(reader, SERVICE))
        .await
        .unwrap()
        .token;
    let (own, below) = (
        desk.present(&own, 0, READ, 1),
        desk.present(&below, 1, READ, 2),
    );
    let empty = kavach.sign_revocations().await.unwrap();
    assert_eq!((empty.version, empty.entries), (1, 0));
    for presentation in [&own, &below] {
        assert_eq!(offline(kavach, &empty.text, presentation), Ok(()));
    }
    // Suspended for a while, and back.
    kavach.suspend_agent(&reader).await.unwrap();
    let list = kavach.sign_revocations().await.unwrap();
    assert_eq!(list.version, 2);
    assert_eq!(
        offline(kavach, &list.text, &below),
        Err(Refusal::Revoked { block: 0 })
    );
    kavach.resume_agent(&reader).await.unwrap();
    let list = kavach.sign_revocations().await.unwrap();
    assert_eq!((list.version, list.entries), (3, 0));
    assert_eq!(offline(kavach, &list.text, &below), Ok(()));
    // Signed again, a second later, it is the same version, and as fresh as can be.
    desk.world.clock.advance_s(1);
    let list = kavach.sign_revocations().await.unwrap();
    assert_eq!((list.version, list.issued_at), (3, kavach.now()));
    // What the token rests on.
    kavach.revoke_delegation(&given.id).await.unwrap();
    let list = kavach.sign_revocations().await.unwrap();
    assert_eq!((list.version, list.entries), (4, 1));
    assert_eq!(
        offline(kavach, &list.text, &below),
        Err(Refusal::Revoked { block: 0 })
    );
    assert_eq!(offline(kavach, &list.text, &own), Ok(()));
    kavach
        .remove_holder_key(&desk.planner.id, &public(0))
        .await
        .unwrap();
    let list = kavach.sign_revocations().await.unwrap();
    assert_eq!(
        offline(kavach, &list.text, &own),
        Err(Refusal::Revoked { block: 0 })
    );
    let version = list.version;
    let Desk { world, planner } = desk;
    let desk = Desk {
        world: world.reopen().await,
        planner,
    };
    assert_eq!(
        desk.kavach().sign_revocations().await.unwrap().version,
        version
    );
    // Nobody needs to be told of a token that is over.
    desk.world.clock.advance_s(3600);
    let list = desk.kavach().sign_revocations().await.unwrap();
    assert_eq!((list.version, list.entries), (version + 1, 1));
}

#[tokio::test]
async fn nothing_is_allowed_that_was_taken_away_while_the_answer_waited() {
    use crate::world::poll_once;
    for step in ["block", "key", "agent", "line", "root", "nothing"] {
        let desk = Desk::new(&["*:mcp:github:*"]).await;
        let kavach = desk.kavach();
        let reader = desk.world.agent("reader", &[]).await.id;
        register(kavach, &reader, "reader", 1).await;
        let passed = desk.pass(&desk.token().await, 0, &reader.to_string());
        // What is made at the first call waits for nothing at the second.
        let first = desk.present(&passed, 1, READ, 1);
        assert_eq!(desk.decide(&first, READ).await, "allow");
        let presentation = desk.present(&passed, 1, READ, 2);
        let mut answering = Box::pin(make(kavach, &presentation, READ));
        assert!(poll_once(&mut answering).is_pending());
        match step {
            "block" => {
                let block = Revocable::Block(passed.line()[1].block());
                kavach.revoke_tokens(block).await.unwrap();
            }
            "key" => {
                kavach.remove_holder_key(&reader, &public(1)).await.unwrap();
            }
            "agent" => {
                kavach.suspend_agent(&reader).await.unwrap();
            }
            "line" => {
                kavach.revoke_agent(&desk.planner.id).await.unwrap();
            }
            "root" => drop(kavach.rotate_root_key(0).await.unwrap()),
            _ => {}
        }
        let want = if step == "nothing" {
            "allow"
        } else {
            "deny: withdrawn"
        };
        assert_eq!(short(&answering.await), want, "{step}");
        // Taken back or not, it was used.
        assert!(
            !make(kavach, &presentation, READ).await.is_allowed(),
            "{step}"
        );
        desk.world.check_log().await;
    }
}

#[tokio::test]
async fn a_copy_of_a_store_takes_nothing_that_was_revoked_or_used() {
    use kavach::{ManualClock, MasterKey, MemoryStore};
    let desk = Desk::new(&["*:mcp:github:*"]).await;
    let kavach = desk.kavach();
    let token = desk.token().await;
    let passed = desk.pass(&token, 0, "helper");
    let [used, fresh] = [1, 2].map(|nonce| desk.present(&token, 0, READ, nonce));
    let revoked = desk.present(&passed, 1, READ, 3);
    assert_eq!(desk.decide(&used, READ).await, "allow");
    let block = Revocable::Block(passed.line()[1].block());
    kavach.revoke_tokens(block).await.unwrap();
    let list = kavach.sign_revocations().await.unwrap();

    let to = MemoryStore::new();
    let copied = kavach::copy::copy(&*desk.world.store, &to, |_| {}).await;
    copied.unwrap();
    let clock = Arc::new(ManualClock::new(kavach.now()));
    let builder = Kavach::builder(to).clock(clock);
    let copy = builder.master_key(MasterKey::from_bytes([7; 32]));
    let copy = copy.open().await.unwrap();
    for (presentation, want) in [
        (&used, "refused: replayed"),
        (&revoked, "refused: revoked at 1"),
        (&fresh, "allow"),
    ] {
        assert_eq!(told(&make(&copy, presentation, READ).await), want);
    }
    assert_eq!(copy.key_set(), kavach.key_set());
    let again = copy.sign_revocations().await.unwrap();
    assert_eq!((again.version, again.entries), (list.version, list.entries));
}
