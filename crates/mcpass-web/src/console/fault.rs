//! What went wrong, on its way to a page of its own.

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use mcpass_authority::api::ApiError;

use crate::body::Unread;
use crate::problem::is_no_id;

/// Why there is no page. The gate, which knows who asks, makes the page of it.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// The authority refuses, or fails.
    Api(ApiError),
    /// The form did not come from a page of ours.
    Forged(&'static str),
    /// There is no such page.
    NotFound,
    /// The page cannot be made.
    Page(String),
    /// Signing in comes first.
    SignIn(String),
    /// The form did not arrive as a whole.
    Unread(Unread),
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
                ApiError::INVALID => StatusCode::UNPROCESSABLE_ENTITY,
                code if code.ends_with(".not_found") => StatusCode::NOT_FOUND,
                _ => StatusCode::CONFLICT,
            },
            Self::Forged(_) => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Page(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::SignIn(_) => StatusCode::SEE_OTHER,
            Self::Unread(Unread::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unread(Unread::TooSlow(_)) => StatusCode::REQUEST_TIMEOUT,
            Self::Unread(Unread::BrokeOff) => StatusCode::BAD_REQUEST,
        }
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
