//! Rotating, disabling, enabling and revoking a token. Each asks first, with the token's name and
//! what it would end.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use mcpass_authority::api::{
    ApiError, TokenDetails, TokenRef, TokenRevoke, TokenRotate, TokenUsage,
};

use super::one;
use crate::console::asked::Asked;
use crate::console::fault::{Answer, Fault};
use crate::console::fields::Fields;
use crate::console::form::Form;
use crate::console::frame::{Frame, Section};
use crate::console::show::{When, count, several};
use crate::console::{Console, done, go, page, refused, undoable};

/// What is about to be done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Deed {
    Disable,
    Revoke,
    Rotate,
}

#[derive(Template)]
#[template(path = "tokens/act.html")]
struct Page {
    frame: Frame,
    form: Form,
    deed: Deed,
    id: String,
    name: String,
    hint: String,
    used: Option<When>,
    used_ip: String,
    /// What would end with it at this moment: `2 open streams, last call 4 s ago`.
    ends: Vec<String>,
    /// And with the other secrets of the family.
    others_end: Vec<String>,
    /// Other secrets of the family that still work.
    others: usize,
}

impl Deed {
    const fn word(self) -> &'static str {
        match self {
            Self::Disable => "Disable",
            Self::Revoke => "Revoke",
            Self::Rotate => "Rotate",
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Revoke => "revoke",
            Self::Rotate => "rotate",
        }
    }
}

async fn template(
    console: &Console,
    asked: &Asked,
    id: &str,
    deed: Deed,
    form: Form,
) -> Result<Page, Fault> {
    // Brings the last calls into the store, so that the token's last use is the last one.
    let request = TokenRef { id: id.to_owned() };
    let usage = console.authority().token_usage(asked.ctx()?, request).await?;
    let token = one::find(console, asked, id).await?;
    let (id, facts) = (token.id.to_string(), token.facts);
    let works =
        token.family_members.iter().filter(|one| one.id != token.id && one.state == "active");
    Ok(Page {
        frame: asked
            .frame(Section::Tokens, format!("{} {}", deed.word(), facts.name))
            .under(facts.name.clone(), format!("/tokens/{id}")),
        used: facts.last_used_at.map(|at| When::new(at, console.now())),
        used_ip: facts.last_used_ip.unwrap_or_default(),
        ends: ends(usage.open_streams, usage.open_sessions),
        others_end: others_end(&usage),
        others: works.count(),
        name: facts.name,
        hint: facts.hint,
        form,
        deed,
        id,
    })
}

/// What the other secrets of its family have open.
fn others_end(usage: &TokenUsage) -> Vec<String> {
    let others = || usage.secrets.iter().filter(|secret| secret.id != usage.id);
    ends(
        others().map(|secret| secret.open_streams).sum(),
        others().map(|secret| secret.open_sessions).sum(),
    )
}

/// What is open, in words; nothing if nothing is.
pub(super) fn ends(streams: u64, sessions: u64) -> Vec<String> {
    let open = |number: u64, one: &str| match number {
        0 => None,
        1 => Some(format!("1 open {one}")),
        _ => Some(format!("{} open {one}s", count(number))),
    };
    let all = [open(streams, "stream"), open(sessions, "session")];
    all.into_iter().flatten().collect()
}

/// Why it cannot be done to a token in this state.
pub(super) fn is_over(token: &TokenDetails, deed: &str) -> Option<Response> {
    let facts = &token.facts;
    let is_possible = match deed {
        "Revoke" => facts.state != "revoked",
        "Disable" => facts.state == "active",
        _ => matches!(facts.state.as_str(), "active" | "disabled"),
    };
    let said = match facts.state.as_str() {
        "revoked" => format!("{} is revoked, which is final.", facts.name),
        state => format!("{} is {state}.", facts.name),
    };
    (!is_possible).then(|| done(&format!("/tokens/{}", token.id), said))
}

async fn ask(console: &Console, asked: &Asked, id: &str, deed: Deed, fields: Fields) -> Answer {
    // There is no form for what cannot be done.
    if let Some(over) = is_over(&one::find(console, asked, id).await?, deed.word()) {
        return Ok(over);
    }
    page(&template(console, asked, id, deed, Form::new(fields)).await?)
}

async fn again(console: &Console, asked: &Asked, id: &str, deed: Deed, error: &ApiError) -> Answer {
    let form = Form::refused(asked.form.clone(), error);
    refused(&template(console, asked, id, deed, form).await?, error)
}

pub(super) async fn ask_rotate(
    State(console): State<Console>,
    Path(id): Path<String>,
    asked: Asked,
) -> Answer {
    let fields = Fields::from([("overlap", "0")]);
    ask(&console, &asked, &id, Deed::Rotate, fields).await
}

pub(super) async fn ask_revoke(
    State(console): State<Console>,
    Path(id): Path<String>,
    asked: Asked,
) -> Answer {
    ask(&console, &asked, &id, Deed::Revoke, Fields::default()).await
}

pub(super) async fn ask_disable(
    State(console): State<Console>,
    Path(id): Path<String>,
    asked: Asked,
) -> Answer {
    ask(&console, &asked, &id, Deed::Disable, Fields::default()).await
}

pub(super) async fn rotate(
    State(console): State<Console>,
    Path(id): Path<String>,
    asked: Asked,
) -> Answer {
    let overlap = asked.form.some("overlap").filter(|overlap| overlap != "0");
    let request = TokenRotate { id: id.clone(), overlap };
    match console.authority().token_rotate(asked.ctx()?, request).await {
        Ok(issued) => Ok(go(&console.keep(asked.viewer()?, issued.id.to_string(), issued.token))),
        Err(error) => again(&console, &asked, &id, Deed::Rotate, &error).await,
    }
}

pub(super) async fn revoke(
    State(console): State<Console>,
    Path(id): Path<String>,
    asked: Asked,
) -> Answer {
    let request = TokenRevoke {
        id: id.clone(),
        reason: asked.form.text("reason").to_owned(),
        family: asked.form.has("family"),
    };
    let before = one::find(&console, &asked, &id).await?;
    match console.authority().token_revoke(asked.ctx()?, request).await {
        Ok(token) => Ok(done(&format!("/tokens/{id}"), revoked(&before, &token))),
        Err(error) => again(&console, &asked, &id, Deed::Revoke, &error).await,
    }
}

/// What was ended, in words. A secret that had ended before is not told of again.
fn revoked(before: &TokenDetails, after: &TokenDetails) -> String {
    let others = |token: &TokenDetails| {
        let others = token.family_members.iter().filter(|member| member.id != token.id);
        others.filter(|member| member.state == "revoked").count()
    };
    let name = &after.facts.name;
    match others(after).saturating_sub(others(before)) {
        0 => format!("{name} is revoked: every request with it is refused from now on."),
        ended => format!(
            "{name} is revoked, and {} of its family: every request with them is refused from now on.",
            several(ended as u64, "other secret"),
        ),
    }
}

pub(super) async fn disable(
    State(console): State<Console>,
    Path(id): Path<String>,
    asked: Asked,
) -> Answer {
    let request = TokenRef { id: id.clone() };
    let token = console.authority().token_disable(asked.ctx()?, request).await?;
    let said = format!("{} is disabled.", token.facts.name);
    Ok(undoable(&format!("/tokens/{id}"), said, vec![token.id.to_string()]))
}

pub(super) async fn enable(
    State(console): State<Console>,
    Path(id): Path<String>,
    asked: Asked,
) -> Answer {
    let request = TokenRef { id: id.clone() };
    let token = console.authority().token_enable(asked.ctx()?, request).await?;
    Ok(done(&format!("/tokens/{id}"), format!("{} is enabled.", token.facts.name)))
}
