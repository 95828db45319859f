//! The provider at which people sign in, as the configuration declares it.

use std::sync::Arc;

use mcpass_authority::sign_in::Newcomers;
use mcpass_domain::{Clock, Entropy};
use mcpass_gateway::upstream::credentials::{Place, Secrets, SystemSecrets, expand};
use mcpass_web::oidc::{CALLBACK, NameClaim, Oidc, Settings};
use zeroize::Zeroizing;

use crate::config::{Config, OidcConfig};
use crate::failure::Failure;

/// The provider; none if none is declared. It need not answer yet.
///
/// # Errors
/// When its settings cannot be used, or its secret is not where they say.
pub(super) fn provider(
    config: &Config,
    public_url: &str,
    clock: &Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> Result<Option<Arc<Oidc>>, Failure> {
    let Some(declared) = &config.sign_in.oidc else { return Ok(None) };
    let settings = settings(declared, public_url, &SystemSecrets)?;
    let oidc = Oidc::new(settings, Arc::clone(clock), entropy);
    let oidc = oidc.map_err(|error| {
        Failure::new(error.to_string()).with_hint("see [sign_in.oidc] in the configuration file")
    })?;
    Ok(Some(Arc::new(oidc)))
}

fn settings(
    declared: &OidcConfig,
    public_url: &str,
    secrets: &dyn Secrets,
) -> Result<Settings, Failure> {
    let secret = declared.client_secret.as_deref();
    let secret = secret.map(|template| expand(&Place::ClientSecret, template, secrets));
    let secret = secret.transpose().map_err(|error| Failure::new(error.to_string()))?;
    Ok(Settings {
        issuer: declared.issuer.clone(),
        client_id: declared.client_id.clone(),
        client_secret: secret.map(Zeroizing::new),
        redirect_url: format!("{public_url}{CALLBACK}"),
        scopes: declared.scopes.clone(),
        name_claim: if declared.is_named_by_username {
            NameClaim::PreferredUsername
        } else {
            NameClaim::Email
        },
        allowed_domains: declared.allowed_domains.clone(),
        newcomers: Newcomers { create: declared.create_users, groups: declared.groups.clone() },
        ca_file: declared.ca_file.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct OneVariable;

    impl Secrets for OneVariable {
        fn env(&self, name: &str) -> Option<String> {
            (name == "KEY").then(|| "s3cret".to_owned())
        }

        fn file(&self, _path: &str) -> std::io::Result<String> {
            Err(std::io::ErrorKind::NotFound.into())
        }
    }

    fn declared(client_secret: &str) -> OidcConfig {
        OidcConfig {
            issuer: "https://id.example.com".to_owned(),
            client_id: "mcpass".to_owned(),
            client_secret: Some(client_secret.to_owned()),
            scopes: Vec::new(),
            is_named_by_username: false,
            allowed_domains: Vec::new(),
            create_users: true,
            groups: vec!["readers".to_owned()],
            ca_file: None,
        }
    }

    #[test]
    fn a_secret_is_taken_from_where_it_is() {
        let made = |template| settings(&declared(template), "https://m.example", &OneVariable);
        let secret = made("${env:KEY}").unwrap().client_secret.unwrap();
        assert_eq!(secret.as_str(), "s3cret");
        let failure = made("${env:NO}").unwrap_err();
        let message = failure.message();
        assert!(message.contains("OpenID Connect") && message.contains("NO"), "{message}");
    }

    #[test]
    fn the_browser_comes_back_to_where_people_reach_this_server() {
        let declared = declared("${env:KEY}");
        let made = settings(&declared, "https://mcpass.example.com", &OneVariable).unwrap();
        assert_eq!(made.redirect_url, "https://mcpass.example.com/sign-in/oidc/done");
        assert!(made.newcomers.create && made.newcomers.groups == ["readers"]);
        assert!(!format!("{made:?}").contains("s3cret"));
    }
}
