//! The page on which a new secret is shown: once, with what to paste where, and a test of it.

use askama::Template;
use axum::extract::{Path, State};
use http::Method;
use mcpass_authority::api::{AccessView, ApiError, LogFilter, LogList, TokenDetails, TokenRef};
use mcpass_domain::{Reason, Timestamp, TokenSecret};

use crate::console::asked::Asked;
use crate::console::fault::{Answer, Fault};
use crate::console::frame::{Frame, Section};
use crate::console::log::Row;
use crate::console::show::When;
use crate::console::viewer::Viewer;
use crate::console::{Console, page};
use crate::probe;
use crate::snippets::{self, Snippet};

/// Clients whose configuration is shown, in this order.
const CLIENTS: [&str; 7] =
    ["Claude Code", "Cursor", "VS Code", "Codex", "curl", "Python", "TypeScript"];

#[derive(Template)]
#[template(path = "tokens/created.html")]
struct Page {
    frame: Frame,
    token: TokenDetails,
    id: String,
    secret: String,
    /// The line that puts the secret into the environment.
    environment: String,
    snippets: Vec<Snippet>,
    expires: Option<When>,
    replaces: Option<Old>,
    test: Option<Test>,
}

/// The secret whose place it took.
#[derive(Debug)]
struct Old {
    id: String,
    hint: String,
    /// When it ends; none if it has.
    ends: Option<When>,
}

/// What came of a test.
#[derive(Debug)]
struct Test {
    is_good: bool,
    /// Whether it says nothing of the token: it is for other networks than this machine.
    is_elsewhere: bool,
    told: String,
    answer: String,
    row: Vec<Row>,
}

impl Console {
    /// Keeps a new secret for the page that shows it; answers that page's path.
    pub(in crate::console) fn keep(
        &self,
        viewer: &Viewer,
        id: String,
        secret: mcpass_authority::api::Plaintext,
    ) -> String {
        let path = format!("/tokens/{id}/created");
        self.drawer().put(viewer.session.id, id, secret, self.monotonic());
        path
    }
}

pub(super) async fn show(
    State(console): State<Console>,
    Path(id): Path<String>,
    method: Method,
    asked: Asked,
) -> Answer {
    let session = asked.viewer()?.session.id;
    // A page whose body nobody is sent shows nothing.
    let is_shown = method == Method::GET;
    let take = || console.drawer().take(session, &id, console.monotonic());
    let secret = if is_shown { take() } else { None };
    let secret = secret.map(|secret| secret.expose().to_owned()).unwrap_or_default();
    page(&template(&console, &asked, id, secret).await?)
}

/// Makes a real call with the secret that the page holds, and shows the page again.
pub(super) async fn test(
    State(console): State<Console>,
    Path(id): Path<String>,
    asked: Asked,
) -> Answer {
    let secret = asked.form.text("secret").to_owned();
    let mut template = template(&console, &asked, id, secret.clone()).await?;
    // Only a token's own secret is sent anywhere, and shown as one.
    let is_token = TokenSecret::parse(&secret)
        .is_ok_and(|secret| secret.hint().as_str() == template.token.facts.hint);
    if !is_token {
        return Err(ApiError::invalid("secret", "this is not the secret of this token")
            .with_hint("nothing was sent; if the secret is lost, rotate the token")
            .into());
    }
    template.test = Some(try_out(&console, &asked, &template.token, &secret).await?);
    page(&template)
}

async fn try_out(
    console: &Console,
    asked: &Asked,
    token: &TokenDetails,
    secret: &str,
) -> Result<Test, Fault> {
    let Some(listen) = console.listen() else {
        return Ok(failed("mcpass does not listen for MCP clients"));
    };
    let heard = match probe::ask(listen, secret).await {
        Ok(heard) => heard,
        Err(why) => return Ok(failed(&why)),
    };
    let request = LogList {
        filter: LogFilter { token: Some(token.id.to_string()), ..LogFilter::default() },
        limit: Some(1),
        ..LogList::default()
    };
    let rows = console.authority().log_list(asked.ctx()?, request).await?.items;
    let now = console.now();
    if let Some(refusal) = rows.first().filter(|row| is_elsewhere(row)) {
        return Ok(Test {
            is_good: false,
            is_elsewhere: true,
            told: elsewhere(&token.facts.cidrs, &refusal.remote_ip),
            answer: String::new(),
            row: vec![Row::new(refusal, now)],
        });
    }
    let told = match heard.tools() {
        Some(0) => "It works, but it may use nothing yet: give it permissions.".to_owned(),
        Some(1) => "It works: the agent sees 1 tool.".to_owned(),
        Some(tools) => format!("It works: the agent sees {tools} tools."),
        None => heard.trouble().unwrap_or_else(|| "It answered with no list of tools.".to_owned()),
    };
    Ok(Test {
        is_good: heard.tools().is_some(),
        is_elsewhere: false,
        told,
        answer: heard.shown(),
        row: rows.iter().map(|access| Row::new(access, now)).collect(),
    })
}

/// Whether a request was refused for where it came from.
fn is_elsewhere(access: &AccessView) -> bool {
    access.reason == Reason::ForbiddenNetwork.as_str()
}

/// What is said where mcpass is none of those whom the token is for.
fn elsewhere(networks: &[String], ip: &str) -> String {
    format!(
        "It cannot be tried from here: the token works from {} alone, and mcpass calls from {ip}. \
         Elsewhere it is refused, as it should be.",
        networks.join(", ")
    )
}

fn failed(why: &str) -> Test {
    let told = format!("There was no answer: {why}.");
    Test { is_good: false, is_elsewhere: false, told, answer: String::new(), row: Vec::new() }
}

async fn template(
    console: &Console,
    asked: &Asked,
    id: String,
    secret: String,
) -> Result<Page, Fault> {
    let request = TokenRef { id: id.clone() };
    let token = console.authority().token_show(asked.ctx()?, request).await?;
    let all = snippets::all(&asked.absolute("/mcp"), Some(&secret));
    let environment = all.first().map(|first| first.text.clone()).unwrap_or_default();
    let snippets = CLIENTS
        .iter()
        .filter_map(|client| all.iter().find(|snippet| snippet.client == *client).cloned());
    let frame = asked
        .frame(Section::Tokens, token.facts.name.clone())
        .under(token.facts.name.clone(), format!("/tokens/{id}"));
    Ok(Page {
        frame,
        environment,
        snippets: snippets.collect(),
        expires: token.facts.expires_at.map(|at| When::new(at, console.now())),
        replaces: replaces(&token, console.now()),
        token,
        id,
        secret,
        test: None,
    })
}

/// The one before it in its family.
fn replaces(token: &TokenDetails, now: Timestamp) -> Option<Old> {
    let members = token.family_members.iter();
    let old = members.take_while(|member| member.id != token.id).last()?;
    let ends = old.expires_at.filter(|_| old.state == "active");
    let ends = ends.map(|at| When::new(at, now));
    Some(Old { id: old.id.to_string(), hint: old.hint.clone(), ends })
}
