//! Why nobody was signed in at the provider.

use mcpass_authority::api::ApiError;
use openidconnect::core::CoreErrorResponseType;
use openidconnect::{DiscoveryError, RequestTokenError, StandardErrorResponse};

use super::client::HttpError;

/// Why nobody was signed in. What the provider said stands in the log.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OidcError {
    /// The address is of none of the domains that are let in.
    #[error("your e-mail address is not one of those that are let in here")]
    Domain,
    /// The browser began nothing, too long ago, or something else.
    #[error("this sign-in was begun too long ago, or in another browser")]
    Expired,
    /// No randomness.
    #[error("the operating system gave no randomness")]
    NoEntropy,
    /// The provider does not say what a user is called after.
    #[error("the provider does not say your name, or has not verified your e-mail address")]
    NoName,
    /// The provider refused.
    #[error("the provider refused to sign you in")]
    Refused,
    /// The settings cannot be used.
    #[error("the sign-in at the provider is not set up right: {0}")]
    Settings(String),
    /// The provider did not answer, or not as a provider does.
    #[error("the provider cannot be reached")]
    Unreachable,
    /// What the provider said does not hold.
    #[error("what the provider said cannot be trusted")]
    Untrusted,
}

impl From<OidcError> for ApiError {
    fn from(error: OidcError) -> Self {
        let (code, hint) = match error {
            OidcError::Domain | OidcError::NoName => {
                ("sign_in.unknown", "ask an operator to add you")
            }
            OidcError::Expired => ("sign_in.expired", "begin again"),
            OidcError::NoEntropy => (Self::INTERNAL, "try again in a moment"),
            OidcError::Refused => ("sign_in.refused", "begin again, or ask an operator"),
            OidcError::Settings(_) => ("sign_in.misconfigured", "the server's log says more"),
            OidcError::Unreachable => {
                ("sign_in.unreachable", "try again in a moment; the server's log says more")
            }
            OidcError::Untrusted => ("sign_in.untrusted", "the server's log says more"),
        };
        Self::new(code, error.to_string()).with_hint(hint)
    }
}

pub(super) fn of_discovery(error: &DiscoveryError<HttpError>) -> OidcError {
    tracing::warn!(error = %chain(error), "the OpenID Connect provider cannot be asked");
    match error {
        // It says that it is another one (OpenID Connect Discovery 1.0 section 4.3).
        DiscoveryError::Validation(_) => OidcError::Untrusted,
        _ => OidcError::Unreachable,
    }
}

pub(super) fn of_exchange(
    error: &RequestTokenError<HttpError, StandardErrorResponse<CoreErrorResponseType>>,
) -> OidcError {
    match error {
        RequestTokenError::ServerResponse(said) => {
            tracing::warn!(error = %said.error(), "the provider took no code");
            OidcError::Refused
        }
        // What cannot be read may hold a token, so it is not told.
        RequestTokenError::Parse(..) => {
            tracing::warn!("the provider's answer to a code cannot be read");
            OidcError::Untrusted
        }
        other => {
            tracing::warn!(error = %chain(other), "the provider cannot be asked for a token");
            OidcError::Unreachable
        }
    }
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
