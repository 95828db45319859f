//! How fast a database takes the access log and gives tokens.
//!
//! ```text
//! cargo run --release -p mcpass-store --example load -- sqlite:/tmp/load.db [ROWS] [TOKENS]
//! cargo run --release -p mcpass-store --example load -- postgres [ROWS] [TOKENS]
//! ```
//!
//! `postgres` starts a private server. CPU is that of this process; a server's comes on top.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a tool for developers")]

use std::sync::Arc;
use std::time::Duration;

use mcpass_domain::id::IdParts;
use mcpass_domain::{
    AccessRow, Admission, Hint, Limits, Outcome, RateLimitStyle, Reason, RowState, Surface,
    Timestamp, Token, TokenDigest, TokenId, User, UserId,
};
use mcpass_store::{AccessBatch, AccessFilter, Change, Commit, LastUse, PageRequest, Store, sql};
use mcpass_testkit::PrivatePostgres;
use tokio::time::Instant;

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Rows of one batch, as the loader makes them under load.
const BATCH: u64 = 5_000;
const START: i64 = 1_790_000_000_000_000;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().unwrap_or_else(|| "postgres".to_owned());
    let mut number = |usual| arguments.next().map_or(usual, |text| text.parse().unwrap());
    let (rows, tokens) = (number(500_000), number(0));
    let server = (url == "postgres").then(|| PrivatePostgres::start().unwrap());
    let url = server.as_ref().map_or(url, |server| server.create_database().unwrap());
    let store = sql::connect(&url).await.unwrap();
    load(&*store, rows).await;
    read(&*store).await;
    if tokens > 0 {
        fill(&store, tokens).await;
        scan(&*store).await;
    }
}

async fn load(store: &dyn Store, rows: u64) {
    let (mut wall, mut cpu) = (Duration::ZERO, Duration::ZERO);
    for first in (0..rows).step_by(usize::try_from(BATCH).unwrap()) {
        let batch = batch(first);
        let (start, used) = (Instant::now(), cpu_time());
        store.access_load(batch).await.unwrap();
        wall += start.elapsed();
        cpu += cpu_time().saturating_sub(used);
    }
    report("access_load", rows, wall, cpu);
}

async fn read(store: &dyn Store) {
    let filters = [
        ("newest 100", AccessFilter::default()),
        (
            "newest 100 of a token",
            AccessFilter { tokens: Some(vec![id(7)]), ..AccessFilter::default() },
        ),
    ];
    for (what, filter) in filters {
        let start = Instant::now();
        let page = PageRequest { after: None, limit: 100 };
        let rows = store.access_list(&filter, &page).await.unwrap().items.len();
        println!("{what}: {rows} rows in {:?}", start.elapsed());
    }
    let start = Instant::now();
    let spent = store.access_spent(Timestamp::from_micros(START)).await.unwrap().len();
    println!("access_spent over everything: {spent} sums in {:?}", start.elapsed());
}

async fn fill(store: &Arc<dyn Store>, tokens: u64) {
    let user = User {
        id: id::<UserId>(1),
        name: "ana".parse().unwrap(),
        is_active: true,
        is_superuser: false,
        permissions: Vec::new(),
        groups: Vec::new(),
        created_at: Timestamp::from_micros(START),
        version: 1,
    };
    let insert = vec![Change::UserInsert(user)];
    store.commit(Commit { changes: insert, audit: Vec::new() }).await.unwrap();
    let (start, used) = (Instant::now(), cpu_time());
    for first in (0..tokens).step_by(5_000) {
        let changes = (first..tokens.min(first + 5_000)).map(|n| Change::TokenInsert(token(n)));
        let commit = Commit { changes: changes.collect(), audit: Vec::new() };
        store.commit(commit).await.unwrap();
    }
    report("token inserts", tokens, start.elapsed(), cpu_time().saturating_sub(used));
}

async fn scan(store: &dyn Store) {
    let (start, used) = (Instant::now(), cpu_time());
    let (mut after, mut count) = (None, 0);
    loop {
        let tokens = store.token_scan(after, 10_000).await.unwrap();
        let Some(last) = tokens.last() else { break };
        after = Some(last.id);
        count += tokens.len() as u64;
    }
    report("token_scan", count, start.elapsed(), cpu_time().saturating_sub(used));
    let start = Instant::now();
    let page = PageRequest { after: None, limit: 100 };
    store.token_list(&mcpass_store::TokenFilter::default(), &page).await.unwrap();
    println!("token_list, first 100: {:?}", start.elapsed());
}

fn report(what: &str, count: u64, wall: Duration, cpu: Duration) {
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let each = |time: Duration| time.as_secs_f64() * 1e6 / count as f64;
    println!(
        "{what}: {count} in {wall:.2?}, {:.0}/s, {:.2} us wall and {:.2} us CPU each",
        1e6 / each(wall),
        each(wall),
        each(cpu)
    );
}

fn id<I: From<IdParts>>(n: u64) -> I {
    // Spread, as random bits are.
    let mixed = (n ^ 0x5851_F42D).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes();
    let mut random = [0; 10];
    random[2..].copy_from_slice(&mixed);
    let now = Timestamp::from_micros(START + i64::try_from(n).unwrap() * 100);
    IdParts { now, random }.into()
}

fn batch(first: u64) -> AccessBatch {
    let last_uses = (0..100).map(|n| LastUse {
        token: id::<TokenId>(n),
        at: Timestamp::from_micros(START),
        ip: [127, 0, 0, 1].into(),
    });
    AccessBatch {
        rows: (first..first + BATCH).map(row).collect(),
        last_uses: last_uses.collect(),
        ..AccessBatch::default()
    }
}

fn row(n: u64) -> AccessRow {
    let admission = Admission {
        id: id(n),
        at: Timestamp::from_micros(START + i64::try_from(n).unwrap() * 100),
        surface: Surface::Mcp,
        token: Some(id(n % 100)),
        family: Some(id(n % 100)),
        token_name: "nightly build".into(),
        hint: Some(Hint::of(b"mcp_Ab3dEf9h")),
        user: "ana@example.com".into(),
        remote_ip: [127, 0, 0, 1].into(),
        user_agent: "claude-code/2.1.0".into(),
        client_name: "claude-code".into(),
        client_version: "2.1.0".into(),
        server: "github".into(),
        method: "tools/call".into(),
        target_kind: "tool".into(),
        target: "create_issue".into(),
        reason: Reason::Allowed,
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
        http_status: 200,
        rpc_code: None,
        is_error: false,
        failure: None,
        response_bytes: 4_321,
        response_chars: Some(4_000),
        duration_us: 1_234,
        upstream_us: Some(1_100),
    };
    AccessRow { admission, outcome: Some(outcome), state: RowState::Done }
}

fn token(n: u64) -> Token {
    Token {
        id: id(n),
        family: id(n),
        name: format!("agent {n}").parse().unwrap(),
        user: id::<UserId>(1),
        digest: TokenDigest::of(&n.to_be_bytes()),
        hint: Hint::of(b"mcp_Ab3dEf9h"),
        is_active: true,
        created_at: Timestamp::from_micros(START),
        created_by: "operator:root".to_owned(),
        expires_at: Some(Timestamp::from_micros(START * 2)),
        revocation: None,
        rotated_at: None,
        last_used_at: None,
        last_used_ip: None,
        permissions: vec!["demo.*".parse().unwrap(), "github.@read".parse().unwrap()],
        groups: Vec::new(),
        limits: Limits::default(),
        rate_limit_style: RateLimitStyle::Http429,
        networks: mcpass_domain::CidrList::default(),
        note: String::new(),
        version: 1,
    }
}

/// CPU time of this process, all threads, in steps of 10 ms (proc(5), fields 14 and 15).
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}
