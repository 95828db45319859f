//! A test call of a tool, from its server's page.

use axum::extract::{Path, State};
use mcpass_authority::api::ApiError;

use super::one;
use crate::console::asked::Asked;
use crate::console::fault::{Answer, Fault};
use crate::console::form::Form;
use crate::console::log::Row;
use crate::console::{Console, page, refused};
use crate::test_call::{self, TestCall};

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
    let permissions = permissions.ok_or_else(|| test_call::no_tool("call", server))?;
    let arguments = test_call::arguments(asked.form.text("arguments"))?;
    let call = TestCall { server, tool: asked.form.text("call"), permissions, arguments };
    let made = test_call::make(console.authority(), asked.ctx()?, console.listen(), call).await;
    // The form's only field that it can be about is the tool.
    let made = made.map_err(|error| ApiError { field: Some("call".to_owned()), ..error })?;
    let heard = match made.heard {
        Ok(heard) => heard,
        Err(why) => return Ok(Called::failed(&why)),
    };
    let now = console.now();
    let trouble = heard.trouble();
    Ok(Called {
        is_good: trouble.is_none(),
        told: trouble.unwrap_or_else(|| "It answered.".to_owned()),
        answer: heard.shown(),
        rows: made.rows.iter().map(|access| Row::new(access, now)).collect(),
    })
}

impl Called {
    fn failed(why: &str) -> Self {
        let told = format!("There was no answer: {why}.");
        Self { is_good: false, told, answer: String::new(), rows: Vec::new() }
    }
}
