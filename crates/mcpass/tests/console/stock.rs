//! What was there before mcpass was started: as much, and as old, as nobody makes in a test.

use std::os::unix::fs::DirBuilderExt as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use mcpass_domain::id::IdParts;
use mcpass_domain::{
    CidrList, Clock as _, Entropy as _, FamilyId, Group, GroupId, Limits, RateLimitStyle,
    SeededEntropy, SystemClock, Timestamp, Token, TokenDigest, TokenSecret, User, UserId,
};
use mcpass_store::{Change, Commit, Store};
use mcpass_testkit::Mcpass;

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
