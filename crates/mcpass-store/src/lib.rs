//! Where mcpass keeps its own data.
//!
//! One trait, [`Store`], and four stores: [`memory`], [`sql`] for SQLite and for PostgreSQL, and
//! [`faulty`], which breaks another one on demand. All of them pass one behaviour suite
//! (`tests/behaviour`). A store knows no rule of mcpass: it keeps what it is given, in one
//! transaction for each [`Commit`], or keeps nothing. [`WorkspaceStore`] is the part of it that
//! keeps the product workspace, [`HistoryStore`] the one that keeps histories of other databases, and
//! [`SignInStore`] the one that keeps what people sign in with.
//!
//! Secrets never reach it; tokens arrive as digests.

mod clean;
pub mod error;
pub mod faulty;
pub mod filter;
mod history;
pub mod memory;
mod sign_in;
pub mod sql;
mod workspace;

use std::collections::BTreeMap;
use std::net::IpAddr;

use async_trait::async_trait;
use mcpass_domain::{
    AccessRow, AuditEvent, FamilyId, Group, GroupId, Outcome, RequestId, Server, ServerName,
    Timestamp, Token, TokenDigest, TokenId, User, UserId,
};

pub use error::{StoreError, StoreErrorKind};
pub use filter::{
    AccessFilter, AuditFilter, CountMoments, Creation, Membership, Page, PageRequest, SortValue,
    StateFilter, TokenCounts, TokenFilter, TokenKey, TokenOutline, TokenPlace, TokenSort,
};
pub use history::{HistoryObject, HistoryRow, HistoryStore};
pub use sign_in::{SignInChange, SignInStore, SignInSweep};
pub use workspace::WorkspaceStore;

/// One thing to be written. Updates and deletions carry the version they were made from: a
/// store that holds another one refuses the whole [`Commit`] with [`StoreErrorKind::Conflict`].
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Remembers what was created under a key. The key must be free for its caller.
    CreationInsert(Creation),
    /// Removes a group. Tokens and users that name it lose it.
    GroupDelete(GroupId, i64),
    /// Adds a group. Its name must be free: [`StoreErrorKind::Exists`].
    GroupInsert(Group),
    /// Writes a group; `version` is the one it was read with, the store adds one.
    GroupUpdate(Group),
    /// Removes a server.
    ServerDelete(ServerName, i64),
    /// Adds a server. Its name must be free.
    ServerInsert(Server),
    /// Writes a server.
    ServerUpdate(Server),
    /// Writes something about signing in.
    SignIn(SignInChange),
    /// Adds a token. Its id and its digest must be free.
    TokenInsert(Token),
    /// Writes a token: everything but id, family, digest, hint, creation and last use.
    TokenUpdate(Token),
    /// Adds a user. Its name must be free.
    UserInsert(User),
    /// Writes a user.
    UserUpdate(User),
}

/// Changes and their audit rows, written together or not at all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Commit {
    /// What changes, in order.
    pub changes: Vec<Change>,
    /// What the audit log says of it.
    pub audit: Vec<AuditEvent>,
}

/// A token's last use, as it is written in batches.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LastUse {
    /// The token.
    pub token: TokenId,
    /// When it was used. An older one than the store has changes nothing.
    pub at: Timestamp,
    /// From where.
    pub ip: IpAddr,
}

/// What the loader moves out of the journal in one transaction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AccessBatch {
    /// Rows to add. One whose id is there already changes nothing, so that a batch read twice
    /// does no harm. An id is made from the moment in `at` (give or take a second), because
    /// lists by time go by id.
    pub rows: Vec<AccessRow>,
    /// Outcomes of rows that an earlier batch, or this one, added as pending. One of a row that
    /// is done or not there changes nothing.
    pub outcomes: Vec<Outcome>,
    /// Last uses of tokens.
    pub last_uses: Vec<LastUse>,
    /// Up to where each journal has been read, by its name. Written in the same transaction.
    pub positions: BTreeMap<String, Position>,
}

/// A place in a journal.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Position {
    /// Number of the segment.
    pub segment: u64,
    /// Bytes of it that have been read.
    pub offset: u64,
}

/// Calls of a family that limits still count, by second.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SpentCalls {
    /// The family.
    pub family: FamilyId,
    /// The end of the second in which they were admitted.
    pub at: Timestamp,
    /// Their cost together.
    pub cost: u32,
}

/// What became of requests, by the hour in which they arrived.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AccessHours {
    /// Hours with requests, by their beginnings.
    pub hours: BTreeMap<Timestamp, AccessHour>,
    /// Whether all requests were looked at.
    pub is_whole: bool,
}

/// What became of the requests of an hour.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct AccessHour {
    /// Allowed, and no error.
    pub answered: u64,
    /// Allowed, and an error.
    pub errors: u64,
    /// Refused.
    pub refused: u64,
}

/// Where mcpass keeps its own data.
///
/// Look-ups answer `None` for what is not there; every other failure is a [`StoreError`].
/// Lists are complete or paged by a cursor, in a stable order.
#[async_trait]
pub trait Store: HistoryStore + SignInStore + WorkspaceStore {
    /// Writes all of it or nothing.
    async fn commit(&self, commit: Commit) -> Result<(), StoreError>;

    /// Answers whether the store can be read and written now; cheap enough for every second.
    async fn ping(&self) -> Result<(), StoreError>;

    /// The token of this id.
    async fn token_find(&self, id: TokenId) -> Result<Option<Token>, StoreError>;
    /// The token of this digest.
    async fn token_find_by_digest(&self, digest: &TokenDigest)
    -> Result<Option<Token>, StoreError>;
    /// The tokens of these ids that are there, oldest first.
    async fn token_find_all(&self, ids: &[TokenId]) -> Result<Vec<Token>, StoreError>;
    /// The secrets that were replaced and still live at this moment, oldest first.
    async fn token_outgoing(&self, now: Timestamp) -> Result<Vec<Token>, StoreError>;
    /// The tokens of these families, oldest first.
    async fn token_families(&self, families: &[FamilyId]) -> Result<Vec<Token>, StoreError>;
    /// Tokens that fit a filter, newest first.
    async fn token_list(
        &self,
        filter: &TokenFilter,
        page: &PageRequest<TokenId>,
    ) -> Result<Page<Token, TokenId>, StoreError>;
    /// The same, sorted in one way or another.
    async fn token_sorted(
        &self,
        filter: &TokenFilter,
        sort: TokenSort,
        page: &PageRequest<TokenPlace>,
    ) -> Result<Page<Token, TokenPlace>, StoreError>;
    /// The outlines of tokens that fit a filter, newest first; they say how the tokens stand to a
    /// group, if one is given.
    async fn token_outlines(
        &self,
        filter: &TokenFilter,
        group: Option<GroupId>,
        page: &PageRequest<TokenId>,
    ) -> Result<Page<TokenOutline, TokenId>, StoreError>;
    /// How many tokens fit a filter, by state.
    async fn token_counts(
        &self,
        filter: &TokenFilter,
        moments: CountMoments,
    ) -> Result<TokenCounts, StoreError>;
    /// Tokens in the order of their ids, for filling an index of millions at the start.
    async fn token_scan(
        &self,
        after: Option<TokenId>,
        limit: u32,
    ) -> Result<Vec<Token>, StoreError>;

    /// The user of this id.
    async fn user_find(&self, id: UserId) -> Result<Option<User>, StoreError>;
    /// The user of this name.
    async fn user_find_by_name(&self, name: &str) -> Result<Option<User>, StoreError>;
    /// All users, by name.
    async fn user_list(&self) -> Result<Vec<User>, StoreError>;

    /// The group of this id.
    async fn group_find(&self, id: GroupId) -> Result<Option<Group>, StoreError>;
    /// The group of this name.
    async fn group_find_by_name(&self, name: &str) -> Result<Option<Group>, StoreError>;
    /// All groups, by name.
    async fn group_list(&self) -> Result<Vec<Group>, StoreError>;

    /// All servers, by name.
    async fn server_list(&self) -> Result<Vec<Server>, StoreError>;

    /// Audit rows that fit a filter, newest first.
    async fn audit_list(
        &self,
        filter: &AuditFilter,
        page: &PageRequest<mcpass_domain::AuditId>,
    ) -> Result<Page<AuditEvent, mcpass_domain::AuditId>, StoreError>;

    /// What a caller created under a key, within the last day.
    async fn creation_find(&self, caller: &str, key: &str) -> Result<Option<Creation>, StoreError>;

    /// How many requests of each of these tokens arrived since a moment. Tokens without any are
    /// not in the answer.
    async fn access_requests(
        &self,
        tokens: &[TokenId],
        since: Timestamp,
    ) -> Result<BTreeMap<TokenId, u64>, StoreError>;
    /// What became of the newest requests of these tokens since a moment, by hour. Of each token,
    /// `most` requests are looked at.
    async fn access_hours(
        &self,
        tokens: &[TokenId],
        since: Timestamp,
        most: u32,
    ) -> Result<AccessHours, StoreError>;
    /// Adds what came out of the journal.
    async fn access_load(&self, batch: AccessBatch) -> Result<(), StoreError>;
    /// Up to where each journal has been read.
    async fn access_positions(&self) -> Result<BTreeMap<String, Position>, StoreError>;
    /// Forgets the positions of journals that are gone.
    async fn access_forget_journals(&self, journals: &[String]) -> Result<(), StoreError>;
    /// Rows that fit a filter, newest first or, for following, oldest first after a cursor. Where
    /// [`AccessFilter::effort`] ends it, the page holds what was found, perhaps nothing, and
    /// `next` says where the rest begins.
    async fn access_list(
        &self,
        filter: &AccessFilter,
        page: &PageRequest<RequestId>,
    ) -> Result<Page<AccessRow, RequestId>, StoreError>;
    /// Rows whose outcome became known after the place `after`, in that order, and the new place.
    /// Without `after`, no rows and the present place: following begins there. (Ids are in the
    /// order of arrival; a follower that went by them would miss what took longer.) A row that
    /// was settled as unknown comes again if its outcome is found after all. With an effort, no
    /// more places than that are gone through, and the new one may have more behind it.
    async fn access_tail(
        &self,
        after: Option<i64>,
        filter: &AccessFilter,
        limit: u32,
    ) -> Result<(Vec<AccessRow>, i64), StoreError>;
    /// The row of this id.
    async fn access_find(&self, id: RequestId) -> Result<Option<AccessRow>, StoreError>;
    /// What families have spent since a moment: allowed rows with a cost.
    async fn access_spent(&self, since: Timestamp) -> Result<Vec<SpentCalls>, StoreError>;
    /// Marks rows that arrived before a moment, in an earlier run, and are still pending as
    /// unknown; answers how many.
    async fn access_settle_pending(&self, before: Timestamp) -> Result<u64, StoreError>;
    /// Deletes rows older than a moment, in parts that do not hold up writers; answers how many.
    async fn access_delete_before(&self, before: Timestamp) -> Result<u64, StoreError>;
}
