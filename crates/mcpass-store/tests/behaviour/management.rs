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
use crate::tokens::{NOW, filled, filled_with, fits};

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

/// Of each filter there are more tokens than a database sorts to find a page, so that it goes along
/// its indexes instead.
pub(crate) async fn lists_of_very_many_tokens_are_as_those_of_few(store: Arc<dyn Store>) {
    let tokens = filled_with(&*store, 10..12_010).await;
    let by = |user: bool, group: bool, state: bool| TokenFilter {
        user: user.then(|| id(1)),
        group: group.then(|| id(3)),
        state: state.then(|| (StateFilter::Unrevoked, at(NOW))),
        ..Default::default()
    };
    let mut filters = vec![by(true, false, false), by(false, true, false), by(false, false, true)];
    filters.push(by(false, true, true));
    filters.push(TokenFilter { text: Some("agent 1".to_owned()), ..by(false, true, false) });
    for filter in &filters {
        let mut fitting: Vec<&Token> = tokens.iter().filter(|token| fits(token, filter)).collect();
        for key in KEYS {
            fitting.sort_by_key(|token| TokenPlace::of(token, key));
            for ascending in [false, true] {
                let sort = TokenSort { key, ascending };
                let count = fitting.len();
                // At the beginning, in the middle, and the last three.
                for skipped in [0, count / 2, count - 3] {
                    let place = |n: usize| if ascending { n } else { count - 1 - n };
                    let after = skipped.checked_sub(1);
                    let after = after.map(|n| TokenPlace::of(fitting[place(n)], key));
                    let page = PageRequest { after, limit: 9 };
                    let part = store.token_sorted(filter, sort, &page).await.unwrap();
                    let listed: Vec<&Token> = part.items.iter().collect();
                    let places = skipped..count.min(skipped + 9);
                    let expected: Vec<&Token> = places.map(|n| fitting[place(n)]).collect();
                    assert_eq!(listed, expected, "{sort:?} from {skipped}, {filter:?}");
                }
            }
        }
    }
    let moments = CountMoments { now: at(NOW), soon: at(NOW * 50), unused_since: at(NOW / 2) };
    for filter in filters.iter().chain([&TokenFilter::default()]) {
        expect_counts(&*store, &tokens, filter, moments).await;
    }
}

pub(crate) async fn tokens_are_counted_by_state(store: Arc<dyn Store>) {
    let tokens = filled(&*store).await;
    let moments = CountMoments { now: at(NOW), soon: at(NOW * 50), unused_since: at(NOW / 2) };
    let of_ana = TokenFilter { user: Some(id(1)), ..Default::default() };
    let in_group = TokenFilter { group: Some(id(4)), ..Default::default() };
    for filter in [TokenFilter::default(), of_ana, in_group] {
        expect_counts(&*store, &tokens, &filter, moments).await;
    }
}

async fn expect_counts(
    store: &dyn Store,
    tokens: &[Token],
    filter: &TokenFilter,
    moments: CountMoments,
) {
    let counts = store.token_counts(filter, moments).await.unwrap();
    let fitting: Vec<&Token> = tokens.iter().filter(|token| fits(token, filter)).collect();
    let count = |state, and: &dyn Fn(&Token) -> bool| {
        let wanted = TokenFilter { state: Some((state, moments.now)), ..TokenFilter::default() };
        fitting.iter().filter(|token| fits(token, &wanted) && and(token)).count() as u64
    };
    let any = |_: &Token| true;
    assert_eq!(counts.active, count(StateFilter::Active, &any), "{filter:?}");
    assert_eq!(counts.disabled, count(StateFilter::Disabled, &any), "{filter:?}");
    assert_eq!(counts.expired, count(StateFilter::Expired, &any), "{filter:?}");
    assert_eq!(counts.revoked, count(StateFilter::Revoked, &any), "{filter:?}");
    let soon = |token: &Token| token.expires_at.is_some_and(|end| end <= moments.soon);
    assert_eq!(counts.expiring, count(StateFilter::Active, &soon), "{filter:?}");
    let unused = |token: &Token| token.is_unused_since(moments.unused_since);
    assert_eq!(counts.unused, count(StateFilter::Active, &unused), "{filter:?}");
    assert!(counts.active > counts.expiring && counts.expiring > 0 && counts.unused > 0);
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
