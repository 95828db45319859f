//! Lists of the access log: every filter, and pages.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mcpass_domain::id::IdParts;
use mcpass_domain::{AccessRow, Hint, Outcome, Reason, RowState, Timestamp};
use mcpass_store::{AccessFilter, AccessHour, AccessHours, PageRequest, Store};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::fixtures::{at, done, id, pending, rows};

const V4: [u8; 4] = [10, 0, 0, 7];
const V6: [u16; 8] = [0x2001, 0xdb8, 0, 0, 0, 0, 0, 7];
const HINTS: [&str; 2] = ["mcp_AAAAAAAA", "mcp_BBBBBBBB"];

fn population() -> Vec<AccessRow> {
    let rows = (1..150_u32).map(|n| {
        let mut row = if n % 11 == 0 { pending(n) } else { done(n) };
        let pick = |from: &[&'static str], by: u32| from[((n / by) as usize) % from.len()];
        row.admission.token = (n % 6 != 0).then(|| id(n % 3));
        row.admission.user = pick(&["ana", "Ana", "eva"], 1).into();
        row.admission.server = pick(&["github", "demo", ""], 2).into();
        row.admission.method = pick(&["tools/call", "tools/list"], 3).into();
        row.admission.target = pick(&["create_issue", "create%", "x"], 4).into();
        row.admission.remote_ip = if n % 2 == 0 { V4.into() } else { V6.into() };
        row.admission.client_name = pick(&["claude-code", "", "Claude-Code"], 1).into();
        row.admission.user_agent = pick(&["curl/8", "curl/8.1"], 2).into();
        row.admission.session = pick(&["", "ses_1", "ses_2"], 3).into();
        row.admission.trace_id = pick(&["4bf92f", ""], 3).into();
        row.admission.hint = (n % 3 == 1).then(|| Hint::of(pick(&HINTS, 3).as_bytes()));
        row.admission.reason = [Reason::Allowed, Reason::RateLimited][usize::from(n % 7 == 0)];
        if let Some(outcome) = &mut row.outcome {
            outcome.http_status = [200, 404][usize::from(n % 8 == 0)];
            outcome.is_error = n % 4 == 0;
            outcome.failure = (n % 5 == 0).then_some(Reason::UpstreamTimeout);
        }
        row
    });
    rows.collect()
}

/// What the filter's documentation says, word by word.
fn fits(row: &AccessRow, filter: &AccessFilter) -> bool {
    let admission = &row.admission;
    let is = |wanted: &Option<String>, text: &str| wanted.as_ref().is_none_or(|w| w == text);
    let is_error = row.outcome.is_some_and(|outcome| outcome.is_error);
    let failure = row.outcome.and_then(|outcome| outcome.failure);
    filter.tokens.as_ref().is_none_or(|all| admission.token.is_some_and(|one| all.contains(&one)))
        && is(&filter.user, &admission.user)
        && is(&filter.server, &admission.server)
        && is(&filter.method, &admission.method)
        && is(&filter.target, &admission.target)
        && filter.address.is_none_or(|address| admission.remote_ip == address)
        && filter.status.is_none_or(|wanted| row.outcome.is_some_and(|it| it.http_status == wanted))
        && is(&filter.client, &admission.client_name)
        && is(&filter.user_agent, &admission.user_agent)
        && is(&filter.session, &admission.session)
        && is(&filter.trace, &admission.trace_id)
        && filter.hint.as_ref().is_none_or(|wanted| {
            admission.hint.as_ref().is_some_and(|hint| hint.as_str() == wanted)
        })
        && filter.reason.is_none_or(|reason| admission.reason == reason || failure == Some(reason))
        && filter.allowed.is_none_or(|allowed| (admission.reason == Reason::Allowed) == allowed)
        && filter.is_error.is_none_or(|wanted| is_error == wanted)
        && filter.since.is_none_or(|since| admission.at >= since)
        && filter.until.is_none_or(|until| admission.at < until)
}

fn expected(rows: &[AccessRow], filter: &AccessFilter) -> Vec<AccessRow> {
    let mut rows: Vec<AccessRow> = rows.iter().filter(|row| fits(row, filter)).cloned().collect();
    if !filter.oldest_first {
        rows.reverse();
    }
    rows
}

async fn all_pages(store: &dyn Store, filter: &AccessFilter, limit: u32) -> Vec<AccessRow> {
    let mut page = PageRequest { after: None, limit };
    let mut rows = Vec::new();
    loop {
        let part = store.access_list(filter, &page).await.unwrap();
        assert!(part.items.len() <= limit as usize);
        rows.extend(part.items);
        match part.next {
            Some(next) => page.after = Some(next),
            None => return rows,
        }
    }
}

pub(crate) async fn every_log_filter_finds_what_it_says(store: Arc<dyn Store>) {
    let all = population();
    store.access_load(rows(all.clone())).await.unwrap();
    let none = AccessFilter::default();
    let text = |text: &str| Some(text.to_owned());
    let filters = [
        AccessFilter { tokens: Some(vec![id(1)]), ..none.clone() },
        AccessFilter { tokens: Some(vec![id(1), id(2), id(1), id(9)]), ..none.clone() },
        AccessFilter { user: text("ana"), ..none.clone() },
        AccessFilter { server: text("demo"), ..none.clone() },
        AccessFilter { server: text(""), ..none.clone() },
        AccessFilter { method: text("tools/list"), ..none.clone() },
        AccessFilter { target: text("create%"), ..none.clone() },
        AccessFilter { address: Some(V4.into()), ..none.clone() },
        AccessFilter { address: Some(V6.into()), ..none.clone() },
        AccessFilter { status: Some(404), ..none.clone() },
        AccessFilter { client: text("claude-code"), ..none.clone() },
        AccessFilter { client: text(""), ..none.clone() },
        AccessFilter { user_agent: text("curl/8"), ..none.clone() },
        AccessFilter { session: text("ses_1"), ..none.clone() },
        AccessFilter { session: text(""), ..none.clone() },
        AccessFilter { trace: text("4bf92f"), ..none.clone() },
        AccessFilter { hint: text("mcp_BBBBBBBB"), ..none.clone() },
        AccessFilter { status: Some(200), server: text("demo"), ..none.clone() },
        AccessFilter { reason: Some(Reason::RateLimited), ..none.clone() },
        AccessFilter { reason: Some(Reason::UpstreamTimeout), ..none.clone() },
        AccessFilter { allowed: Some(true), ..none.clone() },
        AccessFilter { allowed: Some(false), ..none.clone() },
        AccessFilter { is_error: Some(true), ..none.clone() },
        AccessFilter { allowed: Some(true), is_error: Some(true), ..none.clone() },
        AccessFilter { allowed: Some(false), is_error: Some(true), ..none.clone() },
        AccessFilter { is_error: Some(false), ..none.clone() },
        AccessFilter { since: Some(at(75)), ..none.clone() },
        AccessFilter { until: Some(at(75)), ..none.clone() },
    ];
    for filter in filters {
        for oldest_first in [false, true] {
            let filter = AccessFilter { oldest_first, ..filter.clone() };
            let expected = expected(&all, &filter);
            assert!(!expected.is_empty() && expected.len() < all.len(), "{filter:?}");
            assert_eq!(all_pages(&*store, &filter, 10_000).await, expected, "{filter:?}");
        }
    }
    assert!(all.iter().any(|row| row.state == RowState::Pending));
    let nobody = AccessFilter { user: text("nobody"), ..none.clone() };
    assert!(all_pages(&*store, &nobody, 3).await.is_empty());
    let no_tokens = AccessFilter { tokens: Some(Vec::new()), ..none };
    assert!(all_pages(&*store, &no_tokens, 3).await.is_empty());
}

/// How many pages there are of a list that holds nothing.
async fn empty_pages(store: &dyn Store, filter: AccessFilter) -> usize {
    let mut page = PageRequest { after: None, limit: 5 };
    let mut pages = 0;
    loop {
        let part = store.access_list(&filter, &page).await.unwrap();
        assert_eq!(part.items, []);
        pages += 1;
        match part.next {
            Some(next) => page.after = Some(next),
            None => return pages,
        }
    }
}

pub(crate) async fn a_page_ends_after_as_many_rows_as_may_be_looked_at(store: Arc<dyn Store>) {
    let all = population();
    store.access_load(rows(all.clone())).await.unwrap();
    for oldest_first in [false, true] {
        let filter = AccessFilter { effort: Some(10), oldest_first, ..AccessFilter::default() };
        // There is no index by method: a row that does not fit counts as well.
        let by_method = AccessFilter { method: Some("nothing".to_owned()), ..filter.clone() };
        let pages = empty_pages(&*store, by_method).await;
        assert!((2..=all.len().div_ceil(10)).contains(&pages), "{pages}");
        // By an index one may be there sooner.
        let filter = AccessFilter {
            user: Some("ana".to_owned()),
            target: Some("nothing".to_owned()),
            ..filter
        };
        assert!(empty_pages(&*store, filter).await <= all.len().div_ceil(10));
    }
    pages_of_the_confined_end_at_rows_of_their_own(&*store, &all).await;
    let (_, end) = store.access_tail(None, &AccessFilter::default(), 5).await.unwrap();
    let filter = AccessFilter {
        user: Some("nobody".to_owned()),
        effort: Some(50),
        ..AccessFilter::default()
    };
    let (rows, place) = store.access_tail(Some(0), &filter, 5).await.unwrap();
    assert_eq!((rows.len(), place), (0, 50));
    let (rows, place) = store.access_tail(Some(end - 1), &filter, 5).await.unwrap();
    assert_eq!((rows.len(), place), (0, end));
}

async fn pages_of_the_confined_end_at_rows_of_their_own(store: &dyn Store, all: &[AccessRow]) {
    let own = all.iter().filter(|row| row.admission.user == "ana");
    let own: BTreeSet<_> = own.map(|row| row.admission.id).collect();
    for (server, target) in [(Some("github"), None), (None, Some("nothing")), (None, Some("x"))] {
        let filter = AccessFilter {
            user: Some("ana".to_owned()),
            is_confined: true,
            server: server.map(str::to_owned),
            target: target.map(str::to_owned),
            effort: Some(7),
            ..AccessFilter::default()
        };
        let mut page = PageRequest { after: None, limit: 40 };
        let mut pages = 0;
        while let Some(next) = store.access_list(&filter, &page).await.unwrap().next {
            assert!(own.contains(&next), "{server:?} {target:?}");
            page.after = Some(next);
            pages += 1;
        }
        assert!(pages > 1, "{server:?} {target:?}");
    }
}

pub(crate) async fn requests_are_counted_by_hour(store: Arc<dyn Store>) {
    // Seconds after the beginning of an hour.
    let moment = |seconds: i64| Timestamp::from_micros((497_222 * 3_600 + seconds) * 1_000_000);
    let row = |n: u8, token: u32, seconds: i64, reason, is_error| {
        let mut row = done(n.into());
        let at = moment(seconds);
        row.admission.id = IdParts { now: at, random: [n; 10] }.into();
        row.admission.at = at;
        row.admission.token = Some(id(token));
        row.admission.reason = reason;
        row.outcome = row.outcome.map(|it| Outcome { id: row.admission.id, is_error, ..it });
        row
    };
    let allowed = Reason::Allowed;
    let written = [
        row(1, 1, 3_599, allowed, false),
        row(2, 1, 3_600, allowed, false),
        row(3, 1, 3_700, allowed, true),
        row(4, 2, 7_199, Reason::Revoked, true),
        row(5, 3, 7_199, allowed, false),
        row(6, 1, 7_200, allowed, false),
    ];
    store.access_load(rows(written)).await.unwrap();
    let counted = |answered, errors, refused| AccessHour { answered, errors, refused };
    let found = store.access_hours(&[id(1), id(2)], moment(3_600), 10).await.unwrap();
    let hours = [(moment(3_600), counted(1, 1, 1)), (moment(7_200), counted(1, 0, 0))];
    assert_eq!(found, AccessHours { hours: hours.into(), is_whole: true });
    let newest = store.access_hours(&[id(1)], moment(0), 1).await.unwrap();
    let hours = BTreeMap::from([(moment(7_200), counted(1, 0, 0))]);
    assert_eq!(newest, AccessHours { hours, is_whole: false });
}

pub(crate) async fn pages_hold_every_fitting_row_once(store: Arc<dyn Store>) {
    let all = population();
    store.access_load(rows(all.clone())).await.unwrap();
    let text = |from: &'static [&'static str]| {
        prop::option::weighted(0.3, prop::sample::select(from).prop_map(str::to_owned))
    };
    let some = |strategy: BoxedStrategy<bool>| prop::option::weighted(0.3, strategy);
    let moment = || prop::option::weighted(0.4, (0..160_i64).prop_map(at));
    let tokens = prop::collection::vec((0..4_u32).prop_map(id), 0..4);
    let filter = (
        (prop::option::weighted(0.3, tokens), text(&["ana", "Ana", "zoe"]), any::<bool>()),
        (text(&["github", ""]), text(&["tools/call"]), text(&["x", "create%"])),
        (
            prop::option::weighted(0.2, prop::sample::select(Reason::ALL)),
            prop::option::weighted(0.2, prop::sample::select(vec![V4.into(), V6.into()])),
            prop::option::weighted(0.2, prop::sample::select(vec![200_u16, 404])),
            text(&["claude-code", ""]),
        ),
        (some(any::<bool>().boxed()), some(any::<bool>().boxed())),
        (moment(), moment()),
        (any::<bool>(), prop::option::weighted(0.7, 1..60_u32)),
    )
        .prop_map(
            |((tokens, user, confined), (server, method, target), more, flags, times, order)| {
                let (reason, address, status, client) = more;
                AccessFilter {
                    address,
                    status,
                    client,
                    is_confined: user.is_some() && confined,
                    tokens,
                    user,
                    server,
                    method,
                    target,
                    reason,
                    allowed: flags.0,
                    is_error: flags.1,
                    since: times.0,
                    until: times.1,
                    oldest_first: order.0,
                    effort: order.1,
                    ..AccessFilter::default()
                }
            },
        );
    let handle = tokio::runtime::Handle::current();
    let mut runner =
        TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(100) });
    tokio::task::block_in_place(|| {
        runner
            .run(&(filter, 1..40_u32), |(filter, limit)| {
                let found = handle.block_on(all_pages(&*store, &filter, limit));
                prop_assert_eq!(found, expected(&all, &filter));
                Ok(())
            })
            .unwrap();
    });
}
