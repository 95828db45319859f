//! A store that fails on demand, around one that does not.
//!
//! For tests of what happens when the database is gone, full, or answers too late to be heard.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use mcpass_domain::workspace::{
    Event, EventFilter, Item, ItemCommit, ItemFilter, ItemId, Kind, Place,
};
use mcpass_domain::{
    AccessRow, AuditEvent, AuditId, Credentials, EventId, FamilyId, Group, GroupId, OneTimeLink,
    RequestId, SecretDigest, Server, ServerName, Session, SessionId, Timestamp, Token, TokenDigest,
    TokenId, User, UserId,
};
use parking_lot::Mutex;

use crate::{
    AccessBatch, AccessFilter, AccessHours, AuditFilter, Commit, CountMoments, Creation,
    HistoryObject, HistoryRow, HistoryStore, Page, PageRequest, Position, SignInStore, SignInSweep,
    SpentCalls, Store, StoreError, StoreErrorKind, TokenCounts, TokenFilter, TokenOutline,
    TokenPlace, TokenSort, WorkspaceStore,
};

/// What a [`FaultyStore`] does wrong.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// This many calls still succeed, then every one fails.
    After(u64),
    /// Every call fails, and nothing is done.
    Everything,
    /// [`Store::commit`] and [`WorkspaceStore::workspace_commit`] fail; the rest works.
    Commits,
    /// [`Store::access_load`] fails; the rest works.
    AccessLoads,
    /// Writes are done, but their answer is lost: the caller sees a failure, as when the
    /// connection breaks after the database has committed.
    LostAnswers,
}

/// Wraps a store, and fails as it is told to while it runs.
#[derive(Debug)]
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    fault: Mutex<Fault>,
    calls: AtomicU64,
}

/// Kinds of calls that faults tell apart.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Call {
    Commit,
    Load,
    Read,
    Write,
}

impl FaultyStore {
    /// A store that does what `inner` does until it is told otherwise.
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, fault: Mutex::new(Fault::None), calls: AtomicU64::new(0) }
    }

    /// From the next call on, fails like this; [`Fault::None`] mends it.
    pub fn set(&self, fault: Fault) {
        *self.fault.lock() = fault;
    }

    /// How many calls came in, failed ones included.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    /// Fails the call before anything is done, or says whether its answer is to be lost.
    fn enter(&self, call: Call) -> Result<bool, StoreError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let mut fault = self.fault.lock();
        let fails = match &mut *fault {
            Fault::None => false,
            Fault::After(0) | Fault::Everything => true,
            Fault::After(left) => {
                *left -= 1;
                false
            }
            Fault::Commits => call == Call::Commit,
            Fault::AccessLoads => call == Call::Load,
            Fault::LostAnswers => return Ok(call != Call::Read),
        };
        if fails { Err(injected()) } else { Ok(false) }
    }

    async fn read<T>(
        &self,
        answer: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        self.enter(Call::Read)?;
        answer.await
    }

    async fn write<T>(
        &self,
        call: Call,
        answer: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let is_lost = self.enter(call)?;
        let answer = answer.await?;
        if is_lost { Err(injected()) } else { Ok(answer) }
    }
}

fn injected() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "the database is not available (injected fault)")
}

#[async_trait]
impl Store for FaultyStore {
    async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        self.write(Call::Commit, self.inner.commit(commit)).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.read(self.inner.ping()).await
    }

    async fn token_find(&self, id: TokenId) -> Result<Option<Token>, StoreError> {
        self.read(self.inner.token_find(id)).await
    }

    async fn token_find_by_digest(
        &self,
        digest: &TokenDigest,
    ) -> Result<Option<Token>, StoreError> {
        self.read(self.inner.token_find_by_digest(digest)).await
    }

    async fn token_find_all(&self, ids: &[TokenId]) -> Result<Vec<Token>, StoreError> {
        self.read(self.inner.token_find_all(ids)).await
    }

    async fn token_outgoing(&self, now: Timestamp) -> Result<Vec<Token>, StoreError> {
        self.read(self.inner.token_outgoing(now)).await
    }

    async fn token_families(&self, families: &[FamilyId]) -> Result<Vec<Token>, StoreError> {
        self.read(self.inner.token_families(families)).await
    }

    async fn token_list(
        &self,
        filter: &TokenFilter,
        page: &PageRequest<TokenId>,
    ) -> Result<Page<Token, TokenId>, StoreError> {
        self.read(self.inner.token_list(filter, page)).await
    }

    async fn token_sorted(
        &self,
        filter: &TokenFilter,
        sort: TokenSort,
        page: &PageRequest<TokenPlace>,
    ) -> Result<Page<Token, TokenPlace>, StoreError> {
        self.read(self.inner.token_sorted(filter, sort, page)).await
    }

    async fn token_outlines(
        &self,
        filter: &TokenFilter,
        group: Option<GroupId>,
        page: &PageRequest<TokenId>,
    ) -> Result<Page<TokenOutline, TokenId>, StoreError> {
        self.read(self.inner.token_outlines(filter, group, page)).await
    }

    async fn token_counts(
        &self,
        filter: &TokenFilter,
        moments: CountMoments,
    ) -> Result<TokenCounts, StoreError> {
        self.read(self.inner.token_counts(filter, moments)).await
    }

    async fn token_scan(
        &self,
        after: Option<TokenId>,
        limit: u32,
    ) -> Result<Vec<Token>, StoreError> {
        self.read(self.inner.token_scan(after, limit)).await
    }

    async fn user_find(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.read(self.inner.user_find(id)).await
    }

    async fn user_find_by_name(&self, name: &str) -> Result<Option<User>, StoreError> {
        self.read(self.inner.user_find_by_name(name)).await
    }

    async fn user_list(&self) -> Result<Vec<User>, StoreError> {
        self.read(self.inner.user_list()).await
    }

    async fn group_find(&self, id: GroupId) -> Result<Option<Group>, StoreError> {
        self.read(self.inner.group_find(id)).await
    }

    async fn group_find_by_name(&self, name: &str) -> Result<Option<Group>, StoreError> {
        self.read(self.inner.group_find_by_name(name)).await
    }

    async fn group_list(&self) -> Result<Vec<Group>, StoreError> {
        self.read(self.inner.group_list()).await
    }

    async fn server_list(&self) -> Result<Vec<Server>, StoreError> {
        self.read(self.inner.server_list()).await
    }

    async fn audit_list(
        &self,
        filter: &AuditFilter,
        page: &PageRequest<AuditId>,
    ) -> Result<Page<AuditEvent, AuditId>, StoreError> {
        self.read(self.inner.audit_list(filter, page)).await
    }

    async fn creation_find(&self, caller: &str, key: &str) -> Result<Option<Creation>, StoreError> {
        self.read(self.inner.creation_find(caller, key)).await
    }

    async fn access_requests(
        &self,
        tokens: &[TokenId],
        since: Timestamp,
    ) -> Result<BTreeMap<TokenId, u64>, StoreError> {
        self.read(self.inner.access_requests(tokens, since)).await
    }

    async fn access_hours(
        &self,
        tokens: &[TokenId],
        since: Timestamp,
        most: u32,
    ) -> Result<AccessHours, StoreError> {
        self.read(self.inner.access_hours(tokens, since, most)).await
    }

    async fn access_load(&self, batch: AccessBatch) -> Result<(), StoreError> {
        self.write(Call::Load, self.inner.access_load(batch)).await
    }

    async fn access_positions(&self) -> Result<BTreeMap<String, Position>, StoreError> {
        self.read(self.inner.access_positions()).await
    }

    async fn access_forget_journals(&self, journals: &[String]) -> Result<(), StoreError> {
        self.write(Call::Write, self.inner.access_forget_journals(journals)).await
    }

    async fn access_list(
        &self,
        filter: &AccessFilter,
        page: &PageRequest<RequestId>,
    ) -> Result<Page<AccessRow, RequestId>, StoreError> {
        self.read(self.inner.access_list(filter, page)).await
    }

    async fn access_tail(
        &self,
        after: Option<i64>,
        filter: &AccessFilter,
        limit: u32,
    ) -> Result<(Vec<AccessRow>, i64), StoreError> {
        self.read(self.inner.access_tail(after, filter, limit)).await
    }

    async fn access_find(&self, id: RequestId) -> Result<Option<AccessRow>, StoreError> {
        self.read(self.inner.access_find(id)).await
    }

    async fn access_spent(&self, since: Timestamp) -> Result<Vec<SpentCalls>, StoreError> {
        self.read(self.inner.access_spent(since)).await
    }

    async fn access_settle_pending(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.write(Call::Write, self.inner.access_settle_pending(before)).await
    }

    async fn access_delete_before(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.write(Call::Write, self.inner.access_delete_before(before)).await
    }
}

#[async_trait]
impl HistoryStore for FaultyStore {
    async fn history_intend(
        &self,
        server: &ServerName,
        intent: EventId,
        rows: &[HistoryRow],
    ) -> Result<(), StoreError> {
        self.write(Call::Write, self.inner.history_intend(server, intent, rows)).await
    }

    async fn history_settle(
        &self,
        server: &ServerName,
        intent: EventId,
        outcome: &str,
    ) -> Result<(), StoreError> {
        self.write(Call::Write, self.inner.history_settle(server, intent, outcome)).await
    }

    async fn history_read(
        &self,
        server: &ServerName,
        object: HistoryObject<'_>,
        except: &str,
        span: (u32, u32),
    ) -> Result<Vec<HistoryRow>, StoreError> {
        self.read(self.inner.history_read(server, object, except, span)).await
    }
}

#[async_trait]
impl SignInStore for FaultyStore {
    async fn credentials_find(&self, user: UserId) -> Result<Option<Credentials>, StoreError> {
        self.read(self.inner.credentials_find(user)).await
    }

    async fn credentials_find_by_oidc(
        &self,
        subject: &str,
    ) -> Result<Option<Credentials>, StoreError> {
        self.read(self.inner.credentials_find_by_oidc(subject)).await
    }

    async fn superuser_can_sign_in(&self) -> Result<bool, StoreError> {
        self.read(self.inner.superuser_can_sign_in()).await
    }

    async fn session_find(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        self.read(self.inner.session_find(id)).await
    }

    async fn session_find_by_digest(
        &self,
        digest: &SecretDigest,
    ) -> Result<Option<Session>, StoreError> {
        self.read(self.inner.session_find_by_digest(digest)).await
    }

    async fn session_list(&self, user: UserId) -> Result<Vec<Session>, StoreError> {
        self.read(self.inner.session_list(user)).await
    }

    async fn session_touch(
        &self,
        id: SessionId,
        at: Timestamp,
        ip: IpAddr,
    ) -> Result<(), StoreError> {
        self.write(Call::Write, self.inner.session_touch(id, at, ip)).await
    }

    async fn link_find(&self, digest: &SecretDigest) -> Result<Option<OneTimeLink>, StoreError> {
        self.read(self.inner.link_find(digest)).await
    }

    async fn sign_in_sweep(&self, sweep: SignInSweep) -> Result<u64, StoreError> {
        self.write(Call::Write, self.inner.sign_in_sweep(sweep)).await
    }
}

#[async_trait]
impl WorkspaceStore for FaultyStore {
    async fn workspace_commit(
        &self,
        server: &ServerName,
        commit: ItemCommit,
    ) -> Result<(), StoreError> {
        self.write(Call::Commit, self.inner.workspace_commit(server, commit)).await
    }

    async fn workspace_find(
        &self,
        server: &ServerName,
        ids: &[ItemId],
    ) -> Result<Vec<Item>, StoreError> {
        self.read(self.inner.workspace_find(server, ids)).await
    }

    async fn workspace_list(
        &self,
        server: &ServerName,
        filter: &ItemFilter,
        page: &PageRequest<Place>,
    ) -> Result<Page<Item, Place>, StoreError> {
        self.read(self.inner.workspace_list(server, filter, page)).await
    }

    async fn workspace_counts(
        &self,
        server: &ServerName,
        within: ItemId,
    ) -> Result<Vec<(Kind, String, u64)>, StoreError> {
        self.read(self.inner.workspace_counts(server, within)).await
    }

    async fn workspace_events(
        &self,
        server: &ServerName,
        filter: &EventFilter,
        page: &PageRequest<EventId>,
    ) -> Result<Page<Event, EventId>, StoreError> {
        self.read(self.inner.workspace_events(server, filter, page)).await
    }
}
