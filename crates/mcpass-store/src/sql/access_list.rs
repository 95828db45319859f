//! Lists of the access log: along which index, and how far one looks for a page.

#![expect(clippy::duplicate_mod, reason = "one body of SQL, compiled for each database")]

use std::collections::BTreeSet;

use mcpass_domain::{AccessRow, Reason, RequestId, TokenId};
use sqlx::QueryBuilder;

use super::super::{codec, failure};
use super::access;
use super::cells::Cells;
use super::change::Connection;
use super::dialect::{Db, along};
use crate::{AccessFilter, Page, PageRequest, StoreError};

/// What of an index holds all rows that fit one condition of a filter, in the order of their ids.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lane<'f> {
    /// All rows.
    All,
    /// Allowed, and an error all the same.
    Errors,
    Failure(Reason),
    Reason(Reason),
    Refused,
    Server(&'f str),
    Target(&'f str),
    Token(TokenId),
    User(&'f str),
}

/// Lanes that together hold all rows of a list, none of them twice.
type Way<'f> = Vec<Lane<'f>>;

/// The page. Where several ways lead to its rows, that one is taken on which the rows that may be
/// looked at reach farthest.
pub(super) async fn list(
    db: &mut Connection,
    filter: &AccessFilter,
    page: &PageRequest<RequestId>,
) -> Result<Page<AccessRow, RequestId>, StoreError> {
    let (way, end) = way(db, filter, page.after).await?;
    let mut rows = Vec::new();
    for lane in &way {
        let mut query = access::select(&along(lane.index()));
        lane.push(&mut query);
        push_filter(&mut query, filter, Some(*lane));
        push_part(&mut query, filter, (page.after, end));
        query.push(" LIMIT ").push_bind(codec::to_column(page.fetch() as u64));
        rows.extend(access::fetch(db, query).await?);
    }
    if way.len() > 1 {
        rows.sort_unstable_by_key(|row| row.admission.id);
        if !filter.oldest_first {
            rows.reverse();
        }
    }
    let page = Page::cut(rows, page, |row| row.admission.id);
    Ok(Page { next: page.next.or(end), ..page })
}

/// The way to take, and the last row that is looked at on it, if that is not the last of all.
async fn way<'f>(
    db: &mut Connection,
    filter: &'f AccessFilter,
    after: Option<RequestId>,
) -> Result<(Way<'f>, Option<RequestId>), StoreError> {
    let ways = ways(filter);
    // Where every row fits, a page is all that is looked at.
    if let [way] = ways.as_slice()
        && (filter.effort.is_none() || is_exact(way, filter))
    {
        return Ok((way.clone(), None));
    }
    let effort = filter.effort.unwrap_or(USUAL_EFFORT);
    let mut best: Option<(Way<'f>, RequestId)> = None;
    for way in ways {
        let Some(end) = end(db, &way, filter, (after, effort)).await? else {
            return Ok((way, None));
        };
        let is_farther = match &best {
            None => true,
            Some((_, held)) if filter.oldest_first => end > *held,
            Some((_, held)) => end < *held,
        };
        if is_farther {
            best = Some((way, end));
        }
    }
    let (way, end) = best.map_or((vec![Lane::All], None), |(way, end)| (way, Some(end)));
    Ok((way, end.filter(|_| filter.effort.is_some())))
}

/// Rows that are looked at for the choice of a way, if nobody says how many may be for the page.
const USUAL_EFFORT: u32 = 20_000;

/// All ways to the rows of a filter that have an index.
fn ways(filter: &AccessFilter) -> Vec<Way<'_>> {
    let AccessFilter { tokens, user, server, target, reason, allowed, is_error, .. } = filter;
    // A page may end at any row of its way.
    if let Some(user) = user.as_deref().filter(|_| filter.is_confined) {
        return vec![vec![Lane::User(user)]];
    }
    let tokens = tokens.as_ref().map(|tokens| {
        let tokens: BTreeSet<_> = tokens.iter().copied().collect();
        tokens.into_iter().map(Lane::Token).collect()
    });
    let reason = reason.filter(|reason| *reason != Reason::Allowed);
    let outcome = match (allowed, is_error) {
        (Some(false), _) => Some(vec![Lane::Refused]),
        (Some(true), Some(true)) => Some(vec![Lane::Errors]),
        (None, Some(true)) => Some(vec![Lane::Errors, Lane::Refused]),
        _ => None,
    };
    let ways = [
        tokens,
        user.as_deref().map(|user| vec![Lane::User(user)]),
        target.as_deref().map(|target| vec![Lane::Target(target)]),
        reason.map(|reason| vec![Lane::Reason(reason), Lane::Failure(reason)]),
        outcome,
        server.as_deref().map(|server| vec![Lane::Server(server)]),
    ];
    let ways: Vec<_> = ways.into_iter().flatten().collect();
    if ways.is_empty() { vec![vec![Lane::All]] } else { ways }
}

/// Whether all rows of a way fit, but for their time.
fn is_exact(way: &Way<'_>, filter: &AccessFilter) -> bool {
    let AccessFilter { tokens, user, server, method, target, reason, allowed, is_error, .. } =
        filter;
    if has_more(filter) {
        return false;
    }
    let conditions = [
        tokens.is_some(),
        user.is_some(),
        server.is_some(),
        method.is_some(),
        target.is_some(),
        reason.is_some(),
        allowed.is_some(),
        is_error.is_some(),
    ];
    let met = match way.as_slice() {
        [Lane::All] => 0,
        [Lane::Errors] => 2,
        [Lane::Errors, ..] => return false,
        _ => 1,
    };
    conditions.into_iter().filter(|is_there| *is_there).count() == met
}

/// Whether it holds conditions that no index is about.
const fn has_more(filter: &AccessFilter) -> bool {
    let AccessFilter { address, status, client, user_agent, session, trace, hint, .. } = filter;
    address.is_some()
        || status.is_some()
        || client.is_some()
        || user_agent.is_some()
        || session.is_some()
        || trace.is_some()
        || hint.is_some()
}

/// The last row that is looked at on a way, if there are more. On each lane as many, so what is
/// complete reaches to where the first of them ends.
async fn end(
    db: &mut Connection,
    way: &Way<'_>,
    filter: &AccessFilter,
    (after, effort): (Option<RequestId>, u32),
) -> Result<Option<RequestId>, StoreError> {
    let lanes = u32::try_from(way.len()).unwrap_or(u32::MAX).max(1);
    // An effort is that of reading a row by its id. Along the table the next one lies beside it;
    // along the index of targets they are read twice, since it cannot tell that it has them.
    let effort = match way.as_slice() {
        [Lane::All] => effort.saturating_mul(7),
        [Lane::Target(_)] => effort / 4,
        _ => effort,
    };
    let each = (effort / lanes).max(1);
    let mut ends = Vec::new();
    for lane in way {
        let index = along(lane.index());
        let mut query =
            QueryBuilder::<Db>::new(format!("SELECT id FROM mcp_access_logs{index} WHERE 1 = 1"));
        lane.push(&mut query);
        push_part(&mut query, filter, (after, None));
        query.push(" LIMIT 1 OFFSET ").push_bind(i64::from(each) - 1);
        let row = query.build().fetch_optional(&mut *db).await;
        let row = row.map_err(|error| failure::of(error, "read the access log"))?;
        if let Some(row) = row {
            ends.push(RequestId::from_bytes(Cells::new(&row, "access log row").bytes()?));
        }
    }
    Ok(if filter.oldest_first { ends.into_iter().min() } else { ends.into_iter().max() })
}

impl Lane<'_> {
    /// The index; none for the table itself, which is in the order of ids.
    const fn index(self) -> Option<&'static str> {
        match self {
            Self::All => None,
            Self::Errors => Some("mcp_access_logs_by_error"),
            Self::Failure(_) => Some("mcp_access_logs_by_failure"),
            Self::Reason(_) => Some("mcp_access_logs_by_reason"),
            Self::Refused => Some("mcp_access_logs_by_refusal"),
            Self::Server(_) => Some("mcp_access_logs_by_server"),
            Self::Target(_) => Some("mcp_access_logs_by_target"),
            Self::Token(_) => Some("mcp_access_logs_by_token"),
            Self::User(_) => Some("mcp_access_logs_by_user"),
        }
    }

    /// Which rows are on it. Indexes on a part of the table are used where their own condition
    /// stands in the text as it stands in the migration.
    fn push(self, query: &mut QueryBuilder<Db>) {
        match self {
            Self::All => {}
            Self::Errors => drop(query.push(" AND is_error AND reason = 'allowed'")),
            Self::Failure(reason) => {
                query.push(" AND failure IS NOT NULL AND failure = ").push_bind(reason.as_str());
                query.push(" AND reason <> ").push_bind(reason.as_str());
            }
            Self::Reason(reason) => {
                query.push(" AND reason <> 'allowed' AND reason = ").push_bind(reason.as_str());
            }
            Self::Refused => drop(query.push(" AND reason <> 'allowed'")),
            Self::Server(server) => drop(query.push(" AND server = ").push_bind(server.to_owned())),
            Self::Target(target) => {
                query.push(" AND substr(target, 1, 100) = substr(").push_bind(target.to_owned());
                query.push(", 1, 100)");
            }
            Self::Token(token) => {
                query.push(" AND token_id = ").push_bind(token.as_bytes().to_vec());
            }
            Self::User(user) => drop(query.push(" AND user_name = ").push_bind(user.to_owned())),
        }
    }
}

/// What the filter says, but for what the lane says already: PostgreSQL takes what is said twice for
/// rarer than it is, and then reads all of it to sort it.
pub(super) fn push_filter(
    query: &mut QueryBuilder<Db>,
    filter: &AccessFilter,
    lane: Option<Lane<'_>>,
) {
    let texts = [
        ("user_name", &filter.user, matches!(lane, Some(Lane::User(_)))),
        ("server", &filter.server, matches!(lane, Some(Lane::Server(_)))),
        ("method", &filter.method, false),
        ("target", &filter.target, false),
    ];
    for (column, text, is_said) in texts {
        if let Some(text) = text.as_ref().filter(|_| !is_said) {
            query.push(format_args!(" AND {column} = ")).push_bind(text.clone());
        }
    }
    push_more(query, filter);
    let is_said = matches!(lane, Some(Lane::Failure(_) | Lane::Reason(_)));
    if let Some(reason) = filter.reason.filter(|_| !is_said) {
        query.push(" AND (reason = ").push_bind(reason.as_str());
        query.push(" OR failure = ").push_bind(reason.as_str()).push(")");
    }
    if let Some(tokens) = filter.tokens.as_ref().filter(|_| !matches!(lane, Some(Lane::Token(_)))) {
        push_tokens(query, tokens);
    }
    match filter.allowed {
        None => {}
        Some(true) if matches!(lane, Some(Lane::Errors)) => {}
        Some(true) => drop(query.push(" AND reason = 'allowed'")),
        Some(false) if matches!(lane, Some(Lane::Reason(_) | Lane::Refused)) => {}
        Some(false) => drop(query.push(" AND reason <> 'allowed'")),
    }
    match filter.is_error {
        None => {}
        Some(true) if matches!(lane, Some(Lane::Errors)) => {}
        Some(true) => drop(query.push(" AND is_error")),
        Some(false) => drop(query.push(" AND (is_error IS NULL OR NOT is_error)")),
    }
    if let Some(since) = filter.since {
        query.push(" AND arrived_at >= ").push_bind(since.as_micros());
    }
    if let Some(until) = filter.until {
        query.push(" AND arrived_at < ").push_bind(until.as_micros());
    }
}

/// Conditions that no index is about. Columns that hold nothing for an empty text are read as it.
fn push_more(query: &mut QueryBuilder<Db>, filter: &AccessFilter) {
    let address = filter.address.map(|address| address.to_string());
    let texts = [
        ("remote_ip", &address),
        ("COALESCE(client_name, '')", &filter.client),
        ("user_agent", &filter.user_agent),
        ("COALESCE(session, '')", &filter.session),
        ("COALESCE(trace_id, '')", &filter.trace),
        ("hint", &filter.hint),
    ];
    for (column, text) in texts {
        if let Some(text) = text {
            query.push(format_args!(" AND {column} = ")).push_bind(text.clone());
        }
    }
    if let Some(status) = filter.status {
        query.push(" AND http_status = ").push_bind(i32::from(status));
    }
}

fn push_tokens(query: &mut QueryBuilder<Db>, tokens: &[TokenId]) {
    if tokens.is_empty() {
        query.push(" AND 1 = 0");
        return;
    }
    query.push(" AND token_id IN (");
    let mut ids = query.separated(", ");
    for token in tokens {
        ids.push_bind(token.as_bytes().to_vec());
    }
    query.push(")");
}

/// The part of the ids that is wanted, in its order. One bound on each side: of several, SQLite
/// goes along the index by whichever comes first.
fn push_part(
    query: &mut QueryBuilder<Db>,
    filter: &AccessFilter,
    (after, end): (Option<RequestId>, Option<RequestId>),
) {
    let number = |id: RequestId| u128::from_be_bytes(*id.as_bytes());
    let (after, end) = (after.map(number), end.map(number));
    let (first, last) = if filter.oldest_first {
        (after.map(|id| id.saturating_add(1)), end)
    } else {
        (end, after.map(|id| id.saturating_sub(1)))
    };
    let since = filter.since.map(|since| u128::from_be_bytes(codec::least_id(since)));
    let until = filter.until.map(|until| u128::from_be_bytes(codec::greatest_id(until)));
    if let Some(first) = first.into_iter().chain(since).max() {
        query.push(" AND id >= ").push_bind(first.to_be_bytes().to_vec());
    }
    if let Some(last) = last.into_iter().chain(until).min() {
        query.push(" AND id <= ").push_bind(last.to_be_bytes().to_vec());
    }
    query.push(if filter.oldest_first { " ORDER BY id ASC" } else { " ORDER BY id DESC" });
}
