//! What lies in the file: the tables, and the numbers that each commit moves on.

use kavach_store::Revision;
use redb::{ReadTransaction, ReadableTable, Table, TableDefinition, TableError, WriteTransaction};

use crate::error::Failure;

/// The schema that this version writes.
pub(crate) const SCHEMA: u32 = 1;

/// Numbers by name: the schema, the id of the store, and [`State`].
const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
/// Records: [space and key](crate::records) to version and bytes.
pub(crate) const RECORDS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("records");
/// The change feed: number of a revision to its [tag and keys](crate::feed).
pub(crate) const FEED: TableDefinition<u64, &[u8]> = TableDefinition::new("feed");
/// Audit events in the order of their arrival, from 0: number to [row](crate::trail).
pub(crate) const ROWS: TableDefinition<u64, &[u8]> = TableDefinition::new("rows");
/// Where an event stands: log and index to its number.
pub(crate) const PLACES: TableDefinition<(u128, u64), u64> = TableDefinition::new("places");
/// Which events of a block have a term: block and term to their places in the block, two bytes each.
pub(crate) const TERMS: TableDefinition<(u64, u32), &[u8]> = TableDefinition::new("terms");

const META_SCHEMA: &str = "schema";
const META_STORE: &str = "store";

/// The numbers that each commit moves on.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct State {
    /// INVARIANT (versions): no version above this one was ever given away.
    pub(crate) version: u64,
    pub(crate) revision: Revision,
    /// INVARIANT (lag): no event arrived more than `lag_ns` behind the newest before it, whose time is
    /// `newest_ns`.
    pub(crate) newest_ns: u64,
    pub(crate) lag_ns: u64,
}

const META_VERSION: &str = "version";
const META_REVISION: &str = "revision";
const META_TAG: &str = "tag";
const META_NEWEST: &str = "newest_ns";
const META_LAG: &str = "lag_ns";

impl State {
    fn load(meta: &impl ReadableTable<&'static str, u64>) -> Result<Self, Failure> {
        Ok(Self {
            version: number(meta, META_VERSION)?,
            revision: Revision::new(number(meta, META_REVISION)?, number(meta, META_TAG)?),
            newest_ns: number(meta, META_NEWEST)?,
            lag_ns: number(meta, META_LAG)?,
        })
    }

    /// The state that `transaction` sees.
    pub(crate) fn read(transaction: &ReadTransaction) -> Result<Self, Failure> {
        Self::load(&transaction.open_table(META)?)
    }

    /// Moves the state on by `change`, in this transaction.
    pub(crate) fn update<T>(
        transaction: &WriteTransaction,
        change: impl FnOnce(&mut Self) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut meta = transaction.open_table(META)?;
        let before = Self::load(&meta)?;
        let mut after = before;
        let changed = change(&mut after)?;
        let numbers = [
            (META_VERSION, before.version, after.version),
            (
                META_REVISION,
                before.revision.number(),
                after.revision.number(),
            ),
            (META_TAG, before.revision.tag(), after.revision.tag()),
            (META_NEWEST, before.newest_ns, after.newest_ns),
            (META_LAG, before.lag_ns, after.lag_ns),
        ];
        for (name, before, after) in numbers {
            if before != after {
                meta.insert(name, after)?;
            }
        }
        Ok(changed)
    }
}

fn number(meta: &impl ReadableTable<&'static str, u64>, name: &str) -> Result<u64, Failure> {
    let found = meta.get(name)?.map(|number| number.value());
    found.ok_or_else(|| Failure::corrupt(format!("the number `{name}` is missing")))
}

/// What a file says about itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Found {
    /// A fresh redb file.
    Nothing,
    /// A redb file of another program.
    Foreign,
    /// A store.
    Store { schema: u64, id: u64 },
}

/// Looks what is there.
pub(crate) fn inspect(transaction: &ReadTransaction) -> Result<Found, Failure> {
    let meta = match transaction.open_table(META) {
        Ok(meta) => meta,
        Err(TableError::TableDoesNotExist(_)) => {
            let tables = transaction.list_tables()?.count();
            let multimaps = transaction.list_multimap_tables()?.count();
            let empty = tables + multimaps == 0;
            return Ok(if empty {
                Found::Nothing
            } else {
                Found::Foreign
            });
        }
        Err(error) => return Err(error.into()),
    };
    let schema = number(&meta, META_SCHEMA)?;
    let id = number(&meta, META_STORE)?;
    Ok(Found::Store { schema, id })
}

/// Makes an empty store with this id.
pub(crate) fn create(transaction: &WriteTransaction, id: u64) -> Result<(), Failure> {
    let mut meta: Table<'_, &str, u64> = transaction.open_table(META)?;
    meta.insert(META_SCHEMA, u64::from(SCHEMA))?;
    meta.insert(META_STORE, id)?;
    for name in [META_VERSION, META_REVISION, META_TAG, META_NEWEST, META_LAG] {
        meta.insert(name, 0)?;
    }
    transaction.open_table(RECORDS)?;
    transaction.open_table(FEED)?;
    transaction.open_table(ROWS)?;
    transaction.open_table(PLACES)?;
    transaction.open_table(TERMS)?;
    Ok(())
}
