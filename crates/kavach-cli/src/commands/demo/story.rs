//! The story, told by Alice.

use kavach::{Kavach, Subject};

use super::stage::{Stage, Told};
use crate::console::Console;
use crate::failure::Failure;

const ISSUES: &str = "mcp:github:issues";
const PULLS: &str = "mcp:github:pull_requests";
const RELEASES: &str = "mcp:github:releases";

/// Those who come in more than once.
struct Cast {
    orchestrator: Told,
    searcher: Told,
    reviewer: Told,
    archivist: Told,
}

pub(super) async fn tell(kavach: &Kavach, console: &mut Console) -> Result<(), Failure> {
    let mut stage = Stage::new(kavach, console);
    let cast = they_come(&mut stage).await?;
    they_work(&mut stage, &cast).await?;
    they_want_more(&mut stage, &cast).await
}

async fn they_come(stage: &mut Stage<'_>) -> Result<Cast, Failure> {
    let alice = Subject::user("alice")?;
    stage.say("I am Alice. I let an orchestrator work on GitHub for me.")?;
    let grants = [
        "read:mcp:github:*",
        "comment,merge:mcp:github:pull_requests",
    ];
    let orchestrator = stage.create(&alice, "orchestrator", &grants).await?;

    stage.say("It spawns three sub-agents. Each gets less than it has.")?;
    let issues = "read:mcp:github:issues?depth=0";
    let searcher = stage.spawn(&orchestrator, "searcher", issues).await?;
    let pulls = "read,comment:mcp:github:pull_requests";
    let reviewer = stage.spawn(&orchestrator, "reviewer", pulls).await?;
    let all = "read:mcp:github:*";
    let archivist = stage
        .spawn_for(3_600, &orchestrator, "archivist", all)
        .await?;
    Ok(Cast {
        orchestrator,
        searcher,
        reviewer,
        archivist,
    })
}

async fn they_work(stage: &mut Stage<'_>, cast: &Cast) -> Result<(), Failure> {
    stage.say("They get to work. Every call is decided, and recorded before the answer leaves.")?;
    stage.call(&cast.searcher, "read", ISSUES).await?;
    stage.call(&cast.reviewer, "comment", PULLS).await?;
    stage.call(&cast.archivist, "read", RELEASES).await?;
    stage.call(&cast.searcher, "comment", PULLS).await?;
    stage.call(&cast.reviewer, "merge", PULLS).await?;
    let impostor = Told::unknown("impostor");
    stage.call(&impostor, "read", ISSUES).await
}

async fn they_want_more(stage: &mut Stage<'_>, cast: &Cast) -> Result<(), Failure> {
    stage.say("The archivist tries to pass on more than it has. Nobody can.")?;
    let wider = "write:mcp:github:**";
    stage
        .spawn_in_vain(&cast.archivist, "helper", wider)
        .await?;

    stage.say("The reviewer narrows further: a linter that reads, and does not comment.")?;
    let narrower = "read:mcp:github:pull_requests";
    let linter = stage.spawn(&cast.reviewer, "linter", narrower).await?;
    stage.call(&linter, "read", PULLS).await?;
    stage.call(&linter, "comment", PULLS).await?;

    stage
        .say("I have seen enough, and revoke the orchestrator. One write, and all of them stop.")?;
    stage.revoke(&cast.orchestrator).await?;
    stage.call(&cast.orchestrator, "merge", PULLS).await?;
    stage.call(&cast.searcher, "read", ISSUES).await?;
    stage.call(&linter, "read", PULLS).await
}
