//! What the tables are called, so that they can stand beside those of a host.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use kavach_store::{StoreError, StoreErrorKind};
use sqlx::AssertSqlSafe;

use crate::limits::PREFIX_CHARS_MAX;

/// Turns the `{event}` of our statements into the name of a table, and remembers the result.
#[derive(Debug)]
pub(crate) struct Names {
    /// What stands in front of the name of a table: `"schema"."kavach_`.
    table: String,
    /// What stands in front of the name of an index, which has no schema of its own.
    index: String,
    filled: RwLock<HashMap<Filling, Arc<str>>>,
}

/// A template, the number of rows in it, and of values in a row.
type Filling = (&'static str, usize, usize);

impl Names {
    /// Names with this prefix, in this schema if there is one.
    ///
    /// # Errors
    /// `InvalidInput` for a name that is not 1 to 30 of `a-z`, `0-9` and `_`, the first no digit. So no
    /// name can be anything but a name in SQL.
    pub(crate) fn new(schema: Option<&str>, prefix: &str) -> Result<Self, StoreError> {
        check("prefix", prefix)?;
        let index = format!("\"{prefix}");
        let table = match schema {
            Some(schema) => {
                check("schema", schema)?;
                format!("\"{schema}\".{index}")
            }
            None => index.clone(),
        };
        Ok(Self {
            table,
            index,
            filled: RwLock::default(),
        })
    }

    /// `template` with `{name}` as a table, and `{:name}` as an index.
    pub(crate) fn fill(&self, template: &str) -> String {
        template
            .replace("{:", &self.index)
            .replace('{', &self.table)
            .replace('}', "\"")
    }

    /// The same, ready to be run. Safe, because templates are ours and names were checked.
    pub(crate) fn sql(&self, template: &'static str) -> AssertSqlSafe<Arc<str>> {
        self.rows(template, 0, 0)
    }

    /// The same, with `[rows]` as so many rows of so many `?`.
    pub(crate) fn rows(
        &self,
        template: &'static str,
        rows: usize,
        values: usize,
    ) -> AssertSqlSafe<Arc<str>> {
        let key = (template, rows, values);
        let filled = self.filled.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = filled.get(&key) {
            return AssertSqlSafe(Arc::clone(known));
        }
        drop(filled);
        let row = format!("({})", vec!["?"; values].join(","));
        let list = vec![row; rows].join(",");
        let sql: Arc<str> = self.fill(template).replace("[rows]", &list).into();
        let mut filled = self.filled.write().unwrap_or_else(PoisonError::into_inner);
        filled.insert(key, Arc::clone(&sql));
        AssertSqlSafe(sql)
    }

    /// Every statement that was run so far.
    #[cfg(test)]
    pub(crate) fn all_filled(&self) -> Vec<String> {
        let filled = self.filled.read().unwrap();
        filled.values().map(ToString::to_string).collect()
    }
}

fn check(what: &str, name: &str) -> Result<(), StoreError> {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    let starts = name.bytes().next().is_some_and(is_letter);
    let goes_on = name
        .bytes()
        .all(|byte| is_letter(byte) || byte.is_ascii_digit());
    if starts && goes_on && name.len() <= PREFIX_CHARS_MAX {
        return Ok(());
    }
    let shown: String = name.chars().take(PREFIX_CHARS_MAX).collect();
    let message = format!(
        "`{}` is no {what}; write 1 to {PREFIX_CHARS_MAX} of `a-z`, `0-9` and `_`, and begin with no digit",
        shown.escape_default()
    );
    Err(StoreError::new(StoreErrorKind::InvalidInput, message))
}

#[cfg(test)]
mod tests;
