//! What was there before mcpass was started: as much, and as old, as nobody makes in a test.

use std::os::unix::fs::DirBuilderExt as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use mcpass_domain::id::IdParts;
use mcpass_domain::{
    AccessRow, Admission, AuditEvent, AuditId, CidrList, Clock as _, Entropy as _, FamilyId, Group,
    GroupId, Limits, Outcome, RateLimitStyle, Reason, RequestId, RowState, SeededEntropy, Surface,
    SystemClock, Timestamp, Token, TokenDigest, TokenSecret, User, UserId,
};
use mcpass_store::{AccessBatch, Change, Commit, Store};
use mcpass_testkit::Mcpass;
use serde_json::json;

use crate::BINARY;

/// One day.
pub(crate) const DAY: Duration = Duration::from_hours(24);

/// A mcpass that was never started, and what its database is filled through.
pub(crate) struct Stock {
    pub(crate) mcpass: Mcpass,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) now: Timestamp,
    entropy: SeededEntropy,
}

impl Stock {
    pub(crate) async fn open() -> Result<Self> {
        let mcpass = Mcpass::new(BINARY)?;
        std::fs::DirBuilder::new().mode(0o700).create(mcpass.data())?;
        let path = mcpass.data().join("mcpass.db");
        let store = mcpass_store::sql::connect(&format!("sqlite:{}", path.display())).await?;
        let (now, entropy) = (SystemClock::new().now(), SeededEntropy::new(7));
        Ok(Self { mcpass, store, now, entropy })
    }

    /// A moment so many days ago.
    pub(crate) fn ago(&self, days: f64) -> Timestamp {
        self.now.saturating_sub(DAY.mul_f64(days))
    }

    /// An id of something that was created then.
    pub(crate) fn id<I: From<IdParts>>(&self, created_at: Timestamp) -> Result<I> {
        Ok(self.entropy.id(created_at)?)
    }

    pub(crate) fn user(&self, name: &str) -> Result<User> {
        let created_at = self.ago(200.0);
        Ok(User {
            id: self.id::<UserId>(created_at)?,
            name: name.parse()?,
            is_active: true,
            is_superuser: false,
            permissions: Vec::new(),
            groups: Vec::new(),
            created_at,
            version: 1,
        })
    }

    pub(crate) fn group(&self, name: &str) -> Result<Group> {
        let created_at = self.ago(200.0);
        let id = self.id::<GroupId>(created_at)?;
        Ok(Group { id, name: name.parse()?, permissions: Vec::new(), created_at, version: 1 })
    }

    /// An active token that was never used and never ends.
    pub(crate) fn token(&self, name: &str, user: &User, days: f64) -> Result<Token> {
        let created_at = self.ago(days);
        let id = self.id(created_at)?;
        let secret = TokenSecret::generate(&self.entropy)?;
        Ok(Token {
            id,
            family: self.id::<FamilyId>(created_at)?,
            name: name.parse()?,
            user: user.id,
            digest: TokenDigest::of(secret.expose().as_bytes()),
            hint: secret.hint(),
            is_active: true,
            created_at,
            created_by: "operator:stock".to_owned(),
            expires_at: None,
            revocation: None,
            rotated_at: None,
            last_used_at: None,
            last_used_ip: None,
            permissions: vec!["up.@read".parse()?],
            groups: Vec::new(),
            limits: Limits::default(),
            rate_limit_style: RateLimitStyle::default(),
            networks: CidrList::default(),
            note: String::new(),
            version: 1,
        })
    }

    pub(crate) async fn put(&self, changes: impl IntoIterator<Item = Change>) -> Result<()> {
        let changes = changes.into_iter().collect();
        Ok(self.store.commit(Commit { changes, audit: Vec::new() }).await?)
    }
}

/// Names as people give them, short and long, in several writings.
const NAMES: &[&str] = &[
    "CI releases",
    "Laptop of Bo",
    "مفتاح الإصدار للفريق",
    "発行ボット",
    "🚀 Launch 🧪",
    "a long name of many words that somebody thought would say what the token is really for, one day",
];

impl Stock {
    /// `count` users, tokens, requests and changes each, spread over the last hundred days; a
    /// hundredth of the users is in the group `editors`. Every 400th token may call `up.rare`, and
    /// every 500th request is for a prompt.
    pub(crate) async fn crowd(&self, count: u32) -> Result<()> {
        let editors = self.group("editors")?;
        let mut users = Vec::new();
        for number in 0..count {
            let mut user = self.user(&format!("user-{number:05}@example.com"))?;
            user.is_active = !number.is_multiple_of(50);
            user.groups = if number.is_multiple_of(100) { vec![editors.id] } else { Vec::new() };
            users.push(user);
        }
        let inserts = users.iter().cloned().map(Change::UserInsert);
        self.put([Change::GroupInsert(editors)].into_iter().chain(inserts)).await?;
        let mut tokens = Vec::new();
        for number in 0..count {
            // Half of them belong to one user.
            let at = if number.is_multiple_of(2) { 7 } else { number as usize };
            let user = users.get(at).context("a user")?;
            let name = NAMES.get(number as usize % NAMES.len()).context("a name")?;
            let name: String = format!("{number} {name}").chars().take(100).collect();
            let mut token = self.token(&name, user, 100.0 - part(number, count))?;
            if number.is_multiple_of(400) {
                token.permissions.push("up.rare".parse()?);
            }
            tokens.push(token);
        }
        self.put(tokens.iter().cloned().map(Change::TokenInsert)).await?;
        let mut rows = Vec::new();
        for (number, token) in (0..count).zip(&tokens) {
            // None is so old that it is deleted at the start.
            let at = self.ago(0.8 * (100.0 - part(number, count)));
            rows.push(self.row(at, token, number)?);
        }
        self.store.access_load(AccessBatch { rows, ..AccessBatch::default() }).await?;
        let audit = (0..count).zip(&tokens).map(|(number, token)| {
            let at = self.ago(100.0 - part(number, count));
            self.change(at, token)
        });
        let audit = audit.collect::<Result<_>>()?;
        self.store.commit(Commit { changes: Vec::new(), audit }).await?;
        Ok(())
    }

    fn row(&self, at: Timestamp, token: &Token, number: u32) -> Result<AccessRow> {
        let is_refused = number.is_multiple_of(9);
        let admission = Admission {
            id: self.id::<RequestId>(at)?,
            at,
            surface: Surface::Mcp,
            token: Some(token.id),
            family: Some(token.family),
            token_name: token.name.to_string().into(),
            hint: None,
            user: "user-00007@example.com".into(),
            remote_ip: [10, 0, 0, u8::try_from(number % 250)?].into(),
            user_agent: "claude-code/2.1.0".into(),
            client_name: "claude-code".into(),
            client_version: "2.1.0".into(),
            server: "a-server-with-a-long-name".into(),
            method: if number.is_multiple_of(500) { "prompts/get" } else { "tools/call" }.into(),
            target_kind: "tool".into(),
            target: format!("list_everything_there_is_of_kind_{}", number % 40).into(),
            reason: if is_refused { Reason::RateLimited } else { Reason::Allowed },
            detail: "".into(),
            cost: 1,
            request_bytes: 312,
            session: "".into(),
            rpc_id: "17".into(),
            trace_id: "".into(),
            arguments: "".into(),
        };
        let outcome = Outcome {
            id: admission.id,
            http_status: if is_refused { 429 } else { 200 },
            rpc_code: is_refused.then_some(429),
            is_error: is_refused,
            failure: None,
            response_bytes: 4_321,
            response_chars: Some(4_000),
            duration_us: 1_234 * u64::from(1 + number % 5_000),
            upstream_us: Some(1_100),
        };
        Ok(AccessRow { admission, outcome: Some(outcome), state: RowState::Done })
    }

    fn change(&self, at: Timestamp, token: &Token) -> Result<AuditEvent> {
        let name = token.name.to_string();
        Ok(AuditEvent {
            id: self.id::<AuditId>(at)?,
            at,
            actor: "operator:somebody".to_owned(),
            origin: "cli".to_owned(),
            action: "token.edit".to_owned(),
            object: token.id.to_string(),
            before: Some(json!({ "name": "before", "note": "" }).to_string()),
            after: Some(json!({ "name": name, "note": name.repeat(3) }).to_string()),
            note: String::new(),
        })
    }
}

/// Where `number` of `count` is within a hundred.
fn part(number: u32, count: u32) -> f64 {
    100.0 * f64::from(number) / f64::from(count)
}
