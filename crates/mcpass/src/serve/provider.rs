//! The provider at which people sign in, as the configuration declares it.

use std::sync::Arc;

use mcpass_authority::sign_in::Newcomers;
use mcpass_domain::template::{self, Part};
use mcpass_domain::{Clock, Entropy};
use mcpass_gateway::upstream::credentials::{Secrets, SystemSecrets};
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
    let secret =
        declared.client_secret.as_deref().map(|from| resolve(from, secrets)).transpose()?;
    Ok(Settings {
        issuer: declared.issuer.clone(),
        client_id: declared.client_id.clone(),
        client_secret: secret,
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

fn resolve(template: &str, secrets: &dyn Secrets) -> Result<Zeroizing<String>, Failure> {
    let missing = |what: String| {
        Failure::new(format!("the secret of the OpenID Connect client is not there: {what}"))
    };
    let mut text = Zeroizing::new(String::new());
    for part in template::parse(template).map_err(|error| missing(error.to_string()))? {
        match part {
            Part::Text(plain) => text.push_str(plain),
            Part::Variable(name) => {
                let value = secrets.env(name);
                text.push_str(&value.ok_or_else(|| missing(format!("`{name}` is not set")))?);
            }
            Part::File(path) => {
                let value = secrets.file(path).map(Zeroizing::new);
                let value = value.map_err(|error| missing(format!("`{path}`: {error}")))?;
                // Editors and `echo` end files with a line break that is no part of the secret.
                text.push_str(value.trim_end_matches(['\r', '\n']));
            }
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Fixed;

    impl Secrets for Fixed {
        fn env(&self, name: &str) -> Option<String> {
            (name == "KEY").then(|| "s3cret".to_owned())
        }

        fn file(&self, path: &str) -> std::io::Result<String> {
            match path {
                "/run/key" => Ok("from a file\n".to_owned()),
                _ => Err(std::io::ErrorKind::NotFound.into()),
            }
        }
    }

    #[test]
    fn a_secret_is_read_from_where_it_is() {
        assert_eq!(resolve("${env:KEY}", &Fixed).unwrap().as_str(), "s3cret");
        assert_eq!(resolve("${file:/run/key}", &Fixed).unwrap().as_str(), "from a file");
        for (missing, named) in [("${env:NO}", "`NO`"), ("${file:/no}", "`/no`")] {
            let failure = resolve(missing, &Fixed).unwrap_err();
            assert!(failure.message().contains(named), "{failure}");
        }
    }

    #[test]
    fn the_browser_comes_back_to_where_people_reach_this_server() {
        let declared = OidcConfig {
            issuer: "https://id.example.com".to_owned(),
            client_id: "mcpass".to_owned(),
            client_secret: Some("${env:KEY}".to_owned()),
            scopes: Vec::new(),
            is_named_by_username: false,
            allowed_domains: Vec::new(),
            create_users: true,
            groups: vec!["readers".to_owned()],
            ca_file: None,
        };
        let made = settings(&declared, "https://mcpass.example.com", &Fixed).unwrap();
        assert_eq!(made.redirect_url, "https://mcpass.example.com/sign-in/oidc/done");
        assert!(made.newcomers.create && made.newcomers.groups == ["readers"]);
        assert!(!format!("{made:?}").contains("s3cret"));
    }
}
