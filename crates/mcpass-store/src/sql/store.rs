//! The [`Store`] of one database: where transactions begin and end, and how long they may take.

#![expect(clippy::duplicate_mod, reason = "one body of SQL, compiled for each database")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use mcpass_domain::{
    AccessRow, AuditEvent, AuditId, FamilyId, Group, GroupId, RequestId, Server, Timestamp, Token,
    TokenDigest, TokenId, User, UserId,
};
use sqlx::Transaction;

use super::super::failure;
use super::dialect::{BEGIN_READ, BEGIN_WRITE, Db, Pools, access_load, begin};
use super::{
    access, access_list, accounts, audit, change, creations, load, servers, token_list, tokens,
};
use crate::{
    AccessBatch, AccessFilter, AccessHours, AuditFilter, Commit, CountMoments, Creation, Page,
    PageRequest, Position, SpentCalls, Store, StoreError, TokenCounts, TokenFilter, TokenOutline,
    TokenPlace, TokenSort, clean,
};

/// A small read or write.
pub(super) const SHORT: Duration = Duration::from_secs(15);
/// A list, whose filters may leave little of a large table; a large batch.
pub(super) const LONG: Duration = Duration::from_mins(2);
/// Changes of a commit from which on it may take longer than who asks whether the store lives waits.
const LARGE: usize = 500;
/// Rows that are deleted in one transaction.
const DELETED_AT_ONCE: u32 = 5_000;

/// Keeps everything in a database.
#[derive(Debug)]
pub(in super::super) struct SqlStore {
    pools: Pools,
    /// Large commits that are under way. Meanwhile nobody else gets to write to SQLite, for seconds
    /// if they are of thousands of changes.
    large: AtomicUsize,
}

/// A large commit, while it lasts.
struct Large<'a>(&'a AtomicUsize);

impl Drop for Large<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Runs a read in one snapshot.
macro_rules! reading {
    ($store:expr, $limit:expr, |$db:ident| $read:expr) => {
        within($limit, async {
            let mut transaction = $store.begin_read().await?;
            let $db = &mut *transaction;
            $read.await
        })
        .await
    };
}

/// Runs a write in one transaction.
macro_rules! writing {
    ($store:expr, $limit:expr, |$db:ident| $write:expr) => {
        within($limit, async {
            let mut transaction = $store.begin_write().await?;
            let $db = &mut *transaction;
            let answer = $write.await?;
            let committed = transaction.commit().await;
            committed.map_err(|error| failure::of(error, "finish a transaction"))?;
            Ok(answer)
        })
        .await
    };
}

pub(super) use {reading, writing};

impl SqlStore {
    pub(in super::super) fn new(pools: Pools) -> Self {
        Self { pools, large: AtomicUsize::new(0) }
    }

    /// Marks a commit of many changes.
    fn large(&self, changes: usize) -> Option<Large<'_>> {
        (changes >= LARGE).then(|| {
            self.large.fetch_add(1, Ordering::Relaxed);
            Large(&self.large)
        })
    }

    pub(super) async fn begin_read(&self) -> Result<Transaction<'static, Db>, StoreError> {
        let begun = begin(&self.pools.read, BEGIN_READ).await;
        begun.map_err(|error| failure::of(error, "begin to read"))
    }

    pub(super) async fn begin_write(&self) -> Result<Transaction<'static, Db>, StoreError> {
        let begun = begin(&self.pools.write, BEGIN_WRITE).await;
        begun.map_err(|error| failure::of(error, "begin to write"))
    }
}

/// A database that stopped answering must not stop its callers.
pub(super) async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let answer = tokio::time::timeout(limit, work).await;
    answer.unwrap_or_else(|_| Err(failure::timed_out(limit)))
}

#[async_trait]
impl Store for SqlStore {
    async fn commit(&self, mut commit: Commit) -> Result<(), StoreError> {
        clean::commit(&mut commit);
        let _large = self.large(commit.changes.len());
        writing!(self, SHORT, |db| change::apply(db, &commit))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        if self.large.load(Ordering::Relaxed) > 0 {
            // It is busy, not dead: waiting for it would have requests refused.
            return reading!(self, SHORT, |db| change::counted(db, "ping")).map(drop);
        }
        writing!(self, SHORT, |db| change::count(db, "ping", 1)).map(drop)
    }

    async fn token_find(&self, id: TokenId) -> Result<Option<Token>, StoreError> {
        reading!(self, SHORT, |db| tokens::find(db, id))
    }

    async fn token_find_by_digest(
        &self,
        digest: &TokenDigest,
    ) -> Result<Option<Token>, StoreError> {
        reading!(self, SHORT, |db| tokens::find_by_digest(db, digest))
    }

    async fn token_find_all(&self, ids: &[TokenId]) -> Result<Vec<Token>, StoreError> {
        reading!(self, LONG, |db| tokens::find_all(db, ids))
    }

    async fn token_outgoing(&self, now: Timestamp) -> Result<Vec<Token>, StoreError> {
        reading!(self, LONG, |db| tokens::outgoing(db, now))
    }

    async fn token_families(&self, families: &[FamilyId]) -> Result<Vec<Token>, StoreError> {
        reading!(self, LONG, |db| tokens::families(db, families))
    }

    async fn token_list(
        &self,
        filter: &TokenFilter,
        page: &PageRequest<TokenId>,
    ) -> Result<Page<Token, TokenId>, StoreError> {
        reading!(self, LONG, |db| tokens::list(db, filter, page))
    }

    async fn token_sorted(
        &self,
        filter: &TokenFilter,
        sort: TokenSort,
        page: &PageRequest<TokenPlace>,
    ) -> Result<Page<Token, TokenPlace>, StoreError> {
        reading!(self, LONG, |db| tokens::sorted(db, filter, sort, page))
    }

    async fn token_outlines(
        &self,
        filter: &TokenFilter,
        group: Option<GroupId>,
        page: &PageRequest<TokenId>,
    ) -> Result<Page<TokenOutline, TokenId>, StoreError> {
        reading!(self, LONG, |db| tokens::outlines(db, filter, group, page))
    }

    async fn token_counts(
        &self,
        filter: &TokenFilter,
        moments: CountMoments,
    ) -> Result<TokenCounts, StoreError> {
        reading!(self, LONG, |db| token_list::counts(db, filter, moments))
    }

    async fn token_scan(
        &self,
        after: Option<TokenId>,
        limit: u32,
    ) -> Result<Vec<Token>, StoreError> {
        reading!(self, LONG, |db| tokens::scan(db, &PageRequest { after, limit }))
    }

    async fn user_find(&self, id: UserId) -> Result<Option<User>, StoreError> {
        reading!(self, SHORT, |db| accounts::user_find(db, id))
    }

    async fn user_find_by_name(&self, name: &str) -> Result<Option<User>, StoreError> {
        reading!(self, SHORT, |db| accounts::user_find_by_name(db, name))
    }

    async fn user_list(&self) -> Result<Vec<User>, StoreError> {
        reading!(self, LONG, |db| accounts::user_list(db))
    }

    async fn group_find(&self, id: GroupId) -> Result<Option<Group>, StoreError> {
        reading!(self, SHORT, |db| accounts::group_find(db, id))
    }

    async fn group_find_by_name(&self, name: &str) -> Result<Option<Group>, StoreError> {
        reading!(self, SHORT, |db| accounts::group_find_by_name(db, name))
    }

    async fn group_list(&self) -> Result<Vec<Group>, StoreError> {
        reading!(self, LONG, |db| accounts::group_list(db))
    }

    async fn server_list(&self) -> Result<Vec<Server>, StoreError> {
        reading!(self, SHORT, |db| servers::list(db))
    }

    async fn audit_list(
        &self,
        filter: &AuditFilter,
        page: &PageRequest<AuditId>,
    ) -> Result<Page<AuditEvent, AuditId>, StoreError> {
        reading!(self, LONG, |db| audit::list(db, filter, page))
    }

    async fn creation_find(&self, caller: &str, key: &str) -> Result<Option<Creation>, StoreError> {
        reading!(self, SHORT, |db| creations::find(db, caller, key))
    }

    async fn access_requests(
        &self,
        tokens: &[TokenId],
        since: Timestamp,
    ) -> Result<BTreeMap<TokenId, u64>, StoreError> {
        reading!(self, LONG, |db| access::requests(db, tokens, since))
    }

    async fn access_hours(
        &self,
        tokens: &[TokenId],
        since: Timestamp,
        most: u32,
    ) -> Result<AccessHours, StoreError> {
        reading!(self, LONG, |db| access::hours(db, tokens, since, most))
    }

    async fn access_load(&self, mut batch: AccessBatch) -> Result<(), StoreError> {
        clean::batch(&mut batch);
        within(LONG, access_load(&self.pools, batch)).await
    }

    async fn access_positions(&self) -> Result<BTreeMap<String, Position>, StoreError> {
        reading!(self, SHORT, |db| load::positions(db))
    }

    async fn access_forget_journals(&self, journals: &[String]) -> Result<(), StoreError> {
        writing!(self, SHORT, |db| load::forget_journals(db, journals))
    }

    async fn access_list(
        &self,
        filter: &AccessFilter,
        page: &PageRequest<RequestId>,
    ) -> Result<Page<AccessRow, RequestId>, StoreError> {
        reading!(self, LONG, |db| access_list::list(db, filter, page))
    }

    async fn access_tail(
        &self,
        after: Option<i64>,
        filter: &AccessFilter,
        limit: u32,
    ) -> Result<(Vec<AccessRow>, i64), StoreError> {
        reading!(self, LONG, |db| access::tail(db, filter, &PageRequest { after, limit }))
    }

    async fn access_find(&self, id: RequestId) -> Result<Option<AccessRow>, StoreError> {
        reading!(self, SHORT, |db| access::find(db, id))
    }

    async fn access_spent(&self, since: Timestamp) -> Result<Vec<SpentCalls>, StoreError> {
        reading!(self, LONG, |db| access::spent(db, since))
    }

    async fn access_settle_pending(&self, before: Timestamp) -> Result<u64, StoreError> {
        writing!(self, LONG, |db| load::settle(db, before))
    }

    async fn access_delete_before(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut deleted = 0;
        loop {
            let some = writing!(self, LONG, |db| load::delete_some(db, before, DELETED_AT_ONCE))?;
            deleted += some;
            if some < u64::from(DELETED_AT_ONCE) {
                return Ok(deleted);
            }
        }
    }
}
