//! Filters and pages of lists.

use mcpass_domain::{GroupId, Reason, Timestamp, Token, TokenId, UserId};

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PageRequest<C> {
    /// Continue after the item of this id; none begins at the beginning.
    pub after: Option<C>,
    /// Items at most; stores cut it to [`MAX_PAGE`], and give at least one.
    pub limit: u32,
}

/// Items of a page at most.
pub const MAX_PAGE: u32 = 10_000;

impl<C> PageRequest<C> {
    /// How many items the page holds at most.
    pub(crate) fn items(&self) -> usize {
        self.limit.clamp(1, MAX_PAGE) as usize
    }

    /// How many to read: one more than wanted tells whether there is a next page.
    pub(crate) fn fetch(&self) -> usize {
        self.items() + 1
    }
}

/// A part of a list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Page<T, C> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next part begins; none at the end.
    pub next: Option<C>,
}

impl<T, C> Page<T, C> {
    /// Makes a page of up to [`PageRequest::fetch`] items.
    pub(crate) fn cut(
        mut items: Vec<T>,
        request: &PageRequest<C>,
        cursor: impl FnOnce(&T) -> C,
    ) -> Self {
        let more = items.len() > request.items();
        items.truncate(request.items());
        let next = items.last().filter(|_| more).map(cursor);
        Self { items, next }
    }
}

/// A token's state, as a filter. States depend on time, so the moment comes with the filter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StateFilter {
    /// Works now.
    Active,
    /// Switched off, and neither expired nor revoked.
    Disabled,
    /// Past its end, and not revoked.
    Expired,
    /// Ended by hand.
    Revoked,
}

/// Which tokens. Everything that is given must hold.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TokenFilter {
    /// Of this user.
    pub user: Option<UserId>,
    /// In this group.
    pub group: Option<GroupId>,
    /// In this state at this moment.
    pub state: Option<(StateFilter, Timestamp)>,
    /// Not used since this moment, nor created after it.
    pub unused_since: Option<Timestamp>,
    /// Expiring after the first and up to the second moment.
    pub expires: Option<(Timestamp, Timestamp)>,
    /// Whose name, note or hint holds this text, whatever its case.
    pub text: Option<String>,
}

/// What [`TokenFilter::text`] is looked for in. The separator is no character of a name or a
/// hint, so that a match does not reach from one into the next.
pub(crate) fn search_text(token: &Token) -> String {
    let (name, hint) = (token.name.as_str(), token.hint.as_str());
    format!("{hint}\u{1F}{name}\u{1F}{}", token.note).to_lowercase()
}

/// Which audit rows.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AuditFilter {
    /// About this object.
    pub object: Option<String>,
    /// Done by this actor, as it prints.
    pub actor: Option<String>,
    /// Of this action, or of all actions that begin with it if it ends with a dot.
    pub action: Option<String>,
    /// At or after this moment.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
}

/// Which rows of the access log.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AccessFilter {
    /// Of this token.
    pub token: Option<TokenId>,
    /// Of this user, by the name at the time.
    pub user: Option<String>,
    /// At this server.
    pub server: Option<String>,
    /// Of this JSON-RPC method.
    pub method: Option<String>,
    /// Of this tool, resource or prompt.
    pub target: Option<String>,
    /// With this reason, be it of the decision or of a failure after it.
    pub reason: Option<Reason>,
    /// Only allowed ones, or only refused ones.
    pub allowed: Option<bool>,
    /// Only errors, or only those that are none.
    pub is_error: Option<bool>,
    /// At or after this moment.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
    /// Oldest first instead of newest first.
    pub oldest_first: bool,
}
