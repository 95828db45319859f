//! Which tokens, in which order, and how many.

#![expect(clippy::duplicate_mod, reason = "one body of SQL, compiled for each database")]

use mcpass_domain::Timestamp;
use sqlx::QueryBuilder;

use super::super::{codec, failure};
use super::cells::Cells;
use super::change::Connection;
use super::dialect::{ALONG_OUTLINES, ALONG_USE, ALONG_WORDS, Db, FIND, LOOK, NAME};
use crate::{
    CountMoments, PageRequest, SortValue, StateFilter, StoreError, TokenCounts, TokenFilter,
    TokenKey, TokenPlace, TokenSort,
};

/// Where the tokens of a filter are looked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Way {
    /// Among those of its group.
    Group,
    /// Along the index of an order, until there are enough of them.
    Order,
    /// Among all, by their outlines.
    Outlines,
    /// Among the few of its user.
    User,
    /// Among all, by their words.
    Words,
}

/// So many tokens of a user are read one by one sooner than they are found among the outlines of all.
const FEW_OWN: i64 = 4_000;
/// Of so many tokens there are enough for a page soon in any order.
const FEW_SORTED: i64 = 1_000;

/// The way to the tokens of a filter in an order.
pub(super) async fn way(
    db: &mut Connection,
    filter: &TokenFilter,
    key: TokenKey,
) -> Result<Way, StoreError> {
    let of_user = TokenFilter { user: filter.user, ..TokenFilter::default() };
    let way = if filter.group.is_some() {
        Way::Group
    } else if filter.user.is_some() && are_few(db, &of_user, Way::User, FEW_OWN).await? {
        Way::User
    } else if filter.text.is_some() {
        Way::Words
    } else {
        Way::Outlines
    };
    if key == TokenKey::Created {
        return Ok(way);
    }
    let is_few = *filter != TokenFilter::default() && are_few(db, filter, way, FEW_SORTED).await?;
    Ok(if is_few { way } else { Way::Order })
}

/// Whether fewer tokens than so many are found on a way.
async fn are_few(
    db: &mut Connection,
    filter: &TokenFilter,
    way: Way,
    many: i64,
) -> Result<bool, StoreError> {
    let mut query = QueryBuilder::new("SELECT COUNT(*) FROM (SELECT 1 FROM ");
    push_filter(&mut query, filter, way);
    query.push(" LIMIT ").push_bind(many).push(") AS found");
    let row = query.build().fetch_one(db).await;
    let row = row.map_err(|error| failure::of(error, "list tokens"))?;
    Ok(Cells::new(&row, "count of tokens").take::<i64>()? < many)
}

/// Goes on with what is selected of the tokens of a filter.
pub(super) fn push_filter(query: &mut QueryBuilder<Db>, filter: &TokenFilter, way: Way) {
    let TokenFilter { user, group, state, unused_since, created_since, expires, text } = filter;
    let tokens = match way {
        Way::Group | Way::Outlines => ALONG_OUTLINES,
        Way::Order | Way::User => "mcp_tokens",
        Way::Words => ALONG_WORDS,
    };
    if way == Way::Group {
        query.push("mcp_token_groups JOIN ").push(tokens).push(" ON id = token_id WHERE 1 = 1");
    } else {
        query.push(tokens).push(" WHERE 1 = 1");
    }
    match group {
        None => {}
        Some(group) if way == Way::Group => {
            query.push(" AND group_id = ").push_bind(group.as_bytes().to_vec());
        }
        Some(group) => {
            query.push(" AND EXISTS (SELECT 1 FROM mcp_token_groups WHERE token_id = id");
            query.push(" AND group_id = ").push_bind(group.as_bytes().to_vec()).push(")");
        }
    }
    if let Some(user) = user {
        let look = if way == Way::User { "" } else { LOOK };
        query.push(format_args!(" AND {look}user_id = ")).push_bind(user.as_bytes().to_vec());
    }
    if let Some((state, now)) = state {
        push_state(query, *state, now.as_micros());
    }
    if let Some(before) = unused_since {
        let before = before.as_micros();
        query.push(" AND COALESCE(last_used_at, created_at) < ").push_bind(before);
    }
    if let Some(since) = created_since {
        query.push(" AND created_at >= ").push_bind(since.as_micros());
    }
    if let Some((after, until)) = expires {
        query.push(format_args!(" AND {LOOK}expires_at > ")).push_bind(after.as_micros());
        query.push(format_args!(" AND {LOOK}expires_at <= ")).push_bind(until.as_micros());
    }
    if let Some(text) = text {
        query.push(format_args!(" AND {FIND}(search, ")).push_bind(text.to_lowercase());
        query.push(") > 0");
    }
}

/// The part of the list that is wanted, in its order.
pub(super) fn push_page(
    query: &mut QueryBuilder<Db>,
    way: Way,
    sort: TokenSort,
    page: &PageRequest<TokenPlace>,
) {
    let id = id(way);
    let value = value(sort.key);
    let beyond = if sort.ascending { ">" } else { "<" };
    if let Some(after) = &page.after {
        if let Some(value) = value {
            // The first half finds the place in the index, the second what lies at it.
            query.push(format_args!(" AND {value} {beyond}= "));
            push_value(query, &after.value);
            query.push(format_args!(" AND ({value} <> "));
            push_value(query, &after.value);
            query.push(" OR ");
        } else {
            query.push(" AND (");
        }
        query.push(format_args!("{id} {beyond} ")).push_bind(after.id.as_bytes().to_vec());
        query.push(")");
    }
    push_order(query, id, sort);
    query.push(" LIMIT ").push_bind(codec::to_column(page.fetch() as u64));
}

/// Goes on with the order of a list.
pub(super) fn push_order(query: &mut QueryBuilder<Db>, id: &str, sort: TokenSort) {
    let order = if sort.ascending { "ASC" } else { "DESC" };
    query.push(" ORDER BY ");
    if let Some(value) = value(sort.key) {
        query.push(format_args!("{value} {order}, "));
    }
    query.push(format_args!("{id} {order}"));
}

/// The column that has the ids of tokens, by which they are in order there.
pub(super) const fn id(way: Way) -> &'static str {
    if matches!(way, Way::Group) { "token_id" } else { "id" }
}

/// What tokens are sorted by before their ids, as the indexes have it.
const fn value(key: TokenKey) -> Option<&'static str> {
    match key {
        TokenKey::Created => None,
        TokenKey::Expires => Some("COALESCE(expires_at, 9223372036854775807)"),
        TokenKey::LastUsed => Some("COALESCE(last_used_at, 0)"),
        TokenKey::Name => Some(NAME),
    }
}

fn push_value(query: &mut QueryBuilder<Db>, value: &SortValue) {
    match value {
        // A place of another order: nothing is before it, or beyond it.
        SortValue::None => query.push("NULL"),
        SortValue::Number(number) => query.push_bind(*number),
        SortValue::Text(text) => query.push_bind(text.clone()),
    };
}

/// The same order of rules as `Token::state`. Not along an index, which would find nearly all tokens
/// and have them sorted: lists go along the index of their order, and look.
fn push_state(query: &mut QueryBuilder<Db>, state: StateFilter, now: i64) {
    let ends_later = format!(" AND ({LOOK}expires_at IS NULL OR {LOOK}expires_at > ");
    let (end, switch) = match state {
        StateFilter::Revoked => {
            query.push(format_args!(" AND {LOOK}revoked_at IS NOT NULL"));
            return;
        }
        StateFilter::Unrevoked => {
            query.push(format_args!(" AND {LOOK}revoked_at IS NULL"));
            return;
        }
        StateFilter::Expired => (format!(" AND {LOOK}expires_at <= "), ""),
        StateFilter::Disabled => (ends_later, ") AND NOT is_active"),
        StateFilter::Active => (ends_later, ") AND is_active"),
    };
    query.push(format_args!(" AND {LOOK}revoked_at IS NULL{end}")).push_bind(now).push(switch);
}

pub(super) async fn counts(
    db: &mut Connection,
    filter: &TokenFilter,
    moments: CountMoments,
) -> Result<TokenCounts, StoreError> {
    // Numbers of our own, so they may stand in the text.
    let [now, soon, unused] =
        [moments.now, moments.soon, moments.unused_since].map(Timestamp::as_micros);
    let mut query;
    if *filter == TokenFilter::default() {
        query = QueryBuilder::new(counts_of_all(now, soon, unused));
    } else {
        query = QueryBuilder::new(counts_of_some(now, soon, unused));
        push_filter(&mut query, filter, way(db, filter, TokenKey::Created).await?);
    }
    let row = query.build().persistent(false).fetch_one(db).await;
    let row = row.map_err(|error| failure::of(error, "count tokens"))?;
    let mut cells = Cells::new(&row, "count of tokens");
    Ok(TokenCounts {
        active: cells.number()?,
        disabled: cells.number()?,
        expired: cells.number()?,
        revoked: cells.number()?,
        expiring: cells.number()?,
        unused: cells.number()?,
    })
}

/// One look at each token that fits.
fn counts_of_some(now: i64, soon: i64, unused: i64) -> String {
    let lives = format!("revoked_at IS NULL AND (expires_at IS NULL OR expires_at > {now})");
    let cases = [
        format!("{lives} AND is_active"),
        format!("{lives} AND NOT is_active"),
        format!("revoked_at IS NULL AND expires_at <= {now}"),
        "revoked_at IS NOT NULL".to_owned(),
        format!("{lives} AND is_active AND expires_at <= {soon}"),
        format!("{lives} AND is_active AND COALESCE(last_used_at, created_at) < {unused}"),
    ];
    let counts: Vec<_> =
        cases.iter().map(|case| format!("COUNT(CASE WHEN {case} THEN 1 END)")).collect();
    format!("SELECT {} FROM ", counts.join(", "))
}

/// Of all tokens: how many there are, and the lengths of those parts of indexes that are usually
/// short. The rest is active.
fn counts_of_all(now: i64, soon: i64, unused: i64) -> String {
    let part = |which: &str| format!("(SELECT COUNT(*) FROM mcp_tokens{which})");
    let of = |active: &str, end: &str| {
        part(&format!(" WHERE revoked_at IS NULL AND is_active = {active} AND {end}"))
    };
    let (never, later) = ("expires_at IS NULL", format!("expires_at > {now}"));
    let ended = format!("expires_at <= {now}");
    let used = "COALESCE(last_used_at, 0)";
    // The first condition is the one that the index is in the order of.
    let idle = format!(
        "{ALONG_USE} WHERE {used} < {unused} AND ({used} > 0 OR created_at < {unused}) \
         AND is_active AND revoked_at IS NULL AND ({never} OR {later})"
    );
    let columns = [
        format!("{} AS every", part("")),
        format!("{} + {} AS disabled", of("FALSE", never), of("FALSE", &later)),
        format!("{} + {} AS expired", of("TRUE", &ended), of("FALSE", &ended)),
        format!("{} AS revoked", part(" WHERE revoked_at IS NOT NULL")),
        format!("{} AS expiring", of("TRUE", &format!("{later} AND expires_at <= {soon}"))),
        format!("{} AS unused", part(&idle)),
    ];
    format!(
        "SELECT every - disabled - expired - revoked, disabled, expired, revoked, expiring, unused \
         FROM (SELECT {}) AS counted",
        columns.join(", ")
    )
}
