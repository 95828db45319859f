//! Who has signed in.

use std::net::{IpAddr, Ipv4Addr};

use async_trait::async_trait;
use http::{HeaderMap, header};
use mcpass_authority::Context;
use mcpass_authority::api::{ApiError, WhoAmI};
use mcpass_authority::sign_in::{OpenSession, Visitor};
use mcpass_domain::SignInSecret;

use super::Console;
use super::cookie::Cookie;
use super::fault::Fault;
use super::pick::Offered;
use crate::identity::Sessions;

/// A user in front of a browser.
#[derive(Clone, Debug)]
pub(crate) struct Viewer {
    /// The session.
    pub(crate) session: OpenSession,
    /// What the user may do in management, for what is worth showing: `mcpass.view_user`. What is
    /// allowed is decided by the authority alone, each time.
    may: Vec<String>,
    /// The groups that the user is in, for who may know of no others.
    pub(crate) groups: Vec<Offered>,
    /// Whether the user holds anything that a token could be given.
    pub(crate) has_to_give: bool,
}

impl Viewer {
    /// The user's name.
    pub(crate) fn name(&self) -> &str {
        &self.session.user_name
    }

    /// Whether it makes sense to offer this.
    pub(crate) fn may(&self, permission: &str) -> bool {
        self.session.is_superuser || self.may.iter().any(|each| each == permission)
    }
}

impl Viewer {
    /// Keeps a form from who could not send it. The authority decides when one is sent.
    pub(crate) fn must(&self, permission: &str) -> Result<(), Fault> {
        if self.may(permission) {
            return Ok(());
        }
        let error =
            ApiError::new(ApiError::FORBIDDEN, format!("this needs the permission {permission}"));
        Err(error.into())
    }
}

impl Console {
    /// Who a cookie says has signed in.
    pub(crate) async fn viewer(
        &self,
        headers: &HeaderMap,
        visitor: &Visitor,
    ) -> Result<Option<Viewer>, ApiError> {
        let Some(session) = self.session(headers, visitor).await? else { return Ok(None) };
        if session.is_superuser {
            let (may, groups) = (Vec::new(), Vec::new());
            return Ok(Some(Viewer { session, may, groups, has_to_give: true }));
        }
        let WhoAmI { may, groups, effective_permissions, .. } =
            self.authority().whoami(&session.ctx).await?;
        let gives = |name: String| {
            let of_group = effective_permissions.iter().filter(|one| one.group() == Some(&name));
            let permissions = of_group.map(|one| one.permission.clone()).collect();
            Offered { name, permissions }
        };
        let groups = groups.into_iter().map(gives).collect();
        let has_to_give = effective_permissions.iter().any(|one| !one.permission.starts_with('!'));
        Ok(Some(Viewer { session, may, groups, has_to_give }))
    }

    async fn session(
        &self,
        headers: &HeaderMap,
        visitor: &Visitor,
    ) -> Result<Option<OpenSession>, ApiError> {
        let sent = Cookie::Session.read(headers, self.is_https(headers));
        match sent.and_then(SignInSecret::parse) {
            Some(secret) => self.authority().session_find(&secret, visitor).await,
            None => Ok(None),
        }
    }
}

/// Who a request comes from, as far as the request says.
pub(crate) fn visitor(headers: &HeaderMap, from: Option<IpAddr>) -> Visitor {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    Visitor::new(from.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)), agent.unwrap_or_default())
}

/// Sessions of the console, for the API: its pages and the API know the same cookie.
#[derive(Clone, Debug)]
pub struct CookieSessions(Console);

impl CookieSessions {
    pub(crate) const fn new(console: Console) -> Self {
        Self(console)
    }
}

#[async_trait]
impl Sessions for CookieSessions {
    async fn find(&self, headers: &HeaderMap, from: IpAddr) -> Result<Option<Context>, ApiError> {
        let session = self.0.session(headers, &visitor(headers, Some(from))).await?;
        Ok(session.map(|session| session.ctx))
    }
}
