//! One decision, phase by phase, as types that can only be had in their order.
//!
//! [`Subject::admit`] gives [`Admitted`] (standing and network), [`Admitted::permit`] gives
//! [`Permitted`] (permission), [`Permitted::consume`] gives a [`Permit`] (limits). Dispatching
//! takes a permit, so a path that skips a phase does not compile.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::id::{FamilyId, TokenId};
use crate::limit::{Exceeded, Limiter, Limits};
use crate::network::CidrList;
use crate::permission::{Ask, Grants, Verdict};
use crate::secret::Hint;
use crate::time::{Monotonic, Timestamp};
use crate::token::{self, RateLimitStyle, TokenState};

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident $text:literal;)*) => {
        /// Why a request was answered as it was. One of them stands in each row of the access log.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub enum Reason {
            $($(#[$doc])* $name,)*
        }

        impl Reason {
            /// All there are, in the order of their names.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The stable name in the log, in metrics and in answers to operators.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// The reason of this name.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|reason| reason.as_str() == text)
            }
        }
    };
}

reasons! {
    /// Allowed.
    Allowed "allowed";
    /// The message or the request around it is malformed.
    BadRequest "bad_request";
    /// The result was larger than the token's `max_context`.
    ContextExceeded "context_exceeded";
    /// The token is switched off.
    Disabled "disabled";
    /// The token is past its end.
    Expired "expired";
    /// The token may not be used from this address.
    ForbiddenNetwork "forbidden_network";
    /// The `Host` or `Origin` header names a place that is not ours.
    ForbiddenOrigin "forbidden_origin";
    /// The token has no permission for what was asked.
    InsufficientPermissions "insufficient_permissions";
    /// What was sent as a token cannot be one: shape or checksum.
    MalformedToken "malformed_token";
    /// The HTTP method is not one that the endpoint has.
    MethodNotAllowed "method_not_allowed";
    /// No token was sent.
    MissingToken "missing_token";
    /// The token's user is not active.
    OwnerInactive "owner_inactive";
    /// The generous budget for handshakes, lists and failed sign-ins is used up.
    ProtectiveLimit "protective_limit";
    /// `per_hour` or `per_minute` is used up.
    RateLimited "rate_limited";
    /// The record cannot be written.
    RecordUnavailable "record_unavailable";
    /// The token was revoked.
    Revoked "revoked";
    /// A session that is not this token's, or none at all.
    SessionUnknown "session_unknown";
    /// The request's body is larger than allowed.
    TooLarge "too_large";
    /// No server of this name, or none that is enabled.
    UnknownServer "unknown_server";
    /// A well-formed token that was never issued here.
    UnknownToken "unknown_token";
    /// The body is not `application/json`.
    UnsupportedMediaType "unsupported_media_type";
    /// The upstream could not be reached, broke off or answered garbage.
    UpstreamFailed "upstream_failed";
    /// The upstream took too long.
    UpstreamTimeout "upstream_timeout";
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A refusal: one reason, and what an answer needs to know of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Denial {
    /// The reason.
    pub reason: Reason,
    /// For a limit: which, and how long to wait.
    pub exceeded: Option<Exceeded>,
    /// For the operator: which denial or missing grant decided. Never shown to the token's holder.
    pub detail: Option<String>,
}

impl From<Reason> for Denial {
    fn from(reason: Reason) -> Self {
        Self { reason, exceeded: None, detail: None }
    }
}

/// A token as decisions need it: its grants resolved, its owner's standing included.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The token.
    pub token: TokenId,
    /// The family, whose limits are counted together.
    pub family: FamilyId,
    /// The token's name.
    pub name: Arc<str>,
    /// The user's name.
    pub user: Arc<str>,
    /// The part of the secret that may be shown.
    pub hint: Hint,
    /// Ended by hand.
    pub is_revoked: bool,
    /// Switched on.
    pub is_active: bool,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// Whether its user is active.
    pub owner_is_active: bool,
    /// From where it may be used.
    pub networks: CidrList,
    /// Its own permissions and those of its groups.
    pub grants: Arc<Grants>,
    /// With `cap_to_user`: what its user may do, which it cannot exceed.
    pub cap: Option<Arc<Grants>>,
    /// What it may use.
    pub limits: Limits,
    /// How a refusal by a limit is answered.
    pub rate_limit_style: RateLimitStyle,
}

impl Subject {
    /// The token's state at `now`.
    pub fn state(&self, now: Timestamp) -> TokenState {
        token::state(self.is_revoked, self.is_active, self.expires_at, now)
    }

    /// Whether it may do what is asked; the cap counts too.
    pub fn allows(&self, ask: &Ask<'_>) -> bool {
        // The texts of a verdict are for `explain` and refusals; the common way builds none.
        self.grants.allow(ask) && self.cap.as_ref().is_none_or(|cap| cap.allow(ask))
    }

    /// Whether it may do anything at `server`.
    pub fn allows_server(&self, server: &str) -> bool {
        self.grants.allow_server(server)
            && self.cap.as_ref().is_none_or(|cap| cap.allow_server(server))
    }

    /// Whether a decision about a tool of `server` may depend on its annotations.
    pub fn needs_class(&self, server: &str) -> bool {
        self.grants.need_class(server)
            || self.cap.as_ref().is_some_and(|cap| cap.need_class(server))
    }

    /// The grant that decides, or the refusal.
    fn verdict(&self, ask: &Ask<'_>) -> Result<String, Denial> {
        let refuse = |detail: String| {
            let reason = Reason::InsufficientPermissions;
            Err(Denial { reason, exceeded: None, detail: Some(detail) })
        };
        let granted = match self.grants.ask(ask) {
            Verdict::Allow(grant) => format!("{} ({})", grant.permission, grant.source),
            Verdict::Deny(denial) => {
                return refuse(format!("{} ({})", denial.permission, denial.source));
            }
            Verdict::Silent => return refuse(format!("no grant for {ask}")),
        };
        match self.cap.as_ref().map(|cap| cap.ask(ask)) {
            None | Some(Verdict::Allow(_)) => Ok(granted),
            Some(Verdict::Deny(denial)) => {
                refuse(format!("the user's {} ({})", denial.permission, denial.source))
            }
            Some(Verdict::Silent) => refuse(format!("the user has no grant for {ask}")),
        }
    }

    /// Phases 2 and 3: standing and network.
    ///
    /// # Errors
    /// When the token is not active, its owner is not, or it is used from elsewhere.
    pub fn admit(self: &Arc<Self>, now: Timestamp, address: IpAddr) -> Result<Admitted, Denial> {
        if let Some(reason) = self.state(now).refusal() {
            return Err(reason.into());
        }
        if !self.owner_is_active {
            return Err(Reason::OwnerInactive.into());
        }
        if !self.networks.allow(address) {
            return Err(Reason::ForbiddenNetwork.into());
        }
        Ok(Admitted { subject: Arc::clone(self) })
    }
}

/// A token in good standing, used from where it may be used.
#[derive(Clone, Debug)]
pub struct Admitted {
    subject: Arc<Subject>,
}

impl Admitted {
    /// The token.
    pub fn subject(&self) -> &Arc<Subject> {
        &self.subject
    }

    /// Phase 4: permission.
    ///
    /// # Errors
    /// When nothing grants what is asked, or something denies it.
    pub fn permit(self, ask: &Ask<'_>) -> Result<Permitted, Denial> {
        if self.subject.allows(ask) {
            return Ok(Permitted { subject: self.subject });
        }
        Err(self.subject.verdict(ask).err().unwrap_or(Reason::InsufficientPermissions.into()))
    }

    /// Phase 4 where one of several permissions is enough.
    ///
    /// # Errors
    /// When none of them is given: the refusal of the first.
    pub fn permit_any(self, asks: &[Ask<'_>]) -> Result<Permitted, Denial> {
        let ask = self.deciding(asks)?;
        self.permit(ask)
    }

    /// The first of them that is allowed; if none is, the first.
    fn deciding<'a, 'b>(&self, asks: &'b [Ask<'a>]) -> Result<&'b Ask<'a>, Denial> {
        let allowed = asks.iter().find(|ask| self.subject.allows(ask));
        allowed.or_else(|| asks.first()).ok_or_else(|| {
            let detail = Some("there is no such thing to permit".to_owned());
            Denial { reason: Reason::InsufficientPermissions, exceeded: None, detail }
        })
    }

    /// Phase 4 for what belongs to no server: handshakes and lists at `/mcp`. A token without
    /// any grant may do that too, and finds nothing.
    pub fn open(self) -> Permitted {
        Permitted { subject: self.subject }
    }

    /// Which grant gives one of what is asked, in words for the operator.
    ///
    /// # Errors
    /// As [`Admitted::permit_any`].
    pub fn explain_any(&self, asks: &[Ask<'_>]) -> Result<String, Denial> {
        self.subject.verdict(self.deciding(asks)?)
    }
}

/// A token that may do what it asks.
#[derive(Clone, Debug)]
pub struct Permitted {
    subject: Arc<Subject>,
}

impl Permitted {
    /// The token.
    pub fn subject(&self) -> &Arc<Subject> {
        &self.subject
    }

    /// Phase 5: limits, in all windows or none. A `cost` of 0 is a request that is not counted.
    ///
    /// # Errors
    /// When a window is full; nothing is counted then.
    pub fn consume(
        self,
        limiter: &mut Limiter,
        now: Monotonic,
        cost: u32,
    ) -> Result<Permit, Denial> {
        if cost > 0 {
            limiter.admit(&self.subject.limits, now, cost).map_err(over_limit)?;
        }
        Ok(Permit { subject: self.subject, at: now, cost })
    }

    /// Phase 5 for a request that no limit counts: handshakes, lists, pings, notifications.
    pub fn uncounted(self, now: Monotonic) -> Permit {
        Permit { subject: self.subject, at: now, cost: 0 }
    }

    /// What [`Permitted::consume`] would say, without counting.
    ///
    /// # Errors
    /// As [`Permitted::consume`].
    pub fn peek(&self, limiter: &mut Limiter, now: Monotonic, cost: u32) -> Result<(), Denial> {
        limiter.peek(&self.subject.limits, now, cost).map_err(over_limit)
    }
}

fn over_limit(exceeded: Exceeded) -> Denial {
    let detail = Some(format!("{} a {}", exceeded.limit, exceeded.window));
    Denial { reason: Reason::RateLimited, exceeded: Some(exceeded), detail }
}

/// Leave to go on to the record and the upstream.
#[derive(Debug)]
#[must_use = "a permit that is not used has to be given back"]
pub struct Permit {
    subject: Arc<Subject>,
    at: Monotonic,
    cost: u32,
}

impl Permit {
    /// The token.
    pub fn subject(&self) -> &Arc<Subject> {
        &self.subject
    }

    /// What was counted against the limits.
    pub const fn cost(&self) -> u32 {
        self.cost
    }

    /// Gives back what was counted: the request went nowhere.
    pub fn give_back(self, limiter: &mut Limiter) {
        if self.cost > 0 {
            limiter.refund(self.at, self.cost);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permission::{Grant, Source, Target};
    use crate::secret::TokenSecret;
    use crate::time::{SeededEntropy, id_from};

    fn grants(texts: &[&str]) -> Arc<Grants> {
        Arc::new(Grants::new(
            texts.iter().map(|p| Grant { permission: p.parse().unwrap(), source: Source::Own }),
        ))
    }

    fn subject() -> Subject {
        let entropy = SeededEntropy::new(1);
        let now = Timestamp::from_micros(0);
        Subject {
            token: id_from(&entropy, now).unwrap(),
            family: id_from(&entropy, now).unwrap(),
            name: "t".into(),
            user: "ana".into(),
            hint: TokenSecret::generate(&entropy).unwrap().hint(),
            is_revoked: false,
            is_active: true,
            expires_at: None,
            owner_is_active: true,
            networks: "10.0.0.0/8".parse().unwrap(),
            grants: grants(&["demo.*", "!demo.delete_*"]),
            cap: None,
            limits: Limits { per_minute: 1, per_hour: 1, max_context: 0 },
            rate_limit_style: RateLimitStyle::Http429,
        }
    }

    fn ask(name: &str) -> Ask<'_> {
        Ask { server: "demo", target: Target::Tool(name), class: None }
    }

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

    #[test]
    fn each_phase_has_its_reason_and_the_earlier_one_wins() {
        let now = Timestamp::from_micros(100);
        let refusal = |change: fn(&mut Subject), address: &str| {
            let mut subject = subject();
            change(&mut subject);
            Arc::new(subject).admit(now, address.parse().unwrap()).unwrap_err().reason
        };
        assert_eq!(refusal(|s| s.is_revoked = true, "8.8.8.8"), Reason::Revoked);
        assert_eq!(refusal(|s| s.is_active = false, "8.8.8.8"), Reason::Disabled);
        assert_eq!(
            refusal(|s| s.expires_at = Some(Timestamp::from_micros(100)), "10.0.0.1"),
            Reason::Expired
        );
        assert_eq!(refusal(|s| s.owner_is_active = false, "8.8.8.8"), Reason::OwnerInactive);
        assert_eq!(refusal(|_| (), "8.8.8.8"), Reason::ForbiddenNetwork);
    }

    #[test]
    fn a_refusal_names_the_grant_that_decided() {
        let admitted = Arc::new(subject()).admit(Timestamp::from_micros(0), HERE).unwrap();
        assert_eq!(admitted.explain_any(&[ask("read")]).unwrap(), "demo.* (own)");
        let denial = admitted.clone().permit(&ask("delete_all")).unwrap_err();
        assert_eq!(denial.reason, Reason::InsufficientPermissions);
        assert_eq!(denial.detail.unwrap(), "!demo.delete_* (own)");
        let elsewhere = Ask { server: "x", target: Target::Tool("y"), class: None };
        assert_eq!(admitted.permit(&elsewhere).unwrap_err().detail.unwrap(), "no grant for x.y");
    }

    #[test]
    fn the_cap_takes_away_and_never_gives() {
        let mut subject = subject();
        subject.cap = Some(grants(&["demo.read", "other.*"]));
        assert!(subject.allows(&ask("read")));
        assert!(!subject.allows(&ask("write")));
        assert!(!subject.allows(&Ask { server: "other", target: Target::Tool("x"), class: None }));
        assert!(!subject.allows_server("other"));
    }

    #[test]
    fn a_permit_given_back_was_never_counted() {
        let mut limiter = Limiter::default();
        let now = Monotonic::from_micros(0);
        let permitted = || {
            let admitted = Arc::new(subject()).admit(Timestamp::from_micros(0), HERE).unwrap();
            admitted.permit(&ask("read")).unwrap()
        };
        let permit = permitted().consume(&mut limiter, now, 1).unwrap();
        let refusal = permitted().consume(&mut limiter, now, 1).unwrap_err();
        assert_eq!(refusal.reason, Reason::RateLimited);
        assert!(permitted().peek(&mut limiter, now, 1).is_err());
        permit.give_back(&mut limiter);
        let _ = permitted().consume(&mut limiter, now, 1).unwrap();
    }

    #[test]
    fn reasons_have_names_of_their_own() {
        for reason in Reason::ALL {
            assert_eq!(Reason::parse(reason.as_str()), Some(*reason));
        }
    }
}
