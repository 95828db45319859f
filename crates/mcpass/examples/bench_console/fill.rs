//! Writing it.

use std::fmt;
use std::time::Duration;

use anyhow::Result;
use mcpass_domain::Admission;
use mcpass_store::{AccessBatch, Change, Commit, LastUse, Store};
use tokio::time::Instant;

use crate::world::{GROUPS, USERS, World};

/// Tokens or rows of one transaction.
const BATCH: u64 = 10_000;

/// How long it took, in the store alone.
pub(crate) struct Took {
    tokens: Duration,
    rows: Duration,
    each: Duration,
}

impl fmt::Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tokens, rows, each } = self;
        write!(f, "Written: tokens in {tokens:.1?}, rows in {rows:.1?}, {each:.2?} a row")
    }
}

pub(crate) async fn fill(world: &World, store: &dyn Store) -> Result<Took> {
    let users = (0..USERS).map(|n| Ok(Change::UserInsert(world.user(n)?)));
    let groups = (0..GROUPS).map(|n| Ok(Change::GroupInsert(world.group(n)?)));
    let changes = users.chain(groups).collect::<Result<_>>()?;
    store.commit(Commit { changes, audit: Vec::new() }).await?;
    let began = Instant::now();
    for first in (0..world.tokens).step_by(usize::try_from(BATCH)?) {
        let mut commit = Commit::default();
        for n in first..world.tokens.min(first + BATCH) {
            let token = world.token(n)?;
            commit.audit.push(world.audit(n, &token));
            commit.changes.push(Change::TokenInsert(token));
        }
        store.commit(commit).await?;
    }
    let tokens = began.elapsed();
    let mut rows = Duration::ZERO;
    for first in (0..world.rows).step_by(usize::try_from(BATCH)?) {
        let batch = batch(world, first..world.rows.min(first + BATCH));
        let began = Instant::now();
        store.access_load(batch).await?;
        rows += began.elapsed();
    }
    let each = rows / u32::try_from(world.rows.max(1))?;
    Ok(Took { tokens, rows, each })
}

fn batch(world: &World, numbers: std::ops::Range<u64>) -> AccessBatch {
    let rows: Vec<_> = numbers.map(|n| world.row(n)).collect();
    let last_use = |row: &mcpass_domain::AccessRow| {
        let Admission { token, at, remote_ip, .. } = row.admission;
        token.map(|token| LastUse { token, at, ip: remote_ip })
    };
    let last_uses = rows.iter().filter_map(last_use).collect();
    AccessBatch { rows, last_uses, ..AccessBatch::default() }
}
