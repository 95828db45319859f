//! Which tokens, in which order, and how many.

#![expect(clippy::duplicate_mod, reason = "one body of SQL, compiled for each database")]

use mcpass_domain::Timestamp;
use sqlx::QueryBuilder;

use super::super::{codec, failure};
use super::cells::Cells;
use super::change::Connection;
use super::dialect::{ALONG_OUTLINES, ALONG_STANDING, ALONG_WORDS, Db, FIND, LOOK, NAME};
use crate::{
    CountMoments, PageRequest, SortValue, StateFilter, StoreError, TokenCounts, TokenFilter,
    TokenKey, TokenPlace, TokenSort,
};

/// What is wanted of tokens, and in which order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wanted {
    /// Their outlines, newest first.
    Outlines,
    /// All of them, in another order than that of their creation, along an index of its own.
    Sorted,
    /// All of them, newest first.
    Whole,
}

/// Goes on with what is selected of the tokens of a filter.
pub(super) fn push_filter(query: &mut QueryBuilder<Db>, filter: &TokenFilter, wanted: Wanted) {
    let TokenFilter { user, group, state, unused_since, created_since, expires, text } = filter;
    let from = match wanted {
        Wanted::Outlines if group.is_some() => ALONG_OUTLINES,
        _ if group.is_some() || user.is_some() || wanted == Wanted::Sorted => "mcp_tokens",
        _ if text.is_some() => ALONG_WORDS,
        _ if unused_since.is_some() => ALONG_STANDING,
        Wanted::Outlines => ALONG_OUTLINES,
        Wanted::Sorted | Wanted::Whole => "mcp_tokens",
    };
    if group.is_some() {
        // In the order of the group's index, so that a small group is found without a scan.
        query.push("mcp_token_groups JOIN ").push(from).push(" ON id = token_id");
    } else {
        query.push(from);
    }
    query.push(" WHERE 1 = 1");
    if let Some(group) = group {
        query.push(" AND group_id = ").push_bind(group.as_bytes().to_vec());
    }
    if let Some(user) = user {
        query.push(" AND user_id = ").push_bind(user.as_bytes().to_vec());
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
        query.push(" AND expires_at > ").push_bind(after.as_micros());
        query.push(" AND expires_at <= ").push_bind(until.as_micros());
    }
    if let Some(text) = text {
        query.push(format_args!(" AND {FIND}(search, ")).push_bind(text.to_lowercase());
        query.push(") > 0");
    }
}

/// The part of the list that is wanted, in its order.
pub(super) fn push_page(
    query: &mut QueryBuilder<Db>,
    filter: &TokenFilter,
    sort: TokenSort,
    page: &PageRequest<TokenPlace>,
) {
    let id = if filter.group.is_some() { "token_id" } else { "id" };
    let value = match sort.key {
        TokenKey::Created => None,
        // As the indexes have them.
        TokenKey::Expires => Some("COALESCE(expires_at, 9223372036854775807)"),
        TokenKey::LastUsed => Some("COALESCE(last_used_at, 0)"),
        TokenKey::Name => Some(NAME),
    };
    let (beyond, order) = if sort.ascending { (">", "ASC") } else { ("<", "DESC") };
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
    query.push(" ORDER BY ");
    if let Some(value) = value {
        query.push(format_args!("{value} {order}, "));
    }
    query.push(format_args!("{id} {order} LIMIT "));
    query.push_bind(codec::to_column(page.fetch() as u64));
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
            query.push(" AND revoked_at IS NOT NULL");
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
        push_filter(&mut query, filter, Wanted::Whole);
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

/// Of all tokens: the lengths of parts of `mcp_tokens_by_standing`, which costs a third.
fn counts_of_all(now: i64, soon: i64, unused: i64) -> String {
    let part = |which: &str| format!("(SELECT COUNT(*) FROM mcp_tokens WHERE {which})");
    let of = |active: &str, rest: &str| {
        part(&format!("revoked_at IS NULL AND is_active = {active} AND {rest}"))
    };
    let never = "expires_at IS NULL";
    let later = format!("expires_at > {now}");
    let ended = format!("expires_at <= {now}");
    let idle = format!("COALESCE(last_used_at, created_at) < {unused}");
    let counts = [
        format!("{} + {}", of("TRUE", never), of("TRUE", &later)),
        format!("{} + {}", of("FALSE", never), of("FALSE", &later)),
        format!("{} + {}", of("TRUE", &ended), of("FALSE", &ended)),
        part("revoked_at IS NOT NULL"),
        of("TRUE", &format!("{later} AND expires_at <= {soon}")),
        format!(
            "{} + {}",
            of("TRUE", &format!("{never} AND {idle}")),
            of("TRUE", &format!("{later} AND {idle}"))
        ),
    ];
    format!("SELECT {}", counts.join(", "))
}
