//! A test call of a server's tool, for the console and the API.
//!
//! A user who has signed in has no token, and mcpass lets nothing through without one. So a token
//! that may call this tool and nothing else is created for the user, used once and revoked: with
//! what the caller may grant, in the audit log and the access log, like any other. Its secret never
//! leaves the process. For a token that asks it is the same: it has to be able to create that token.

use mcpass_authority::api::{
    AccessView, ApiError, IssuedToken, LogFilter, LogList, TokenCreate, TokenRevoke,
};
use mcpass_authority::{Authority, Context};
use mcpass_domain::TokenId;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::console::show::cut;
use crate::probe::{self, Heard};

/// How long the token lives, should it not be revoked: longer than a call may take.
const LIFE: &str = "1m";
/// Characters of arguments at most.
const MAX_ARGUMENTS: usize = 100_000;

/// What is called, and with what.
#[derive(Debug)]
pub(crate) struct TestCall<'a> {
    /// The server's name.
    pub(crate) server: &'a str,
    /// The tool's own name.
    pub(crate) tool: &'a str,
    /// The permissions that the tool needs.
    pub(crate) permissions: Vec<String>,
    /// A JSON object, as it is sent.
    pub(crate) arguments: &'a RawValue,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Called {
    /// The answer, or why there is none, for people.
    pub(crate) heard: Result<Heard, String>,
    /// The token that it was made with; none if none was created.
    pub(crate) token: Option<TokenId>,
    /// Its rows in the access log, newest first, as far as the caller may see them.
    pub(crate) rows: Vec<AccessView>,
}

/// Makes the call. `listen` is where mcpass listens for MCP clients.
///
/// # Errors
/// When the caller may not create that token. What fails later is part of the answer, because the
/// call was made then.
pub(crate) async fn make(
    authority: &Authority,
    ctx: &Context,
    listen: Option<&str>,
    call: TestCall<'_>,
) -> Result<Called, ApiError> {
    let Some(listen) = listen else {
        let heard = Err("mcpass does not listen for MCP clients".to_owned());
        return Ok(Called { heard, token: None, rows: Vec::new() });
    };
    let tool = (call.server, call.tool);
    let issued = issue(authority, ctx, tool, call.permissions).await?;
    let heard = probe::call(listen, issued.token.expose(), tool, call.arguments).await;
    end(authority, issued.id).await;
    let request = LogList {
        filter: LogFilter { token: Some(issued.id.to_string()), ..LogFilter::default() },
        limit: Some(2),
        ..LogList::default()
    };
    let rows = authority.log_list(ctx, request).await.map(|page| page.items);
    Ok(Called { heard, token: Some(issued.id), rows: rows.unwrap_or_default() })
}

async fn issue(
    authority: &Authority,
    ctx: &Context,
    (server, tool): (&str, &str),
    permissions: Vec<String>,
) -> Result<IssuedToken, ApiError> {
    let user = authority.whoami(ctx).await?.user;
    let user = user.ok_or_else(|| {
        ApiError::new(ApiError::FORBIDDEN, "a test call is made for a user, and you are none")
    })?;
    let request = TokenCreate {
        name: cut(&format!("Test call of {server}.{tool}"), 100),
        user,
        permissions,
        expires: Some(LIFE.to_owned()),
        note: "made by mcpass for one call".to_owned(),
        ..TokenCreate::default()
    };
    let issued = authority.token_create(ctx, request).await;
    // It is about a member of that token, which nobody has written.
    issued.map_err(|error| ApiError { field: None, ..error })
}

/// What mcpass has made for one call, it ends, whatever has become of the caller meanwhile.
async fn end(authority: &Authority, id: TokenId) {
    let request = TokenRevoke {
        id: id.to_string(),
        reason: "the test call is over".to_owned(),
        ..TokenRevoke::default()
    };
    if let Err(error) = authority.token_revoke(&Context::system("test-call"), request).await {
        tracing::warn!(%error, token = %id, "the token of a test call ends by itself in a minute");
    }
}

/// Reads what the tool is given: a JSON object.
///
/// # Errors
/// When the text is none, or longer than 100,000 characters; the field is `arguments`.
pub(crate) fn arguments(text: &str) -> Result<&RawValue, ApiError> {
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

/// There is no such tool at the server.
pub(crate) fn no_tool(field: &str, server: &str) -> ApiError {
    ApiError::invalid(field, format!("{server} lists no tool of this name"))
        .with_hint("choose one of its tools")
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
