//! Lists of the access log: every filter, and pages.

use std::sync::Arc;

use mcpass_domain::{AccessRow, Reason, RowState};
use mcpass_store::{AccessFilter, PageRequest, Store};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::fixtures::{at, done, id, pending, rows};

fn population() -> Vec<AccessRow> {
    let rows = (1..150_u32).map(|n| {
        let mut row = if n % 11 == 0 { pending(n) } else { done(n) };
        let pick = |from: &[&'static str], by: u32| from[((n / by) as usize) % from.len()];
        row.admission.token = (n % 6 != 0).then(|| id(n % 3));
        row.admission.user = pick(&["ana", "Ana", "eva"], 1).into();
        row.admission.server = pick(&["github", "demo", ""], 2).into();
        row.admission.method = pick(&["tools/call", "tools/list"], 3).into();
        row.admission.target = pick(&["create_issue", "create%", "x"], 4).into();
        row.admission.reason = [Reason::Allowed, Reason::RateLimited][usize::from(n % 7 == 0)];
        if let Some(outcome) = &mut row.outcome {
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
    filter.token.is_none_or(|token| admission.token == Some(token))
        && is(&filter.user, &admission.user)
        && is(&filter.server, &admission.server)
        && is(&filter.method, &admission.method)
        && is(&filter.target, &admission.target)
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
        AccessFilter { token: Some(id(1)), ..none.clone() },
        AccessFilter { user: text("ana"), ..none.clone() },
        AccessFilter { server: text("demo"), ..none.clone() },
        AccessFilter { server: text(""), ..none.clone() },
        AccessFilter { method: text("tools/list"), ..none.clone() },
        AccessFilter { target: text("create%"), ..none.clone() },
        AccessFilter { reason: Some(Reason::RateLimited), ..none.clone() },
        AccessFilter { reason: Some(Reason::UpstreamTimeout), ..none.clone() },
        AccessFilter { allowed: Some(true), ..none.clone() },
        AccessFilter { allowed: Some(false), ..none.clone() },
        AccessFilter { is_error: Some(true), ..none.clone() },
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
    let nobody = AccessFilter { user: text("nobody"), ..none };
    assert!(all_pages(&*store, &nobody, 3).await.is_empty());
}

pub(crate) async fn pages_hold_every_fitting_row_once(store: Arc<dyn Store>) {
    let all = population();
    store.access_load(rows(all.clone())).await.unwrap();
    let text = |from: &'static [&'static str]| {
        prop::option::weighted(0.3, prop::sample::select(from).prop_map(str::to_owned))
    };
    let some = |strategy: BoxedStrategy<bool>| prop::option::weighted(0.3, strategy);
    let moment = || prop::option::weighted(0.4, (0..160_i64).prop_map(at));
    let filter = (
        (prop::option::weighted(0.3, (0..4_u32).prop_map(id)), text(&["ana", "Ana", "zoe"])),
        (text(&["github", ""]), text(&["tools/call"]), text(&["x", "create%"])),
        prop::option::weighted(0.2, prop::sample::select(Reason::ALL)),
        (some(any::<bool>().boxed()), some(any::<bool>().boxed())),
        (moment(), moment()),
        any::<bool>(),
    )
        .prop_map(|((token, user), (server, method, target), reason, flags, times, order)| {
            AccessFilter {
                token,
                user,
                server,
                method,
                target,
                reason,
                allowed: flags.0,
                is_error: flags.1,
                since: times.0,
                until: times.1,
                oldest_first: order,
            }
        });
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
