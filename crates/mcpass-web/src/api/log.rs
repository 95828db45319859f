//! The access log: lists, rows, files of it, and what comes in now.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, header};
use mcpass_authority::Context;
use mcpass_authority::api::{
    AccessView, ApiError, Items, LogBatch, LogFilter, LogList, LogShow, LogTail, Page,
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::Site;
use crate::export::Csv;
use crate::identity::Caller;
use crate::input::{Named, Query, last_event};
use crate::problem::Problem;

/// Rows that are read at a time for a file.
const CHUNK: u32 = 1_000;
/// How often a follower looks.
const PAUSE: Duration = Duration::from_millis(500);
/// Looks without a row after which a comment is sent, so that the connection is not taken for dead.
const QUIET: u32 = 30;

/// Which rows.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LogQuery {
    /// Of this token, by id: of this one secret.
    #[serde(default)]
    token: Option<String>,
    /// Of all secrets of this family, by its id or that of any token in it.
    #[serde(default)]
    family: Option<String>,
    /// Of this user, by id or name. Users who are gone have rows, too, so that any name is taken.
    #[serde(default)]
    user: Option<String>,
    /// At this server.
    #[serde(default)]
    server: Option<String>,
    /// Of this JSON-RPC method.
    #[serde(default)]
    method: Option<String>,
    /// Of this tool, resource or prompt.
    #[serde(default)]
    target: Option<String>,
    /// From this address, such as `10.0.0.7`.
    #[serde(default)]
    address: Option<String>,
    /// Answered with this HTTP status.
    #[serde(default)]
    status: Option<u16>,
    /// Of this client, by the name that it gives itself.
    #[serde(default)]
    client: Option<String>,
    /// With this `User-Agent`, whole.
    #[serde(default)]
    user_agent: Option<String>,
    /// In this MCP session.
    #[serde(default)]
    session: Option<String>,
    /// Of this trace, by its id.
    #[serde(default)]
    trace: Option<String>,
    /// With a token that began so: its first 12 characters.
    #[serde(default)]
    hint: Option<String>,
    /// With this reason, such as `rate_limited`.
    #[serde(default)]
    reason: Option<String>,
    /// Only allowed ones, or only refused ones.
    #[serde(default)]
    allowed: Option<bool>,
    /// Only errors, or only those that are none.
    #[serde(default)]
    is_error: Option<bool>,
    /// Since then: `1h` ago, `2026-12-31` or `2026-12-31T12:00:00Z`.
    #[serde(default)]
    since: Option<String>,
    /// Before then.
    #[serde(default)]
    until: Option<String>,
    /// Oldest first instead of newest first.
    #[serde(default)]
    oldest_first: Option<bool>,
    /// Items at most: of a list 100 if absent, and 10,000 at most; else all there are.
    #[serde(default)]
    limit: Option<u32>,
    /// Where an earlier page said that the next one begins.
    #[serde(default)]
    cursor: Option<String>,
}

impl LogQuery {
    fn filter(&self) -> LogFilter {
        let Self { token, family, user, server, method, target, reason, since, until, .. } =
            self.clone();
        let Self { address, client, user_agent, session, trace, hint, .. } = self.clone();
        LogFilter {
            token,
            family,
            user,
            server,
            method,
            target,
            address,
            status: self.status,
            client,
            user_agent,
            session,
            trace,
            hint,
            reason,
            allowed: self.allowed,
            is_error: self.is_error,
            since,
            until,
        }
    }

    fn list(&self) -> LogList {
        LogList {
            filter: self.filter(),
            oldest_first: self.oldest_first.unwrap_or_default(),
            limit: self.limit,
            cursor: self.cursor.clone(),
        }
    }
}

/// What says in which order a list comes, and where it begins. What comes in now has its own order.
pub(super) const OF_LISTS: [&str; 2] = ["cursor", "oldest_first"];

impl LogQuery {
    /// Refuses to follow in another order than that in which things happen.
    fn refuse_order(&self) -> Result<(), ApiError> {
        let given = [self.cursor.is_some(), self.oldest_first.is_some()];
        let Some((name, _)) = OF_LISTS.iter().zip(given).find(|(_, is_given)| *is_given) else {
            return Ok(());
        };
        let message = format!("unknown field `{name}`: rows come as they happen");
        Err(ApiError::invalid(*name, message)
            .with_hint("the header Last-Event-ID says where to go on"))
    }
}

/// Lists the access log.
///
/// Where few rows fit, a page may hold fewer than asked for, or none, and a `next`: so far was
/// looked, and from there it goes on.
#[utoipa::path(
    get, path = "/api/v1/log", tag = "logs", params(LogQuery),
    responses((status = 200, body = Page<AccessView>, description = "Done"))
)]
pub(super) async fn log_list(
    State(site): State<Arc<Site>>,
    Caller(ctx): Caller,
    Query(asked): Query<LogQuery>,
) -> Result<Json<Page<AccessView>>, Problem> {
    Ok(Json(site.authority.log_list(&ctx, asked.list()).await?))
}

/// Shows one row of the access log.
#[utoipa::path(
    get, path = "/api/v1/log/{id}", tag = "logs",
    params(("id" = String, Path, description = "The row's id, `req_…`")),
    responses((status = 200, body = AccessView, description = "Done"))
)]
pub(super) async fn log_show(
    State(site): State<Arc<Site>>,
    Caller(ctx): Caller,
    Named(id): Named,
) -> Result<Json<AccessView>, Problem> {
    Ok(Json(site.authority.log_show(&ctx, LogShow { id }).await?))
}

/// The access log as CSV, all rows that fit. Cells are safe to open in a spreadsheet.
#[utoipa::path(
    get, path = "/api/v1/log.csv", tag = "logs", params(LogQuery),
    responses((status = 200, body = String, content_type = "text/csv", description = "Rows"))
)]
pub(super) async fn log_csv(
    State(site): State<Arc<Site>>,
    Caller(ctx): Caller,
    Query(asked): Query<LogQuery>,
) -> Result<Response, Problem> {
    file(site, ctx, asked, Form::Csv).await
}

/// The access log as lines of JSON, all rows that fit.
#[utoipa::path(
    get, path = "/api/v1/log.ndjson", tag = "logs", params(LogQuery),
    responses((
        status = 200, body = String, content_type = "application/x-ndjson", description = "Rows"
    ))
)]
pub(super) async fn log_ndjson(
    State(site): State<Arc<Site>>,
    Caller(ctx): Caller,
    Query(asked): Query<LogQuery>,
) -> Result<Response, Problem> {
    file(site, ctx, asked, Form::Lines).await
}

#[derive(Clone, Copy, Debug)]
enum Form {
    Csv,
    Lines,
}

impl Form {
    const fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Lines => "application/x-ndjson",
        }
    }

    const fn disposition(self) -> &'static str {
        match self {
            Self::Csv => "attachment; filename=\"mcpass-log.csv\"",
            Self::Lines => "attachment; filename=\"mcpass-log.ndjson\"",
        }
    }

    fn write(self, rows: &[AccessView], is_first: bool) -> Result<Bytes, std::io::Error> {
        let mut out = Vec::new();
        match self {
            Self::Csv => {
                let mut csv = if is_first { Csv::new(&mut out)? } else { Csv::rest(&mut out) };
                rows.iter().try_for_each(|row| csv.row(row))?;
                csv.flush()?;
            }
            Self::Lines => {
                for row in rows {
                    serde_json::to_writer(&mut out, row)?;
                    out.push(b'\n');
                }
            }
        }
        Ok(out.into())
    }
}

/// Reads the first part at once, so that a refusal is an answer; the rest as it is sent.
async fn file(
    site: Arc<Site>,
    ctx: Context,
    asked: LogQuery,
    form: Form,
) -> Result<Response, Problem> {
    let most = Items::STREAM.of(asked.limit)?;
    let mut list = LogList { limit: Some(CHUNK.min(most)), ..asked.list() };
    // Parts that are read later are of the same times.
    list.filter = site.authority.log_filter_fixed(list.filter)?;
    let page = site.authority.log_list(&ctx, list.clone()).await?;
    list.cursor.clone_from(&page.next);
    let state = (Some(page), list, most, true);
    let parts = stream::try_unfold(state, move |(page, mut list, left, is_first)| {
        let (site, ctx) = (Arc::clone(&site), ctx.clone());
        async move {
            let page = match page {
                Some(page) => page,
                None if list.cursor.is_none() || left == 0 => return Ok(None),
                None => {
                    list.limit = Some(CHUNK.min(left));
                    let next = site.authority.log_list(&ctx, list.clone()).await;
                    next.map_err(std::io::Error::other)?
                }
            };
            list.cursor.clone_from(&page.next);
            let left = left.saturating_sub(u32::try_from(page.items.len()).unwrap_or(u32::MAX));
            let bytes = form.write(&page.items, is_first)?;
            Ok::<_, std::io::Error>(Some((bytes, (None, list, left, false))))
        }
    });
    let mut response = Body::from_stream(parts).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(form.content_type()));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(form.disposition()));
    Ok(response)
}

/// Rows of the access log as they become complete: server-sent events named `row`, each with the
/// row. The last of those that come together has the place after them as its id, which
/// `Last-Event-ID` resumes from. With `limit` it ends after so many rows.
#[utoipa::path(
    get, path = "/api/v1/log.events", tag = "logs", params(LogQuery),
    responses((status = 200, body = String, content_type = "text/event-stream", description = "Rows"))
)]
pub(super) async fn log_events(
    State(site): State<Arc<Site>>,
    Caller(ctx): Caller,
    headers: HeaderMap,
    Query(asked): Query<LogQuery>,
) -> Result<Response, Problem> {
    asked.refuse_order()?;
    let filter = asked.filter();
    let after = last_event(&headers)?;
    let left = Items::STREAM.of(asked.limit)?;
    let tail = LogTail { after, filter, limit: Some(CHUNK.min(left)) };
    // The first look says where following begins, or why it may not.
    let first = site.authority.log_tail(&ctx, tail.clone()).await?;
    let state = Following { site, ctx, tail, left, batch: Some(first), is_over: false };
    let events = stream::unfold(state, |mut state| async move {
        let bytes = state.next().await?;
        Some((Ok::<_, Infallible>(bytes), state))
    });
    let mut response = Body::from_stream(events).into_response();
    let kind = HeaderValue::from_static("text/event-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}

/// Somebody who follows the log.
struct Following {
    site: Arc<Site>,
    ctx: Context,
    tail: LogTail,
    left: u32,
    batch: Option<LogBatch>,
    is_over: bool,
}

impl Following {
    /// What is to be sent next; none at the end.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(batch) = self.batch.take() {
            // Something at once, so that the client knows that it follows.
            return Some(self.events(&batch, ": following\n\n"));
        }
        for _ in 0..QUIET {
            if self.is_over || self.left == 0 {
                return None;
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = self.site.ending.cancelled() => return None,
            }
            // Authorized anew each time: a caller who may no more hears no more.
            match self.site.authority.log_tail(&self.ctx, self.tail.clone()).await {
                Ok(batch) if batch.rows.is_empty() => self.tail.after = Some(batch.after),
                Ok(batch) => return Some(self.events(&batch, "")),
                Err(error) => {
                    self.is_over = true;
                    let json = serde_json::to_string(&Problem::from(error)).unwrap_or_default();
                    return Some(format!("event: problem\ndata: {json}\n\n").into());
                }
            }
        }
        Some(Bytes::from_static(b": quiet\n\n"))
    }

    /// A batch, which is sent whole: no more was asked for than may be sent. The place after it is
    /// behind its last row alone, so that who is cut off before that gets all of it again.
    fn events(&mut self, batch: &LogBatch, before: &str) -> Bytes {
        let mut text = before.to_owned();
        let mut rows = batch.rows.iter().take(self.left as usize).peekable();
        // Writing to a string cannot fail.
        while let Some(row) = rows.next() {
            self.left -= 1;
            let json = serde_json::to_string(row).unwrap_or_default();
            let _ = write!(text, "event: row\ndata: {json}\n");
            if rows.peek().is_none() {
                let _ = writeln!(text, "id: {}", batch.after);
            }
            text.push('\n');
        }
        self.tail.after = Some(batch.after);
        self.tail.limit = Some(CHUNK.min(self.left));
        text.into()
    }
}
