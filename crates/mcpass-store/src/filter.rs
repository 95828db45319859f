//! Filters and pages of lists.

use std::net::IpAddr;

use mcpass_domain::{
    FamilyId, GroupId, Reason, Timestamp, Token, TokenId, TokenName, TokenState, UserId,
};

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
    /// Not ended by hand.
    Unrevoked,
}

impl StateFilter {
    /// Whether a token in this state is wanted.
    pub fn holds(self, state: TokenState) -> bool {
        match state {
            TokenState::Revoked => self == Self::Revoked,
            _ if self == Self::Unrevoked => true,
            TokenState::Active { .. } => self == Self::Active,
            TokenState::Disabled => self == Self::Disabled,
            TokenState::Expired => self == Self::Expired,
        }
    }
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
    /// Created at or after this moment.
    pub created_since: Option<Timestamp>,
    /// Expiring after the first and up to the second moment.
    pub expires: Option<(Timestamp, Timestamp)>,
    /// Whose name, note or hint holds this text, whatever its case.
    pub text: Option<String>,
}

/// What tokens are sorted by. Equal ones follow each other as they were created.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum TokenKey {
    /// When they were created.
    #[default]
    Created,
    /// When they end; those that never do come last.
    Expires,
    /// When they were last used; those that never were come first.
    LastUsed,
    /// Their names, byte by byte.
    Name,
}

/// How tokens are sorted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct TokenSort {
    /// By what.
    pub key: TokenKey,
    /// From the first to the last, instead of the last (the newest) to the first.
    pub ascending: bool,
}

/// The value of a token that decides its place in a sorted list.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum SortValue {
    /// The id alone.
    None,
    /// Microseconds.
    Number(i64),
    /// A name.
    Text(String),
}

/// A place in a sorted list of tokens. It holds the value and not only the token, so that a token
/// that moves meanwhile moves no page.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct TokenPlace {
    /// The value there.
    pub value: SortValue,
    /// The token there.
    pub id: TokenId,
}

/// No end, as a number that is after all others.
pub(crate) const NEVER: i64 = i64::MAX;

impl TokenPlace {
    /// The place of a token.
    pub fn of(token: &Token, key: TokenKey) -> Self {
        let micros = |at: Option<Timestamp>, none| at.map_or(none, Timestamp::as_micros);
        let value = match key {
            TokenKey::Created => SortValue::None,
            TokenKey::Expires => SortValue::Number(micros(token.expires_at, NEVER)),
            TokenKey::LastUsed => SortValue::Number(micros(token.last_used_at, 0)),
            TokenKey::Name => SortValue::Text(token.name.as_str().to_owned()),
        };
        Self { value, id: token.id }
    }
}

/// What says whether something can be done to a token, without all that it may do. To read ten
/// thousand of them takes a third of the time that whole tokens take.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TokenOutline {
    /// Its identity.
    pub id: TokenId,
    /// The family it belongs to.
    pub family: FamilyId,
    /// What people call it.
    pub name: TokenName,
    /// Whether it is switched on.
    pub is_active: bool,
    /// When it ends; none is never.
    pub expires_at: Option<Timestamp>,
    /// Whether it was ended by hand.
    pub is_revoked: bool,
    /// Whether another secret took its place.
    pub is_rotated: bool,
    /// How it stands to the group that was asked about, if one was.
    pub membership: Option<Membership>,
}

/// How a token stands to a group.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Membership {
    /// Whether it is in it.
    pub is_member: bool,
    /// Whether it is in as many groups as a token can be.
    pub is_full: bool,
}

impl TokenOutline {
    /// That of a token, which may be asked about a group.
    pub fn of(token: &Token, group: Option<GroupId>) -> Self {
        Self {
            id: token.id,
            family: token.family,
            name: token.name.clone(),
            is_active: token.is_active,
            expires_at: token.expires_at,
            is_revoked: token.revocation.is_some(),
            is_rotated: token.rotated_at.is_some(),
            membership: group.map(|group| Membership {
                is_member: token.groups.contains(&group),
                is_full: token.groups.len() >= Token::MAX_GROUPS,
            }),
        }
    }
}

/// The moments that tokens are counted by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CountMoments {
    /// Now.
    pub now: Timestamp,
    /// Active ones that end until then end soon.
    pub soon: Timestamp,
    /// Active ones that were not used since then, nor created, are unused.
    pub unused_since: Timestamp,
}

/// How many tokens there are, by state.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct TokenCounts {
    /// Active.
    pub active: u64,
    /// Switched off.
    pub disabled: u64,
    /// Past their end.
    pub expired: u64,
    /// Ended by hand.
    pub revoked: u64,
    /// Of the active ones, those that end soon.
    pub expiring: u64,
    /// Of the active ones, those that nobody uses.
    pub unused: u64,
}

/// What was created under a key of the caller's, so that the same request does not create it
/// twice. It holds no secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Creation {
    /// Who created it, as the audit log says.
    pub caller: String,
    /// The key that the caller chose.
    pub key: String,
    /// A digest of the request.
    pub request: [u8; 32],
    /// What was created: an id, or a server's name.
    pub object: String,
    /// When. Older ones than a day before the newest are forgotten.
    pub at: Timestamp,
}

/// How long a [`Creation`] is remembered, in microseconds.
pub(crate) const CREATION_LIFETIME: i64 = 24 * 3_600 * 1_000_000;

/// What [`TokenFilter::text`] is looked for in. The separator is no character of a name or a
/// hint, so that a match does not reach from one into the next.
pub(crate) fn search_text(token: &Token) -> String {
    let (name, hint) = (token.name.as_str(), token.hint.as_str());
    format!("{hint}\u{1F}{name}\u{1F}{}", token.note).to_lowercase()
}

/// Which audit rows.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AuditFilter {
    /// About one of these objects; about anything if none is named.
    pub objects: Vec<String>,
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
    /// Of one of these tokens. Of none, if there are none.
    pub tokens: Option<Vec<TokenId>>,
    /// Of this user, by the name at the time.
    pub user: Option<String>,
    /// Whether rows of other users than `user` must not even be told of by where a page ends.
    pub is_confined: bool,
    /// At this server.
    pub server: Option<String>,
    /// Of this JSON-RPC method.
    pub method: Option<String>,
    /// Of this tool, resource or prompt.
    pub target: Option<String>,
    /// From this address.
    pub address: Option<IpAddr>,
    /// Answered with this HTTP status.
    pub status: Option<u16>,
    /// Of this client, by the name that it gives itself.
    pub client: Option<String>,
    /// With this `User-Agent`.
    pub user_agent: Option<String>,
    /// In this MCP session.
    pub session: Option<String>,
    /// Of this trace.
    pub trace: Option<String>,
    /// With a token that began so: its first 12 characters.
    pub hint: Option<String>,
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
    /// About how many rows may be looked at for a page, whether they fit or not; as many as it
    /// takes, if nobody says.
    pub effort: Option<u32>,
}
