//! `mcpass log`

use std::collections::HashSet;
use std::io;
use std::time::Duration;

use clap::Subcommand;
use mcpass_authority::api::{AccessView, LogFilter, LogList, LogShow, LogTail};
use mcpass_web::export::Csv;

use super::answer;
use crate::cli::DatabaseOption;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{self, Text, Tone};
use crate::times;

mod view;

/// `mcpass log …`
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  mcpass log --since 1h --denied
  mcpass log --token tok_0Yk3VqGm1bTzX9a2JcRn4s --follow
  mcpass log --since 2026-11-01 --until 2026-12-01 --limit 1000000 --csv > november.csv
  mcpass log --tool create_issue --errors --json
  mcpass log --address 10.0.0.7 --status 401

--json prints JSON Lines: one row a line."
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) database: DatabaseOption,
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show one row with everything that is known of it
    #[command(after_help = "Example:\n  mcpass log show req_0Yk3VqGm1bTzX9a2JcRn4s")]
    Show {
        /// The request's id
        #[arg(value_name = "REQUEST-ID")]
        id: String,
    },
}

#[derive(Debug, clap::Args)]
struct List {
    /// Of this token, by id: of this secret alone, if it was rotated
    #[arg(long, value_name = "TOKEN-ID")]
    token: Option<String>,
    /// Of this token and all secrets of its family, before and after it
    #[arg(long, value_name = "TOKEN-ID")]
    family: Option<String>,
    /// Of this user, by the name at the time
    #[arg(long)]
    user: Option<String>,
    /// At this server
    #[arg(long)]
    server: Option<String>,
    /// Of this tool, resource or prompt
    #[arg(long, value_name = "NAME")]
    tool: Option<String>,
    /// Of this JSON-RPC method, such as tools/call
    #[arg(long)]
    method: Option<String>,
    /// From this address, such as 10.0.0.7
    #[arg(long, value_name = "IP")]
    address: Option<String>,
    /// Answered with this HTTP status
    #[arg(long, value_name = "STATUS")]
    status: Option<u16>,
    /// Of this client, by the name that it gives itself
    #[arg(long, value_name = "NAME")]
    client: Option<String>,
    /// With this User-Agent, whole
    #[arg(long, value_name = "TEXT")]
    user_agent: Option<String>,
    /// In this MCP session
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Of this trace
    #[arg(long, value_name = "TRACE-ID")]
    trace: Option<String>,
    /// With a token that began so: its first 12 characters
    #[arg(long, value_name = "BEGINNING")]
    hint: Option<String>,
    /// With this reason, such as rate_limited
    #[arg(long)]
    reason: Option<String>,
    /// Refused requests alone
    #[arg(long, conflicts_with = "allowed")]
    denied: bool,
    /// Allowed requests alone
    #[arg(long)]
    allowed: bool,
    /// Errors alone: of HTTP, of JSON-RPC, and results that say so
    #[arg(long)]
    errors: bool,
    /// Since then: 1h, 7d, 2026-12-31 or 2026-12-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Before then
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Rows at most
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit: u32,
    /// Oldest first instead of newest first
    #[arg(long)]
    oldest_first: bool,
    /// Print CSV, safe to open in a spreadsheet
    #[arg(long, conflicts_with_all = ["json", "follow"])]
    csv: bool,
    /// Go on with new rows as they come; ends with Ctrl-C
    #[arg(long, conflicts_with_all = ["until", "oldest_first"])]
    follow: bool,
}

/// Rows of one request at most.
const PAGE: u32 = 5_000;
/// Rows that following begins with, unless `--since` says more.
const BEFORE_FOLLOWING: u32 = 10;
/// How often following looks for new rows.
const INTERVAL: Duration = Duration::from_millis(300);

/// Does what was typed.
///
/// # Errors
/// When a filter cannot be read, or the authority cannot be reached.
pub(crate) async fn run(args: Args, context: &mut Context) -> Result<(), Failure> {
    if let Some(Action::Show { id }) = args.action {
        let row = answer!(context, LogShow(LogShow { id }) => LogRow);
        if context.output.is_json() {
            return context.output.json(&row);
        }
        return context.output.fields(view::fields(&row, context.now()));
    }
    let list = args.list;
    match (list.follow, list.csv) {
        (true, _) => follow(list, context).await,
        (_, true) => export(list, context).await,
        _ => print(list, context).await,
    }
}

impl List {
    fn request(&self) -> LogList {
        let allowed = match (self.denied, self.allowed) {
            (true, _) => Some(false),
            (_, true) => Some(true),
            _ => None,
        };
        LogList {
            filter: LogFilter {
                token: self.token.clone(),
                family: self.family.clone(),
                user: self.user.clone(),
                server: self.server.clone(),
                method: self.method.clone(),
                target: self.tool.clone(),
                address: self.address.clone(),
                status: self.status,
                client: self.client.clone(),
                user_agent: self.user_agent.clone(),
                session: self.session.clone(),
                trace: self.trace.clone(),
                hint: self.hint.clone(),
                reason: self.reason.clone(),
                allowed,
                is_error: self.errors.then_some(true),
                since: self.since.clone(),
                until: self.until.clone(),
            },
            oldest_first: self.oldest_first,
            limit: None,
            cursor: None,
        }
    }
}

/// Reads page after page, up to `limit` rows, so that a long log never is in memory whole.
struct Pages {
    request: LogList,
    left: u32,
    is_done: bool,
}

impl Pages {
    fn new(request: LogList, limit: u32) -> Self {
        Self { request, left: limit, is_done: limit == 0 }
    }

    async fn next(&mut self, context: &mut Context) -> Result<Option<Vec<AccessView>>, Failure> {
        if self.is_done {
            return Ok(None);
        }
        self.request.limit = Some(self.left.min(PAGE));
        let page = answer!(context, LogList(self.request.clone()) => Log);
        self.left = self.left.saturating_sub(u32::try_from(page.items.len()).unwrap_or(u32::MAX));
        self.is_done = self.left == 0 || page.next.is_none();
        self.request.cursor = page.next;
        Ok(Some(page.items))
    }
}

async fn print(list: List, context: &mut Context) -> Result<(), Failure> {
    let mut pages = Pages::new(list.request(), list.limit);
    let mut rows = Vec::new();
    while let Some(page) = pages.next(context).await? {
        if context.output.is_json() {
            page.iter().try_for_each(|row| context.output.json_line(row))?;
        } else {
            rows.extend(page);
        }
    }
    if context.output.is_json() {
        return Ok(());
    }
    let now = context.now();
    let cells = rows.iter().map(|row| view::row(row, times::relative(row.at, now))).collect();
    context.output.table(&view::HEADER, cells, "No requests that fit.")?;
    if pages.request.cursor.is_some() {
        output::note(&format!("There are more: --limit {}", list.limit.saturating_mul(10)));
    }
    Ok(())
}

async fn export(list: List, context: &mut Context) -> Result<(), Failure> {
    let broken = |error: csv::Error| match error.into_kind() {
        csv::ErrorKind::Io(error) => output::broken(&error),
        other => Failure::new(format!("CSV cannot be written: {other:?}")),
    };
    let mut csv = Csv::new(io::stdout().lock()).map_err(broken)?;
    let mut pages = Pages::new(list.request(), list.limit);
    while let Some(page) = pages.next(context).await? {
        page.iter().try_for_each(|row| csv.row(row)).map_err(broken)?;
    }
    csv.flush().map_err(broken)
}

async fn follow(list: List, context: &mut Context) -> Result<(), Failure> {
    if !context.has_server().await? {
        return Err(Failure::new("there is nothing to follow: no server runs on this data folder")
            .with_hint("start one with `mcpass serve`, or leave out --follow"));
    }
    let request = list.request();
    // The place first, then the rows before it: a row that comes between is in both, and is
    // shown once.
    let tail = LogTail { filter: request.filter.clone(), ..LogTail::default() };
    let mut place = answer!(context, LogTail(tail.clone()) => LogTail).after;
    let before = if list.since.is_some() { list.limit } else { BEFORE_FOLLOWING };
    let mut shown = HashSet::new();
    let mut rows = Vec::new();
    let mut pages = Pages::new(request, before);
    while let Some(page) = pages.next(context).await? {
        rows.extend(page);
    }
    for row in rows.iter().rev() {
        show_line(context, row)?;
        shown.insert(row.id);
    }
    let mut ended = std::pin::pin!(tokio::signal::ctrl_c());
    loop {
        let request = LogTail { after: Some(place), ..tail.clone() };
        let batch = answer!(context, LogTail(request) => LogTail);
        let is_idle = batch.after == place;
        place = batch.after;
        for row in batch.rows.iter().filter(|row| !shown.remove(&row.id)) {
            show_line(context, row)?;
        }
        if is_idle {
            tokio::select! {
                _ = &mut ended => return Ok(()),
                () = tokio::time::sleep(INTERVAL) => {}
            }
        }
    }
}

fn show_line(context: &Context, row: &AccessView) -> Result<(), Failure> {
    if context.output.is_json() {
        return context.output.json_line(row);
    }
    context.output.line(view::line(row))
}

/// Refused, failed or fine.
fn verdict(row: &AccessView) -> Text {
    let reason = row.failure.as_deref().unwrap_or(&row.reason);
    let tone = match (row.allowed, row.failure.is_some() || row.is_error == Some(true)) {
        (false, _) => Tone::Bad,
        (true, true) => Tone::Warn,
        (true, false) => Tone::Good,
    };
    Text::toned(reason, tone)
}
