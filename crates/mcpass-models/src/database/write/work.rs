//! One call's transaction, and the history in it.
//!
//! All statements of a call are in one transaction. Its changes are in the history before it is
//! made to last: in the same transaction where the database keeps it, else as an intent at the
//! keeper, which is told afterwards what became of it.

use mcpass_domain::Timestamp;

use super::super::Database;
use super::super::access::Access;
use super::super::autocomplete::{label, text};
use super::super::engine::{EngineError, Transaction};
use super::super::errors::Failure;
use super::super::history::{Change, ChangeKind, Outcome, table};
use super::super::rows::Columns;
use super::super::sql::{Datum, Dialect, Row, Sql, Statement};
use super::data::Reader;

/// A transaction of a call.
#[derive(Debug)]
pub(in crate::database) struct Work<'a> {
    pub(super) database: &'a Database,
    pub(super) access: Access<'a>,
    pub(super) now: Timestamp,
    transaction: Transaction<'a>,
    changes: Vec<Change>,
    /// Changes when the mark was made.
    marked: usize,
}

/// How rows come to be written: what the history says of it.
pub(in crate::database) type Via<'a> = &'a str;

impl<'a> Work<'a> {
    /// Begins.
    pub(in crate::database) async fn begin(
        database: &'a Database,
        access: &Access<'a>,
    ) -> Result<Self, Failure> {
        let mut transaction = database.engine.begin().await?;
        if database.engine.dialect() == Dialect::Postgres {
            // What is deferred would fail when it is too late to say which row it was.
            let text = "SET CONSTRAINTS ALL IMMEDIATE";
            transaction.execute(Sql::literal(Dialect::Postgres, text)).await?;
        }
        Ok(Self {
            database,
            access: *access,
            now: database.clock.now(),
            transaction,
            changes: Vec::new(),
            marked: 0,
        })
    }

    /// A statement to write.
    pub(in crate::database) const fn sql(&self) -> Sql {
        Sql::new(self.dialect())
    }

    /// Which database.
    pub(in crate::database) const fn dialect(&self) -> Dialect {
        self.database.engine.dialect()
    }

    /// Rows of a statement.
    pub(in crate::database) async fn rows(
        &mut self,
        statement: Statement,
    ) -> Result<Vec<Row>, EngineError> {
        self.transaction.query(statement).await?.all()
    }

    /// Writes, and tells how many rows it was.
    pub(in crate::database) async fn execute(
        &mut self,
        statement: Statement,
    ) -> Result<u64, EngineError> {
        self.transaction.execute(statement).await
    }

    /// Begins a part of the work that can be undone alone.
    pub(in crate::database) async fn open_part(&mut self) -> Result<(), Failure> {
        self.transaction.mark().await?;
        self.marked = self.changes.len();
        Ok(())
    }

    /// Keeps a part if it was done, and undoes it if not. A failure after which nothing more can
    /// be done is given as the outer one.
    pub(in crate::database) async fn close_part<T>(
        &mut self,
        done: Result<T, Failure>,
    ) -> Result<Result<T, Failure>, Failure> {
        match done {
            Err(failure) if failure.is_fatal() => return Err(failure),
            Ok(_) => self.transaction.keep().await?,
            Err(_) => {
                self.transaction.undo().await?;
                self.changes.truncate(self.marked);
            }
        }
        Ok(done)
    }

    /// What values are read for.
    pub(super) const fn reader<'r>(&'r self, preset: &'r [(usize, Datum)]) -> Reader<'r> {
        let (dialect, now, caller) = (self.dialect(), self.now, self.access.caller());
        Reader { dialect, now, caller, preset }
    }

    /// Notes a change of a row for the history.
    pub(super) fn note(
        &mut self,
        (columns, row): (&Columns<'_>, &Row),
        kind: ChangeKind,
        via: Via<'_>,
        (before, after): (Option<String>, Option<String>),
    ) {
        let caller = self.access.caller();
        let granted = columns.granted();
        self.changes.push(Change {
            at: self.now,
            user: caller.user.to_owned(),
            token: caller.token.to_owned(),
            token_id: caller.token_id.to_owned(),
            request: caller.request.to_owned(),
            kind,
            via: via.to_owned(),
            model: granted.model().name.clone(),
            table: table::name(&granted.model().table),
            object_id: columns.key(row),
            object: text(columns, label(granted), row),
            before,
            after,
        });
    }

    /// Makes it last if it was done, with its history; undoes it if not.
    ///
    /// # Errors
    /// The failure of the work itself; or when it cannot be kept or made to last, with what is
    /// known of it then.
    pub(in crate::database) async fn end<T>(self, done: Result<T, Failure>) -> Result<T, Failure> {
        match done {
            Ok(answer) => self.finish().await.map(|()| answer),
            Err(failure) => {
                // Where the database does not answer, it is not waited for again: a transaction
                // that is dropped is rolled back.
                if !failure.is_fatal() {
                    self.transaction.rollback().await;
                }
                Err(failure)
            }
        }
    }

    async fn finish(mut self) -> Result<(), Failure> {
        if self.changes.is_empty() {
            return Ok(self.transaction.commit().await?);
        }
        if self.database.settings.with_history {
            if let Err(error) =
                table::write(&mut self.transaction, self.database, &self.changes).await
            {
                self.transaction.rollback().await;
                return Err(error.into());
            }
            return Ok(self.transaction.commit().await?);
        }
        let keeper = &self.database.keeper;
        let Ok(intent) = keeper.intend(self.database.engine.identity(), &self.changes).await else {
            self.transaction.rollback().await;
            return Err(Failure::coded(
                "The change cannot be recorded, so it was not made. Try again later.",
                "history_unavailable",
            ));
        };
        let committed = self.transaction.commit().await;
        let outcome = match &committed {
            Ok(()) => Outcome::Done,
            Err(EngineError::Unknown) => Outcome::Unknown,
            Err(_) => Outcome::Undone,
        };
        // If this fails, the intent stays without an outcome, which reads as unknown.
        let _ = keeper.settle(&intent, outcome).await;
        Ok(committed?)
    }
}
