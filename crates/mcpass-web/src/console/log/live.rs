//! The log as it grows, as server-sent events (HTML Living Standard, section 9.2). Each event is
//! one row of the list, made by the same template, and has the place in the log as its id: a
//! browser that was cut off goes on there.

use std::time::Duration;

use askama::Template;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream::{self, Stream};
use http::{HeaderMap, HeaderValue, header};
use mcpass_authority::Context;
use mcpass_authority::api::{ApiError, LogFilter, LogTail};

use super::{Row, filter, query};
use crate::console::Console;
use crate::console::asked::Asked;
use crate::console::fault::Fault;

/// How often is looked.
const PAUSE: Duration = Duration::from_secs(1);
/// Looks without news after which something is said, so that who went away is noticed.
const QUIET: u32 = 15;
/// Rows at a time; the page keeps about as many.
const ROWS: u32 = 200;

#[derive(Template)]
#[template(path = "log/live.html")]
struct Rows {
    rows: Vec<Row>,
}

/// Where following stands.
struct Follower {
    console: Console,
    ctx: Context,
    filter: LogFilter,
    after: Option<i64>,
    /// What came before it began.
    first: Option<String>,
    quiet: u32,
    /// Whether there may be more than it was given.
    is_behind: bool,
    has_ended: bool,
}

pub(super) async fn follow(
    State(console): State<Console>,
    headers: HeaderMap,
    asked: Asked,
) -> Result<Response, Fault> {
    let last = headers.get("last-event-id").and_then(|last| last.to_str().ok());
    let last = last.unwrap_or_else(|| asked.query.text("after"));
    let mut follower = Follower {
        ctx: asked.ctx()?.clone(),
        filter: filter(&query(&asked, console.now()), console.now())?,
        console,
        after: last.parse().ok(),
        first: None,
        quiet: 0,
        is_behind: false,
        has_ended: false,
    };
    // What cannot be followed is refused before the stream begins.
    follower.first = follower.catch_up().await?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, Body::from_stream(events(follower))).into_response())
}

fn events(follower: Follower) -> impl Stream<Item = Result<Bytes, std::convert::Infallible>> {
    stream::unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((Ok(Bytes::from(event)), follower))
    })
}

impl Follower {
    /// The next event; none at the end, which is that of mcpass or of the viewer's rights.
    async fn next(&mut self) -> Option<String> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        let ending = self.console.ending().clone();
        while !self.has_ended {
            tokio::select! {
                () = ending.cancelled() => return None,
                () = tokio::time::sleep(PAUSE) => {}
            }
            match self.look().await {
                Ok(Some(event)) => {
                    self.quiet = 0;
                    return Some(event);
                }
                Ok(None) => self.quiet += 1,
                Err(error) => {
                    self.has_ended = true;
                    let message = error.message.replace(['\r', '\n'], " ");
                    return Some(format!("event: trouble\ndata: {message}\n\n"));
                }
            }
            if self.quiet >= QUIET {
                self.quiet = 0;
                return Some(": nothing new\n\n".to_owned());
            }
        }
        None
    }

    /// What came since the page was made, if that is no more than it would show; else it begins
    /// now.
    async fn catch_up(&mut self) -> Result<Option<String>, ApiError> {
        let first = self.look().await?;
        if self.is_behind {
            self.after = None;
            return self.look().await;
        }
        Ok(first)
    }

    /// What is new. Rights are looked at each time.
    async fn look(&mut self) -> Result<Option<String>, ApiError> {
        let request = LogTail { after: self.after, filter: self.filter.clone(), limit: Some(ROWS) };
        let batch = self.console.authority().log_tail(&self.ctx, request).await?;
        self.after = Some(batch.after);
        self.is_behind = batch.rows.len() >= ROWS as usize;
        if batch.rows.is_empty() {
            return Ok(None);
        }
        let now = self.console.now();
        let rows = batch.rows.iter().rev().map(|access| Row::new(access, now)).collect();
        let html = Rows { rows }.render();
        let html = html.map_err(|error| ApiError::new(ApiError::INTERNAL, error.to_string()))?;
        // Each line of the rows is a line of the event.
        let html = html.trim_end().replace('\n', "\ndata: ");
        Ok(Some(format!("event: rows\nid: {}\ndata: {html}\n\n", batch.after)))
    }
}
