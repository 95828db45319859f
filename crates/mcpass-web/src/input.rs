//! What a request brings, read strictly: unknown members are refused, and an error says where it is.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Path, RawQuery, Request};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, StatusCode, header};
use mcpass_authority::Context;
use mcpass_authority::api::ApiError;
use serde::de::{DeserializeOwned, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::Site;
use crate::body::{self, Unread};
use crate::identity::Caller;
use crate::problem::Problem;

mod members;

/// The header that makes a creation safe to repeat
/// (draft-ietf-httpapi-idempotency-key-header-07).
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A JSON object, and its text. No body is an empty one.
#[derive(Debug)]
pub(crate) struct Input(Map<String, Value>, Bytes);

impl Input {
    /// As what it means.
    pub(crate) fn read<T: DeserializeOwned>(self) -> Result<T, Problem> {
        read(Value::Object(self.0))
    }

    /// A member as it was sent, in which numbers of any length keep their digits.
    pub(crate) fn exactly(&self, member: &str) -> Option<Box<RawValue>> {
        let mut all: HashMap<String, Box<RawValue>> = serde_json::from_slice(&self.1).ok()?;
        all.remove(member)
    }

    /// As what is to be changed of a thing that the path names. What is to stay is left out: `null`,
    /// which answers have where there is nothing, would not say what is to be put there.
    pub(crate) fn edit<T: DeserializeOwned>(
        self,
        member: &str,
        name: String,
    ) -> Result<T, Problem> {
        self.refuse_null(|null| format!("changes nothing; {}", instead_of_null(null)))?;
        self.about(member, name)
    }

    /// As what is to be done to many things. A member that is null, as where a script had nothing to
    /// put, would mean all of them.
    pub(crate) fn selection<T: DeserializeOwned>(self) -> Result<T, Problem> {
        self.refuse_null(|_| "selects nothing; leave it out".to_owned())?;
        self.read()
    }

    fn refuse_null(&self, why: impl Fn(&str) -> String) -> Result<(), Problem> {
        let Some(null) = null_in(&self.0, "") else { return Ok(()) };
        let message = format!("`{null}`: null {}", why(&null));
        Err(invalid(&message, Some(null)))
    }

    /// The same, for a thing that the path names.
    pub(crate) fn about<T: DeserializeOwned>(
        mut self,
        member: &str,
        name: String,
    ) -> Result<T, Problem> {
        if self.0.insert(member.to_owned(), Value::String(name)).is_some() {
            let message = format!("unknown field `{member}`: the path names it");
            return Err(invalid(&message, Some(member.to_owned())));
        }
        // What is expected in a body is told without what the path says already.
        self.read().map_err(|problem: Problem| {
            let detail = problem.detail.replacen(&format!("`{member}`, "), "", 1).into();
            Problem { detail, ..problem }
        })
    }
}

/// The first member that is null, with the members that it is in.
fn null_in(members: &Map<String, Value>, parents: &str) -> Option<String> {
    members.iter().find_map(|(name, value)| match value {
        Value::Null => Some(format!("{parents}{name}")),
        Value::Object(inner) => null_in(inner, &format!("{parents}{name}.")),
        _ => None,
    })
}

/// What to send where somebody means "nothing".
fn instead_of_null(member: &str) -> &'static str {
    match member {
        "expires" => "give \"never\" for no end, or leave it out to keep the one there is",
        "max_context" => "give 0 for no limit, or leave it out to keep the one there is",
        "cidrs" | "groups" | "permissions" => {
            "give [] to take all away, or leave it out to keep what there is"
        }
        "note" | "ca_file" | "client_certificate" | "client_key" | "folder" => {
            "give \"\" to remove it, or leave it out to keep it"
        }
        _ => "leave it out to keep what there is",
    }
}

/// Reads what was sent; an error names the field and says what it has to be.
fn read<'d, T: DeserializeOwned, D: Deserializer<'d>>(sent: D) -> Result<T, Problem> {
    serde_path_to_error::deserialize(sent).map_err(|error| {
        let path = error.path().to_string();
        let message = error.inner().to_string();
        // An unknown or missing member stands in the message alone.
        let named = message.split('`').nth(1).filter(|_| message.contains("field `"));
        let field = Some(named.map_or(path, str::to_owned)).filter(|field| field != ".");
        let message = match field.as_deref().filter(|_| named.is_none()) {
            Some(field) => format!("`{field}`: {}", in_words(&message)),
            None => in_words(&message),
        };
        invalid(&message, field)
    })
}

/// What a number or a flag has to be, for people: serde tells of Rust's types.
fn in_words(message: &str) -> String {
    const PARSERS: [(&str, &str); 5] = [
        ("invalid digit found in string", "this has to be a whole number"),
        ("cannot parse integer from empty string", "this has to be a whole number"),
        ("number too large to fit in target type", "this number is too large"),
        ("number too small to fit in target type", "this number is too small"),
        ("provided string was not `true` or `false`", "this has to be true or false"),
    ];
    if let Some((_, words)) = PARSERS.iter().find(|(text, _)| message.starts_with(text)) {
        return (*words).to_owned();
    }
    let Some((got, expected)) = message.split_once(", expected ") else {
        return message.to_owned();
    };
    let expected = match expected {
        "i64" | "i32" => "a whole number",
        "u64" | "u32" | "u16" | "usize" => "a whole number that is not negative",
        "a string" => "a text",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        other => other,
    };
    format!("{got}, expected {expected}")
}

pub(crate) fn invalid(message: &str, field: Option<String>) -> Problem {
    let detail = format!("the request cannot be used: {message}");
    Problem { field, ..Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "request.invalid", detail) }
}

impl FromRequest<Arc<Site>> for Input {
    type Rejection = Problem;

    async fn from_request(request: Request, site: &Arc<Site>) -> Result<Self, Problem> {
        let unfit = unfit(request.headers());
        let bytes = body::read(request.into_body(), site.read_timeout).await?;
        if bytes.is_empty() {
            return Ok(Self(Map::new(), bytes));
        }
        if let Some(detail) = unfit {
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media_type", detail));
        }
        let value: Value = serde_json::from_slice(&bytes).map_err(|error| {
            let detail = format!("the body is not JSON: {error}");
            Problem::new(StatusCode::BAD_REQUEST, "json.malformed", detail)
        })?;
        if let Some(member) = members::repeated(&bytes) {
            let message = format!("duplicate field `{member}`: say it once");
            return Err(invalid(&message, Some(member)));
        }
        match value {
            Value::Object(map) => Ok(Self(map, bytes)),
            _ => Err(invalid("the body has to be a JSON object", None)),
        }
    }
}

impl From<Unread> for Problem {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::TooLarge => {
                let detail = "the body is larger than 1 MiB";
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
            }
            Unread::TooSlow(time) => {
                let detail = format!("the body did not arrive within {} s", time.as_secs());
                Self::new(StatusCode::REQUEST_TIMEOUT, "timeout", detail)
            }
            Unread::BrokeOff => Self::new(StatusCode::BAD_REQUEST, "body", "the body broke off"),
        }
    }
}

/// Whether a body says nothing: there is none, or an empty object.
pub(crate) fn is_nothing(body: &[u8]) -> bool {
    let is_empty = |text: &Map<String, Value>| text.is_empty();
    body.trim_ascii().is_empty() || serde_json::from_slice(body).is_ok_and(|it| is_empty(&it))
}

/// Why a body with these headers is not read, if it is not.
fn unfit(headers: &HeaderMap) -> Option<&'static str> {
    if headers.get_all(header::CONTENT_ENCODING).iter().any(|coding| coding != "identity") {
        return Some("send the body as it is, without a `Content-Encoding`");
    }
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let text = types.next().and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
    let is_json = essence.trim().eq_ignore_ascii_case("application/json") && types.next().is_none();
    // JSON between programs is UTF-8 (RFC 8259, section 8.1).
    let charset = parameters.split(';').find_map(|one| {
        let (name, charset) = one.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| charset.trim().trim_matches('"'))
    });
    let is_utf8 = charset.is_none_or(|charset| charset.eq_ignore_ascii_case("utf-8"));
    (!(is_json && is_utf8)).then_some("send the body as `Content-Type: application/json`")
}

/// The query.
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<Arc<Site>> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, Problem> {
        let RawQuery(query) =
            RawQuery::from_request_parts(parts, site).await.unwrap_or_else(|never| match never {});
        let pairs = form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes());
        read(serde_urlencoded::Deserializer::new(pairs)).map(Self)
    }
}

/// The thing that the path names.
#[derive(Debug)]
pub(crate) struct Named(pub(crate) String);

impl FromRequestParts<Arc<Site>> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, Problem> {
        let named = Path::<String>::from_request_parts(parts, site).await;
        named.map(|Path(name)| Self(name)).map_err(|_| Problem::no_such_place())
    }
}

/// The thing that the path names, and the one of its things.
#[derive(Debug)]
pub(crate) struct NamedTwo(pub(crate) String, pub(crate) String);

impl FromRequestParts<Arc<Site>> for NamedTwo {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, Problem> {
        let named = Path::<(String, String)>::from_request_parts(parts, site).await;
        named.map(|Path((of, name))| Self(of, name)).map_err(|_| Problem::no_such_place())
    }
}

/// Somebody who creates something, once if the request has a key.
#[derive(Debug)]
pub(crate) struct Creator(pub(crate) Context);

impl FromRequestParts<Arc<Site>> for Creator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, Problem> {
        let Caller(ctx) = Caller::from_request_parts(parts, site).await?;
        Ok(Self(keyed(ctx, &parts.headers)))
    }
}

/// Somebody who changes something, of one version only if the request has `If-Match` (RFC 9110,
/// section 13.1.1).
#[derive(Debug)]
pub(crate) struct Editor(pub(crate) Context);

impl FromRequestParts<Arc<Site>> for Editor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, Problem> {
        let Caller(ctx) = Caller::from_request_parts(parts, site).await?;
        // It would have the change made of what is not there (RFC 9110, section 13.1.2).
        if parts.headers.contains_key(header::IF_NONE_MATCH) {
            let detail = "a change is made of what is there: say which version with If-Match, and \
                          leave If-None-Match out";
            return Err(Problem::new(StatusCode::PRECONDITION_FAILED, ApiError::STALE, detail));
        }
        Ok(Self(matching(ctx, &parts.headers)))
    }
}

/// Somebody who creates something that follows something else: both conditions hold.
#[derive(Debug)]
pub(crate) struct Successor(pub(crate) Context);

impl FromRequestParts<Arc<Site>> for Successor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, Problem> {
        let Editor(ctx) = Editor::from_request_parts(parts, site).await?;
        Ok(Self(keyed(ctx, &parts.headers)))
    }
}

fn keyed(ctx: Context, headers: &HeaderMap) -> Context {
    let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
    match (keys.next(), keys.next()) {
        // What is no key at all is refused as an empty one is, and so are two.
        (Some(key), None) => ctx.with_key(key.to_str().unwrap_or_default()),
        (Some(_), Some(_)) => ctx.with_key(""),
        (None, _) => ctx,
    }
}

fn matching(ctx: Context, headers: &HeaderMap) -> Context {
    if !headers.contains_key(header::IF_MATCH) {
        return ctx;
    }
    // Of several lines, each is a part of one list (RFC 9110, section 5.3).
    let lines = headers.get_all(header::IF_MATCH).iter();
    let tags = lines.flat_map(|line| line.to_str().unwrap_or_default().split(','));
    let tags: Vec<&str> = tags.map(str::trim).collect();
    if tags.contains(&"*") {
        return ctx;
    }
    // A weak tag, or one that is not ours, is no edition of anything.
    let edition = |tag: &&str| tag.strip_prefix('"')?.strip_suffix('"').map(str::to_owned);
    ctx.with_one_of_editions(tags.iter().filter_map(edition).collect())
}

/// The place in a stream that a client has seen already (HTML, 9.2.4).
///
/// # Errors
/// When it is none that was ever sent: to begin anywhere else would lose rows without a word.
pub(crate) fn last_event(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    // Who has seen none yet may say so.
    let sent = headers.get("last-event-id").filter(|sent| !sent.is_empty());
    let Some(sent) = sent else { return Ok(None) };
    let place = sent.to_str().ok().and_then(|text| text.parse().ok());
    place.map(Some).ok_or_else(|| {
        let message = "Last-Event-ID is not the id of an event of this stream; leave it out to \
                       begin with what comes next";
        invalid(message, None)
    })
}
