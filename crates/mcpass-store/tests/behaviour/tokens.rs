//! Reading tokens: filters, pages, scans.

use std::ops::Range;
use std::sync::Arc;

use mcpass_domain::{GroupId, Revocation, Token, TokenState};
use mcpass_store::{
    Change, Membership, PageRequest, StateFilter, Store, StoreErrorKind, TokenFilter, TokenOutline,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::fixtures::{at, commit, full_token, group, id, token, user};

pub(crate) const NOW: i64 = 1_000;

/// Tokens of two users, in two groups, in all states; numbers decide, so that all combinations
/// of attributes come up.
fn population(numbers: Range<u32>) -> Vec<Token> {
    let tokens = numbers.map(|n| {
        let mut token = token(n);
        token.user = id(1 + n % 2);
        token.groups = [id(3), id(4)].into_iter().take((n / 2 % 3) as usize).collect();
        token.is_active = n % 5 != 0;
        token.expires_at = match n % 4 {
            0 => None,
            1 => Some(at(NOW)),
            2 => Some(at(NOW + 1)),
            _ => Some(at(NOW * i64::from(n))),
        };
        token.revocation = (n % 7 == 0).then(|| Revocation { at: at(50), reason: String::new() });
        token.rotated_at = (n % 11 == 0).then(|| at(40));
        token.last_used_at = (n % 3 == 0).then(|| at(i64::from(n) * 10));
        token.note = ["Nightly", "\u{dc}ber Ana", "100%_done"][(n % 3) as usize].into();
        token
    });
    tokens.collect()
}

pub(crate) async fn filled(store: &dyn Store) -> Vec<Token> {
    filled_with(store, 10..110).await
}

pub(crate) async fn filled_with(store: &dyn Store, numbers: Range<u32>) -> Vec<Token> {
    let tokens = population(numbers);
    let accounts = [
        Change::UserInsert(user(1, "ana")),
        Change::UserInsert(user(2, "eva")),
        Change::GroupInsert(group(3, "readers")),
        Change::GroupInsert(group(4, "writers")),
    ];
    let inserts = tokens.iter().cloned().map(Change::TokenInsert);
    commit(store, accounts.into_iter().chain(inserts)).await.unwrap();
    tokens
}

/// What the filter's documentation says, word by word.
pub(crate) fn fits(token: &Token, filter: &TokenFilter) -> bool {
    let state = |(wanted, now)| {
        matches!(
            (token.state(now), wanted),
            (TokenState::Active { .. }, StateFilter::Active)
                | (TokenState::Disabled, StateFilter::Disabled)
                | (TokenState::Expired, StateFilter::Expired)
                | (TokenState::Revoked, StateFilter::Revoked)
                | (
                    TokenState::Active { .. } | TokenState::Disabled | TokenState::Expired,
                    StateFilter::Unrevoked
                )
        )
    };
    let holds = |text: &String| {
        let text = text.to_lowercase();
        [token.name.as_str(), &token.note, token.hint.as_str()]
            .iter()
            .any(|field| field.to_lowercase().contains(&text))
    };
    filter.user.is_none_or(|user| token.user == user)
        && filter.group.is_none_or(|group| token.groups.contains(&group))
        && filter.state.is_none_or(state)
        && filter
            .unused_since
            .is_none_or(|before| token.last_used_at.unwrap_or(token.created_at) < before)
        && filter.created_since.is_none_or(|since| token.created_at >= since)
        && filter.expires.is_none_or(|(after, until)| {
            token.expires_at.is_some_and(|end| end > after && end <= until)
        })
        && filter.text.as_ref().is_none_or(holds)
}

async fn all_pages(store: &dyn Store, filter: &TokenFilter, limit: u32) -> Vec<Token> {
    let mut page = PageRequest { after: None, limit };
    let mut tokens = Vec::new();
    loop {
        let part = store.token_list(filter, &page).await.unwrap();
        assert!(part.items.len() <= limit as usize);
        tokens.extend(part.items);
        match part.next {
            Some(next) => page.after = Some(next),
            None => return tokens,
        }
    }
}

async fn all_outlines(
    store: &dyn Store,
    filter: &TokenFilter,
    group: Option<GroupId>,
    limit: u32,
) -> Vec<TokenOutline> {
    let mut page = PageRequest { after: None, limit };
    let mut outlines = Vec::new();
    loop {
        let part = store.token_outlines(filter, group, &page).await.unwrap();
        assert!(part.items.len() <= limit as usize);
        outlines.extend(part.items);
        match part.next {
            Some(next) => page.after = Some(next),
            None => return outlines,
        }
    }
}

pub(crate) async fn every_token_filter_finds_what_it_says(store: Arc<dyn Store>) {
    let tokens = filled(&*store).await;
    let now = at(NOW);
    let text = |text: &str| TokenFilter { text: Some(text.to_owned()), ..Default::default() };
    let state = |state| TokenFilter { state: Some((state, now)), ..Default::default() };
    let filters = [
        TokenFilter { user: Some(id(2)), ..Default::default() },
        TokenFilter { group: Some(id(4)), ..Default::default() },
        TokenFilter { unused_since: Some(at(500)), ..Default::default() },
        TokenFilter { created_since: Some(at(20)), ..Default::default() },
        TokenFilter { expires: Some((at(NOW), at(NOW + 1))), ..Default::default() },
        state(StateFilter::Active),
        state(StateFilter::Disabled),
        state(StateFilter::Expired),
        state(StateFilter::Revoked),
        state(StateFilter::Unrevoked),
        text("nIGHTLY"),
        text("\u{fc}BER"),
        text("100%_DONE"),
        text("MCP_aB"),
        text("agent 1"),
    ];
    for filter in filters {
        let expected: Vec<Token> =
            tokens.iter().rev().filter(|token| fits(token, &filter)).cloned().collect();
        assert!(!expected.is_empty() && expected.len() < tokens.len() || filter == text("MCP_aB"));
        assert_eq!(all_pages(&*store, &filter, 10_000).await, expected, "{filter:?}");
    }
    for nothing in ["100_", "%", "nightly\u{1f}", "' OR 1=1"] {
        let expected = tokens.iter().filter(|token| fits(token, &text(nothing))).count();
        assert_eq!(all_pages(&*store, &text(nothing), 9).await.len(), expected, "{nothing}");
    }
    assert!(all_pages(&*store, &text("no such text"), 9).await.is_empty());
    let nobody = TokenFilter { user: Some(id(99)), ..Default::default() };
    assert!(all_pages(&*store, &nobody, 9).await.is_empty());
}

pub(crate) async fn pages_hold_every_fitting_token_once(store: Arc<dyn Store>) {
    let tokens = filled(&*store).await;
    let moment = || (0..1_200_i64).prop_map(at);
    let state = prop::sample::select(vec![
        StateFilter::Active,
        StateFilter::Disabled,
        StateFilter::Expired,
        StateFilter::Revoked,
    ]);
    let asked = prop::option::of((3..6_u32).prop_map(id));
    let texts = prop::sample::select(vec!["agent", "1", "ANA", "%", "_", "x"]);
    let filter = (
        prop::option::of((1..4_u32).prop_map(id)),
        prop::option::of((3..6_u32).prop_map(id)),
        prop::option::of((state, moment())),
        prop::option::of(moment()),
        prop::option::of((0..150_i64).prop_map(at)),
        prop::option::of((moment(), moment())),
        prop::option::of(texts.prop_map(str::to_owned)),
    )
        .prop_map(|(user, group, state, unused_since, created_since, expires, text)| TokenFilter {
            user,
            group,
            state,
            unused_since,
            created_since,
            expires,
            text,
        });
    let handle = tokio::runtime::Handle::current();
    let mut runner =
        TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(100) });
    tokio::task::block_in_place(|| {
        runner
            .run(&(filter, 1..30_u32, asked), |(filter, limit, asked)| {
                let expected: Vec<Token> =
                    tokens.iter().rev().filter(|token| fits(token, &filter)).cloned().collect();
                let outlines: Vec<TokenOutline> =
                    expected.iter().map(|token| TokenOutline::of(token, asked)).collect();
                prop_assert_eq!(handle.block_on(all_pages(&*store, &filter, limit)), expected);
                let found = handle.block_on(all_outlines(&*store, &filter, asked, limit));
                prop_assert_eq!(found, outlines);
                Ok(())
            })
            .unwrap();
    });
}

pub(crate) async fn outlines_tell_tokens_in_as_many_groups_as_they_can_be(store: Arc<dyn Store>) {
    let most = u32::try_from(Token::MAX_GROUPS).unwrap();
    let asked = 1_000;
    let in_groups = |n: u32, groups: std::ops::Range<u32>| {
        let groups = groups.map(|group| id(asked + group)).collect();
        Change::TokenInsert(Token { user: id(1), groups, ..token(n) })
    };
    let groups = (0..=most).map(|n| Change::GroupInsert(group(asked + n, &format!("g{n}"))));
    let tokens = [
        in_groups(10, 0..0),
        in_groups(11, 1..2),
        in_groups(12, 1..most),
        in_groups(13, 0..most),
        in_groups(14, 1..most + 1),
        in_groups(15, 0..1),
    ];
    let changes = std::iter::once(Change::UserInsert(user(1, "ana"))).chain(groups).chain(tokens);
    commit(&*store, changes).await.unwrap();
    let told = async || {
        let outlines = all_outlines(&*store, &TokenFilter::default(), Some(id(asked)), 4).await;
        let memberships = outlines.into_iter().rev().map(|outline| {
            let Membership { is_member, is_full } = outline.membership.unwrap();
            (is_member, is_full)
        });
        memberships.collect::<Vec<_>>()
    };
    let (not, full) = ((false, false), (false, true));
    assert_eq!(told().await, [not, not, not, (true, true), full, (true, false)]);
    // The last group of 14 lies where it lay, but there are fewer now.
    commit(&*store, [Change::GroupDelete(id(asked + 1), 1)]).await.unwrap();
    assert_eq!(told().await, [not, not, not, (true, false), not, (true, false)]);
}

pub(crate) async fn a_scan_gives_every_token_once_with_its_groups(store: Arc<dyn Store>) {
    let tokens = filled(&*store).await;
    for limit in [1, 7, 100, 101] {
        let mut scanned: Vec<Token> = Vec::new();
        loop {
            let after = scanned.last().map(|token| token.id);
            let part = store.token_scan(after, limit).await.unwrap();
            if part.is_empty() {
                break;
            }
            assert!(part.len() <= limit as usize);
            scanned.extend(part);
        }
        assert_eq!(scanned, tokens, "by {limit}");
    }
}

pub(crate) async fn a_family_is_listed_oldest_first(store: Arc<dyn Store>) {
    let mut accounts = vec![Change::UserInsert(user(1, "ana"))];
    accounts.push(Change::GroupInsert(group(2, "readers")));
    let mut members = [full_token(9, vec![id(2)]), token(7), token(8)];
    for member in &mut members {
        member.family = id(7);
    }
    let [newest, oldest, middle] = members;
    accounts.extend([&newest, &oldest, &middle, &token(6)].map(|t| Change::TokenInsert(t.clone())));
    commit(&*store, accounts).await.unwrap();
    let [of_family, none] = [id(7), id(99)];
    assert_eq!(
        store.token_families(&[of_family]).await.unwrap(),
        [oldest.clone(), middle.clone(), newest.clone()]
    );
    assert_eq!(store.token_families(&[none]).await.unwrap(), []);
    assert_eq!(store.token_families(&[]).await.unwrap(), []);
    let both = store.token_families(&[of_family, id(6), of_family]).await.unwrap();
    assert_eq!(both, [token(6), oldest.clone(), middle, newest.clone()]);
    let some = [newest.id, oldest.id, newest.id, id(99)];
    assert_eq!(store.token_find_all(&some).await.unwrap(), [oldest, newest]);
    // Replaced secrets, as long as they live.
    let replaced = |n: u32, end: i64| {
        let (rotated_at, expires_at) = (Some(at(10)), Some(at(end)));
        Token { rotated_at, expires_at, ..token(n) }
    };
    let revoked = Revocation { at: at(11), reason: String::new() };
    let revoked = Token { revocation: Some(revoked), ..replaced(22, 90) };
    let outgoing = [replaced(20, 90), replaced(21, 50)];
    let all = [outgoing[0].clone(), outgoing[1].clone(), revoked];
    commit(&*store, all.map(Change::TokenInsert)).await.unwrap();
    assert_eq!(store.token_outgoing(at(49)).await.unwrap(), outgoing);
    assert_eq!(store.token_outgoing(at(50)).await.unwrap(), outgoing[..1]);
    assert_eq!(store.token_outgoing(at(90)).await.unwrap(), []);
    // More than one statement takes.
    let many: Vec<_> = (0..1_200).map(id).collect();
    assert_eq!(store.token_find_all(&many).await.unwrap().len(), 7);
}

pub(crate) async fn the_store_answers_a_ping(store: Arc<dyn Store>) {
    store.ping().await.unwrap();
    store.ping().await.unwrap();
    assert_eq!(store.token_find(id(1)).await.unwrap(), None);
    assert_eq!(store.user_find(id(1)).await.unwrap(), None);
    assert_eq!(store.group_find(id(1)).await.unwrap(), None);
    assert_eq!(store.access_find(id(1)).await.unwrap(), None);
}

/// Updates of one commit share statements.
pub(crate) async fn many_tokens_are_written_at_once_or_not_at_all(store: Arc<dyn Store>) {
    let tokens = filled(&*store).await;
    let moved = tokens.iter().enumerate().map(|(at, token)| Token {
        groups: [id(4), id(3)].into_iter().skip(at % 3).collect(),
        is_active: at % 2 == 0,
        ..token.clone()
    });
    let moved: Vec<Token> = moved.collect();
    // One comes twice, with what the first time made of it.
    let again = Token {
        groups: vec![id(4)],
        note: "twice".to_owned(),
        version: moved[7].version + 1,
        ..moved[7].clone()
    };
    let updates = || moved.iter().chain([&again]).cloned().map(Change::TokenUpdate);

    let mut stale: Vec<Change> = updates().collect();
    stale.push(Change::TokenUpdate(Token { version: 99, ..moved[50].clone() }));
    let error = commit(&*store, stale).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Conflict, "{error}");
    assert_eq!(store.token_scan(None, 200).await.unwrap(), tokens);

    commit(&*store, updates()).await.unwrap();
    let mut expected = moved.clone();
    expected[7] = again;
    for token in &mut expected {
        token.version += 1;
    }
    assert_eq!(store.token_scan(None, 200).await.unwrap(), expected);
}
