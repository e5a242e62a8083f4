//! Every bound of the facade, with the reason for the number.

/// Parts that one commit merges, and so about as many events. Past that, a commit lasts too long for
/// those who wait.
pub(crate) const BATCH_EVENTS_MAX: usize = 1_000;
/// Keys that the parts of one commit touch together, unless it is one part alone. Well within what a
/// store takes in one batch (`kavach_store::limits`), in number and in bytes.
pub(crate) const BATCH_KEYS_MAX: usize = 8 * 1024;
/// Parts that may wait for the committer: one second's worth on a slow disk. Past that, decisions are
/// denied rather than delayed.
pub(crate) const QUEUE_MAX: usize = 16_384;
/// How often the committer lets others run before it commits: enough for all who were just released to
/// come back, and a few microseconds where nobody does.
pub(crate) const GATHER_ROUNDS_MAX: usize = 16;
/// Records in one page of a scan or of the change feed.
pub(crate) const PAGE_RECORDS: usize = 1_000;
/// Events in one page of an audit query.
pub(crate) const PAGE_EVENTS: usize = 1_000;
/// How often a change is worked out anew because others changed what it rests on.
pub(crate) const CHANGE_TRIES_MAX: usize = 64;
/// Agents that asking who can do something names.
pub(crate) const WHO_CAN_MAX: usize = 10_000;
/// Different calls by one grant that an analysis holds. Who makes more needs a pattern, not a list.
pub(crate) const ANALYZED_PAIRS_MAX: usize = 10_000;
/// How often a call is answered anew because others changed what the answer rests on: a counter that they
/// used up, an approval that they spent.
pub(crate) const AUTHORIZE_TRIES_MAX: usize = 16;
/// Bytes of a request's own id, and of an audience, that are recorded.
pub(crate) const CONTEXT_TEXT_BYTES_MAX: usize = 512;
/// Bytes of arguments that are hashed. Tool calls with more carry files, which belong elsewhere.
pub(crate) const ARGUMENTS_BYTES_MAX: usize = 1024 * 1024;
/// Arrays and objects within each other in arguments: what a parser of JSON reads by default.
pub(crate) const ARGUMENTS_DEPTH_MAX: usize = 128;
/// The greatest integer in arguments: all up to it are told apart as doubles (RFC 7493 section 2.2).
pub(crate) const ARGUMENTS_INTEGER_MAX: u64 = (1 << 53) - 1;
/// Seconds for which a call that needs approval can be approved and made, where the host says nothing else.
pub(crate) const APPROVAL_TTL_S: u64 = 60 * 60;
/// The same at most: what somebody said yes to a week ago is no longer what they have in mind.
pub(crate) const APPROVAL_TTL_S_MAX: u64 = 7 * 24 * 60 * 60;
/// Calls of one agent that wait for approval, or were denied it, at a time. More is a loop, or a flood that
/// nobody would read.
pub(crate) const APPROVALS_OF_AGENT_MAX: usize = 64;
/// The same by all lines that begin at one agent, so that spawning does not take the tenant's whole room.
pub(crate) const APPROVALS_OF_ROOT_MAX: usize = 512;
/// The same for a tenant: about ten megabytes in memory.
pub(crate) const APPROVALS_OF_TENANT_MAX: usize = 8 * 1024;
/// Bytes of arguments that are kept for those who approve: what a person can look through.
pub(crate) const APPROVAL_ARGUMENTS_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a note: a paragraph, and well within what stands beside an event.
pub(crate) const NOTE_BYTES_MAX: usize = 2 * 1024;
/// How often news of an approval is told before it waits for the next opening: over about a minute and a half.
pub(crate) const NEWS_TRIES_MAX: u32 = 5;
/// Pieces of news that wait to be told. More than that are told at the next opening.
pub(crate) const NEWS_QUEUE_MAX: usize = 1_024;
/// Seconds that a node waits, when it shuts down, for what is left to be told.
pub(crate) const NEWS_CLOSING_S: u64 = 10;
/// Approvals whose time is over that are cleared away along with a new one. More than one, so that what is
/// left behind grows less.
pub(crate) const APPROVALS_SWEPT_MAX: usize = 4;
/// How often the committer takes the head anew because somebody else wrote to its log, which nobody may.
pub(crate) const HEAD_CONFLICTS_MAX: u32 = 8;
/// For how long the true cost of a call can be settled, if nobody says otherwise: longer than any tool runs.
pub(crate) const RESERVATION_DEFAULT_S: u64 = 60 * 60;
/// For how long it can be at most: the longest jobs of agents run for days.
pub(crate) const RESERVATION_MAX_S: u64 = 7 * 24 * 60 * 60;
/// Costs that wait to be settled on one node, about 200 bytes each in the store and 100 in memory. Past that,
/// the oldest can no longer be settled and count in full.
pub(crate) const RESERVATIONS_MAX: usize = 256 * 1024;
/// For how long a node that shares limits may spend a slice at least, and at most, in seconds. Shorter ones ask
/// the store for each call; longer ones are long lost when a node dies.
pub(crate) const LEASE_S_MIN: u64 = 1;
pub(crate) const LEASE_S_MAX: u64 = 10 * 60;
/// How often a node tries to change what nodes share, because others change it at the same time.
pub(crate) const POOL_TRIES_MAX: usize = 64;
/// Seconds after which a node forgets a shared counter that nobody asks about.
pub(crate) const POOL_FORGOTTEN_S: u64 = 10 * 60;
/// Counters in memory from which on those that have passed are looked for.
pub(crate) const TALLIES_SWEPT_FROM: usize = 1024;
/// Counters, and reservations, that are looked at with each batch that counts anything. As many as a batch of
/// one call can add, so that they never pile up.
pub(crate) const SWEPT_WITH_BATCH: usize = 256;
/// Seconds that a counter is kept after it has passed: clocks that are corrected go back by less.
pub(crate) const CLOCK_BACK_S: u64 = 60;
/// Days for which facts count for trust: as long as `kavach_core` keeps them.
pub(crate) const TRUST_DAYS_KEPT: u32 = 64;
/// Events after which what they come to for trust is stored. So many are read again at an opening: some ten
/// milliseconds.
pub(crate) const TRUST_STORED_EVERY: u64 = 4 * 1024;
/// The same where the node closes: somebody opens it soon, perhaps for one command.
pub(crate) const TRUST_STORED_AT_CLOSE: u64 = 256;
/// Nanoseconds of events after which a node that shares its store stores what they come to, for the others.
pub(crate) const TRUST_SHARED_EVERY_NS: u64 = 2_000_000_000;
/// Agents of which a node reads again what others recorded, each time. Others are read the next time.
pub(crate) const TRUST_ASKED_MAX: usize = 256;
/// Milliseconds between two questions about approvals and trust, which may lag.
pub(crate) const OTHERS_EVERY_MS: u64 = 1_000;
/// Milliseconds after which such a question is given up: a scan of all approvals on a slow disk takes less.
pub(crate) const OTHERS_TIMEOUT_MS: u64 = 5_000;
/// Records of trust in one batch. At some hundred bytes each, well within what a store takes.
pub(crate) const TRUST_STORED_KEYS_MAX: usize = 16 * 1024;
/// Milliseconds for which a node may say yes after it asked what other nodes changed, where the host says
/// nothing else: a person does not notice it, and a busy database answers in time.
pub(crate) const NODE_LEASE_MS: u64 = 500;
/// The same at least and at most: below, a hiccup denies; above, a revocation is late.
pub(crate) const NODE_LEASE_MS_MIN: u64 = 50;
pub(crate) const NODE_LEASE_MS_MAX: u64 = 10_000;
/// Milliseconds between two questions: four may fail before the lease is over.
pub(crate) const NODE_POLL_MS: u64 = 100;
/// Milliseconds between two questions at least, however often somebody says that there is something to ask
/// for: ten times as often as by itself, which a database does not notice, and nobody can make it more.
pub(crate) const POLL_GAP_MS: u64 = 10;
/// Milliseconds between two commits that do nothing but tell the others how far the node has come: where much
/// changes, each of the nodes would make one for each change.
pub(crate) const TELLING_GAP_MS: u64 = 25;
/// Seconds for which a node holds a slice of a limit that nodes share, where the host says nothing else.
pub(crate) const SHARED_LIMITS_LEASE_S: u64 = 10;
/// Seconds after which a node that says nothing says no more yes, and twice that until others take its seat:
/// clocks of nodes may differ by as much.
pub(crate) const SEAT_LEASE_S: u64 = 60;
/// Nodes that share a store. Each keeps the whole graph in memory, so there are tens, not thousands.
pub(crate) const SEATS_MAX: u32 = 1_024;
/// How often a node tries to take a seat, because others take it first.
pub(crate) const SEAT_TRIES_MAX: usize = 64;
/// Milliseconds between two looks at how far the other nodes have come.
pub(crate) const WAIT_POLL_MS: u64 = 10;
/// Holder keys of one agent that live at a time: one for each machine that it runs on, and room to change them.
pub(crate) const HOLDER_KEYS_MAX: usize = 8;
/// Seconds that a token lasts, where nobody says otherwise.
pub(crate) const TOKEN_TTL_S: u64 = 60 * 60;
/// The same at most: a month offline, after which somebody is asked again.
pub(crate) const TOKEN_TTL_S_MAX: u64 = 30 * 24 * 60 * 60;
/// Seconds for which a root key that was replaced counts at most: as long as what it signed can last.
pub(crate) const ROOT_OVERLAP_S_MAX: u64 = TOKEN_TTL_S_MAX;
/// Tokens that are over, and are cleared away along with a new one. More than one, so that what is left behind
/// grows less.
pub(crate) const MINTED_SWEPT: usize = 4;
/// Services of all tenants that a node keeps a verifier for. Each remembers some thousand chains.
pub(crate) const VERIFIERS_MAX: usize = 64;
/// Seconds between two looks for invocations that are over, where the last one found few.
pub(crate) const USES_LOOKED_EVERY_S: u64 = 10;
/// Invocations that one such look finds.
pub(crate) const USES_SWEPT: usize = 1_000;
/// Invocations that are cleared away along with a new one. More than one, so that what is left behind grows less.
pub(crate) const USES_SWEPT_WITH_CALL: usize = 4;
/// Bytes of what a backup says of itself, at its beginning and at its end: a dozen short fields.
pub(crate) const BACKUP_WORDS_BYTES_MAX: usize = 4 * 1024;
/// Logs in one backup: each seat has one, and each restoring begins anew; a record names all of them.
pub(crate) const BACKUP_LOGS_MAX: usize = 32 * 1024;
/// Pages of changes that are taken in between two pages of records, so that the feed is not lost meanwhile.
pub(crate) const BACKUP_CHANGES_PAGES: usize = 8;
