//! A server's page.

use askama::Template;
use axum::extract::{Path, State};
use mcpass_authority::api::{
    DatabaseView, HealthView, KindView, LogFilter, LogList, ServerRef, ServerTest, ServerTools,
    ServerView, TokenList, ToolView,
};
use mcpass_domain::Timestamp;

use super::call::Called;
use super::list::state;
use crate::console::asked::Asked;
use crate::console::fault::{Answer, Fault};
use crate::console::fields::{Fields, segment};
use crate::console::form::Form;
use crate::console::frame::{Frame, Section};
use crate::console::log;
use crate::console::show::{Badge, When, cut, duration, is_due};
use crate::console::trouble::sentence;
use crate::console::{Console, page};

const FEW: u32 = 10;
const MANY: u32 = 50;

#[derive(Template)]
#[template(path = "servers/one.html")]
pub(super) struct Page {
    frame: Frame,
    server: ServerView,
    path: String,
    endpoint: String,
    state: Badge,
    since: Option<When>,
    retry: Option<When>,
    /// Whether that moment has come.
    is_due: bool,
    /// The time as of which moments are told.
    now: Timestamp,
    created: When,
    settings: Vec<(&'static str, String)>,
    requests: Vec<log::Row>,
    tokens: Vec<(String, String, String)>,
    /// Where to look for more of them, if not all tokens were looked at.
    more_tokens: Option<String>,
    /// The tool whose users are asked for.
    tool: String,
    is_removing: bool,
    /// Whether the viewer may edit, test and switch it.
    may_change: bool,
    /// Whether the viewer may remove it.
    may_remove: bool,
    tools: Vec<ToolView>,
    /// Why its tools are not known.
    tools_trouble: String,
    test: Option<ServerTest>,
    /// The form of a test call, as it was sent.
    form: Form,
    /// What came of a test call.
    called: Option<Called>,
}

pub(super) async fn show(
    State(console): State<Console>,
    Path(name): Path<String>,
    asked: Asked,
) -> Answer {
    page(&template(&console, &asked, name, false).await?)
}

/// Asks the server for its tools now, and shows what came of it.
pub(super) async fn test(
    State(console): State<Console>,
    Path(name): Path<String>,
    asked: Asked,
) -> Answer {
    let request = ServerRef { name: name.clone() };
    let test = console.authority().server_test(asked.ctx()?, request).await?;
    let mut template = template(&console, &asked, name, false).await?;
    template.test = Some(test);
    page(&template)
}

pub(super) async fn ask_remove(
    State(console): State<Console>,
    Path(name): Path<String>,
    asked: Asked,
) -> Answer {
    asked.viewer()?.must("mcpass.delete_server")?;
    page(&template(&console, &asked, name, true).await?)
}

pub(super) async fn template(
    console: &Console,
    asked: &Asked,
    name: String,
    is_removing: bool,
) -> Result<Page, Fault> {
    let form = Form::new(Fields::from([("arguments", "{}")]));
    let now = console.now();
    let authority = console.authority();
    let server = authority.server_show(asked.ctx()?, ServerRef { name: name.clone() }).await?;
    let (tools, tools_trouble) = tools(console, asked, &server).await?;
    // How it does is read once it has been asked for its tools, so that the page agrees with itself.
    let server = authority.server_show(asked.ctx()?, ServerRef { name }).await?;
    let moment = |of: fn(&HealthView) -> Option<Timestamp>| {
        server.health.as_ref().and_then(of).map(|at| When::new(at, now))
    };
    let tool = asked.query.text("tool").to_owned();
    let (tokens, more_tokens) = tokens(console, asked, &server.name, &tool).await?;
    Ok(Page {
        tools,
        tools_trouble,
        test: None,
        called: None,
        form,
        may_change: asked.viewer()?.may("mcpass.change_server"),
        may_remove: asked.viewer()?.may("mcpass.delete_server"),
        frame: asked.frame(Section::Servers, server.name.clone()),
        path: format!("/servers/{}", segment(&server.name)),
        endpoint: asked.absolute(&format!("/mcp/{}", server.name)),
        state: state(&server),
        since: moment(|health| health.since),
        retry: moment(|health| health.retry_at),
        now,
        is_due: server
            .health
            .as_ref()
            .and_then(|one| one.retry_at)
            .is_some_and(|at| is_due(at, now)),
        created: When::new(server.created_at, now),
        settings: settings(&server.kind),
        requests: requests(console, asked, &server.name).await?,
        tokens,
        more_tokens,
        tool,
        server,
        is_removing,
    })
}

/// What it lists; a server that does not answer has a page all the same.
async fn tools(
    console: &Console,
    asked: &Asked,
    server: &ServerView,
) -> Result<(Vec<ToolView>, String), Fault> {
    if !server.is_enabled {
        return Ok((Vec::new(), "They are not known while it is disabled.".to_owned()));
    }
    let request = ServerTools { name: server.name.clone(), fresh: false };
    match console.authority().server_tools(asked.ctx()?, request).await {
        Ok(view) => Ok((view.tools, String::new())),
        Err(error) => Ok((Vec::new(), sentence(&error))),
    }
}

async fn requests(console: &Console, asked: &Asked, name: &str) -> Result<Vec<log::Row>, Fault> {
    let request = LogList {
        filter: LogFilter { server: Some(name.to_owned()), ..LogFilter::default() },
        limit: Some(FEW),
        ..LogList::default()
    };
    let found = console.authority().log_list(asked.ctx()?, request).await?;
    let now = console.now();
    Ok(found.items.iter().map(|access| log::Row::new(access, now)).collect())
}

/// The active tokens that may use a tool, with their users; and where to look for more.
async fn tokens(
    console: &Console,
    asked: &Asked,
    server: &str,
    tool: &str,
) -> Result<(Vec<(String, String, String)>, Option<String>), Fault> {
    if tool.is_empty() {
        return Ok((Vec::new(), None));
    }
    let permission = format!("{server}.{tool}");
    let request = TokenList {
        state: Some("active".to_owned()),
        permission: Some(permission.clone()),
        limit: Some(MANY),
        ..TokenList::default()
    };
    let found = console.authority().token_list(asked.ctx()?, request).await?;
    let more = found.next.map(|cursor| {
        let fields = [("state", "active"), ("may", permission.as_str()), ("cursor", &cursor)];
        Fields::from(fields).after("/tokens")
    });
    let found = found
        .items
        .into_iter()
        .map(|token| (token.id.to_string(), cut(&token.facts.name, 120), token.facts.user));
    Ok((found.collect(), more))
}

/// A server's settings as words and texts.
fn settings(kind: &KindView) -> Vec<(&'static str, String)> {
    let time =
        |millis: u64| if millis == 0 { "never".to_owned() } else { duration(millis * 1_000) };
    let pairs = |map: &std::collections::BTreeMap<String, String>, between: &str| {
        map.iter()
            .map(|(name, text)| format!("{name}{between}{text}"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    let all = match kind {
        KindView::Database(database) => database_settings(database),
        KindView::Demo => Vec::new(),
        KindView::Http(http) => vec![
            ("Address", http.url.clone()),
            ("Headers", pairs(&http.headers, ": ")),
            ("Connects within", time(http.connect_timeout_ms)),
            ("First byte within", time(http.first_byte_timeout_ms)),
            ("Connections at most", http.max_connections.to_string()),
            ("Trusts", http.ca_file.clone().unwrap_or_default()),
            ("Own certificate", http.client_certificate.clone().unwrap_or_default()),
        ],
        KindView::Stdio(stdio) => vec![
            ("Command", kind.target().into_owned()),
            ("Environment", pairs(&stdio.environment, "=")),
            ("Folder", stdio.folder.clone().unwrap_or_default()),
            ("Process", if stdio.per_token { "one a token" } else { "shared" }.to_owned()),
            ("Starts within", time(stdio.start_timeout_ms)),
            ("Answers within", time(stdio.answer_timeout_ms)),
            ("Ends when idle for", time(stdio.idle_ms)),
        ],
        KindView::Workspace(workspace) => vec![("Tool names", workspace.tool_names.clone())],
    };
    all.into_iter().filter(|(_, text)| !text.is_empty()).collect()
}

fn database_settings(database: &DatabaseView) -> Vec<(&'static str, String)> {
    let history = if database.with_history { "in that database" } else { "with mcpass" };
    let models = if database.models == "{}" { "" } else { &database.models };
    vec![
        ("Database", database.database.clone()),
        ("Permissions begin with", database.apps.join(", ")),
        ("Tools", database.tools.clone()),
        ("Writes", if database.read_only { "never" } else { "as tokens may" }.to_owned()),
        ("History", history.to_owned()),
        ("A statement takes at most", duration(database.statement_timeout_ms * 1_000)),
        ("Rows of a list at most", database.max_rows.to_string()),
        ("Schemas", database.schemas.join(", ")),
        ("Models", models.to_owned()),
    ]
}

impl Page {
    /// What a problem means for whoever calls it now.
    fn trouble(&self) -> &'static str {
        match self.server.health.as_ref().map(|health| health.state.as_str()) {
            Some("resting") => {
                "It failed several times in a row, and is left alone for a while. Last:"
            }
            Some("failing") => "It failed when it was last asked:",
            _ => "It does not work:",
        }
    }

    /// The page after a test call.
    pub(super) fn with_call(self, form: Form, called: Option<Called>) -> Self {
        Self { form, called, ..self }
    }

    /// The permissions that a tool needs; none if there is no such tool.
    pub(super) fn permissions(&self, tool: &str) -> Option<Vec<String>> {
        let tool = self.tools.iter().find(|known| known.name == tool)?;
        Some(tool.permissions.clone())
    }

    /// A part of a tool's definition as it is read; empty if it has none.
    fn part(tool: &ToolView, name: &str) -> String {
        let part = tool.definition.get(name).filter(|part| !part.is_null());
        part.and_then(|part| serde_json::to_string_pretty(part).ok()).unwrap_or_default()
    }

    /// Who may use this tool: the same page, asked for it.
    fn who(&self, tool: &ToolView) -> String {
        format!("{}#h-who", Fields::from([("tool", tool.name.as_str())]).after(&self.path))
    }

    fn log(&self) -> String {
        Fields::from([("server", self.server.name.as_str())]).after("/log")
    }
}
