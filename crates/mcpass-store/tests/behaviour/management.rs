//! What lists of tokens are made of: every order, numbers by state, requests; and what was created
//! under keys of callers.

use std::collections::BTreeMap;
use std::sync::Arc;

use mcpass_domain::{Token, TokenId};
use mcpass_store::{
    AccessBatch, Change, CountMoments, Creation, PageRequest, StateFilter, Store, StoreErrorKind,
    TokenFilter, TokenKey, TokenPlace, TokenSort,
};

use crate::fixtures::{at, commit, done, id, kind};
use crate::tokens::{NOW, filled, fits};

const KEYS: [TokenKey; 4] =
    [TokenKey::Created, TokenKey::Expires, TokenKey::LastUsed, TokenKey::Name];

async fn in_pages(
    store: &dyn Store,
    filter: &TokenFilter,
    sort: TokenSort,
    limit: u32,
) -> Vec<Token> {
    let mut page = PageRequest { after: None, limit };
    let mut tokens = Vec::new();
    loop {
        let part = store.token_sorted(filter, sort, &page).await.unwrap();
        assert!(part.items.len() <= limit as usize);
        tokens.extend(part.items);
        match part.next {
            Some(next) => page.after = Some(next),
            None => return tokens,
        }
    }
}

pub(crate) async fn every_order_lists_every_fitting_token_once(store: Arc<dyn Store>) {
    let tokens = filled(&*store).await;
    let filters = [
        TokenFilter::default(),
        TokenFilter { group: Some(id(4)), ..Default::default() },
        TokenFilter { state: Some((StateFilter::Active, at(NOW))), ..Default::default() },
    ];
    for filter in &filters {
        for key in KEYS {
            for ascending in [false, true] {
                let mut expected: Vec<Token> =
                    tokens.iter().filter(|token| fits(token, filter)).cloned().collect();
                expected.sort_by_key(|token| TokenPlace::of(token, key));
                if !ascending {
                    expected.reverse();
                }
                let sort = TokenSort { key, ascending };
                for limit in [1, 7, 1_000] {
                    let listed = in_pages(&*store, filter, sort, limit).await;
                    assert_eq!(listed, expected, "{sort:?} by {limit}, {filter:?}");
                }
            }
        }
    }
}

pub(crate) async fn tokens_are_counted_by_state(store: Arc<dyn Store>) {
    let tokens = filled(&*store).await;
    let moments = CountMoments { now: at(NOW), soon: at(NOW * 50), unused_since: at(NOW / 2) };
    let of_ana = TokenFilter { user: Some(id(1)), ..Default::default() };
    let in_group = TokenFilter { group: Some(id(4)), ..Default::default() };
    for filter in [TokenFilter::default(), of_ana, in_group] {
        let counts = store.token_counts(&filter, moments).await.unwrap();
        let count = |state, and: &dyn Fn(&Token) -> bool| {
            let wanted = TokenFilter { state: Some((state, moments.now)), ..filter.clone() };
            tokens.iter().filter(|token| fits(token, &wanted) && and(token)).count() as u64
        };
        let any = |_: &Token| true;
        assert_eq!(counts.active, count(StateFilter::Active, &any));
        assert_eq!(counts.disabled, count(StateFilter::Disabled, &any));
        assert_eq!(counts.expired, count(StateFilter::Expired, &any));
        assert_eq!(counts.revoked, count(StateFilter::Revoked, &any));
        let soon = |token: &Token| token.expires_at.is_some_and(|end| end <= moments.soon);
        assert_eq!(counts.expiring, count(StateFilter::Active, &soon));
        let unused = |token: &Token| token.is_unused_since(moments.unused_since);
        assert_eq!(counts.unused, count(StateFilter::Active, &unused));
        assert!(counts.active > counts.expiring && counts.expiring > 0 && counts.unused > 0);
    }
}

fn creation(caller: &str, key: &str, seconds: i64) -> Creation {
    let object = id::<TokenId>(7).to_string();
    Creation { caller: caller.into(), key: key.into(), request: [7; 32], object, at: at(seconds) }
}

pub(crate) async fn a_key_creates_once_a_day_for_each_caller(store: Arc<dyn Store>) {
    let day = 24 * 3_600;
    let first = creation("operator:root", "a", 0);
    commit(&*store, [Change::CreationInsert(first.clone())]).await.unwrap();
    assert_eq!(store.creation_find("operator:root", "a").await.unwrap(), Some(first));
    assert_eq!(store.creation_find("operator:root", "b").await.unwrap(), None);
    let again = commit(&*store, [Change::CreationInsert(creation("operator:root", "a", 5))]).await;
    assert_eq!(kind(again), StoreErrorKind::Exists);
    let other = creation("usr_1", "a", day - 1);
    commit(&*store, [Change::CreationInsert(other.clone())]).await.unwrap();
    assert_eq!(store.creation_find("usr_1", "a").await.unwrap(), Some(other));
    // A day later the first one is forgotten, and the other one is not.
    let next = creation("operator:root", "a", day);
    commit(&*store, [Change::CreationInsert(next.clone())]).await.unwrap();
    assert_eq!(store.creation_find("operator:root", "a").await.unwrap(), Some(next));
    assert!(store.creation_find("usr_1", "a").await.unwrap().is_some());
}

pub(crate) async fn requests_are_counted_by_token(store: Arc<dyn Store>) {
    let row = |n: u32, token: Option<u32>| {
        let mut row = done(n);
        row.admission.token = token.map(id);
        row
    };
    let rows = vec![
        row(10, Some(1)),
        row(20, Some(1)),
        row(30, Some(1)),
        row(31, Some(2)),
        row(32, None),
        row(9, Some(3)),
    ];
    store.access_load(AccessBatch { rows, ..AccessBatch::default() }).await.unwrap();
    let counts = store.access_requests(&[id(1), id(2), id(3), id(4)], at(20)).await.unwrap();
    assert_eq!(counts, BTreeMap::from([(id(1), 2), (id(2), 1)]));
    assert_eq!(store.access_requests(&[], at(0)).await.unwrap(), BTreeMap::new());
}
