//! Making tokens for agents.

use kavach_audit::{EventKind, Hop};
use kavach_core::{
    AgentId, EventId, Graph, Leaf, Line, Mode, ParseError, Permission, Reason, Refusal, SubjectId,
    TenantId, Timestamp, narrow,
};
use kavach_store::{Expect, Key};
use kavach_token::{Audience, IssueError, Mint, PublicKey, RootKey, Source, Token, TokenId};

use super::TokenError;
use super::book::Roots;
use super::holders::live_keys;
use super::record::{MintedRecord, encode, holder_key, minted_key};
use super::roots::source_of;
use crate::answer::hop_of;
use crate::change::About;
use crate::committer::{Failure, Work};
use crate::error::FailedCommit;
use crate::limits::{CHANGE_TRIES_MAX, TOKEN_TTL_S, TOKEN_TTL_S_MAX};
use crate::node::Kavach;
use crate::random;
use crate::view::State;

/// A token to be made for an agent: of all that one of its lines gives, or of a part.
///
/// ```
/// use kavach::{AgentId, NewToken};
///
/// let planner = AgentId::from_parts(0, 1);
/// let token = NewToken::new(planner, "https://files.example")
///     .allow("read:mcp:github:*")?
///     .ttl_s(600)
///     .max_depth(2);
/// # Ok::<(), kavach::ParseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct NewToken {
    agent: AgentId,
    audiences: Vec<String>,
    permissions: Option<Vec<Permission>>,
    mode: Mode,
    via: Option<Leaf>,
    key: Option<PublicKey>,
    ttl_s: u64,
    max_depth: Option<u8>,
}

impl NewToken {
    /// A token of all that the agent may do, for one service, for an hour, that may be passed on as often as
    /// the agent's permissions may.
    #[must_use]
    pub fn new(agent: AgentId, audience: impl Into<String>) -> Self {
        Self {
            agent,
            audiences: vec![audience.into()],
            permissions: None,
            mode: Mode::Strict,
            via: None,
            key: None,
            ttl_s: TOKEN_TTL_S,
            max_depth: None,
        }
    }

    /// For this service too; 8 at most.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Only what the shorthand says, besides what was said already.
    ///
    /// # Errors
    /// If `permission` is not a permission; the message says what to write.
    pub fn allow(self, permission: &str) -> Result<Self, ParseError> {
        Ok(self.permit(permission.parse()?))
    }

    /// Only this, besides what was said already.
    #[must_use]
    pub fn permit(mut self, permission: Permission) -> Self {
        self.permissions.get_or_insert_default().push(permission);
        self
    }

    /// Gives the part that the agent has, instead of refusing what is wider.
    #[must_use]
    pub fn attenuate(mut self) -> Self {
        self.mode = Mode::Attenuate;
        self
    }

    /// Names the line that it rests on. Without, it is the agent's own grants, or the one delegation to it.
    #[must_use]
    pub fn via(mut self, leaf: Leaf) -> Self {
        self.via = Some(leaf);
        self
    }

    /// Names the holder key that it is for. Without, it is the agent's only one.
    #[must_use]
    pub fn key(mut self, key: PublicKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Ends it this many seconds after it is made: at most 30 days, and never after what it rests on.
    #[must_use]
    pub fn ttl_s(mut self, seconds: u64) -> Self {
        self.ttl_s = seconds;
        self
    }

    /// Lets it be passed on at most this many times: at most 14, and never further than what it rests on.
    #[must_use]
    pub fn max_depth(mut self, hops: u8) -> Self {
        self.max_depth = Some(hops);
        self
    }
}

/// A token that was made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Minted {
    /// The token, in the open form. No secret: only who holds its key can use it.
    pub token: Token,
    /// What it is called.
    pub id: TokenId,
    /// For which of the agent's keys.
    pub key: PublicKey,
    /// The first second at which it no longer holds.
    pub expires_at: Timestamp,
    /// The line that it rests on.
    pub leaf: Leaf,
    /// The event that records it.
    pub audit_id: EventId,
}

/// What is to be signed, worked out on one state.
struct Drafted {
    mint: Mint,
    leaf: Leaf,
    hops: Vec<Hop>,
    revision: u64,
    expects: (Key, Expect),
}

impl Kavach {
    /// Makes a token for an agent, signed by the tenant's root key: of at most what the agent may do now by
    /// one line, until at most that line's end. Whenever it is used here, what the line gives *then* counts
    /// too.
    ///
    /// Conditions that no token can see to by itself (rates, budgets, approvals, trust) stand in it as such: a
    /// verifier that cannot ask somebody about them refuses.
    ///
    /// # Errors
    /// If the agent, or its line, does not hold, has no holder key, or does not cover what is asked for; if
    /// the parts do not make a token; if there is no master key; or the store fails.
    ///
    /// ```
    /// use kavach::token::{ArgumentsHash, HolderKey, Moment, Narrowing, Nonce, Registration, Sign, TokenId};
    /// use kavach::{Call, Kavach, MasterKey, MemoryStore, Mode, NewAgent, NewToken, Subject};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let master = MasterKey::from_bytes([1; 32]); // random, and kept outside the store
    /// let kavach = Kavach::builder(MemoryStore::new()).master_key(master).open().await?;
    /// let planner = NewAgent::new(Subject::user("alice")?, "planner").allow("*:mcp:github:*")?;
    /// let planner = kavach.create_agent(planner).await?.id;
    ///
    /// // The planner has a key of its own, and proves it.
    /// let key = HolderKey::from_bytes(&[2; 32]); // random
    /// let registration = Registration::sign(&key, kavach.tenant(), &"planner".parse()?)?;
    /// kavach.add_holder_key(&planner, &registration).await?;
    /// let minted = kavach.mint(&NewToken::new(planner, "https://files.example").ttl_s(600)).await?;
    ///
    /// // Offline: the planner passes reading on to a helper's key, and the helper makes a call.
    /// let (helper, now) = (HolderKey::from_bytes(&[3; 32]), kavach.now());
    /// let narrower = minted.token.delegate(&key, &helper.public_key(), Narrowing {
    ///     id: TokenId::from_bytes([4; 16]), // random
    ///     to: "helper".parse()?,
    ///     why: "to look at issues".parse()?,
    ///     at: now,
    ///     expires_at: None,
    ///     max_depth: Some(0),
    ///     audiences: None,
    ///     permissions: Some(vec!["read:mcp:github:*".parse()?]),
    ///     mode: Mode::Strict,
    /// })?;
    /// let (action, resource) = ("read".parse()?, "mcp:github:issues".parse()?);
    /// let asked = kavach::token::Call {
    ///     audience: "https://files.example".parse()?,
    ///     action,
    ///     resource,
    ///     arguments: ArgumentsHash::of(b""),
    /// };
    /// let nonce = Nonce::from_bytes([5; 16]); // random
    /// let shown = narrower.invoke(&helper, &asked, Moment { at: now, ttl_s: 60, nonce })?;
    ///
    /// // Online: it counts once, and only while everything behind it stands.
    /// let mut call = Call::new(&shown, asked.action, asked.resource);
    /// call.context.audience = Some("https://files.example".to_owned());
    /// let answer = kavach.authorize_call(call.clone()).await?;
    /// assert!(answer.is_allowed());
    /// assert_eq!(answer.holders.len(), 2);
    /// let again = kavach.authorize_call(call).await?;
    /// assert_eq!(again.token_refusal.map(|refusal| refusal.code()), Some("replayed"));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn mint(&self, new: &NewToken) -> Result<Minted, TokenError> {
        let audiences = new.audiences.iter().map(|text| text.parse());
        let audiences: Result<Vec<Audience>, _> = audiences.collect();
        let audiences = audiences.map_err(|_| IssueError::Audience)?;
        for _ in 0..CHANGE_TRIES_MAX {
            let (root, roots) = self.signing_root().await?;
            let id = TokenId::from_bytes(random::bytes()?);
            let drafted = {
                let state = self.node.view.read();
                self.draft(&state, new, &roots, (id, &audiences))
            };
            let drafted = match drafted {
                Ok(drafted) => drafted,
                Err(refusal) => return Err(self.refuse_mint(new.agent, refusal).await),
            };
            if let Some(minted) = self.sign(&root, drafted).await? {
                return Ok(minted);
            }
        }
        Err(FailedCommit::Contended.into())
    }

    fn draft(
        &self,
        state: &State,
        new: &NewToken,
        roots: &Roots,
        (id, audiences): (TokenId, &[Audience]),
    ) -> Result<Drafted, Refusal> {
        let (graph, tenant, now) = (&state.graph, self.tenant, self.now());
        let (leaf, permissions) = given(graph, tenant, new, now)?;
        let holder = chosen_key(state, tenant, new)?;
        let line = graph.line(tenant, leaf).ok_or_else(no_line)?;
        let end = ends_at(graph, tenant, &line);
        let until = now.plus_s(new.ttl_s.min(TOKEN_TTL_S_MAX));
        let until = end.map_or(until, |end| end.min(until));
        let generation = generation_of(graph, tenant, leaf).ok_or_else(no_line)?;
        // Of all that is given, one block's depth is the greatest; each right has its own.
        let deepest = permissions.iter().map(|known| known.constraints.max_depth);
        let deepest = deepest.map(|depth| depth.unwrap_or(kavach_token::limits::DEPTH_MAX));
        let deepest = deepest
            .max()
            .unwrap_or(0)
            .min(kavach_token::limits::DEPTH_MAX);
        let mint = Mint {
            issuer: roots.keys.issuer().clone(),
            id,
            agent: new.agent,
            holder,
            owner: line.owner,
            tenant,
            source: Source {
                record: source_of(leaf),
                generation,
            },
            issued_at: now,
            not_before: now,
            expires_at: until,
            max_depth: new.max_depth.map_or(deepest, |asked| asked.min(deepest)),
            audiences: audiences.to_vec(),
            permissions,
        };
        let place = holder_key(tenant, &holder);
        let pages = state.tokens.of(tenant);
        let version = pages.and_then(|pages| pages.holder(&holder));
        let expect = version.map_or(Expect::Absent, |known| Expect::Version(known.version));
        Ok(Drafted {
            mint,
            leaf,
            hops: line.hops.iter().map(hop_of).collect(),
            revision: state.revision.number(),
            expects: (place, expect),
        })
    }

    /// Signs it and records that. `None` if what it rests on changed meanwhile.
    async fn sign(&self, root: &RootKey, drafted: Drafted) -> Result<Option<Minted>, TokenError> {
        let Drafted {
            mint,
            leaf,
            hops,
            revision,
            expects,
        } = drafted;
        let about = describe(&mint, root.id(), hops);
        let (id, key, source) = (mint.id, mint.holder, mint.source);
        let token = Token::mint(root, mint)?;
        let expires_at = token.expires_at();
        let about = about.with("expires_at", expires_at);
        let event = self.event_of(EventKind::TokenMinted, None, about, revision)?;
        let mut event = event;
        event.token_ids = token
            .line()
            .iter()
            .map(|hop| hop.block().to_string())
            .collect();
        let audit_id = event.id;
        let note = encode(&MintedRecord::new(source))?;
        let work = Work {
            deletes: self.minted_over().await?,
            expectations: vec![expects],
            puts: vec![(minted_key(self.tenant, expires_at, id), note)],
            events: vec![event],
            ..Work::default()
        };
        match self.node.commit(work).await? {
            Ok(_) => Ok(Some(Minted {
                token,
                id,
                key,
                expires_at,
                leaf,
                audit_id,
            })),
            Err(Failure::Conflict) => Ok(None),
            Err(failure) => Err(FailedCommit::from(failure).into()),
        }
    }

    /// Records that a token was asked for and refused.
    async fn refuse_mint(&self, agent: AgentId, refusal: Refusal) -> TokenError {
        let recorded = self.change_tokens(EventKind::TokenMinted, |state, _| {
            let about = About::agent(&state.graph, self.tenant, agent);
            (Err(refusal.clone()), about)
        });
        match recorded.await {
            Err(error) => error.into(),
            Ok(_) => refusal.into(),
        }
    }
}

/// What the line gives now, or the part of it that is asked for.
fn given(
    graph: &Graph,
    tenant: TenantId,
    new: &NewToken,
    now: Timestamp,
) -> Result<(Leaf, Vec<Permission>), Refusal> {
    let lines = graph.permissions_of(tenant, new.agent, now);
    let lines = lines.ok_or_else(|| {
        let words = "there is no such agent in this tenant; see `agent list`";
        Refusal::new(Reason::NotFound, words)
    })?;
    let mut fitting = lines
        .into_iter()
        .filter(|line| new.via.map_or(line.fault.is_none(), |via| line.leaf == via));
    let line = fitting.next().ok_or_else(no_line)?;
    let others: Vec<Leaf> = fitting.map(|line| line.leaf).collect();
    // The agent's own grants come first, and are taken if there are any.
    if !others.is_empty() && matches!(line.leaf, Leaf::Delegation(_)) {
        let words = "several delegations lead to the agent; name the one that the token rests on";
        let mut refusal = Refusal::new(Reason::AmbiguousVia, words);
        refusal.candidates = std::iter::once(line.leaf).chain(others).collect();
        return Err(refusal);
    }
    if let Some(fault) = line.fault {
        let words = "the line that the token would rest on does not hold; see `permissions`";
        return Err(Refusal::new(fault, words));
    }
    let permissions = match &new.permissions {
        None => line.permissions,
        Some(asked) => narrow(&line.permissions, asked, new.mode)?,
    };
    if permissions.is_empty() {
        let words = "the line gives nothing, so that there is nothing for a token to say";
        return Err(Refusal::new(Reason::NothingLeft, words));
    }
    Ok((line.leaf, permissions))
}

fn chosen_key(state: &State, tenant: TenantId, new: &NewToken) -> Result<PublicKey, Refusal> {
    let mut live = live_keys(&state.tokens, tenant, new.agent);
    let words = match new.key {
        Some(key) => match live.find(|known| *known == key) {
            Some(key) => return Ok(key),
            None => "this is not a live holder key of the agent; see `agent key list`",
        },
        None => match (live.next(), live.next()) {
            (Some(key), None) => return Ok(key),
            (Some(_), Some(_)) => {
                "the agent has several holder keys; name the one that the token is for"
            }
            (None, _) => "the agent has no holder key; register one with `agent key add`",
        },
    };
    Err(Refusal::new(Reason::NotFound, words))
}

fn no_line() -> Refusal {
    let words = "the agent has no line that holds, or not this one; see `permissions`";
    Refusal::new(Reason::NotFound, words)
}

/// The first second at which anything on the line ends; `None` if nothing does.
fn ends_at(graph: &Graph, tenant: TenantId, line: &Line) -> Option<Timestamp> {
    let ends = line.hops.iter().flat_map(|hop| {
        let agent = graph.agent(tenant, hop.agent);
        let given = hop.delegation.and_then(|id| graph.delegation(tenant, id));
        let agent = agent.and_then(|agent| agent.expires_at);
        [agent, given.and_then(|given| given.expires_at)]
    });
    ends.flatten().min()
}

/// The generation that what rests on this record cites.
pub(super) fn generation_of(graph: &Graph, tenant: TenantId, leaf: Leaf) -> Option<u32> {
    match leaf {
        Leaf::Root(id) => graph.agent(tenant, id).map(|agent| agent.generation),
        Leaf::Delegation(id) => graph.delegation(tenant, id).map(|known| known.generation),
    }
}

fn describe(mint: &Mint, root_key: u32, line: Vec<Hop>) -> About {
    let owner: SubjectId = mint.owner;
    let about = About {
        agent: Some(mint.agent),
        owner: Some(owner),
        line,
        ..About::default()
    };
    let audiences: Vec<String> = mint.audiences.iter().map(ToString::to_string).collect();
    about
        .with("token", mint.id)
        .with("key", mint.holder)
        .with("root_key", root_key)
        .with("max_depth", mint.max_depth)
        .with("audiences", audiences.join(" "))
        .with_list("permissions", &mint.permissions)
}
