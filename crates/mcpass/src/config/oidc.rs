//! `[sign_in.oidc]`: the provider at which people sign in.

use std::path::PathBuf;

use mcpass_domain::template::{self, Part};
use toml::Spanned;

use super::file::{self, Source};
use super::{ConfigError, credential};

/// The provider, as it is declared.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct OidcConfig {
    /// The provider, as it names itself.
    pub(crate) issuer: String,
    /// Who mcpass is there.
    pub(crate) client_id: String,
    /// Where the client's secret is: `${env:NAME}` or `${file:PATH}`.
    pub(crate) client_secret: Option<String>,
    /// What is asked for besides `openid`.
    pub(crate) scopes: Vec<String>,
    /// Whether a user is called after `preferred_username` instead of the e-mail address.
    pub(crate) is_named_by_username: bool,
    /// Domains of e-mail addresses that are let in; any if there is none.
    pub(crate) allowed_domains: Vec<String>,
    /// Whether whoever is not known here gets a user.
    pub(crate) create_users: bool,
    /// The groups of such a user.
    pub(crate) groups: Vec<String>,
    /// Trusted instead of the system's certificate authorities.
    pub(crate) ca_file: Option<PathBuf>,
}

/// Reads the section.
///
/// # Errors
/// On the first key that cannot be used or is missing, with its place.
pub(super) fn read(
    source: &Source,
    section: &Spanned<file::Oidc>,
) -> Result<OidcConfig, ConfigError> {
    let span = section.span();
    let section = section.get_ref();
    let needed = |key: &str, value: &Option<Spanned<String>>| {
        let value = value.as_ref().map(|value| value.get_ref().trim().to_owned());
        value.filter(|value| !value.is_empty()).ok_or_else(|| {
            let message = format!("[sign_in.oidc] has no `{key}`");
            source.error(Some(span.clone()), &message, None)
        })
    };
    let issuer = needed("issuer", &section.issuer)?;
    let secret = section.client_secret.as_ref();
    Ok(OidcConfig {
        issuer,
        client_id: needed("client_id", &section.client_id)?,
        client_secret: secret.map(|secret| reference(source, secret)).transpose()?,
        scopes: section
            .scopes
            .clone()
            .unwrap_or_else(|| ["email", "profile"].map(str::to_owned).to_vec()),
        is_named_by_username: section.name.as_ref().map_or(Ok(false), |name| by(source, name))?,
        allowed_domains: section.allowed_domains.clone().unwrap_or_default(),
        create_users: section.create_users.unwrap_or(false),
        groups: section.groups.clone().unwrap_or_default(),
        ca_file: section.ca_file.as_ref().map(|path| source.folder().join(path)),
    })
}

/// A secret in the file itself would end up in backups and repositories.
fn reference(source: &Source, secret: &Spanned<String>) -> Result<String, ConfigError> {
    let fail = |message: &str| {
        let hint = "name where it is: ${env:NAME} or ${file:PATH}";
        source.error(Some(secret.span()), message, Some(hint.to_owned()))
    };
    let parts = template::parse(secret.get_ref()).map_err(|error| fail(&error.to_string()))?;
    if parts.is_empty() || !parts.iter().all(Part::is_reference) {
        return Err(fail("`client_secret` holds a credential, or nothing"));
    }
    credential::relative_to(secret.get_ref(), source.folder())
        .map_err(|error| fail(&error.to_string()))
}

fn by(source: &Source, name: &Spanned<String>) -> Result<bool, ConfigError> {
    match name.get_ref().as_str() {
        "email" => Ok(false),
        "preferred_username" => Ok(true),
        _ => {
            let message = "users are called after `email` or `preferred_username`";
            Err(source.error(Some(name.span()), message, None))
        }
    }
}
