//! How long pages of the console take where there is much to show.
//!
//! ```text
//! cargo xtask bench-console [TOKENS] [ROWS]
//! ```
//!
//! That many tokens and rows of the access log of the last 30 days are written through the store;
//! 100,000 and 10,000,000 if not said otherwise. The server is the real binary on SQLite. Each page
//! is asked for one time after the other by a superuser who has signed in. The time is that from
//! the request to the last byte of the answer, over loopback. Needs about 6 GB of room.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::os::unix::fs::DirBuilderExt as _;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use mcpass_domain::id::IdParts;
use mcpass_domain::{
    AccessRow, Admission, CidrList, Clock as _, FamilyId, Limits, Outcome, RateLimitStyle, Reason,
    RequestId, RowState, Surface, SystemClock, Timestamp, Token, TokenDigest, TokenId, TokenSecret,
    User, UserId,
};
use mcpass_store::{AccessBatch, Change, Commit, LastUse, Store};
use mcpass_testkit::{Mcpass, Visitor};
use tokio::time::Instant;

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Tokens or rows of one transaction.
const BATCH: u64 = 10_000;
const USERS: u64 = 50;
const SPAN: Duration = Duration::from_hours(30 * 24);
/// How often a page is asked for.
const TIMES: usize = 30;
const PASSWORD: &str = "violet kettle marches north";

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let binary = arguments.next().context("usage: bench_console BINARY [TOKENS] [ROWS]")?;
    let mut number = |usual| arguments.next().map_or(Ok(usual), |text| text.parse());
    let world = World {
        now: SystemClock::new().now(),
        tokens: number(100_000)?,
        rows: number(10_000_000)?,
    };
    let mut mcpass = Mcpass::new(binary)?;
    std::fs::DirBuilder::new().mode(0o700).create(mcpass.data())?;
    let path = mcpass.data().join("mcpass.db");
    let store = mcpass_store::sql::connect(&format!("sqlite:{}", path.display())).await?;
    let began = Instant::now();
    world.fill(&*store).await?;
    drop(store);
    let size = std::fs::metadata(&path)?.len() / 1_000_000;
    println!(
        "{} tokens and {} rows, {size} MB, written in {:.0?}\n",
        world.tokens,
        world.rows,
        began.elapsed()
    );
    let link = "http://127.0.0.1:9/mcp";
    mcpass.add_server("github", link).await?;
    mcpass.start().await?;
    let output = mcpass.output();
    let link = output.lines().find_map(|line| line.strip_prefix("Console ")).context("a link")?;
    let mut visitor = Visitor::new(&mcpass)?;
    let session = visitor.clone().set_up(link.trim(), "ana", PASSWORD).await?;
    visitor = Visitor::with_cookies(&mcpass, &[session])?;
    println!("| page | p50 ms | slowest ms | kB |\n|---|---:|---:|---:|");
    for (what, path) in world.pages() {
        measure(&mut visitor, what, &path).await?;
    }
    mcpass.terminate().await?;
    Ok(())
}

async fn measure(visitor: &mut Visitor, what: &str, path: &str) -> Result<()> {
    let mut times = Vec::with_capacity(TIMES);
    let mut bytes = 0;
    for _ in 0..TIMES {
        let began = Instant::now();
        let answer = visitor.get(path).await?;
        times.push(began.elapsed());
        ensure!(answer.status == 200, "{path}: {}", answer.shown());
        bytes = answer.body.len();
    }
    times.sort_unstable();
    let millis = |at: usize| times.get(at).map_or(0.0, |time| time.as_secs_f64() * 1_000.0);
    let (middle, slowest) = (millis(TIMES / 2), millis(TIMES - 1));
    println!("| {what} | {middle:.1} | {slowest:.1} | {} |", bytes.div_ceil(1_000));
    Ok(())
}

/// What is written.
struct World {
    now: Timestamp,
    tokens: u64,
    rows: u64,
}

impl World {
    async fn fill(&self, store: &dyn Store) -> Result<()> {
        let users = (0..USERS).map(|n| Ok(Change::UserInsert(self.user(n)?)));
        let changes = users.collect::<Result<_>>()?;
        store.commit(Commit { changes, audit: Vec::new() }).await?;
        for first in (0..self.tokens).step_by(usize::try_from(BATCH)?) {
            let last = self.tokens.min(first + BATCH);
            let tokens = (first..last).map(|n| Ok(Change::TokenInsert(self.token(n)?)));
            let changes = tokens.collect::<Result<_>>()?;
            store.commit(Commit { changes, audit: Vec::new() }).await?;
        }
        for first in (0..self.rows).step_by(usize::try_from(BATCH)?) {
            let rows: Vec<_> = (first..self.rows.min(first + BATCH)).map(|n| self.row(n)).collect();
            let last_uses = rows.iter().filter_map(|row| {
                let Admission { token, at, remote_ip, .. } = &row.admission;
                token.map(|token| LastUse { token, at: *at, ip: *remote_ip })
            });
            let last_uses = last_uses.collect();
            store.access_load(AccessBatch { rows, last_uses, ..AccessBatch::default() }).await?;
        }
        Ok(())
    }

    /// A moment of the last 30 days, the later the larger `n` is.
    fn moment(&self, n: u64, of: u64) -> Timestamp {
        let span = u64::try_from(SPAN.as_micros()).unwrap_or(u64::MAX);
        let ago =
            span - u64::try_from(u128::from(span) * u128::from(n) / u128::from(of)).unwrap_or(0);
        self.now.saturating_sub(Duration::from_micros(ago))
    }

    fn token_id<I: From<IdParts>>(&self, n: u64) -> I {
        id(self.moment(n, self.tokens), n)
    }

    fn user(&self, n: u64) -> Result<User> {
        let created_at = self.moment(0, 1);
        Ok(User {
            id: id::<UserId>(created_at, n),
            name: format!("user{n}").parse()?,
            is_active: true,
            is_superuser: false,
            permissions: Vec::new(),
            groups: Vec::new(),
            created_at,
            version: 1,
        })
    }

    fn token(&self, n: u64) -> Result<Token> {
        let created_at = self.moment(n, self.tokens);
        let digest = TokenDigest::of(&n.to_be_bytes());
        let hint = TokenSecret::generate(&mcpass_domain::SeededEntropy::new(n))?.hint();
        Ok(Token {
            id: self.token_id(n),
            family: self.token_id::<FamilyId>(n),
            name: format!("agent {n}").parse()?,
            user: id::<UserId>(self.moment(0, 1), n % USERS),
            digest,
            hint,
            is_active: !n.is_multiple_of(37),
            created_at,
            created_by: "bench".to_owned(),
            expires_at: Some(created_at.saturating_add(Duration::from_hours(24 * (5 + n % 90)))),
            revocation: None,
            rotated_at: None,
            last_used_at: None,
            last_used_ip: None,
            permissions: vec!["github.@read".parse()?, format!("app{}.*", n % 20).parse()?],
            groups: Vec::new(),
            limits: Limits::default(),
            rate_limit_style: RateLimitStyle::default(),
            networks: CidrList::default(),
            note: String::new(),
            version: 1,
        })
    }

    fn row(&self, n: u64) -> AccessRow {
        let at = self.moment(n, self.rows);
        // Some tokens are used far more than others.
        let used = mixed(n) % self.tokens.max(1);
        let used = if n.is_multiple_of(3) { used % 100 } else { used };
        let is_refused = n.is_multiple_of(50);
        let admission = Admission {
            id: id::<RequestId>(at, n),
            at,
            surface: Surface::Mcp,
            token: Some(self.token_id(used)),
            family: Some(self.token_id(used)),
            token_name: format!("agent {used}").into(),
            hint: None,
            user: format!("user{}", used % USERS).into(),
            remote_ip: [10, 0, 0, u8::try_from(n % 250).unwrap_or(0)].into(),
            user_agent: "claude-code/2.1.0".into(),
            client_name: "claude-code".into(),
            client_version: "2.1.0".into(),
            server: if n.is_multiple_of(3) { "github" } else { "shop" }.into(),
            method: "tools/call".into(),
            target_kind: "tool".into(),
            target: format!("tool_{}", n % 40).into(),
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
            duration_us: 1_234 + n % 5_000,
            upstream_us: Some(1_100),
        };
        AccessRow { admission, outcome: Some(outcome), state: RowState::Done }
    }

    fn pages(&self) -> Vec<(&'static str, String)> {
        let busy: TokenId = self.token_id(7);
        let quiet: TokenId = self.token_id(self.tokens / 2);
        let fixed = |what, path: &str| (what, path.to_owned());
        vec![
            fixed("dashboard", "/"),
            fixed("tokens", "/tokens"),
            fixed("tokens, active", "/tokens?state=active"),
            fixed("tokens, of a user", "/tokens?user=user7"),
            fixed("tokens, by words", "/tokens?text=agent+777"),
            fixed("tokens, by last use", "/tokens?sort=last_used"),
            fixed("tokens, unused for 30 days", "/tokens?unused=30d"),
            ("a busy token", format!("/tokens/{busy}")),
            ("a quiet token", format!("/tokens/{quiet}")),
            fixed("create token", "/tokens/new"),
            fixed("access log", "/log"),
            fixed("access log, refused", "/log?allowed=false"),
            ("access log, of a token", format!("/log?token={quiet}")),
            fixed("access log, of a user and tool", "/log?user=user7&target=tool_7"),
            fixed("search", "/search?q=agent+777"),
            fixed("users", "/users"),
            fixed("servers", "/servers"),
            fixed("a server", "/servers/github"),
            fixed("audit log", "/audit"),
            fixed("settings", "/settings"),
        ]
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
