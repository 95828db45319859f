//! Light or dark, as the viewer wants it.

use axum::response::IntoResponse as _;
use http::header;

use super::asked::Asked;
use super::cookie::Cookie;
use super::fault::Answer;
use super::go;

/// A year.
const SECONDS: u64 = 365 * 24 * 60 * 60;

/// Keeps the choice and goes back.
pub(crate) async fn choose(asked: Asked) -> Answer {
    let cookie = match asked.form.text("theme") {
        theme @ ("light" | "dark") => Cookie::Theme.set(theme, Some(SECONDS), asked.is_https),
        _ => Cookie::Theme.remove(asked.is_https),
    };
    let mut response = go(within(asked.form.text("next"))).into_response();
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response)
}

/// A path of ours, or the first page. Never another host: `//host` and `/\host` are such.
pub(crate) fn within(path: &str) -> &str {
    let mut chars = path.chars();
    let is_ours = chars.next() == Some('/')
        && !matches!(chars.next(), Some('/' | '\\'))
        && path.chars().all(|c| c.is_ascii_graphic())
        && !path.contains('\\');
    if is_ours { path } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere() {
        for ours in ["/", "/tokens?state=active", "/a//b"] {
            assert_eq!(within(ours), ours);
        }
        for other in ["", "//evil", "/\\evil", "https://evil", "/a\\b", "javascript:x", "/\n/evil"]
        {
            assert_eq!(within(other), "/", "{other:?}");
        }
    }
}
