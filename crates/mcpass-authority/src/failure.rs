//! Failures of what the authority stands on, as its callers see them.

use mcpass_domain::time::NoEntropy;
use mcpass_store::{StoreError, StoreErrorKind};

use crate::api::ApiError;

/// Code of a name, id or digest that is taken. Use cases put their own in its place.
pub(crate) const EXISTS: &str = "exists";

/// A store's failure. What callers cannot act on goes to the log and not to them.
#[expect(clippy::needless_pass_by_value, reason = "the end of the error's way, in map_err")]
pub(crate) fn store_failed(error: StoreError) -> ApiError {
    match error.kind {
        // What was to be changed is gone: somebody else's deletion is a conflict like any other.
        StoreErrorKind::Conflict | StoreErrorKind::Missing => {
            ApiError::new(ApiError::CONFLICT, "somebody else changed this at the same time")
                .with_hint("look at it again, then repeat the change")
        }
        StoreErrorKind::Exists => ApiError::new(EXISTS, "this exists already"),
        StoreErrorKind::Damaged => {
            tracing::error!(error = %chain(&error), "the store holds what cannot be read");
            ApiError::new("store.damaged", error.to_string())
                .with_hint("run `mcpass doctor`; the log has the details")
        }
        StoreErrorKind::Unavailable => {
            tracing::warn!(error = %chain(&error), "the store is not available");
            ApiError::new(ApiError::UNAVAILABLE, format!("the database is not available: {error}"))
                .with_hint("run `mcpass doctor` to see what is wrong with it")
        }
    }
}

/// No randomness: nothing may be issued.
pub(crate) fn no_entropy(error: NoEntropy) -> ApiError {
    ApiError::new(ApiError::INTERNAL, error.to_string())
}

/// An error and what caused it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
