//! What a million tokens cost next to a thousand: time until the server is ready, memory for a
//! token, and the time of a decision.
//!
//! `cargo xtask bench-tokens` runs it; `bench_tokens BINARY [COUNT…]` is what it runs. Tokens are
//! written through the store, the server is the real binary on SQLite, and decisions are refused
//! calls, which never leave mcpass: identification, standing, permission and the record.

use std::hash::{BuildHasher as _, RandomState};
use std::os::unix::fs::DirBuilderExt as _;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use mcpass_domain::{
    Clock as _, Entropy as _, FamilyId, Limits, OsEntropy, SystemClock, Timestamp, Token, TokenId,
    TokenSecret, User, UserId,
};
use mcpass_store::{Change, Commit, Store};
use mcpass_testkit::{Mcpass, Wire, wire};

/// Tokens of one transaction.
const BATCH: usize = 5_000;
/// Decisions that are timed. Each takes another token, so that caches help no more than in use.
const DECISIONS: usize = 10_000;
/// Plaintexts that are kept to decide about.
const SAMPLE: usize = 2_000;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "its output is what it is for")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let binary = arguments.next().context("usage: bench_tokens BINARY [COUNT…]")?;
    let counts: Vec<usize> = arguments.map(|count| count.parse()).collect::<Result<_, _>>()?;
    let counts = if counts.is_empty() { vec![1_000, 1_000_000] } else { counts };
    println!(
        "{:>10} {:>10} {:>12} {:>11} {:>9} {:>9}",
        "tokens", "ready ms", "RSS KiB", "B/token", "p50 us", "p99 us"
    );
    let mut first: Option<Measured> = None;
    for count in counts {
        let measured = measure(&binary, count).await?;
        // The memory of a token is the difference; one of a small number drowns in the rest.
        let per_token = first.as_ref().map_or_else(String::new, |first| {
            let grown = measured.rss_kib.saturating_sub(first.rss_kib) * 1024;
            let more = measured.tokens.saturating_sub(first.tokens).max(1);
            (grown / more as u64).to_string()
        });
        println!(
            "{:>10} {:>10} {:>12} {per_token:>11} {:>9} {:>9}",
            measured.tokens,
            measured.ready.as_millis(),
            measured.rss_kib,
            measured.p50.as_micros(),
            measured.p99.as_micros()
        );
        first.get_or_insert(measured);
    }
    Ok(())
}

struct Measured {
    tokens: usize,
    ready: Duration,
    rss_kib: u64,
    p50: Duration,
    p99: Duration,
}

async fn measure(binary: &str, count: usize) -> Result<Measured> {
    let mut mcpass = Mcpass::new(binary)?;
    std::fs::DirBuilder::new().mode(0o700).create(mcpass.data())?;
    let path = mcpass.data().join("mcpass.db");
    let store = mcpass_store::sql::connect(&format!("sqlite:{}", path.display())).await?;
    let secrets = fill(&*store, count).await?;
    drop(store);
    mcpass.add_server("up", "http://127.0.0.1:9/mcp").await?;
    let began = tokio::time::Instant::now();
    mcpass.start().await?;
    let ready = began.elapsed();
    let rss_kib = rss_kib(mcpass.pid()?)?;
    let mut times = decide(&mcpass, &secrets).await?;
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
    let measured = Measured { tokens: count, ready, rss_kib, p50: at(50), p99: at(99) };
    mcpass.terminate().await?;
    Ok(measured)
}

/// Writes `count` tokens and gives the plaintexts of some of them, spread over all.
async fn fill(store: &dyn Store, count: usize) -> Result<Vec<String>> {
    let now = SystemClock::new().now();
    let user = User {
        id: OsEntropy.id(now)?,
        name: "bench".parse()?,
        is_active: true,
        is_superuser: false,
        permissions: Vec::new(),
        groups: Vec::new(),
        created_at: now,
        version: 1,
    };
    let owner = user.id;
    store.commit(Commit { changes: vec![Change::UserInsert(user)], audit: Vec::new() }).await?;
    let mut sample = Vec::new();
    let mut number = 0;
    while number < count {
        let mut changes = Vec::new();
        for _ in 0..BATCH.min(count - number) {
            let secret = TokenSecret::generate(&OsEntropy)?;
            if number % count.div_ceil(SAMPLE) == 0 {
                sample.push(secret.expose().to_owned());
            }
            changes.push(Change::TokenInsert(token(&secret, owner, now, number)?));
            number += 1;
        }
        store.commit(Commit { changes, audit: Vec::new() }).await?;
    }
    Ok(sample)
}

fn token(secret: &TokenSecret, user: UserId, now: Timestamp, number: usize) -> Result<Token> {
    let id: TokenId = OsEntropy.id(now)?;
    let family: FamilyId = OsEntropy.id(now)?;
    Ok(Token {
        id,
        family,
        name: format!("agent {number}").parse()?,
        user,
        digest: secret.digest(),
        hint: secret.hint(),
        is_active: true,
        created_at: now,
        created_by: "bench".to_owned(),
        expires_at: Some(now.saturating_add(Duration::from_hours(24))),
        revocation: None,
        rotated_at: None,
        last_used_at: None,
        last_used_ip: None,
        // A few sets of permissions for many tokens, as it is in practice.
        permissions: vec![format!("app{}.*", number % 20).parse()?, "up.other".parse()?],
        groups: Vec::new(),
        limits: Limits::default(),
        rate_limit_style: mcpass_domain::RateLimitStyle::default(),
        networks: mcpass_domain::CidrList::default(),
        note: String::new(),
        version: 1,
    })
}

fn rss_kib(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("VmRSS")?;
    Ok(line.split_whitespace().nth(1).context("kB")?.parse()?)
}

/// Times of decisions, on one connection, about tokens in no order.
async fn decide(mcpass: &Mcpass, secrets: &[String]) -> Result<Vec<Duration>> {
    let mut wire = Wire::connect(mcpass.address()?).await?;
    let order = RandomState::new();
    let mut times = Vec::with_capacity(DECISIONS);
    let body = wire::call("look", "bench");
    for number in 0..DECISIONS {
        let at = usize::try_from(order.hash_one(number) % secrets.len() as u64)?;
        let secret = secrets.get(at).context("a secret")?;
        let began = tokio::time::Instant::now();
        let answer = wire.post("/mcp/up", Some(secret), &body).await?;
        times.push(began.elapsed());
        ensure!(answer.rpc_code() == Some(-32602), "not refused: {}", answer.shown());
    }
    Ok(times)
}
