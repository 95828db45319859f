//! What there is: who has which tokens, and who asked for what.

use std::time::Duration;

use anyhow::Result;
use mcpass_domain::id::IdParts;
use mcpass_domain::{
    AccessRow, Admission, AuditEvent, AuditId, CidrList, FamilyId, Group, GroupId, Limits, Outcome,
    RateLimitStyle, Reason, RequestId, RowState, Surface, Timestamp, Token, TokenDigest, TokenId,
    TokenSecret, User, UserId,
};

pub(crate) const USERS: u64 = 50;
pub(crate) const GROUPS: u64 = 20;
/// How far back it all goes.
const SPAN: Duration = Duration::from_hours(30 * 24);
/// Each of so many requests is the busiest token's.
const BUSY: u64 = 10;
/// The busiest token, and the secret that it replaced.
const BUSIEST: u64 = 9;
/// Rows at the far end of the log whose user, tool, server, method and reason are found nowhere
/// else: who looks for them looks through all of it.
pub(crate) const OLD: u64 = 3;

/// What is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct World {
    pub(crate) now: Timestamp,
    pub(crate) tokens: u64,
    pub(crate) rows: u64,
}

impl World {
    /// A moment of the last 30 days, the later the larger `n` is.
    fn moment(&self, n: u64, of: u64) -> Timestamp {
        let span = u64::try_from(SPAN.as_micros()).unwrap_or(u64::MAX);
        let past = u128::from(span) * u128::from(n) / u128::from(of.max(1));
        let ago = span.saturating_sub(u64::try_from(past).unwrap_or(span));
        self.now.saturating_sub(Duration::from_micros(ago))
    }

    pub(crate) fn token_id(&self, n: u64) -> TokenId {
        id(self.moment(n, self.tokens), n)
    }

    /// Each tenth token is the new secret of the one before it.
    fn family(&self, n: u64) -> FamilyId {
        let first = if n % 10 == BUSIEST { n - 1 } else { n };
        id(self.moment(first, self.tokens), first)
    }

    pub(crate) fn request_id(&self, n: u64) -> RequestId {
        id(self.moment(n, self.rows), n)
    }

    pub(crate) fn audit_id(&self, n: u64) -> AuditId {
        id(self.moment(n, self.tokens), n)
    }

    pub(crate) fn busiest(&self) -> TokenId {
        self.token_id(BUSIEST)
    }

    fn user_id(&self, n: u64) -> UserId {
        id(self.moment(0, 1), n)
    }

    fn group_id(&self, n: u64) -> GroupId {
        id(self.moment(0, 1), n)
    }

    pub(crate) fn user(&self, n: u64) -> Result<User> {
        Ok(User {
            id: self.user_id(n),
            name: format!("user{n}").parse()?,
            is_active: true,
            is_superuser: false,
            permissions: Vec::new(),
            groups: Vec::new(),
            created_at: self.moment(0, 1),
            version: 1,
        })
    }

    pub(crate) fn group(&self, n: u64) -> Result<Group> {
        Ok(Group {
            id: self.group_id(n),
            name: format!("group{n}").parse()?,
            permissions: vec![format!("area{n}.*").parse()?],
            created_at: self.moment(0, 1),
            version: 1,
        })
    }

    /// The end of a token: some have ended, some end soon, some never do.
    pub(crate) fn end(&self, n: u64) -> Option<Timestamp> {
        let lifetime = Duration::from_hours(24 * (5 + n % 90));
        (!n.is_multiple_of(11))
            .then(|| self.moment(n, self.tokens).saturating_add(lifetime))
            .filter(|_| n != BUSIEST)
    }

    pub(crate) fn token(&self, n: u64) -> Result<Token> {
        let created_at = self.moment(n, self.tokens);
        // Each tenth token is in the first group, and all are in one of the others.
        let first = n.is_multiple_of(10).then_some(0);
        let groups = first.into_iter().chain([1 + n % (GROUPS - 1)]);
        Ok(Token {
            id: self.token_id(n),
            family: self.family(n),
            name: format!("agent {n}").parse()?,
            user: self.user_id(n % USERS),
            digest: TokenDigest::of(&n.to_be_bytes()),
            hint: TokenSecret::generate(&mcpass_domain::SeededEntropy::new(n))?.hint(),
            is_active: !n.is_multiple_of(37),
            created_at,
            created_by: "bench".to_owned(),
            expires_at: self.end(n),
            revocation: None,
            rotated_at: None,
            last_used_at: None,
            last_used_ip: None,
            permissions: vec!["github.@read".parse()?, format!("app{}.*", n % 20).parse()?],
            groups: groups.map(|n| self.group_id(n)).collect(),
            limits: Limits::default(),
            rate_limit_style: RateLimitStyle::default(),
            networks: CidrList::default(),
            note: String::new(),
            version: 1,
        })
    }

    /// That the token was created.
    pub(crate) fn audit(&self, n: u64, token: &Token) -> AuditEvent {
        AuditEvent {
            id: self.audit_id(n),
            at: token.created_at,
            actor: self.user_id(n % USERS).to_string(),
            origin: "10.0.0.7".to_owned(),
            action: if n == OLD { "token.enable" } else { "token.create" }.to_owned(),
            object: token.id.to_string(),
            before: None,
            after: Some(format!(
                r#"{{"name":"{}","expires_at":null,"groups":[],"permissions":["github.@read"]}}"#,
                token.name
            )),
            note: String::new(),
        }
    }

    pub(crate) fn row(&self, n: u64) -> AccessRow {
        let at = self.moment(n, self.rows);
        let is_old = n < OLD;
        let used = self.used(n);
        let reason = match n {
            _ if is_old => Reason::Revoked,
            n if n.is_multiple_of(50) => Reason::RateLimited,
            n if n % 500 == 1 => Reason::UnknownToken,
            _ => Reason::Allowed,
        };
        let failure = (n % 1_000 == 2 && !is_old).then_some(Reason::UpstreamTimeout);
        let named = (reason != Reason::UnknownToken).then_some(used);
        let admission = Admission {
            id: self.request_id(n),
            at,
            surface: Surface::Mcp,
            token: named.map(|used| self.token_id(used)),
            family: named.map(|used| self.family(used)),
            token_name: named.map(|used| format!("agent {used}")).unwrap_or_default().into(),
            hint: None,
            user: match named {
                _ if is_old => "gone".to_owned(),
                named => named.map(|used| format!("user{}", used % USERS)).unwrap_or_default(),
            }
            .into(),
            remote_ip: [10, 0, 0, u8::try_from(n % 250).unwrap_or(0)].into(),
            user_agent: "claude-code/2.1.0".into(),
            client_name: "claude-code".into(),
            client_version: "2.1.0".into(),
            server: match n {
                _ if is_old => "old",
                n if n.is_multiple_of(3) => "github",
                _ => "shop",
            }
            .into(),
            method: if is_old { "prompts/get" } else { "tools/call" }.into(),
            target_kind: "tool".into(),
            target: if is_old { "gone".to_owned() } else { format!("tool_{}", n % 40) }.into(),
            reason,
            detail: "".into(),
            cost: 1,
            request_bytes: 312,
            session: "".into(),
            rpc_id: "17".into(),
            trace_id: "".into(),
            arguments: "".into(),
        };
        let is_refused = reason != Reason::Allowed;
        let outcome = Outcome {
            id: admission.id,
            http_status: if is_refused { 429 } else { 200 },
            rpc_code: is_refused.then_some(429),
            is_error: is_refused || failure.is_some(),
            failure,
            response_bytes: 4_321,
            response_chars: Some(4_000),
            duration_us: 1_234 + n % 5_000,
            upstream_us: Some(1_100),
        };
        AccessRow { admission, outcome: Some(outcome), state: RowState::Done }
    }

    /// The token of a request. Some are used far more than others, and a tenth of them never.
    fn used(&self, n: u64) -> u64 {
        let any = mixed(n) % self.tokens.max(1);
        match n {
            n if n.is_multiple_of(BUSY) => BUSIEST,
            n if n.is_multiple_of(3) => any % 100,
            _ if any % 10 == 8 => any - 8,
            _ => any,
        }
    }
}

/// Spread, as random bits are.
const fn mixed(n: u64) -> u64 {
    (n ^ 0x5851_F42D).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 16
}

fn id<I: From<IdParts>>(now: Timestamp, n: u64) -> I {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&mixed(n).to_be_bytes());
    IdParts { now, random }.into()
}
