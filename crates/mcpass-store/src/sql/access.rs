//! The access log, read.

#![expect(clippy::duplicate_mod, reason = "one body of SQL, compiled for each database")]

use std::borrow::Cow;
use std::collections::BTreeMap;

use mcpass_domain::{AccessRow, Admission, FamilyId, Hint, Outcome, RequestId, Timestamp, TokenId};
use sqlx::{Database, QueryBuilder};

use super::super::{codec, failure};
use super::cells::Cells;
use super::change::Connection;
use super::dialect::Db;
use crate::{AccessFilter, Page, PageRequest, SpentCalls, StoreError};

type Row = <Db as Database>::Row;

/// Everything but `done_seq`, in the order in which it is written and read. (`decision` follows from
/// the reason; it is there for people's own queries, and the database fills it.)
pub(super) const COLUMNS: &str = "id, arrived_at, surface, token_id, family_id, token_name, hint, \
    user_name, remote_ip, user_agent, client_name, client_version, server, method, target_kind, \
    target, reason, detail, cost, request_bytes, session, rpc_id, trace_id, arguments, \
    state, http_status, rpc_code, is_error, failure, response_bytes, response_chars, \
    duration_us, upstream_us";

pub(super) async fn list(
    db: &mut Connection,
    filter: &AccessFilter,
    page: &PageRequest<RequestId>,
) -> Result<Page<AccessRow, RequestId>, StoreError> {
    let mut query = select();
    push_filter(&mut query, filter);
    let (beyond, order) = if filter.oldest_first { (">", "ASC") } else { ("<", "DESC") };
    if let Some(after) = page.after {
        query.push(format_args!(" AND id {beyond} ")).push_bind(after.as_bytes().to_vec());
    }
    query.push(format_args!(" ORDER BY id {order} LIMIT "));
    query.push_bind(codec::to_column(page.fetch() as u64));
    Ok(Page::cut(fetch(db, query).await?, page, |row| row.admission.id))
}

pub(super) async fn find(
    db: &mut Connection,
    id: RequestId,
) -> Result<Option<AccessRow>, StoreError> {
    let mut query = select();
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
    push_filter(&mut query, filter);
    query.push(" ORDER BY done_seq LIMIT ").push_bind(codec::to_column(page.items() as u64));
    let rows = query.build().fetch_all(db).await;
    let rows = rows.map_err(|error| failure::of(error, "follow the access log"))?;
    let place = match rows.last().filter(|_| rows.len() == page.items()) {
        Some(row) => Cells::at(row, "access log row", COLUMNS.split(',').count()).take()?,
        None => last.max(after),
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
        let mut query = QueryBuilder::<Db>::new(
            "SELECT token_id, COUNT(*) FROM mcp_access_logs WHERE token_id IN (",
        );
        let mut ids = query.separated(", ");
        for token in some {
            ids.push_bind(token.as_bytes().to_vec());
        }
        // The id leads with the moment, so the index by token has all that is needed.
        query.push(") AND id >= ").push_bind(codec::least_id(since).to_vec());
        query.push(" GROUP BY token_id");
        let rows = query.build().persistent(false).fetch_all(&mut *db).await;
        let rows = rows.map_err(|error| failure::of(error, "count requests"))?;
        for row in &rows {
            let mut cells = Cells::new(row, "count of requests");
            counts.insert(TokenId::from_bytes(cells.bytes()?), cells.number()?);
        }
    }
    Ok(counts)
}

fn select() -> QueryBuilder<Db> {
    QueryBuilder::new(format!("SELECT {COLUMNS} FROM mcp_access_logs WHERE 1 = 1"))
}

fn push_filter(query: &mut QueryBuilder<Db>, filter: &AccessFilter) {
    let texts = [
        ("user_name", filter.user.clone()),
        ("server", filter.server.clone()),
        ("method", filter.method.clone()),
        ("target", filter.target.clone()),
    ];
    for (column, text) in texts {
        if let Some(text) = text {
            query.push(format_args!(" AND {column} = ")).push_bind(text);
        }
    }
    if let Some(reason) = filter.reason {
        query.push(" AND (reason = ").push_bind(reason.as_str());
        query.push(" OR failure = ").push_bind(reason.as_str()).push(")");
    }
    if let Some(token) = filter.token {
        query.push(" AND token_id = ").push_bind(token.as_bytes().to_vec());
    }
    match filter.allowed {
        None => {}
        Some(true) => drop(query.push(" AND reason = 'allowed'")),
        Some(false) => drop(query.push(" AND reason <> 'allowed'")),
    }
    match filter.is_error {
        None => {}
        Some(true) => drop(query.push(" AND is_error")),
        Some(false) => drop(query.push(" AND (is_error IS NULL OR NOT is_error)")),
    }
    if let Some(since) = filter.since {
        query.push(" AND id >= ").push_bind(codec::least_id(since).to_vec());
        query.push(" AND arrived_at >= ").push_bind(since.as_micros());
    }
    if let Some(until) = filter.until {
        query.push(" AND id <= ").push_bind(codec::greatest_id(until).to_vec());
        query.push(" AND arrived_at < ").push_bind(until.as_micros());
    }
}

async fn fetch(
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
