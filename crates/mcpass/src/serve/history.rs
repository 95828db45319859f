//! Histories of databases that keep none themselves, in mcpass's own database.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use mcpass_domain::time::id_from;
use mcpass_domain::{Clock, Entropy, EventId, ServerName, TokenDigest};
use mcpass_models::BoxFuture;
use mcpass_models::database::history::{
    Change, ChangeKind, HistoryKeeper, HistoryQuery, Intent, Kept, Outcome, Unkept,
};
use mcpass_store::{HistoryObject, HistoryRow, HistoryStore, StoreError};

/// Bytes of a key that are kept as they are.
const MAX_KEY: usize = 512;

/// Keeps the history of one server.
#[derive(Debug)]
pub(super) struct Keeper {
    server: ServerName,
    store: Arc<dyn HistoryStore>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Keeper {
    /// Keeps that of the server of this name.
    pub(super) fn new(
        server: ServerName,
        store: Arc<dyn HistoryStore>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { server, store, clock, entropy }
    }
}

impl HistoryKeeper for Keeper {
    fn intend<'a>(
        &'a self,
        database: &'a str,
        changes: &'a [Change],
    ) -> BoxFuture<'a, Result<Intent, Unkept>> {
        Box::pin(async move {
            let id: EventId = id_from(self.entropy.as_ref(), self.clock.now())
                .map_err(|error| Unkept(error.to_string()))?;
            let rows: Vec<HistoryRow> =
                changes.iter().map(|change| row(database, change)).collect();
            let kept = self.store.history_intend(&self.server, id, &rows).await;
            kept.map_err(|error| unkept(&error))?;
            Ok(Intent(id.to_string()))
        })
    }

    fn settle<'a>(
        &'a self,
        intent: &'a Intent,
        outcome: Outcome,
    ) -> BoxFuture<'a, Result<(), Unkept>> {
        Box::pin(async move {
            let id: EventId = intent.0.parse().map_err(|_| Unkept("no such intent".to_owned()))?;
            let kept = self.store.history_settle(&self.server, id, outcome.as_str()).await;
            kept.map_err(|error| unkept(&error))
        })
    }

    fn read<'a>(&'a self, query: HistoryQuery<'a>) -> BoxFuture<'a, Result<Vec<Kept>, Unkept>> {
        Box::pin(async move {
            let HistoryQuery { database, table, object_id, limit, offset } = query;
            let key = kept_key(object_id);
            let of = HistoryObject { database, table, key: &key };
            let undone = Outcome::Undone.as_str();
            let rows = self.store.history_read(&self.server, of, undone, (limit, offset)).await;
            let rows = rows.map_err(|error| unkept(&error))?.into_iter();
            rows.map(|row| kept(HistoryRow { object_id: object_id.to_owned(), ..row })).collect()
        })
    }
}

/// A key as it is kept: indexes bear only so much, so a longer one is kept as its digest.
fn kept_key(key: &str) -> Cow<'_, str> {
    if key.len() <= MAX_KEY {
        return Cow::Borrowed(key);
    }
    let digest = TokenDigest::of(key.as_bytes());
    let mut kept = "sha256:".to_owned();
    for byte in digest.as_bytes() {
        let _ = write!(kept, "{byte:02x}");
    }
    Cow::Owned(kept)
}

fn row(database: &str, change: &Change) -> HistoryRow {
    HistoryRow {
        database: database.to_owned(),
        at: change.at,
        user: change.user.clone(),
        token: change.token.clone(),
        token_id: change.token_id.clone(),
        request: change.request.clone(),
        kind: change.kind.as_str().to_owned(),
        via: change.via.clone(),
        model: change.model.clone(),
        table: change.table.clone(),
        object_id: kept_key(&change.object_id).into_owned(),
        object: change.object.clone(),
        before: change.before.clone(),
        after: change.after.clone(),
        outcome: Outcome::Unknown.as_str().to_owned(),
    }
}

fn kept(row: HistoryRow) -> Result<Kept, Unkept> {
    let damaged = || Unkept("a row of the history is damaged".to_owned());
    Ok(Kept {
        outcome: Outcome::from_word(&row.outcome).ok_or_else(damaged)?,
        change: Change {
            at: row.at,
            user: row.user,
            token: row.token,
            token_id: row.token_id,
            request: row.request,
            kind: ChangeKind::from_word(&row.kind).ok_or_else(damaged)?,
            via: row.via,
            model: row.model,
            table: row.table,
            object_id: row.object_id,
            object: row.object,
            before: row.before,
            after: row.after,
        },
    })
}

/// What went wrong is for the operator.
fn unkept(error: &StoreError) -> Unkept {
    let source = std::error::Error::source(error).map(ToString::to_string);
    Unkept(source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}")))
}
