//! Forms of answers.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use mcpass_authority::api::{GroupView, IssuedToken, ServerView, TokenDetails, UserView};
use serde::Serialize;

/// Something that changes, whose edition stands in its `ETag`.
pub(crate) trait Versioned: Serialize {
    /// Which thing it is and how often it was changed.
    fn edition(&self) -> String;
}

/// Implements it for views that say it themselves.
macro_rules! versioned {
    ($($name:ident),*) => {$(
        impl Versioned for $name {
            fn edition(&self) -> String {
                self.edition()
            }
        }
    )*};
}

versioned!(GroupView, IssuedToken, ServerView, TokenDetails, UserView);

/// A thing, with its `ETag`.
#[derive(Debug)]
pub(crate) struct Tagged<T>(pub(crate) T);

impl<T: Versioned> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let tag = tag(&self.0);
        let mut response = Json(self.0).into_response();
        response.headers_mut().extend(tag);
        response
    }
}

/// The `ETag` of a thing.
fn tag(thing: &impl Versioned) -> Option<(HeaderName, HeaderValue)> {
    let tag = HeaderValue::from_str(&format!("\"{}\"", thing.edition())).ok()?;
    Some((header::ETAG, tag))
}

/// A thing that was created, with its `ETag`, and where it is.
#[derive(Debug)]
pub(crate) struct Created<T> {
    /// The thing.
    pub(crate) made: T,
    /// Its path.
    pub(crate) at: String,
}

impl<T: Versioned> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let tag = tag(&self.made);
        let mut response = (StatusCode::CREATED, Json(self.made)).into_response();
        response.headers_mut().extend(tag);
        if let Ok(at) = HeaderValue::from_str(&self.at) {
            response.headers_mut().insert(header::LOCATION, at);
        }
        response
    }
}
