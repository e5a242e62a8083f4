//! Whether a presentation is accepted, for one call, now.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use kavach_core::Timestamp;

use crate::call::Call;
use crate::chain::Chain;
use crate::claim::Audience;
use crate::envelope::{Envelope, SignedBlock};
use crate::follow::FollowError;
use crate::id::BlockId;
use crate::key::PublicKey;
use crate::key_set::KeySet;
use crate::limits::{APPROVAL_TTL_S_MAX, CHAINS_DEFAULT, CLOCK_AHEAD_S_MAX, INVOCATION_TTL_S_MAX};
use crate::online::{Offline, Online, check_online};
use crate::profile::{ApprovalBlock, InvocationBlock, Profiled};
use crate::refusal::Refusal;
use crate::replay::{ReplayCache, Use};
use crate::request::Request;
use crate::revocation::{RevocationListError, Revocations};
use crate::right::Right;
use crate::seen::{self, SeenChains};
use crate::symbols::Symbols;
use crate::verified::{Approved, Verified, Work};

mod parts;
#[cfg(test)]
mod tests;

use parts::Parts;

/// Decides about presentations for one service.
///
/// It may be shared between threads. What a chain's signatures say is remembered, and looked at once; a
/// presentation is accepted once.
///
/// ```
/// # use kavach_core::{AgentId, DelegationId, Mode, SubjectId, TenantId, Timestamp};
/// # use kavach_token::*;
/// let now = Timestamp::from_s(1_795_255_200);
/// let service: Audience = "https://files.example".parse()?;
/// let root = RootKey::new(1, HolderKey::from_bytes(&[1; 32]));
/// let keys = KeySet::new("https://kavach.example".parse()?, TenantId::DEFAULT, root.public_key(), now);
///
/// // The issuer gives the planner's key a token.
/// let planner = HolderKey::from_bytes(&[2; 32]);
/// let token = Token::mint(&root, Mint {
///     issuer: "https://kavach.example".parse()?,
///     id: TokenId::from_bytes([3; 16]),
///     agent: AgentId::from_parts(0, 4),
///     holder: planner.public_key(),
///     owner: SubjectId::from_parts(0, 5),
///     tenant: TenantId::DEFAULT,
///     source: Source { record: SourceRecord::Agent(AgentId::from_parts(0, 4)), generation: 1 },
///     issued_at: now,
///     not_before: now,
///     expires_at: now.plus_s(3600),
///     max_depth: 2,
///     audiences: vec![service.clone()],
///     permissions: vec!["*:mcp:github:*".parse()?],
/// })?;
///
/// // The planner passes on reading, without asking anybody.
/// let reader = HolderKey::from_bytes(&[6; 32]);
/// let narrower = token.delegate(&planner, &reader.public_key(), Narrowing {
///     id: TokenId::from_bytes([7; 16]),
///     to: "reader".parse()?,
///     why: "to look at issues".parse()?,
///     at: now,
///     expires_at: None,
///     max_depth: Some(0),
///     audiences: None,
///     permissions: Some(vec!["read:mcp:github:*".parse()?]),
///     mode: Mode::Strict,
/// })?;
///
/// // The reader calls, and the service decides, without asking anybody either.
/// let (action, resource) = ("read".parse()?, "mcp:github:issues".parse()?);
/// let arguments = ArgumentsHash::of(b"");
/// let call = Call { audience: service.clone(), action, resource, arguments };
/// let nonce = Nonce::from_bytes([8; 16]);
/// let presentation = narrower.invoke(&reader, &call, Moment { at: now, ttl_s: 30, nonce })?;
/// let replays = ReplayCache::danger_first_start(1000);
/// let verifier = Verifier::new(service, keys, Revocations::danger_ignored(), replays);
/// let request = Request::new(&call.action, &call.resource, arguments);
/// let verified = verifier.verify(presentation.as_bytes(), &request, now)?;
/// assert_eq!(verified.line().len(), 2);
/// let again = verifier.verify(presentation.as_bytes(), &request, now);
/// assert_eq!(again.err(), Some(Refusal::Replayed));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Verifier {
    audience: Audience,
    keys: RwLock<Keys>,
    revocations: RwLock<Revocations>,
    approvers: Vec<PublicKey>,
    replays: Mutex<ReplayCache>,
    seen: Mutex<SeenChains>,
}

/// Whose tokens are taken.
#[derive(Debug)]
struct Keys {
    set: KeySet,
    /// The first second at which they no longer count, unless somebody looked again; `None` for no end.
    until: Option<Timestamp>,
}

/// A presentation that is accepted if it was not used before, which is for the caller to see to.
#[derive(Debug)]
#[must_use = "a presentation counts once; remember that it was used"]
pub struct Unspent {
    verified: Verified,
    usage: Use,
}

impl Unspent {
    /// What to remember: with the answer, or before it.
    #[must_use]
    pub fn usage(&self) -> Use {
        self.usage
    }

    /// What was found out, for looking at before it counts.
    #[must_use]
    pub fn verified(&self) -> &Verified {
        &self.verified
    }

    /// The caller has remembered it, and it was not there before.
    #[must_use]
    pub fn danger_remembered(self) -> Verified {
        self.verified
    }
}

impl Verifier {
    /// A verifier for the service `audience`, which takes tokens signed by `keys`.
    #[must_use]
    pub fn new(
        audience: Audience,
        keys: KeySet,
        revocations: Revocations,
        replays: ReplayCache,
    ) -> Self {
        Self {
            audience,
            keys: RwLock::new(Keys {
                set: keys,
                until: None,
            }),
            revocations: RwLock::new(revocations),
            approvers: Vec::new(),
            replays: Mutex::new(replays),
            seen: Mutex::new(SeenChains::new(CHAINS_DEFAULT)),
        }
    }

    /// Takes approvals by these keys; without, by none.
    #[must_use]
    pub fn with_approvers(mut self, approvers: impl IntoIterator<Item = PublicKey>) -> Self {
        self.approvers = approvers.into_iter().collect();
        self
    }

    /// Remembers at most `capacity` chains; zero for none.
    #[must_use]
    pub fn with_chains(mut self, capacity: usize) -> Self {
        self.seen = Mutex::new(SeenChains::new(capacity));
        self
    }

    /// Takes tokens signed by these keys from now on, and by no others.
    pub fn set_keys(&self, keys: KeySet) {
        self.keys_mut().set = keys;
    }

    /// Takes tokens signed by these keys, of the same issuer and tenant as before, and until then.
    pub(crate) fn replace_keys(&self, keys: KeySet, until: Timestamp) -> Result<(), FollowError> {
        let mut held = self.keys_mut();
        let same = held.set.check_issued(keys.issuer(), keys.tenant());
        same.map_err(|_| FollowError::Issuer)?;
        (held.set, held.until) = (keys, Some(until));
        Ok(())
    }

    /// Goes on with the keys that it has, until then.
    pub(crate) fn keep_keys(&self, until: Timestamp) {
        self.keys_mut().until = Some(until);
    }

    fn keys_mut(&self) -> RwLockWriteGuard<'_, Keys> {
        self.keys.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn keys(&self) -> RwLockReadGuard<'_, Keys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lowest version of a revocation list that is still taken, to be kept over a restart.
    #[must_use]
    pub fn revocation_floor(&self) -> u64 {
        let revocations = self.revocations.read();
        revocations.unwrap_or_else(PoisonError::into_inner).floor()
    }

    /// Takes a newer revocation list; returns its version. From the next call on it counts.
    ///
    /// # Errors
    /// If it is not taken; the list before stays, until it is too old.
    pub fn update_revocations(
        &self,
        text: &str,
        now: Timestamp,
    ) -> Result<u64, RevocationListError> {
        let keys = self.keys();
        let mut revocations = self
            .revocations
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        revocations.update(text, &keys.set, now)
    }

    /// How many chains are remembered.
    #[must_use]
    pub fn chains(&self) -> usize {
        self.seen().len()
    }

    /// Whether the presentation makes `request` an allowed one at `now`. Asks nobody; what must be asked is
    /// refused. An accepted presentation is used up.
    ///
    /// # Errors
    /// Why not. The reason is for the operator; see [`Refusal::to_peer`] for what goes back.
    pub fn verify(
        &self,
        presentation: &[u8],
        request: &Request<'_>,
        now: Timestamp,
    ) -> Result<Verified, Refusal> {
        self.verify_online(presentation, request, now, &mut Offline)
    }

    /// As [`verify`](Self::verify), with somebody to ask.
    ///
    /// # Errors
    /// As there.
    pub fn verify_online(
        &self,
        presentation: &[u8],
        request: &Request<'_>,
        now: Timestamp,
        online: &mut dyn Online,
    ) -> Result<Verified, Refusal> {
        let unspent = self.verify_unspent(presentation, request, now, online)?;
        let Unspent { verified, usage } = unspent;
        self.replays().spend(&usage, &verified, now)?;
        Ok(verified)
    }

    /// As [`verify_online`](Self::verify_online), but somebody else remembers that it was used: a store that
    /// several processes share. The verifier's own memory is looked at, and left as it is.
    ///
    /// # Errors
    /// As there.
    pub fn verify_unspent(
        &self,
        presentation: &[u8],
        request: &Request<'_>,
        now: Timestamp,
        online: &mut dyn Online,
    ) -> Result<Unspent, Refusal> {
        let mut work = Work::default();
        self.examine(presentation, request, now, online, &mut work)
    }

    /// Looks at everything, and counts what that takes, also where it ends in a refusal.
    fn examine(
        &self,
        presentation: &[u8],
        request: &Request<'_>,
        now: Timestamp,
        online: &mut dyn Online,
        work: &mut Work,
    ) -> Result<Unspent, Refusal> {
        let envelope = Envelope::read(presentation)?;
        let parts = Parts::of(&envelope)?;
        // Whoever sends a thing again as it was pays for nothing but bytes.
        let block = BlockId::of(parts.invocation.signature);
        if self.replays().has_accepted(&block, now) {
            return Err(Refusal::Replayed);
        }
        let (chain, root) = self.chain(presentation, &parts, envelope.root_key_id, now, work)?;
        self.check_chain(&chain, &root, now)?;
        let holder = chain.last()?;
        let last = parts.index();
        let read = InvocationBlock::read(parts.invocation.payload, &chain.symbols);
        let (invocation, _) = read.map_err(|unreadable| unreadable.in_block(last))?;
        self.check_invocation(&invocation, &chain, request, last, now)?;
        let usage = Use {
            key: holder.key,
            nonce: invocation.nonce,
            until: invocation.bounds.until,
        };
        // A nonce counts once, whatever else is signed with it.
        self.replays().probe(&usage, invocation.at)?;
        let call = Call {
            audience: invocation.audience.clone(),
            action: invocation.action.clone(),
            resource: invocation.resource.clone(),
            arguments: invocation.arguments,
        };
        let hash = call.hash(&invocation.nonce);
        let taken = covering(&chain, &call, now, work)?;
        let mut previous = &chain.last_signature;
        let mut approvals = Vec::with_capacity(parts.approvals.len());
        for (index, block) in parts.approvals.iter().enumerate() {
            let index = chain.hops.len() + index;
            if block.next_key != holder.key.as_bytes() {
                return Err(Refusal::Holder { block: index });
            }
            work.signatures += 2;
            block.check(index, &holder.key, Some(previous))?;
            approvals.push(self.approval(block, index, now, |approval| approval.call == hash)?);
            previous = block.signature;
        }
        work.signatures += 1;
        parts.invocation.check(last, &holder.key, Some(previous))?;
        let circumstances = request.circumstances(distinct(&approvals), now);
        check_online(&chain, &taken, &call, &approvals, &circumstances, online)?;
        let longest = approvals.iter().map(|approved| approved.expires_at).max();
        let until = longest.map_or(usage.until, |longest| longest.max(usage.until));
        let verified = Verified {
            call,
            block,
            nonce: invocation.nonce,
            at: invocation.at,
            expires_at: invocation.bounds.until,
            approvals,
            work: *work,
            now,
            chain,
        };
        // An approval outlives the invocation it came with: its nonce must not be used with a fresh one.
        let usage = Use { until, ..usage };
        Ok(Unspent { verified, usage })
    }

    /// The chain, with all its signatures looked at, now or earlier.
    fn chain(
        &self,
        presentation: &[u8],
        parts: &Parts<'_>,
        root_key_id: Option<u32>,
        now: Timestamp,
        work: &mut Work,
    ) -> Result<(Arc<Chain>, PublicKey), Refusal> {
        let root = {
            let keys = self.keys();
            if keys.until.is_some_and(|until| now >= until) {
                return Err(Refusal::KeysStale);
            }
            *keys.set.root(root_key_id, now)?
        };
        let id = root_key_id.ok_or(Refusal::UnknownRootKey)?;
        let (first, further) = parts.chain.split_first().ok_or(Refusal::NoInvocation)?;
        let end = further.last().unwrap_or(first).end;
        let bytes = presentation.get(..end).ok_or(Refusal::Malformed)?;
        // INVARIANT (seen): a chain is found by every byte of it, the root key's number and key included.
        let hash = seen::hash(&root, bytes);
        if let Some(chain) = self.seen().find(&hash, now) {
            work.take(&chain);
            return Ok((chain, root));
        }
        work.signatures += 1;
        first.check(0, &root, None)?;
        let mut chain = Chain::begin(id, first)?;
        work.take(&chain);
        for (index, block) in further.iter().enumerate() {
            let signer = chain.last()?.key;
            work.signatures += 1;
            block.check(index + 1, &signer, Some(&chain.last_signature))?;
            let followed = chain.follow(block);
            work.take(&chain);
            followed?;
        }
        let chain = Arc::new(chain);
        if now < chain.expires_at() {
            self.seen().insert(hash, Arc::clone(&chain));
        }
        Ok((chain, root))
    }

    /// What may change from one call to the next although the chain's bytes do not.
    fn check_chain(&self, chain: &Chain, root: &PublicKey, now: Timestamp) -> Result<(), Refusal> {
        {
            let keys = self.keys();
            keys.set.check_issued(&chain.issuer, chain.tenant)?;
        }
        if let Some(block) = chain.hops.iter().position(|hop| hop.key == *root) {
            return Err(Refusal::KeyRepeated { block });
        }
        if now < chain.not_before {
            return Err(Refusal::NotYet);
        }
        if let Some(block) = chain.hops.iter().position(|hop| now >= hop.expires_at()) {
            return Err(Refusal::Expired { block });
        }
        // Times never move back along the chain, so that the last hop's is the latest.
        if chain.made_at() > now.plus_s(CLOCK_AHEAD_S_MAX) {
            let block = chain.hops.len() - 1;
            return Err(Refusal::Ahead { block });
        }
        let revocations = self.revocations.read();
        let revocations = revocations.unwrap_or_else(PoisonError::into_inner);
        revocations.check(&chain.hops, now)
    }

    fn check_invocation(
        &self,
        invocation: &InvocationBlock,
        chain: &Chain,
        request: &Request<'_>,
        index: usize,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let (at, until) = (invocation.at, invocation.bounds.until);
        if invocation.bounds.deepest != chain.depth() {
            return Err(Refusal::TooDeep { block: index });
        }
        if at < chain.made_at() {
            return Err(Refusal::Times { block: index });
        }
        if until <= at || until > at.plus_s(INVOCATION_TTL_S_MAX) {
            return Err(Refusal::InvocationTime);
        }
        if at > now.plus_s(CLOCK_AHEAD_S_MAX) {
            return Err(Refusal::Ahead { block: index });
        }
        if now >= until {
            return Err(Refusal::Expired { block: index });
        }
        let held = chain.last()?.audiences().contains(&invocation.audience);
        if invocation.audience != self.audience || !held {
            return Err(Refusal::Audience);
        }
        if invocation.action != *request.action || invocation.resource != *request.resource {
            return Err(Refusal::Call);
        }
        if invocation.arguments != request.arguments {
            return Err(Refusal::Arguments);
        }
        Ok(())
    }

    /// The approval in a third party's block, whose signatures hold.
    fn approval(
        &self,
        block: &SignedBlock<'_>,
        index: usize,
        now: Timestamp,
        answers: impl FnOnce(&ApprovalBlock) -> bool,
    ) -> Result<Approved, Refusal> {
        let refused = Refusal::Approval { block: index };
        let read = ApprovalBlock::read(block.payload, &Symbols::default());
        let (approval, _) = read.map_err(|_| Refusal::ThirdParty { block: index })?;
        let external = block.external.ok_or(refused)?;
        let key = self
            .approvers
            .iter()
            .find(|key| key.as_bytes() == external.key);
        let key = *key.ok_or(refused)?;
        let ahead = approval.at > now.plus_s(CLOCK_AHEAD_S_MAX);
        let long = approval.until > approval.at.plus_s(APPROVAL_TTL_S_MAX);
        if ahead || long || now >= approval.until || !answers(&approval) {
            return Err(refused);
        }
        Ok(Approved {
            key,
            at: approval.at,
            expires_at: approval.until,
        })
    }

    fn replays(&self) -> MutexGuard<'_, ReplayCache> {
        self.replays.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seen(&self) -> MutexGuard<'_, SeenChains> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For each hop, its rights that cover the call: at least one.
fn covering<'a>(
    chain: &'a Chain,
    call: &'a Call,
    now: Timestamp,
    work: &mut Work,
) -> Result<Vec<Vec<&'a Right>>, Refusal> {
    let mut taken = Vec::with_capacity(chain.hops.len());
    for (block, hop) in chain.hops.iter().enumerate() {
        // At most 64 facts a block, and 15 blocks.
        work.comparisons += u32::try_from(hop.rights.len()).unwrap_or(u32::MAX);
        let rights: Vec<&Right> = chain
            .covering(hop, &call.action, &call.resource, now)
            .collect();
        if rights.is_empty() {
            return Err(Refusal::NotAllowed { block });
        }
        taken.push(rights);
    }
    Ok(taken)
}

/// How many different approvers said yes.
fn distinct(approvals: &[Approved]) -> u8 {
    let keys: BTreeSet<PublicKey> = approvals.iter().map(|approved| approved.key).collect();
    // At most four.
    u8::try_from(keys.len()).unwrap_or(u8::MAX)
}
