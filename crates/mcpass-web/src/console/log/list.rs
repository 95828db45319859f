//! The list of requests.

use askama::Template;
use axum::extract::State;
use mcpass_authority::api::{LogList, LogTail};
use mcpass_domain::{Reason, RequestId, Timestamp};

use super::{Row, SPANS, filter, since};
use crate::console::asked::Asked;
use crate::console::fault::{Answer, Fault};
use crate::console::fields::Fields;
use crate::console::form::{Choice, Form};
use crate::console::frame::{Frame, Section};
use crate::console::pager::{Pager, Part};
use crate::console::show::When;
use crate::console::{Console, page, refused};

const PATH: &str = "/log";
/// Rows on a page, which stays light with them.
const ROWS: u32 = 50;
/// Filters that are seldom used.
const MORE: [&str; 4] = ["address", "client", "status", "method"];
/// Filters that nobody types: pages of requests link to them.
const KEPT: [(&str, &str); 5] = [
    ("family", "All secrets of"),
    ("hint", "Began with"),
    ("session", "Session"),
    ("trace", "Trace id"),
    ("user_agent", "User agent"),
];

#[derive(Template)]
#[template(path = "log/list.html")]
struct Page {
    frame: Frame,
    choices: Vec<Choice>,
    form: Form,
    is_filtered: bool,
    /// Whether the filters that are seldom used are shown.
    is_wide: bool,
    /// Filters that links alone ask for, with their labels.
    kept: Vec<(&'static str, &'static str)>,
    rows: Vec<Row>,
    pager: Pager,
    /// Where to look on, if looking ended before the page was full.
    further: Option<String>,
    /// How far was looked then.
    back_to: Option<When>,
    live: String,
    /// The same rows as CSV and as JSON lines, from the API.
    export: (String, String),
    sum: Vec<(String, &'static str)>,
}

pub(super) async fn show(State(console): State<Console>, asked: Asked) -> Answer {
    let query = super::query(&asked, console.now());
    let filter = filter(&query, console.now());
    // Before the rows, so that none that comes meanwhile is missed by who follows from here.
    let place = LogTail { limit: Some(1), ..LogTail::default() };
    let place = console.authority().log_tail(asked.ctx()?, place).await?.after;
    let found = match filter {
        Ok(filter) => {
            let cursor = query.some("cursor");
            let request = LogList { filter, limit: Some(ROWS), cursor, ..LogList::default() };
            console.authority().log_list(asked.ctx()?, request).await
        }
        Err(error) => Err(error),
    };
    let mut template = template(&console, &asked, &query, place).await?;
    match found {
        Ok(found) => {
            let now = console.now();
            // With a filter, looking may end before a page is full.
            let each = (!template.is_filtered).then_some(ROWS as usize);
            let part = Part { shown: found.items.len(), each, total: None };
            template.pager = Pager::new(PATH, &query, part, found.next.as_deref());
            let is_short = found.items.len() < ROWS as usize;
            let next = found.next.as_deref().filter(|_| is_short);
            template.further = template.pager.next.clone().filter(|_| next.is_some());
            let last = next.and_then(|next| next.parse::<RequestId>().ok());
            template.back_to = last.map(|last| When::new(last.moment(), now));
            template.rows = found.items.iter().map(|access| Row::new(access, now)).collect();
            page(&template)
        }
        Err(error) if error.field.is_some() => {
            template.form = Form::refused(query, &error);
            refused(&template, &error)
        }
        Err(error) => Err(error.into()),
    }
}

async fn template(
    console: &Console,
    asked: &Asked,
    query: &Fields,
    place: i64,
) -> Result<Page, Fault> {
    let filters = query.without(&["cursor"]);
    let live = filters.without(&["until", "since", "from"]).with("after", &place.to_string());
    Ok(Page {
        frame: asked.frame(Section::Log, "Access log").at_top(),
        choices: choices(console, asked, query).await?,
        is_filtered: !filters.is_empty(),
        // Following begins now: what was until a moment of the past never comes.
        live: live.after("/log/live"),
        export: export(query, console.now()),
        is_wide: MORE.iter().chain(&["from", "until"]).any(|name| query.has(name)),
        kept: KEPT.into_iter().filter(|(name, _)| query.has(name)).collect(),
        form: Form::new(query.clone()),
        rows: Vec::new(),
        pager: Pager::new(PATH, query, Part::default(), None),
        further: None,
        back_to: None,
        sum: [
            ("the last hour", "since=1h"),
            ("refused in 24 hours", "outcome=refused&since=24h"),
            ("errors in 24 hours", "outcome=error&since=24h"),
        ]
        .map(|(word, query)| (format!("{PATH}?{query}"), word))
        .to_vec(),
    })
}

/// Where the API gives the same rows. It names outcomes by their two parts.
fn export(query: &Fields, now: Timestamp) -> (String, String) {
    let (allowed, is_error) = match query.text("outcome") {
        "refused" => ("false", ""),
        "ok" => ("true", "false"),
        "error" => ("true", "true"),
        _ => ("", ""),
    };
    let since = since(query, now).unwrap_or_default();
    let query = query.without(&["cursor", "outcome", "from"]).with("since", &since);
    let query = query.with("allowed", allowed).with("is_error", is_error);
    (query.after("/api/v1/log.csv"), query.after("/api/v1/log.ndjson"))
}

async fn choices(console: &Console, asked: &Asked, query: &Fields) -> Result<Vec<Choice>, Fault> {
    let outcomes = [("", "any"), ("ok", "answered"), ("error", "error"), ("refused", "refused")];
    let mut choices = vec![Choice::new("outcome", "Outcome", query, outcomes)];
    let reasons = Reason::ALL.iter().filter(|reason| **reason != Reason::Allowed);
    let reasons = reasons.map(|reason| (reason.as_str(), reason.as_str().replace('_', " ")));
    let any = std::iter::once(("", "any".to_owned()));
    choices.push(Choice::new("reason", "Reason", query, any.chain(reasons)));
    if asked.viewer()?.may("mcpass.view_server") {
        let servers = console.authority().server_list(asked.ctx()?).await?;
        let servers = servers.into_iter().map(|server| (server.name.clone(), server.name));
        let any = std::iter::once((String::new(), "any".to_owned()));
        choices.push(Choice::new("server", "Server", query, any.chain(servers)));
    }
    choices.push(Choice::new("since", "Since", query, SPANS));
    Ok(choices)
}
