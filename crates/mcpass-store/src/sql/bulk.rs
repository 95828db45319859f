//! Many rows by few statements of constant text, which stay prepared.
//!
//! A statement costs two changes of thread on SQLite and a round trip on PostgreSQL, far more than
//! a row.

#![expect(clippy::duplicate_mod, reason = "one body of SQL, compiled for each database")]

use std::fmt::Write;

use sqlx::{Database, Encode, Type};

use super::change::Connection;
use super::dialect::{BULK_ROWS, Db, marker};

/// A statement over a list of rows, for each of the sizes that lists are cut into, and how many
/// values a row has.
pub(super) struct Bulk([(usize, String); 4], usize);

impl Bulk {
    /// `before (…), (…) after`, with markers for `columns` values in each row.
    pub(super) fn new(before: &str, columns: usize, after: &str) -> Self {
        let sizes = [BULK_ROWS, BULK_ROWS / 8, BULK_ROWS / 64, 1].map(|rows| {
            let mut sql = before.to_owned();
            for row in 0..rows {
                sql.push_str(if row == 0 { " (" } else { ", (" });
                for column in 0..columns {
                    let comma = if column == 0 { "" } else { ", " };
                    // Writing to a String does not fail.
                    let _ = write!(sql, "{comma}{}", marker(row * columns + column + 1));
                }
                sql.push(')');
            }
            (rows, sql + after)
        });
        Self(sizes, columns)
    }

    /// Runs it over all of `items`, whose values `bind` adds one after the other.
    pub(super) async fn run<T: Sync>(
        &'static self,
        db: &mut Connection,
        mut items: &[T],
        mut bind: impl FnMut(&mut Values, &T),
    ) -> Result<(), sqlx::Error> {
        for (rows, sql) in &self.0 {
            while let Some((some, rest)) = items.split_at_checked(*rows) {
                let mut values = Values::new(some.len() * self.1);
                for item in some {
                    bind(&mut values, item);
                }
                let values = values.finish()?;
                sqlx::query_with(sql.as_str(), values).execute(&mut *db).await?;
                items = rest;
            }
        }
        Ok(())
    }
}

/// Values for the markers of one large statement, in a list that never grows step by step.
pub(super) struct Values(Result<Arguments, sqlx::Error>);

impl Values {
    pub(super) fn new(count: usize) -> Self {
        let mut arguments = Arguments::default();
        sqlx::Arguments::reserve(&mut arguments, count, count * AVERAGE_BYTES);
        Self(Ok(arguments))
    }

    /// Adds the next value. What cannot be encoded fails at the end.
    pub(super) fn add<'t, T: Encode<'t, Db> + Type<Db>>(&mut self, value: T) -> &mut Self {
        if let Ok(arguments) = &mut self.0
            && let Err(error) = sqlx::Arguments::add(arguments, value)
        {
            self.0 = Err(sqlx::Error::Encode(error));
        }
        self
    }

    pub(super) fn finish(self) -> Result<Arguments, sqlx::Error> {
        self.0
    }
}

/// Bytes that a value has about, with its length before it.
const AVERAGE_BYTES: usize = 12;

type Arguments = <Db as Database>::Arguments;
