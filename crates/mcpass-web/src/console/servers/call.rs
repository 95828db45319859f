//! A test call of a tool, from its server's page.
//!
//! The user who has signed in has no token, and mcpass lets nothing through without one. So a token
//! that may call this tool and nothing else is created for the user, used once and revoked: with
//! what the user may grant, in the audit log and the access log, like any other. Its secret never
//! leaves the process.

use axum::extract::{Path, State};
use mcpass_authority::api::{ApiError, IssuedToken, LogFilter, LogList, TokenCreate, TokenRevoke};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::one;
use crate::console::asked::Asked;
use crate::console::fault::{Answer, Fault};
use crate::console::form::Form;
use crate::console::log::Row;
use crate::console::show::cut;
use crate::console::{Console, page, refused};
use crate::probe;

/// How long the token lives, should it not be revoked: longer than a call may take.
const LIFE: &str = "1m";
/// Characters of arguments at most.
const MAX_ARGUMENTS: usize = 100_000;

/// What came of it.
#[derive(Debug)]
pub(super) struct Called {
    pub(super) is_good: bool,
    pub(super) told: String,
    pub(super) answer: String,
    pub(super) rows: Vec<Row>,
}

pub(super) async fn take(
    State(console): State<Console>,
    Path(server): Path<String>,
    asked: Asked,
) -> Answer {
    let template = one::template(&console, &asked, server.clone(), false).await?;
    let permissions = template.permissions(asked.form.text("call"));
    match call(&console, &asked, &server, permissions).await {
        Ok(called) => {
            // Read once more: the call is one of the recent requests now.
            let template = one::template(&console, &asked, server, false).await?;
            page(&template.with_call(Form::new(asked.form.clone()), Some(called)))
        }
        Err(Fault::Api(error)) if error.field.is_some() => {
            let form = Form::refused(asked.form.clone(), &error);
            refused(&template.with_call(form, None), &error)
        }
        Err(fault) => Err(fault),
    }
}

async fn call(
    console: &Console,
    asked: &Asked,
    server: &str,
    permissions: Option<Vec<String>>,
) -> Result<Called, Fault> {
    let permissions = permissions.ok_or_else(|| {
        ApiError::invalid("call", format!("{server} lists no tool of this name"))
            .with_hint("choose one of its tools")
    })?;
    let arguments = arguments(asked.form.text("arguments"))?;
    let tool = asked.form.text("call");
    let Some(listen) = console.listen() else {
        return Ok(Called::failed("mcpass does not listen for MCP clients"));
    };
    let token = issue(console, asked, &format!("{server}.{tool}"), permissions).await?;
    let heard = probe::call(listen, token.token.expose(), (server, tool), arguments).await;
    let revoke = TokenRevoke {
        id: token.id.to_string(),
        reason: "the test call is over".to_owned(),
        ..TokenRevoke::default()
    };
    console.authority().token_revoke(asked.ctx()?, revoke).await?;
    let heard = match heard {
        Ok(heard) => heard,
        Err(why) => return Ok(Called::failed(&why)),
    };
    let request = LogList {
        filter: LogFilter { token: Some(token.id.to_string()), ..LogFilter::default() },
        limit: Some(2),
        ..LogList::default()
    };
    let rows = console.authority().log_list(asked.ctx()?, request).await?.items;
    let now = console.now();
    let trouble = heard.trouble();
    Ok(Called {
        is_good: trouble.is_none(),
        told: trouble.unwrap_or_else(|| "It answered.".to_owned()),
        answer: heard.shown(),
        rows: rows.iter().map(|access| Row::new(access, now)).collect(),
    })
}

async fn issue(
    console: &Console,
    asked: &Asked,
    tool: &str,
    permissions: Vec<String>,
) -> Result<IssuedToken, Fault> {
    let request = TokenCreate {
        name: cut(&format!("Test call of {tool}"), 100),
        user: asked.viewer()?.name().to_owned(),
        permissions,
        expires: Some(LIFE.to_owned()),
        note: "made by the console for one call".to_owned(),
        ..TokenCreate::default()
    };
    let issued = console.authority().token_create(asked.ctx()?, request).await;
    // The form's only field that it can be about is the tool.
    Ok(issued.map_err(|error| ApiError { field: Some("call".to_owned()), ..error })?)
}

/// Reads what the tool is given: a JSON object.
fn arguments(text: &str) -> Result<&RawValue, ApiError> {
    let wrong = |why: String| {
        ApiError::invalid("arguments", why).with_hint("write a JSON object, such as {\"id\": 1}")
    };
    if text.chars().count() > MAX_ARGUMENTS {
        return Err(wrong(format!("the arguments are longer than {MAX_ARGUMENTS} characters")));
    }
    let text = if text.is_empty() { "{}" } else { text };
    let no_object = |error: serde_json::Error| wrong(format!("this is no JSON object: {error}"));
    serde_json::from_str::<Map<String, Value>>(text).map_err(no_object)?;
    // As it was typed: numbers of any length keep their digits.
    serde_json::from_str(text).map_err(no_object)
}

impl Called {
    fn failed(why: &str) -> Self {
        let told = format!("There was no answer: {why}.");
        Self { is_good: false, told, answer: String::new(), rows: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_an_object_or_refused_at_their_field() {
        assert_eq!(arguments("").unwrap().get(), "{}");
        let exact = r#"{"id": 12345678901234567890123, "a": 1.10}"#;
        assert_eq!(arguments(&format!(" {exact} ")).unwrap().get(), exact);
        let long = format!(r#"{{"a": "{}"}}"#, "x".repeat(MAX_ARGUMENTS));
        for text in ["[1]", "1", "{", "{\"a\":}", "<script>", &long] {
            let error = arguments(text).unwrap_err();
            assert_eq!(error.field.as_deref(), Some("arguments"));
        }
    }
}
