//! Many at once.

use std::sync::Arc;

use mcpass_domain::RowState;
use mcpass_store::{
    AccessBatch, AccessFilter, Change, Commit, LastUse, PageRequest, Store, StoreErrorKind,
};

use crate::fixtures::{
    at, commit, done, event, group, id, outcome, pending, rows, token, with_ana,
};

const WRITERS: u32 = 12;
const ROUNDS: u32 = 20;

/// Inserts tokens, edits them, and gives them to a group that everybody shares.
async fn write(store: Arc<dyn Store>, writer: u32) {
    for round in 0..ROUNDS {
        let n = 1_000 + writer * ROUNDS + round;
        let insert = Change::TokenInsert(token(n));
        store.commit(Commit { changes: vec![insert], audit: vec![event(n)] }).await.unwrap();
        let mut edited = token(n);
        edited.groups = vec![id(2)];
        commit(&*store, [Change::TokenUpdate(edited)]).await.unwrap();
    }
}

/// Loads rows, then their outcomes, and uses the tokens that writers edit.
async fn load(store: Arc<dyn Store>) {
    for round in 0..ROUNDS {
        let numbers = round * 100 + 1..=round * 100 + 100;
        store.access_load(rows(numbers.clone().map(pending))).await.unwrap();
        let last_uses = (0..WRITERS * ROUNDS).rev().map(|n| LastUse {
            token: id(1_000 + n),
            at: at(i64::from(round)),
            ip: "192.0.2.1".parse().unwrap(),
        });
        let batch = AccessBatch {
            outcomes: numbers.map(outcome).collect(),
            last_uses: last_uses.collect(),
            ..AccessBatch::default()
        };
        store.access_load(batch).await.unwrap();
    }
}

/// Reads tokens and follows the log until all of it has been seen; answers how many rows.
async fn follow(store: Arc<dyn Store>) -> usize {
    let (mut place, mut seen) = (0, 0);
    while seen < (ROUNDS * 100) as usize {
        let (rows, next) =
            store.access_tail(Some(place), &AccessFilter::default(), 64).await.unwrap();
        assert!(rows.iter().all(|row| row.state == RowState::Done));
        seen += rows.len();
        place = next;
        let tokens = store.token_scan(None, 10_000).await.unwrap();
        let halfway = tokens.iter().find(|token| token.groups.is_empty() != (token.version == 1));
        assert_eq!(halfway, None, "a token and its groups are of one moment");
        tokio::task::yield_now().await;
    }
    seen
}

pub(crate) async fn writers_readers_and_the_loader_do_not_disturb_each_other(
    store: Arc<dyn Store>,
) {
    with_ana(&*store).await;
    commit(&*store, [Change::GroupInsert(group(2, "shared"))]).await.unwrap();
    let followers = [(); 2].map(|()| tokio::spawn(follow(store.clone())));
    let loader = tokio::spawn(load(store.clone()));
    let writers: Vec<_> =
        (0..WRITERS).map(|writer| tokio::spawn(write(store.clone(), writer))).collect();
    for writer in writers {
        writer.await.unwrap();
    }
    loader.await.unwrap();
    for follower in followers {
        assert_eq!(follower.await.unwrap(), (ROUNDS * 100) as usize);
    }
    let tokens = store.token_scan(None, 10_000).await.unwrap();
    assert_eq!(tokens.len(), (WRITERS * ROUNDS) as usize);
    assert!(tokens.iter().all(|token| token.version == 2 && token.groups == [id(2)]));
    let log = PageRequest { after: None, limit: 10_000 };
    let log = store.access_list(&AccessFilter::default(), &log).await.unwrap();
    let expected: Vec<_> = (1..=ROUNDS * 100).rev().map(done).collect();
    assert_eq!(log.items, expected);
}

pub(crate) async fn of_many_writers_of_one_version_one_wins(store: Arc<dyn Store>) {
    with_ana(&*store).await;
    commit(&*store, [Change::TokenInsert(token(2)), Change::TokenInsert(token(3))]).await.unwrap();
    for version in 1..=10 {
        let editors: Vec<_> = (0..8_u32)
            .map(|n| {
                let store = store.clone();
                tokio::spawn(async move {
                    // In both orders, so that two of them may each wait for the other.
                    let mut tokens = [token(2), token(3)];
                    tokens.rotate_left((n % 2) as usize);
                    let edits = tokens.map(|mut token| {
                        token.version = version;
                        token.note = format!("by {n}");
                        Change::TokenUpdate(token)
                    });
                    commit(&*store, edits).await.map(|()| n)
                })
            })
            .collect();
        let mut winners = Vec::new();
        for editor in editors {
            match editor.await.unwrap() {
                Ok(n) => winners.push(n),
                Err(error) => assert_eq!(error.kind, StoreErrorKind::Conflict, "{error}"),
            }
        }
        assert_eq!(winners.len(), 1);
        for n in [2, 3] {
            let stored = store.token_find(id(n)).await.unwrap().unwrap();
            assert_eq!(stored.version, version + 1);
            assert_eq!(stored.note, format!("by {}", winners[0]), "of one commit");
        }
    }
}

/// Whoever asks may go away at any moment, as a browser does that leaves a page.
pub(crate) async fn what_is_broken_off_leaves_nothing_behind(store: Arc<dyn Store>) {
    with_ana(&*store).await;
    for polls in 1..120 {
        let mut read = store.user_list();
        for _ in 0..polls {
            let is_over = std::future::poll_fn(|cx| {
                std::task::Poll::Ready(read.as_mut().poll(cx).is_ready())
            });
            if is_over.await {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(read);
        // On every connection that there is, one of them the one that was left.
        let pings = (0..12).map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.ping().await })
        });
        for ping in pings.collect::<Vec<_>>() {
            ping.await.unwrap().unwrap();
        }
    }
}
