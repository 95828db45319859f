//! What went wrong, on its way to a page of its own.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use mcpass_authority::api::ApiError;

use crate::body::Unread;
use crate::problem::is_no_id;

/// Why there is no page. The gate, which knows who asks, makes the page of it.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// The authority refuses, or fails.
    Api(ApiError),
    /// The request names another server; people reach this one here.
    ForeignHost(Option<String>),
    /// The form did not come from a page of ours.
    Forged(&'static str),
    /// The browser kept no cookie to bind the form by; people reach this server here.
    NoCookie(String),
    /// There is no such page.
    NotFound,
    /// The page cannot be made.
    Page(String),
    /// Signing in comes first.
    SignIn(String),
    /// The form did not arrive as a whole.
    Unread(Unread),
    /// There is a page, which takes other methods.
    WrongMethod,
}

/// What a handler answers.
pub(crate) type Answer = Result<Response, Fault>;

impl Fault {
    /// The status, by the error's code: whatever is not found, refused or unavailable says so.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Api(error) if is_no_id(error) => StatusCode::NOT_FOUND,
            Self::Api(error) => match error.code.as_str() {
                ApiError::FORBIDDEN
                | "caller.not_active"
                | "grant.not_held"
                | "grant.beyond_own" => StatusCode::FORBIDDEN,
                ApiError::INTERNAL => StatusCode::INTERNAL_SERVER_ERROR,
                ApiError::UNAVAILABLE | "log.unavailable" => StatusCode::SERVICE_UNAVAILABLE,
                ApiError::INVALID | "password.wrong" | "sign_in.code_wrong" | "sign_in.failed" => {
                    StatusCode::UNPROCESSABLE_ENTITY
                }
                "sign_in.locked" => StatusCode::TOO_MANY_REQUESTS,
                code if code.ends_with(".not_found") => StatusCode::NOT_FOUND,
                _ => StatusCode::CONFLICT,
            },
            Self::ForeignHost(_) | Self::Forged(_) | Self::NoCookie(_) => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Page(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::SignIn(_) => StatusCode::SEE_OTHER,
            Self::Unread(Unread::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unread(Unread::TooSlow(_)) => StatusCode::REQUEST_TIMEOUT,
            Self::Unread(Unread::BrokeOff) => StatusCode::BAD_REQUEST,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
        }
    }

    /// After how many seconds it is worth trying again, as a header says it.
    pub(crate) fn retry_after(&self) -> Option<HeaderValue> {
        let Self::Api(error) = self else { return None };
        error.retry_after().map(|seconds| HeaderValue::from(seconds.get()))
    }
}

impl From<ApiError> for Fault {
    fn from(error: ApiError) -> Self {
        match error.code.as_str() {
            // Between the gate and the authority.
            ApiError::SESSION_ENDED => Self::SignIn("/sign-in".to_owned()),
            _ => Self::Api(error),
        }
    }
}

impl From<Unread> for Fault {
    fn from(unread: Unread) -> Self {
        Self::Unread(unread)
    }
}

impl From<askama::Error> for Fault {
    fn from(error: askama::Error) -> Self {
        Self::Page(error.to_string())
    }
}

/// A response without a body that carries the fault to the gate.
impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        if let Self::SignIn(to) = &self
            && let Ok(to) = to.parse()
        {
            response.headers_mut().insert(header::LOCATION, to);
        }
        response.extensions_mut().insert(self);
        response
    }
}
