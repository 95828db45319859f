//! Every error of the management API: RFC 9457, with a stable code.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use mcpass_authority::api::ApiError;
use mcpass_domain::{Reason, redact};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// Why something was not done (RFC 9457, `application/problem+json`).
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`: the code says what it is.
    #[serde(rename = "type")]
    pub kind: ProblemKind,
    /// The status in words.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// Stable, for programs: `token.not_found`, `request.invalid`, …
    pub code: String,
    /// What is wrong and what to do about it.
    #[serde(serialize_with = "masked")]
    #[schema(value_type = String)]
    pub detail: Box<str>,
    /// The field of the request that is wrong, if it is one.
    #[serde(serialize_with = "masked_if_any", skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What the request was about, or has made: an id.
    #[serde(serialize_with = "masked_if_any", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub object: Option<Box<str>>,
    /// All fields that are wrong, if it is more than one.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<ProblemField>)]
    pub errors: Box<[ProblemField]>,
}

/// One of several fields that are wrong.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProblemField {
    /// Its name.
    #[serde(serialize_with = "masked")]
    pub field: String,
    /// What is wrong with it.
    #[serde(serialize_with = "masked")]
    pub detail: String,
}

/// What problems repeat of a request may hold a token in the wrong place. All of them are written
/// here.
fn masked<S: Serializer>(text: &str, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&redact::mask(text))
}

#[expect(clippy::ref_option, reason = "serde hands fields over so")]
fn masked_if_any<T: AsRef<str>, S: Serializer>(text: &Option<T>, to: S) -> Result<S::Ok, S::Error> {
    masked(text.as_ref().map(AsRef::as_ref).unwrap_or_default(), to)
}

/// The type of all problems.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub enum ProblemKind {
    /// No more than the status says (RFC 9457, section 4.2.1).
    #[serde(rename = "about:blank")]
    AboutBlank,
}

impl Problem {
    /// A problem of this status and code.
    pub fn new(status: StatusCode, code: impl Into<String>, detail: impl Into<Box<str>>) -> Self {
        Self {
            kind: ProblemKind::AboutBlank,
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            code: code.into(),
            detail: detail.into(),
            field: None,
            object: None,
            errors: Box::default(),
        }
    }

    /// Nobody is signed in and no token was sent.
    pub fn unauthenticated() -> Self {
        let detail = "set the header `Authorization: Bearer <token>` to a token that holds \
                      `mcpass.` permissions, or sign in to the console";
        Self::new(StatusCode::UNAUTHORIZED, NOBODY, detail)
    }

    /// The request has the cookie of a session and does not come from our pages.
    pub fn foreign_page() -> Self {
        let detail = "with a console session, changes are made by pages of this server alone; \
                      programs use a token";
        Self::new(StatusCode::FORBIDDEN, "foreign_page", detail)
    }

    /// There is no such place.
    pub fn no_such_place() -> Self {
        let detail = "there is nothing here; /api/openapi.json lists what there is";
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// Something that the request names in its body or query is not there: the request cannot be
    /// processed, but the place itself exists.
    pub fn of_request(error: ApiError) -> Self {
        let is_missing = error.code.ends_with(".not_found");
        let problem = Self::from(error);
        if is_missing { problem.with_status(StatusCode::UNPROCESSABLE_ENTITY) } else { problem }
    }

    fn with_status(self, status: StatusCode) -> Self {
        Self {
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            ..self
        }
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Why, as the access log says it.
    fn reason(&self) -> Option<Reason> {
        match self.status() {
            StatusCode::UNAUTHORIZED if self.code == NOBODY => Some(Reason::MissingToken),
            StatusCode::FORBIDDEN => Some(Reason::InsufficientPermissions),
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => Some(Reason::BadRequest),
            StatusCode::PAYLOAD_TOO_LARGE => Some(Reason::TooLarge),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Some(Reason::UnsupportedMediaType),
            StatusCode::METHOD_NOT_ALLOWED => Some(Reason::MethodNotAllowed),
            _ => None,
        }
    }
}

/// The code for a caller of whom nothing is known.
const NOBODY: &str = "unauthenticated";

/// Names of fields that stand in a path, where what is not there makes the place itself missing.
const IN_PATHS: [&str; 4] = ["group", "id", "name", "user"];

impl From<ApiError> for Problem {
    fn from(error: ApiError) -> Self {
        let status = status_of(&error);
        let errors = each_field(&error);
        let code = if is_no_id(&error) { "id.not_found".to_owned() } else { error.code };
        let detail = match &error.hint {
            Some(hint) => format!("{}; {hint}", error.message),
            None => error.message.clone(),
        };
        let problem = Self::new(status, code, detail);
        Self {
            field: error.field,
            object: error.object.map(Into::into),
            errors: errors.into(),
            ..problem
        }
    }
}

/// All fields that are wrong, if it is more than one.
fn each_field(error: &ApiError) -> Vec<ProblemField> {
    let also = error.also();
    let Some(first) = error.field.clone().filter(|_| !also.is_empty()) else { return Vec::new() };
    let also = also.iter().map(|one| (one.field.clone(), one.message.clone()));
    let all = std::iter::once((first, error.message.clone())).chain(also);
    all.map(|(field, detail)| ProblemField { field, detail }).collect()
}

/// Whether what should be an id is none. Paths alone name things by their id, and nothing is at
/// this one.
pub(crate) fn is_no_id(error: &ApiError) -> bool {
    error.code == ApiError::INVALID && error.field.as_deref() == Some("id")
}

fn status_of(error: &ApiError) -> StatusCode {
    match error.code.as_str() {
        _ if is_no_id(error) => StatusCode::NOT_FOUND,
        "caller.not_active" | ApiError::SESSION_ENDED => StatusCode::UNAUTHORIZED,
        ApiError::FORBIDDEN | "grant.not_held" | "grant.beyond_own" => StatusCode::FORBIDDEN,
        ApiError::INVALID | "request.holds_secret" | "idempotency_key.reused" => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        ApiError::STALE => StatusCode::PRECONDITION_FAILED,
        ApiError::INTERNAL | "store.damaged" => StatusCode::INTERNAL_SERVER_ERROR,
        ApiError::UNAVAILABLE | "log.unavailable" => StatusCode::SERVICE_UNAVAILABLE,
        code if code.ends_with(".not_found") => match error.field.as_deref() {
            Some(field) if !IN_PATHS.contains(&field) => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::NOT_FOUND,
        },
        _ => StatusCode::CONFLICT,
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, reason) = (self.status(), self.reason());
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"mcpass\"");
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if let Some(reason) = reason {
            response.extensions_mut().insert(reason);
        }
        response
    }
}
