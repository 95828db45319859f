//! The access log, read.

#![expect(clippy::duplicate_mod, reason = "one body of SQL, compiled for each database")]

use std::borrow::Cow;
use std::collections::BTreeMap;

use mcpass_domain::{AccessRow, Admission, FamilyId, Hint, Outcome, RequestId, Timestamp, TokenId};
use sqlx::{Database, QueryBuilder};

use super::super::{codec, failure};
use super::access_list;
use super::cells::Cells;
use super::change::Connection;
use super::dialect::{Db, along};
use crate::{AccessFilter, AccessHours, PageRequest, SpentCalls, StoreError};

type Row = <Db as Database>::Row;

/// Everything but `done_seq`, in the order in which it is written and read. (`decision` follows from
/// the reason; it is there for people's own queries, and the database fills it.)
pub(super) const COLUMNS: &str = "id, arrived_at, surface, token_id, family_id, token_name, hint, \
    user_name, remote_ip, user_agent, client_name, client_version, server, method, target_kind, \
    target, reason, detail, cost, request_bytes, session, rpc_id, trace_id, arguments, \
    state, http_status, rpc_code, is_error, failure, response_bytes, response_chars, \
    duration_us, upstream_us";

pub(super) async fn find(
    db: &mut Connection,
    id: RequestId,
) -> Result<Option<AccessRow>, StoreError> {
    let mut query = select("");
    query.push(" AND id = ").push_bind(id.as_bytes().to_vec());
    Ok(fetch(db, query).await?.pop())
}

pub(super) async fn tail(
    db: &mut Connection,
    filter: &AccessFilter,
    page: &PageRequest<i64>,
) -> Result<(Vec<AccessRow>, i64), StoreError> {
    let last: i64 = sqlx::query_scalar("SELECT value FROM mcp_counters WHERE name = 'access_done'")
        .fetch_one(&mut *db)
        .await
        .map_err(|error| failure::of(error, "follow the access log"))?;
    let Some(after) = page.after else { return Ok((Vec::new(), last)) };
    let mut query = QueryBuilder::new(format!(
        "SELECT {COLUMNS}, done_seq FROM mcp_access_logs WHERE done_seq > "
    ));
    query.push_bind(after);
    let last_looked_at = filter.effort.map(|effort| after.saturating_add(i64::from(effort.max(1))));
    if let Some(last) = last_looked_at {
        query.push(" AND done_seq <= ").push_bind(last);
    }
    access_list::push_filter(&mut query, filter, None);
    query.push(" ORDER BY done_seq LIMIT ").push_bind(codec::to_column(page.items() as u64));
    let rows = query.build().fetch_all(db).await;
    let rows = rows.map_err(|error| failure::of(error, "follow the access log"))?;
    let place = match rows.last().filter(|_| rows.len() == page.items()) {
        Some(row) => Cells::at(row, "access log row", COLUMNS.split(',').count()).take()?,
        None => last_looked_at.map_or(last, |looked_at| looked_at.min(last)),
    };
    Ok((rows.iter().map(row).collect::<Result<_, _>>()?, place))
}

pub(super) async fn spent(
    db: &mut Connection,
    since: Timestamp,
) -> Result<Vec<SpentCalls>, StoreError> {
    let rows = sqlx::query(
        "SELECT family_id, arrived_at / 1000000, CAST(SUM(cost) AS BIGINT) FROM mcp_access_logs \
         WHERE id >= $1 AND arrived_at >= $2 AND reason = 'allowed' AND cost > 0 \
         AND family_id IS NOT NULL GROUP BY family_id, arrived_at / 1000000 ORDER BY 1, 2",
    )
    .bind(codec::least_id(since).as_slice())
    .bind(since.as_micros())
    .fetch_all(db)
    .await
    .map_err(|error| failure::of(error, "sum up the access log"))?;
    let calls = |row| {
        let mut cells = Cells::new(row, "sum of calls");
        Ok(SpentCalls {
            family: FamilyId::from_bytes(cells.bytes()?),
            at: Timestamp::from_micros((cells.take::<i64>()? + 1) * 1_000_000),
            cost: u32::try_from(cells.take::<i64>()?).unwrap_or(u32::MAX),
        })
    };
    rows.iter().map(calls).collect()
}

pub(super) async fn requests(
    db: &mut Connection,
    tokens: &[TokenId],
    since: Timestamp,
) -> Result<BTreeMap<TokenId, u64>, StoreError> {
    let mut counts = BTreeMap::new();
    for some in tokens.chunks(500) {
        // One token after the other: asked for all at once, PostgreSQL reads everybody's rows of
        // the time.
        let mut query = QueryBuilder::<Db>::new("WITH asked (id) AS (");
        query.push_values(some, |mut row, token| {
            row.push_bind(token.as_bytes().to_vec());
        });
        // The id leads with the moment, so the index by token has all that is needed.
        query.push(
            ") SELECT asked.id, (SELECT COUNT(*) FROM mcp_access_logs WHERE token_id = asked.id \
             AND mcp_access_logs.id >= ",
        );
        query.push_bind(codec::least_id(since).to_vec()).push(") FROM asked");
        let rows = query.build().persistent(false).fetch_all(&mut *db).await;
        let rows = rows.map_err(|error| failure::of(error, "count requests"))?;
        for row in &rows {
            let mut cells = Cells::new(row, "count of requests");
            counts.insert(TokenId::from_bytes(cells.bytes()?), cells.number()?);
        }
    }
    counts.retain(|_, count| *count > 0);
    Ok(counts)
}

pub(super) async fn hours(
    db: &mut Connection,
    tokens: &[TokenId],
    since: Timestamp,
    most: u32,
) -> Result<AccessHours, StoreError> {
    let mut found = AccessHours { is_whole: true, ..AccessHours::default() };
    for token in tokens {
        let mut query = QueryBuilder::<Db>::new(format!(
            "SELECT arrived_at / 3600000000, COUNT(*), \
             COUNT(CASE WHEN reason <> 'allowed' THEN 1 END), \
             COUNT(CASE WHEN reason = 'allowed' AND is_error THEN 1 END) \
             FROM (SELECT arrived_at, reason, is_error FROM mcp_access_logs{} WHERE token_id = ",
            along(Some("mcp_access_logs_by_token"))
        ));
        query.push_bind(token.as_bytes().to_vec());
        query.push(" AND id >= ").push_bind(codec::least_id(since).to_vec());
        query.push(" ORDER BY id DESC LIMIT ").push_bind(i64::from(most));
        query.push(") AS newest WHERE arrived_at >= ").push_bind(since.as_micros());
        query.push(" GROUP BY 1 ORDER BY 1");
        let rows = query.build().fetch_all(&mut *db).await;
        let rows = rows.map_err(|error| failure::of(error, "count requests by hour"))?;
        let mut counted = 0;
        for row in &rows {
            let mut cells = Cells::new(row, "count of requests");
            let start = Timestamp::from_micros(cells.take::<i64>()?.saturating_mul(HOUR));
            let (all, refused, errors): (u64, u64, u64) =
                (cells.number()?, cells.number()?, cells.number()?);
            let hour = found.hours.entry(start).or_default();
            hour.refused += refused;
            hour.errors += errors;
            hour.answered += all.saturating_sub(refused + errors);
            counted += all;
        }
        found.is_whole &= counted < u64::from(most);
    }
    Ok(found)
}

/// Microseconds of an hour.
const HOUR: i64 = 3_600_000_000;

/// `along` names the index, as the dialect says it.
pub(super) fn select(along: &str) -> QueryBuilder<Db> {
    QueryBuilder::new(format!("SELECT {COLUMNS} FROM mcp_access_logs{along} WHERE 1 = 1"))
}

pub(super) async fn fetch(
    db: &mut Connection,
    mut query: QueryBuilder<Db>,
) -> Result<Vec<AccessRow>, StoreError> {
    let rows = query.build().fetch_all(db).await;
    let rows = rows.map_err(|error| failure::of(error, "read the access log"))?;
    rows.iter().map(row).collect()
}

fn row(row: &Row) -> Result<AccessRow, StoreError> {
    let mut cells = Cells::new(row, "access log row");
    let admission = admission(&mut cells)?;
    let state = codec::row_state(cells.take()?)?;
    let outcome = outcome(&mut cells, admission.id)?;
    Ok(AccessRow { admission, outcome, state })
}

fn admission(cells: &mut Cells<'_>) -> Result<Admission<'static>, StoreError> {
    fn text(cells: &mut Cells<'_>) -> Result<Cow<'static, str>, StoreError> {
        cells.take().map(Cow::Owned)
    }
    fn text_or_null(cells: &mut Cells<'_>) -> Result<Cow<'static, str>, StoreError> {
        Ok(cells.take::<Option<String>>()?.map_or(Cow::Borrowed(""), Cow::Owned))
    }
    Ok(Admission {
        id: RequestId::from_bytes(cells.bytes()?),
        at: cells.moment()?,
        surface: codec::surface(cells.take()?)?,
        token: cells.bytes_or_null()?.map(TokenId::from_bytes),
        family: cells.bytes_or_null()?.map(FamilyId::from_bytes),
        token_name: text(cells)?,
        hint: cells.take::<Option<&str>>()?.map(|hint| Hint::of(hint.as_bytes())),
        user: text(cells)?,
        remote_ip: cells.parse()?,
        user_agent: text(cells)?,
        client_name: text_or_null(cells)?,
        client_version: text_or_null(cells)?,
        server: text(cells)?,
        method: text(cells)?,
        target_kind: text(cells)?,
        target: text(cells)?,
        reason: codec::reason(cells.take()?)?,
        detail: text_or_null(cells)?,
        cost: cells.number()?,
        request_bytes: cells.number()?,
        session: text_or_null(cells)?,
        rpc_id: text(cells)?,
        trace_id: text_or_null(cells)?,
        arguments: text_or_null(cells)?,
    })
}

fn outcome(cells: &mut Cells<'_>, id: RequestId) -> Result<Option<Outcome>, StoreError> {
    let Some(http_status) = cells.number_or_null()? else { return Ok(None) };
    Ok(Some(Outcome {
        id,
        http_status,
        rpc_code: cells.take()?,
        is_error: cells.take::<Option<bool>>()?.unwrap_or_default(),
        failure: cells.take::<Option<&str>>()?.map(codec::reason).transpose()?,
        response_bytes: cells.number_or_null()?.unwrap_or_default(),
        response_chars: cells.number_or_null()?,
        duration_us: cells.number_or_null()?.unwrap_or_default(),
        upstream_us: cells.number_or_null()?,
    }))
}
