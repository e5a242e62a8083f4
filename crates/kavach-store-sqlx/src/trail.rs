//! Searching the trail: which statements answer a query, and what they find.
//!
//! Each query is driven by one index, which gives the events in the order of the answer: the rarest
//! thing that is asked for, and the time. What else is asked for is looked at on the way;
//! [`Query::matches`] has the last word.

use kavach_store::kavach_audit::{Event, Query, SealedEvent};
use kavach_store::limits::{NUMBER_MAX, page_size};
use kavach_store::{AuditCursor, AuditPage, StoreError, StoreErrorKind};

use crate::error::Failure;
use crate::event;
use crate::limits::{PAGE_BYTES_MAX, SCAN_ENTRIES_MAX};
use crate::number::{from_column, to_column};

/// What differs between the engines.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Dialect {
    /// Has no statistics of a table that grows, and must be told the index.
    #[cfg(feature = "sqlite")]
    Sqlite,
    /// Knows best.
    #[cfg(feature = "postgres")]
    Postgres,
}

/// A value to be bound.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Bind {
    Number(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// A statement, with `{names}` of tables, and its values.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Statement {
    pub(crate) sql: String,
    pub(crate) binds: Vec<Bind>,
}

impl Statement {
    /// Adds a value, and the text that stands for it.
    fn bind(&mut self, value: Bind) {
        self.binds.push(value);
        self.sql.push_str(&format!("${}", self.binds.len()));
    }

    fn push(&mut self, sql: &str) {
        self.sql.push_str(sql);
    }
}

/// Where an event stands in the order of all.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Position {
    pub(crate) time_ns: u64,
    pub(crate) log: u128,
    pub(crate) index: u64,
}

impl Position {
    fn of(event: &Event) -> Self {
        Self {
            time_ns: event.time_ns,
            log: event.log.as_u128(),
            index: event.index,
        }
    }

    /// The position in three columns.
    pub(crate) fn from_columns(time_ns: i64, log: Vec<u8>, index: i64) -> Result<Self, Failure> {
        let log = log
            .try_into()
            .map_err(|_| Failure::corrupt("a log in the store has no id; restore a backup"))?;
        Ok(Self {
            time_ns: from_column(time_ns)?,
            log: u128::from_be_bytes(log),
            index: from_column(index)?,
        })
    }

    /// Before every event of this time.
    fn start_of(time_ns: u64) -> Self {
        Self {
            time_ns,
            log: 0,
            index: 0,
        }
    }

    /// Behind this one.
    fn after(self) -> Self {
        if self.index < NUMBER_MAX {
            let index = self.index + 1;
            return Self { index, ..self };
        }
        // No index is greater, so the next place is in the next log.
        Self {
            log: self.log.saturating_add(1),
            index: 0,
            ..self
        }
    }

    /// The cursor of a page that begins here, in the store with this id.
    fn cursor(self, store: i64) -> AuditCursor {
        let mut bytes = Vec::with_capacity(40);
        bytes.extend_from_slice(&store.to_be_bytes());
        bytes.extend_from_slice(&self.time_ns.to_be_bytes());
        bytes.extend_from_slice(&self.log.to_be_bytes());
        bytes.extend_from_slice(&self.index.to_be_bytes());
        AuditCursor::new(bytes)
    }

    fn parse(cursor: &AuditCursor, store: i64) -> Option<Self> {
        let rest = cursor.as_bytes().strip_prefix(&store.to_be_bytes())?;
        let (time_ns, rest) = rest.split_first_chunk()?;
        let (log, rest) = rest.split_first_chunk()?;
        Some(Self {
            time_ns: u64::from_be_bytes(*time_ns),
            log: u128::from_be_bytes(*log),
            index: u64::from_be_bytes(rest.try_into().ok()?),
        })
    }
}

/// What gives the events in order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Driver {
    /// The events themselves, along this index.
    Index(&'static str),
    /// The lines that an agent stands in, above the one that acts.
    Lines,
}

/// What one page is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Scan {
    dialect: Dialect,
    query: Query,
    cursor: Option<AuditCursor>,
    size: usize,
}

impl Scan {
    pub(crate) fn new(
        dialect: Dialect,
        query: &Query,
        cursor: Option<&AuditCursor>,
        limit: usize,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            dialect,
            query: query.clone(),
            cursor: cursor.cloned(),
            size: page_size(limit)?,
        })
    }

    /// Where the page begins, in the store with this id.
    ///
    /// # Errors
    /// `InvalidInput` for the cursor of another store.
    pub(crate) fn start(&self, store: i64) -> Result<Position, StoreError> {
        let since = Position::start_of(self.query.since_ns.unwrap_or(0));
        let Some(cursor) = &self.cursor else {
            return Ok(since);
        };
        let position = Position::parse(cursor, store).ok_or_else(|| {
            let message = "the cursor is not one that this store gave; start again without one";
            StoreError::new(StoreErrorKind::InvalidInput, message)
        })?;
        Ok(position.max(since))
    }

    /// Whether no event can be asked for: times end at [`NUMBER_MAX`].
    pub(crate) fn is_empty(&self, from: Position) -> bool {
        from.time_ns > NUMBER_MAX
            || self
                .query
                .until_ns
                .is_some_and(|until| until <= from.time_ns)
    }

    /// The statement that finds where a page must end at the latest, if most events on its way may not
    /// match: time, log and index of the first event that it does not look at.
    pub(crate) fn window(&self, from: Position) -> Option<Statement> {
        if self.filters().is_empty() {
            return None;
        }
        let mut statement = self.ask("", from, None, &[], SCAN_ENTRIES_MAX + 1);
        statement.push(&format!(" LIMIT 1 OFFSET {SCAN_ENTRIES_MAX}"));
        Some(statement)
    }

    /// The statement that finds the events of the page, and one more if there is one: their bytes, in
    /// the fourth column.
    pub(crate) fn page(&self, from: Position, end: Option<Position>) -> Statement {
        let mut filters = self.filters();
        filters.push(("tenant", self.query.tenant.to_string()));
        let mut statement = self.ask(", e.bytes", from, end, &filters, self.size + 1);
        statement.push(&format!(" LIMIT {}", self.size + 1));
        statement
    }

    /// The first `limit` entries of each driver, put together in order.
    fn ask(
        &self,
        more: &str,
        from: Position,
        end: Option<Position>,
        filters: &[(&str, String)],
        limit: usize,
    ) -> Statement {
        let mut statement = Statement::default();
        for (number, driver) in self.drivers().into_iter().enumerate() {
            if number > 0 {
                statement.push(" UNION ALL ");
            }
            let at = match driver {
                Driver::Index(_) => "e",
                Driver::Lines => "l",
            };
            statement.push(&format!(
                "SELECT * FROM (SELECT {at}.time_ns, {at}.log, {at}.idx{more}"
            ));
            self.follow(&mut statement, driver);
            statement.push(&format!(" AND ({at}.time_ns, {at}.log, {at}.idx) >= ("));
            statement.bind_position(from);
            if let Some(end) = end {
                statement.push(&format!(") AND ({at}.time_ns, {at}.log, {at}.idx) < ("));
                statement.bind_position(end);
            }
            statement.push(")");
            if let Some(until) = self.query.until_ns.filter(|until| *until <= NUMBER_MAX) {
                statement.push(&format!(" AND {at}.time_ns < "));
                statement.bind(Bind::Number(to_column(until)));
            }
            for (column, value) in filters {
                statement.push(&format!(" AND e.{column} = "));
                statement.bind(Bind::Text(value.clone()));
            }
            statement.push(&format!(
                " ORDER BY {at}.time_ns, {at}.log, {at}.idx LIMIT {limit}) AS arm{number}"
            ));
        }
        statement.push(" ORDER BY 1, 2, 3");
        statement
    }

    fn drivers(&self) -> Vec<Driver> {
        if self.query.agent.is_some() {
            vec![Driver::Index("event_by_agent")]
        } else if self.query.under.is_some() {
            vec![Driver::Index("event_by_agent"), Driver::Lines]
        } else if self.query.owner.is_some() {
            vec![Driver::Index("event_by_owner")]
        } else if self.place().is_some() {
            vec![Driver::Index("event_by_place")]
        } else if self.query.outcome.is_some() {
            vec![Driver::Index("event_by_outcome")]
        } else {
            vec![Driver::Index("event_by_time")]
        }
    }

    /// The tables of one arm, and what their index is entered with.
    fn follow(&self, statement: &mut Statement, driver: Driver) {
        let name = match driver {
            Driver::Index(name) => name,
            Driver::Lines => {
                statement.push(" FROM {line} AS l CROSS JOIN {event} AS e WHERE l.agent = ");
                statement.bind(Bind::Text(self.agent()));
                return statement.push(" AND e.log = l.log AND e.idx = l.idx");
            }
        };
        statement.push(" FROM {event} AS e");
        match self.dialect {
            #[cfg(feature = "sqlite")]
            Dialect::Sqlite => statement.push(&format!(" INDEXED BY {{:{name}}}")),
            #[cfg(feature = "postgres")]
            Dialect::Postgres => {}
        }
        let tenant = self.query.tenant.to_string();
        let owner = self.query.owner.map(|owner| owner.to_string());
        let outcome = self.query.outcome.map(|outcome| outcome.code().to_owned());
        let entered = match name {
            "event_by_agent" => vec![("agent", self.agent())],
            "event_by_owner" => vec![("owner", owner.unwrap_or_default())],
            "event_by_place" => vec![
                ("tenant", tenant),
                ("place", self.place().unwrap_or_default()),
            ],
            "event_by_outcome" => {
                vec![("tenant", tenant), ("outcome", outcome.unwrap_or_default())]
            }
            _ => vec![("tenant", tenant)],
        };
        for (number, (column, value)) in entered.into_iter().enumerate() {
            statement.push(if number == 0 { " WHERE " } else { " AND " });
            statement.push(&format!("e.{column} = "));
            statement.bind(Bind::Text(value));
        }
    }

    /// The agent that is asked for, by itself or with all below it.
    fn agent(&self) -> String {
        let agent = self.query.agent.or(self.query.under);
        agent.map(|agent| agent.to_string()).unwrap_or_default()
    }

    /// What is asked for besides the driver, as columns. Patterns are left to [`Query::matches`].
    fn filters(&self) -> Vec<(&'static str, String)> {
        let query = &self.query;
        let outcome = query.outcome.map(|outcome| outcome.code().to_owned());
        let filters = [
            (
                "owner",
                "event_by_owner",
                query.owner.map(|owner| owner.to_string()),
            ),
            ("place", "event_by_place", self.place()),
            ("outcome", "event_by_outcome", outcome),
            (
                "reason",
                "",
                query.reason.map(|reason| reason.code().to_owned()),
            ),
            ("kind", "", query.kind.map(|kind| kind.code().to_owned())),
            (
                "action",
                "",
                query
                    .action
                    .as_ref()
                    .map(|action| action.as_str().to_owned()),
            ),
        ];
        let drivers = self.drivers();
        let left = filters
            .into_iter()
            .filter(|(_, index, _)| !drivers.contains(&Driver::Index(index)));
        left.filter_map(|(column, _, value)| Some((column, value?)))
            .collect()
    }

    /// The first two segments that all resources asked for share, if there are as many.
    fn place(&self) -> Option<String> {
        let text = self.query.resource.as_ref()?.to_string();
        let mut segments = text.split(':');
        let (kind, first) = (segments.next()?, segments.next()?);
        let exact = !kind.ends_with('*') && !first.ends_with('*');
        exact.then(|| format!("{kind}:{first}"))
    }

    /// Takes what the statements found.
    pub(crate) fn collect(&self, from: Position) -> Collector<'_> {
        Collector {
            scan: self,
            events: Vec::new(),
            bytes: 0,
            seen: 0,
            last: from,
            more: false,
        }
    }
}

impl Statement {
    fn bind_position(&mut self, position: Position) {
        self.bind(Bind::Number(to_column(position.time_ns)));
        self.push(", ");
        self.bind(Bind::Bytes(position.log.to_be_bytes().to_vec()));
        self.push(", ");
        self.bind(Bind::Number(to_column(position.index)));
    }
}

/// The page as far as it was read.
#[derive(Debug)]
pub(crate) struct Collector<'a> {
    scan: &'a Scan,
    events: Vec<SealedEvent>,
    bytes: usize,
    seen: usize,
    /// Behind the last event that was looked at.
    last: Position,
    more: bool,
}

impl Collector<'_> {
    /// Looks at the next event; `false` if the page takes no more.
    ///
    /// # Errors
    /// If the bytes are no event.
    pub(crate) fn take(&mut self, stored: &[u8]) -> Result<bool, Failure> {
        if self.seen >= self.scan.size || self.bytes >= PAGE_BYTES_MAX {
            self.more = true;
            return Ok(false);
        }
        let sealed = event::decode(stored)?;
        self.seen += 1;
        self.bytes += stored.len();
        self.last = Position::of(&sealed.event).after();
        if self.scan.query.matches(&sealed.event) {
            self.events.push(sealed);
        }
        Ok(true)
    }

    /// The page. `end` is where the window ended, if it did.
    pub(crate) fn page(self, store: i64, end: Option<Position>) -> AuditPage {
        let next = if self.more { Some(self.last) } else { end };
        AuditPage {
            events: self.events,
            next: next.map(|position| position.cursor(store)),
        }
    }
}
