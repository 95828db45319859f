//! What a page's handler is given: who asks, and what for.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use mcpass_authority::Context;
use mcpass_authority::sign_in::Visitor;
use mcpass_domain::TokenId;

use super::fault::Fault;
use super::fields::Fields;
use super::form::VERSION;
use super::frame::{Frame, Section};
use super::viewer::Viewer;

/// A request that has passed the gate. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Asked(Arc<Inner>);

/// What there is to know of it.
#[derive(Clone, Debug)]
pub(crate) struct Inner {
    /// Who has signed in, if anybody.
    pub(crate) viewer: Option<Viewer>,
    /// The path.
    pub(crate) path: String,
    /// What stands after the question mark.
    pub(crate) query: Fields,
    /// What was sent, already known to be from a page of ours.
    pub(crate) form: Fields,
    /// Whether the browser came over https.
    pub(crate) is_https: bool,
    /// Whether the connection ends on this machine.
    pub(crate) is_loopback: bool,
    /// The authority of the address in the browser.
    pub(crate) host: String,
    /// Where the request comes from, and with what.
    pub(crate) visitor: Visitor,
    /// What forms are bound by.
    pub(crate) csrf: String,
    /// `light`, `dark`, or empty for what the system says.
    pub(crate) theme: String,
    /// What the last form led to.
    pub(crate) flash: Option<Flash>,
    /// What a half-done sign-in is known by.
    pub(crate) step: Option<String>,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            viewer: None,
            path: "/".to_owned(),
            query: Fields::default(),
            form: Fields::default(),
            is_https: false,
            is_loopback: false,
            host: String::new(),
            visitor: Visitor::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), ""),
            csrf: String::new(),
            theme: String::new(),
            flash: None,
            step: None,
        }
    }
}

/// What a form led to, on the page that follows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Flash {
    /// What was done.
    pub(crate) text: String,
    /// Tokens that were disabled, and can be enabled again from there.
    pub(crate) disabled: Vec<String>,
}

impl Flash {
    /// Characters of a text at most.
    const LONGEST: usize = 500;
    /// Tokens at most that a cookie has room for.
    pub(crate) const MOST: usize = 60;

    /// As a cookie's value.
    pub(crate) fn pack(&self) -> String {
        let disabled = self.disabled.iter().map(|id| ("disabled", id.as_str()));
        let pairs = std::iter::once(("text", self.text.as_str())).chain(disabled);
        form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
    }

    /// From a cookie's value, which anybody can have written.
    pub(crate) fn unpack(packed: &str) -> Option<Self> {
        let fields = Fields::parse(packed.as_bytes());
        let text: String = fields.text("text").chars().take(Self::LONGEST).collect();
        let mut disabled = fields.all("disabled");
        disabled.retain(|id| id.parse::<TokenId>().is_ok());
        disabled.truncate(Self::MOST);
        (!text.is_empty()).then_some(Self { text, disabled })
    }

    /// Where the form goes that enables them again.
    pub(crate) fn enable(&self) -> String {
        match self.disabled.as_slice() {
            [one] => format!("/tokens/{one}/enable"),
            _ => "/tokens/bulk".to_owned(),
        }
    }
}

impl Asked {
    pub(crate) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// The security argument of whatever is asked of the authority.
    ///
    /// # Errors
    /// When nobody has signed in.
    pub(crate) fn ctx(&self) -> Result<&Context, Fault> {
        self.viewer().map(|viewer| &viewer.session.ctx)
    }

    /// The same for a change by a form: of the version that it was made of and no other.
    ///
    /// # Errors
    /// When nobody has signed in.
    pub(crate) fn ctx_of_form(&self) -> Result<Context, Fault> {
        let ctx = self.ctx()?.clone();
        Ok(match self.form.some(VERSION) {
            Some(edition) => ctx.with_edition(edition),
            None => ctx,
        })
    }

    /// Who has signed in.
    ///
    /// # Errors
    /// When nobody has.
    pub(crate) fn viewer(&self) -> Result<&Viewer, Fault> {
        self.0.viewer.as_ref().ok_or_else(|| Fault::SignIn("/sign-in".to_owned()))
    }

    /// The frame of a page.
    pub(crate) fn frame(&self, section: Section, title: impl Into<String>) -> Frame {
        Frame::new(self, section, title.into())
    }

    /// The address of a path here, as a browser on the viewer's machine opens it.
    pub(crate) fn absolute(&self, path: &str) -> String {
        let scheme = if self.is_https { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.host)
    }
}

impl std::ops::Deref for Asked {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Infallible;

    /// A route that was not put behind the gate has nobody who asks, and so shows nothing.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let asked = parts.extensions.get::<Self>().cloned();
        Ok(asked.unwrap_or_else(|| Self::new(Inner::default())))
    }
}

#[cfg(test)]
mod tests {
    use mcpass_domain::Timestamp;
    use mcpass_domain::id::IdParts;

    use super::*;

    #[test]
    fn a_flash_survives_its_cookie() {
        let text = "Disabled “a; b=c”, für immer".to_owned();
        let id = |at: i64| {
            let now = Timestamp::from_micros(at);
            TokenId::from(IdParts { now, random: [7; 10] }).to_string()
        };
        let disabled = (0..).take(Flash::MOST).map(id).collect();
        let flash = Flash { text, disabled };
        let packed = flash.pack();
        assert!(packed.bytes().all(|byte| byte.is_ascii_graphic() && byte != b';'));
        // RFC 6265bis section 5.6: browsers drop a cookie of more than 4096 bytes.
        assert!(packed.len() < 3_900, "{}", packed.len());
        assert_eq!(Flash::unpack(&packed), Some(flash));
        assert_eq!(Flash::unpack(""), None);
        let forged = Flash::unpack("text=x&disabled=/users/bo");
        assert_eq!(forged.map(|flash| flash.disabled), Some(Vec::new()));
    }
}
