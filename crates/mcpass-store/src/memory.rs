//! A store that forgets everything when it is dropped. For tests, and for whoever wants no file.
//!
//! One lock around plain maps. A [`Commit`] that fails half way is undone from a list of what
//! each step replaced, so that it costs what it changes, not what the store holds.

mod history;
mod ledger;
mod log;
mod matching;
mod sign_in;
mod workspace;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

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
    SpentCalls, Store, StoreError, TokenCounts, TokenFilter, TokenOutline, TokenPlace, TokenSort,
    WorkspaceStore, clean,
};
use history::Histories;
use ledger::Ledger;
use log::AccessLog;
use workspace::Workspaces;

/// Keeps everything in the memory of this process.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    ledger: Ledger,
    log: AccessLog,
    workspaces: Workspaces,
    histories: Histories,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

/// The tokens of a page and one more, newest first.
fn newest<'a>(
    state: &'a State,
    filter: &'a TokenFilter,
    page: &'a PageRequest<TokenId>,
) -> impl Iterator<Item = &'a Token> {
    let tokens = state.ledger.tokens.values().rev();
    let beyond = tokens.filter(|token| page.after.is_none_or(|after| token.id < after));
    beyond.filter(|token| matching::token(token, filter)).take(page.fetch())
}

#[async_trait]
impl Store for MemoryStore {
    async fn commit(&self, mut commit: Commit) -> Result<(), StoreError> {
        clean::commit(&mut commit);
        self.state.lock().ledger.commit(commit)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn token_find(&self, id: TokenId) -> Result<Option<Token>, StoreError> {
        Ok(self.state.lock().ledger.tokens.get(&id).cloned())
    }

    async fn token_find_by_digest(
        &self,
        digest: &TokenDigest,
    ) -> Result<Option<Token>, StoreError> {
        Ok(self.state.lock().ledger.token_by_digest(digest).cloned())
    }

    async fn token_find_all(&self, ids: &[TokenId]) -> Result<Vec<Token>, StoreError> {
        let state = self.state.lock();
        let ids: BTreeSet<_> = ids.iter().collect();
        Ok(ids.into_iter().filter_map(|id| state.ledger.tokens.get(id).cloned()).collect())
    }

    async fn token_outgoing(&self, now: Timestamp) -> Result<Vec<Token>, StoreError> {
        let state = self.state.lock();
        let lives = |token: &&Token| {
            token.rotated_at.is_some()
                && token.revocation.is_none()
                && token.expires_at.is_some_and(|end| end > now)
        };
        Ok(state.ledger.tokens.values().filter(lives).cloned().collect())
    }

    async fn token_families(&self, families: &[FamilyId]) -> Result<Vec<Token>, StoreError> {
        let state = self.state.lock();
        let tokens = state.ledger.tokens.values();
        Ok(tokens.filter(|token| families.contains(&token.family)).cloned().collect())
    }

    async fn token_list(
        &self,
        filter: &TokenFilter,
        page: &PageRequest<TokenId>,
    ) -> Result<Page<Token, TokenId>, StoreError> {
        let state = self.state.lock();
        let found = newest(&state, filter, page).cloned().collect();
        Ok(Page::cut(found, page, |token: &Token| token.id))
    }

    async fn token_outlines(
        &self,
        filter: &TokenFilter,
        group: Option<GroupId>,
        page: &PageRequest<TokenId>,
    ) -> Result<Page<TokenOutline, TokenId>, StoreError> {
        let state = self.state.lock();
        let found = newest(&state, filter, page).map(|token| TokenOutline::of(token, group));
        Ok(Page::cut(found.collect(), page, |outline| outline.id))
    }

    async fn token_sorted(
        &self,
        filter: &TokenFilter,
        sort: TokenSort,
        page: &PageRequest<TokenPlace>,
    ) -> Result<Page<Token, TokenPlace>, StoreError> {
        let state = self.state.lock();
        let place = |token: &Token| TokenPlace::of(token, sort.key);
        let is_beyond = |token: &&Token| match &page.after {
            None => true,
            Some(after) if sort.ascending => place(token) > *after,
            Some(after) => place(token) < *after,
        };
        let fitting = state.ledger.tokens.values().filter(|token| matching::token(token, filter));
        let mut tokens: Vec<Token> = fitting.filter(is_beyond).cloned().collect();
        tokens.sort_by_cached_key(place);
        if !sort.ascending {
            tokens.reverse();
        }
        tokens.truncate(page.fetch());
        Ok(Page::cut(tokens, page, place))
    }

    async fn token_counts(
        &self,
        filter: &TokenFilter,
        moments: CountMoments,
    ) -> Result<TokenCounts, StoreError> {
        let state = self.state.lock();
        let fitting = state.ledger.tokens.values().filter(|token| matching::token(token, filter));
        let mut counts = TokenCounts::default();
        fitting.for_each(|token| matching::count(&mut counts, token, moments));
        Ok(counts)
    }

    async fn token_scan(
        &self,
        after: Option<TokenId>,
        limit: u32,
    ) -> Result<Vec<Token>, StoreError> {
        let page = PageRequest { after, limit };
        let state = self.state.lock();
        let tokens = state.ledger.tokens.values();
        let beyond = tokens.filter(|token| after.is_none_or(|after| token.id > after));
        Ok(beyond.take(page.items()).cloned().collect())
    }

    async fn user_find(&self, id: UserId) -> Result<Option<User>, StoreError> {
        Ok(self.state.lock().ledger.users.get(&id).cloned())
    }

    async fn user_find_by_name(&self, name: &str) -> Result<Option<User>, StoreError> {
        let state = self.state.lock();
        Ok(state.ledger.users.values().find(|user| user.name.as_str() == name).cloned())
    }

    async fn user_list(&self) -> Result<Vec<User>, StoreError> {
        let mut users: Vec<User> = self.state.lock().ledger.users.values().cloned().collect();
        users.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(users)
    }

    async fn group_find(&self, id: GroupId) -> Result<Option<Group>, StoreError> {
        Ok(self.state.lock().ledger.groups.get(&id).cloned())
    }

    async fn group_find_by_name(&self, name: &str) -> Result<Option<Group>, StoreError> {
        let state = self.state.lock();
        Ok(state.ledger.groups.values().find(|group| group.name.as_str() == name).cloned())
    }

    async fn group_list(&self) -> Result<Vec<Group>, StoreError> {
        let mut groups: Vec<Group> = self.state.lock().ledger.groups.values().cloned().collect();
        groups.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(groups)
    }

    async fn server_list(&self) -> Result<Vec<Server>, StoreError> {
        Ok(self.state.lock().ledger.servers.values().cloned().collect())
    }

    async fn audit_list(
        &self,
        filter: &AuditFilter,
        page: &PageRequest<AuditId>,
    ) -> Result<Page<AuditEvent, AuditId>, StoreError> {
        let state = self.state.lock();
        let fitting = state
            .ledger
            .audit
            .values()
            .rev()
            .filter(|event| page.after.is_none_or(|after| event.id < after))
            .filter(|event| matching::audit(event, filter));
        Ok(Page::cut(fitting.take(page.fetch()).cloned().collect(), page, |event| event.id))
    }

    async fn creation_find(&self, caller: &str, key: &str) -> Result<Option<Creation>, StoreError> {
        Ok(self.state.lock().ledger.creation(caller, key).cloned())
    }

    async fn access_requests(
        &self,
        tokens: &[TokenId],
        since: Timestamp,
    ) -> Result<BTreeMap<TokenId, u64>, StoreError> {
        Ok(self.state.lock().log.requests(tokens, since))
    }

    async fn access_hours(
        &self,
        tokens: &[TokenId],
        since: Timestamp,
        most: u32,
    ) -> Result<AccessHours, StoreError> {
        Ok(self.state.lock().log.hours(tokens, since, most))
    }

    async fn access_load(&self, mut batch: AccessBatch) -> Result<(), StoreError> {
        clean::batch(&mut batch);
        let mut state = self.state.lock();
        state.ledger.use_tokens(&batch.last_uses);
        state.log.load(batch);
        Ok(())
    }

    async fn access_positions(&self) -> Result<BTreeMap<String, Position>, StoreError> {
        Ok(self.state.lock().log.positions.clone())
    }

    async fn access_forget_journals(&self, journals: &[String]) -> Result<(), StoreError> {
        self.state.lock().log.positions.retain(|name, _| !journals.contains(name));
        Ok(())
    }

    async fn access_list(
        &self,
        filter: &AccessFilter,
        page: &PageRequest<RequestId>,
    ) -> Result<Page<AccessRow, RequestId>, StoreError> {
        Ok(self.state.lock().log.list(filter, page))
    }

    async fn access_tail(
        &self,
        after: Option<i64>,
        filter: &AccessFilter,
        limit: u32,
    ) -> Result<(Vec<AccessRow>, i64), StoreError> {
        let page = PageRequest { after, limit };
        Ok(self.state.lock().log.tail(filter, &page))
    }

    async fn access_find(&self, id: RequestId) -> Result<Option<AccessRow>, StoreError> {
        Ok(self.state.lock().log.find(id))
    }

    async fn access_spent(&self, since: Timestamp) -> Result<Vec<SpentCalls>, StoreError> {
        Ok(self.state.lock().log.spent(since))
    }

    async fn access_settle_pending(&self, before: Timestamp) -> Result<u64, StoreError> {
        Ok(self.state.lock().log.settle(before))
    }

    async fn access_delete_before(&self, before: Timestamp) -> Result<u64, StoreError> {
        Ok(self.state.lock().log.delete_before(before))
    }
}

#[async_trait]
impl HistoryStore for MemoryStore {
    async fn history_intend(
        &self,
        server: &ServerName,
        intent: EventId,
        rows: &[HistoryRow],
    ) -> Result<(), StoreError> {
        let mut rows = rows.to_vec();
        clean::history(&mut rows);
        self.state.lock().histories.intend(server, intent, rows)
    }

    async fn history_settle(
        &self,
        server: &ServerName,
        intent: EventId,
        outcome: &str,
    ) -> Result<(), StoreError> {
        self.state.lock().histories.settle(server, intent, outcome);
        Ok(())
    }

    async fn history_read(
        &self,
        server: &ServerName,
        object: HistoryObject<'_>,
        except: &str,
        span: (u32, u32),
    ) -> Result<Vec<HistoryRow>, StoreError> {
        Ok(self.state.lock().histories.read(server, object, except, span))
    }
}

#[async_trait]
impl SignInStore for MemoryStore {
    async fn credentials_find(&self, user: UserId) -> Result<Option<Credentials>, StoreError> {
        Ok(self.state.lock().ledger.sign_ins.credentials.get(&user).cloned())
    }

    async fn credentials_find_by_oidc(
        &self,
        subject: &str,
    ) -> Result<Option<Credentials>, StoreError> {
        let state = self.state.lock();
        let mut all = state.ledger.sign_ins.credentials.values();
        Ok(all.find(|one| one.oidc_subject.as_deref() == Some(subject)).cloned())
    }

    async fn superuser_can_sign_in(&self) -> Result<bool, StoreError> {
        let state = self.state.lock();
        let can = |user: &User| {
            let credentials = state.ledger.sign_ins.credentials.get(&user.id);
            credentials.is_some_and(|one| one.password.is_some() || one.oidc_subject.is_some())
        };
        let mut users = state.ledger.users.values();
        Ok(users.any(|user| user.is_active && user.is_superuser && can(user)))
    }

    async fn session_find(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        Ok(self.state.lock().ledger.sign_ins.sessions.get(&id).cloned())
    }

    async fn session_find_by_digest(
        &self,
        digest: &SecretDigest,
    ) -> Result<Option<Session>, StoreError> {
        Ok(self.state.lock().ledger.sign_ins.session_by_digest(digest).cloned())
    }

    async fn session_list(&self, user: UserId) -> Result<Vec<Session>, StoreError> {
        let state = self.state.lock();
        let sessions = state.ledger.sign_ins.sessions.values().rev();
        Ok(sessions.filter(|session| session.user == user).cloned().collect())
    }

    async fn session_touch(
        &self,
        id: SessionId,
        at: Timestamp,
        ip: IpAddr,
    ) -> Result<(), StoreError> {
        if let Some(session) = self.state.lock().ledger.sign_ins.sessions.get_mut(&id)
            && session.last_seen_at < at
        {
            session.last_seen_at = at;
            session.ip = ip;
        }
        Ok(())
    }

    async fn link_find(&self, digest: &SecretDigest) -> Result<Option<OneTimeLink>, StoreError> {
        Ok(self.state.lock().ledger.sign_ins.links.get(digest).cloned())
    }

    async fn sign_in_sweep(&self, sweep: SignInSweep) -> Result<u64, StoreError> {
        Ok(self.state.lock().ledger.sign_ins.sweep(&sweep))
    }
}

#[async_trait]
impl WorkspaceStore for MemoryStore {
    async fn workspace_commit(
        &self,
        server: &ServerName,
        mut commit: ItemCommit,
    ) -> Result<(), StoreError> {
        clean::items(&mut commit);
        self.state.lock().workspaces.commit(server, commit)
    }

    async fn workspace_find(
        &self,
        server: &ServerName,
        ids: &[ItemId],
    ) -> Result<Vec<Item>, StoreError> {
        Ok(self.state.lock().workspaces.find(server, ids))
    }

    async fn workspace_list(
        &self,
        server: &ServerName,
        filter: &ItemFilter,
        page: &PageRequest<Place>,
    ) -> Result<Page<Item, Place>, StoreError> {
        let mut items = self.state.lock().workspaces.fitting(server, filter);
        items.retain(|item| page.after.is_none_or(|after| item.place() > after));
        items.truncate(page.fetch());
        Ok(Page::cut(items, page, Item::place))
    }

    async fn workspace_counts(
        &self,
        server: &ServerName,
        within: ItemId,
    ) -> Result<Vec<(Kind, String, u64)>, StoreError> {
        Ok(self.state.lock().workspaces.counts(server, within))
    }

    async fn workspace_events(
        &self,
        server: &ServerName,
        filter: &EventFilter,
        page: &PageRequest<EventId>,
    ) -> Result<Page<Event, EventId>, StoreError> {
        let state = self.state.lock();
        let events = state.workspaces.events(server, filter);
        let events = events.filter(|event| page.after.is_none_or(|after| event.id < after));
        Ok(Page::cut(events.take(page.fetch()).cloned().collect(), page, |event| event.id))
    }
}
