//! One error for everything management refuses.

use std::num::NonZeroU32;

use mcpass_domain::redact;
use serde::{Deserialize, Serialize};

/// Why something was not done: a stable code for programs, a message and a hint for people.
///
/// Whatever looks like a token is masked when the error is made, because messages quote what
/// somebody typed, and that may be a secret in the wrong place.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// Stable and dotted, such as `token.not_found`.
    pub code: String,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<Box<str>>,
    /// The field of the request that is wrong, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What it is about, if that is not what was asked for: an id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// What few errors say besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more: Option<Box<More>>,
}

/// What few errors say besides.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct More {
    /// The other fields of the request that are wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<FieldError>,
    /// After how many seconds the same may be tried again, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<NonZeroU32>,
}

/// One of several fields that cannot be used.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct FieldError {
    /// Its name.
    pub field: String,
    /// What is wrong with it, in one sentence without a full stop.
    pub message: String,
}

impl ApiError {
    /// Somebody else changed the thing in the meantime, and again on every further try.
    pub const CONFLICT: &'static str = "conflict";
    /// The caller may not do this.
    pub const FORBIDDEN: &'static str = "forbidden";
    /// mcpass is at fault.
    pub const INTERNAL: &'static str = "internal";
    /// A field of the request cannot be used.
    pub const INVALID: &'static str = "request.invalid";
    /// The session that the caller is known by is over.
    pub const SESSION_ENDED: &'static str = "session.ended";
    /// The thing was changed since the version that the caller knows.
    pub const STALE: &'static str = "precondition.failed";
    /// The store cannot be reached or written. It may come back.
    pub const UNAVAILABLE: &'static str = "store.unavailable";

    /// An error of this code.
    pub fn new(code: impl Into<String>, message: impl AsRef<str>) -> Self {
        Self {
            code: code.into(),
            message: redact::mask(message.as_ref()).into_owned(),
            hint: None,
            field: None,
            object: None,
            more: None,
        }
    }

    /// Everything that is wrong with a request, so that nobody learns of it one by one.
    ///
    /// # Errors
    /// The first of them, with the other fields.
    pub fn all(errors: impl IntoIterator<Item = Option<Self>>) -> Result<(), Self> {
        let mut errors = errors.into_iter().flatten();
        errors.next().map_or(Ok(()), |first| Err(first.and(errors)))
    }

    /// Two parts of a request, of which one may be wrong or both.
    ///
    /// # Errors
    /// As [`Self::all`].
    pub fn both<A, B>(one: Result<A, Self>, other: Result<B, Self>) -> Result<(A, B), Self> {
        match (one, other) {
            (Ok(one), Ok(other)) => Ok((one, other)),
            (Err(first), other) => Err(first.and(other.err())),
            (Ok(_), Err(error)) => Err(error),
        }
    }

    /// The same, with the fields that others are about.
    fn and(self, others: impl IntoIterator<Item = Self>) -> Self {
        let fields = |error: Self| {
            let own = error.field.map(|field| FieldError { field, message: error.message });
            own.into_iter().chain(error.more.map(|more| more.also).unwrap_or_default())
        };
        let others: Vec<FieldError> = others.into_iter().flat_map(fields).collect();
        if others.is_empty() {
            return self;
        }
        let mut more = self.more.unwrap_or_default();
        more.also.extend(others);
        Self { more: Some(more), ..self }
    }

    /// The other fields of the request that are wrong.
    pub fn also(&self) -> &[FieldError] {
        self.more.as_ref().map_or(&[], |more| &more.also)
    }

    /// After how many seconds the same may be tried again, if that is known.
    pub fn retry_after(&self) -> Option<NonZeroU32> {
        self.more.as_ref()?.retry_after
    }

    /// The same, with after how many seconds it may be tried again; none says nothing.
    pub fn with_retry_after(self, seconds: u32) -> Self {
        let retry_after = NonZeroU32::new(seconds);
        Self { more: Some(Box::new(More { retry_after, ..More::default() })), ..self }
    }

    /// A field of the request cannot be used.
    #[expect(clippy::needless_pass_by_value, reason = "errors and texts alike end here")]
    pub fn invalid(field: impl Into<String>, message: impl ToString) -> Self {
        Self { field: Some(field.into()), ..Self::new(Self::INVALID, message.to_string()) }
    }

    /// The same where the request has no such field.
    pub fn without_field(self) -> Self {
        Self { field: None, ..self }
    }

    /// The same, with what to do about it.
    pub fn with_hint(self, hint: impl AsRef<str>) -> Self {
        Self { hint: Some(redact::mask(hint.as_ref()).into()), ..self }
    }

    /// Whether the same request may succeed later without a change.
    pub fn is_temporary(&self) -> bool {
        matches!(self.code.as_str(), Self::CONFLICT | Self::UNAVAILABLE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_wrong_is_told_in_its_order() {
        let wrong = |field: &str| Err::<(), _>(ApiError::invalid(field, "no"));
        let fields = |error: &ApiError| {
            let others = error.also().iter().map(|also| also.field.clone());
            error.field.clone().into_iter().chain(others).collect::<Vec<_>>()
        };
        assert_eq!(ApiError::both(Ok(1), Ok("x")), Ok((1, "x")));
        assert_eq!(fields(&ApiError::both(Ok(1), wrong("b")).unwrap_err()), ["b"]);
        assert_eq!(fields(&ApiError::both(wrong("a"), Ok(1)).unwrap_err()), ["a"]);
        let two = || ApiError::both(wrong("a"), wrong("b"));
        assert_eq!(fields(&ApiError::both(two(), wrong("c")).unwrap_err()), ["a", "b", "c"]);
        assert_eq!(fields(&ApiError::both(wrong("c"), two()).unwrap_err()), ["c", "a", "b"]);
        let all = ApiError::all([None, two().err(), wrong("c").err()]);
        assert_eq!(fields(&all.unwrap_err()), ["a", "b", "c"]);
        assert_eq!(ApiError::all([None, None]), Ok(()));
    }
}
