//! Cookies: their names, and what is said when one is set.
//!
//! Over https names begin with `__Host-`, which browsers accept only for this very host, with
//! `Secure` and for all paths (RFC 6265bis, section 4.1.3.2). Over plain http, on the machine
//! itself, browsers refuse such names.

use http::{HeaderMap, HeaderValue, header};

/// What a cookie is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Cookie {
    /// What the last form led to, shown once.
    Flash,
    /// What forms are bound to before anybody has signed in.
    Form,
    /// What a browser that is at the provider brings back.
    Provider,
    /// Who has signed in.
    Session,
    /// A sign-in that is half done: the password was right, the code is asked for.
    Step,
    /// Light or dark.
    Theme,
}

impl Cookie {
    const fn name(self, is_https: bool) -> &'static str {
        match (self, is_https) {
            (Self::Flash, false) => "mcpass_flash",
            (Self::Flash, true) => "__Host-mcpass_flash",
            (Self::Form, false) => "mcpass_form",
            (Self::Form, true) => "__Host-mcpass_form",
            (Self::Provider, false) => "mcpass_provider",
            (Self::Provider, true) => "__Host-mcpass_provider",
            (Self::Session, false) => "mcpass_session",
            (Self::Session, true) => "__Host-mcpass_session",
            (Self::Step, false) => "mcpass_step",
            (Self::Step, true) => "__Host-mcpass_step",
            (Self::Theme, false) => "mcpass_theme",
            (Self::Theme, true) => "__Host-mcpass_theme",
        }
    }

    /// The cookie's value in a request; none if it is absent or there twice.
    pub(crate) fn read(self, headers: &HeaderMap, is_https: bool) -> Option<&str> {
        let name = self.name(is_https);
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        let mut found = lines.flat_map(|line| line.split(';')).filter_map(|pair| {
            let (each, value) = pair.trim().split_once('=')?;
            (each == name).then_some(value)
        });
        let value = found.next()?;
        found.next().is_none().then_some(value)
    }

    /// The header that sets it, until `seconds` from now, or until the browser is closed.
    pub(crate) fn set(self, value: &str, seconds: Option<u64>, is_https: bool) -> HeaderValue {
        let name = self.name(is_https);
        let secure = if is_https { "; Secure" } else { "" };
        let age = seconds.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
        // Strict would leave people signed out who follow a link from a chat or a ticket, and
        // would not come back from the provider.
        let same_site =
            if matches!(self, Self::Provider | Self::Session) { "Lax" } else { "Strict" };
        let text = format!("{name}={value}; Path=/; HttpOnly; SameSite={same_site}{secure}{age}");
        // Values are made here of characters that headers take; any other is dropped.
        HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
    }

    /// The header that removes it.
    pub(crate) fn remove(self, is_https: bool) -> HeaderValue {
        self.set("", Some(0), is_https)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::COOKIE, HeaderValue::from_static(line));
        }
        headers
    }

    #[test]
    fn a_cookie_is_read_by_its_own_name_alone() {
        let found = headers(&["a=1; mcpass_session=x", "mcpass_sessions=y"]);
        assert_eq!(Cookie::Session.read(&found, false), Some("x"));
        assert_eq!(Cookie::Session.read(&found, true), None, "not the name of https");
        let twice = headers(&["mcpass_session=x; mcpass_session=y"]);
        assert_eq!(Cookie::Session.read(&twice, false), None, "one of them is a stranger's");
    }

    #[test]
    fn over_https_it_is_bound_to_the_host() {
        let set = Cookie::Session.set("v", Some(60), true);
        assert_eq!(
            set,
            "__Host-mcpass_session=v; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=60"
        );
        let plain = Cookie::Form.set("v", None, false);
        assert_eq!(plain, "mcpass_form=v; Path=/; HttpOnly; SameSite=Strict");
    }
}
