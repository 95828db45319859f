//! Servers that the configuration file declares.

use std::ops::Range;

use mcpass_authority::servers::upstream;
use mcpass_domain::server::HttpUpstream;
use mcpass_domain::{Server, ServerKind, ServerName, Timestamp};
use toml::Spanned;

use super::file::{self, File, Source};
use super::{ConfigError, credential};

/// The servers that the file declares, by name.
///
/// # Errors
/// On the first that cannot be, with its place.
pub(super) fn servers(source: &Source, file: &File) -> Result<Vec<Server>, ConfigError> {
    file.server.iter().map(|(name, section)| server(source, name, section)).collect()
}

fn server(
    source: &Source,
    name: &Spanned<String>,
    section: &file::Server,
) -> Result<Server, ConfigError> {
    let parsed: ServerName = name
        .get_ref()
        .parse()
        .map_err(|error| source.error(Some(name.span()), &format!("{error}"), None))?;
    let mut http = HttpUpstream::new(section.url.get_ref());
    check(source, section.url.span(), http.clone())?;
    let empty = http.clone();
    for (header, template) in &section.headers {
        let headers = [(header.clone(), template.get_ref().clone())].into();
        // One at a time, so that the error has the place of the one that is wrong.
        check(source, template.span(), HttpUpstream { headers, ..empty.clone() })?;
        let template = credential::relative_to(template.get_ref(), source.folder())
            .map_err(|error| source.error(Some(template.span()), &error.to_string(), None))?;
        http.headers.insert(header.to_ascii_lowercase(), template);
    }
    if let Some(timeout) = &section.connect_timeout {
        http.connect_timeout = timeout.get_ref().0;
        check(source, timeout.span(), HttpUpstream { headers: [].into(), ..http.clone() })?;
    }
    if let Some(timeout) = &section.first_byte_timeout {
        http.first_byte_timeout = timeout.get_ref().0;
        check(source, timeout.span(), HttpUpstream { headers: [].into(), ..http.clone() })?;
    }
    Ok(Server {
        name: parsed,
        kind: ServerKind::Http(http),
        is_enabled: section.enabled.unwrap_or(true),
        is_declared: true,
        created_at: Timestamp::default(),
        version: 0,
    })
}

/// The rules of `mcpass server add`, with the place in the file.
fn check(source: &Source, span: Range<usize>, http: HttpUpstream) -> Result<(), ConfigError> {
    let checked = upstream::check(http).map(drop);
    checked.map_err(|error| source.error(Some(span), &error.message, error.hint))
}
