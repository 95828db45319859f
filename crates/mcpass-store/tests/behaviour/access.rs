//! The access log: what the loader writes, what followers and limits read.

use std::collections::BTreeMap;
use std::sync::Arc;

use mcpass_domain::{AccessRow, Admission, Outcome, Reason, RequestId, RowState, Surface};
use mcpass_store::{
    AccessBatch, AccessFilter, Change, LastUse, PageRequest, Position, SpentCalls, Store,
};

use crate::fixtures::{
    admission, at, commit, done, full_token, id, outcome, pending, rows, token, with_ana,
};

async fn all(store: &dyn Store) -> Vec<AccessRow> {
    let filter = AccessFilter { oldest_first: true, ..Default::default() };
    store.access_list(&filter, &PageRequest { after: None, limit: 10_000 }).await.unwrap().items
}

async fn tail(store: &dyn Store, after: Option<i64>) -> (Vec<RequestId>, i64) {
    let (rows, place) = store.access_tail(after, &AccessFilter::default(), 10_000).await.unwrap();
    (rows.iter().map(|row| row.admission.id).collect(), place)
}

/// A row in which everything that can be missing is.
fn bare(n: u32) -> AccessRow {
    let admission = Admission {
        surface: Surface::Validate,
        token: None,
        family: None,
        token_name: "".into(),
        hint: None,
        user: "".into(),
        remote_ip: "2001:db8::1".parse().unwrap(),
        user_agent: "".into(),
        client_name: "".into(),
        client_version: "".into(),
        server: "".into(),
        method: "".into(),
        target_kind: "".into(),
        target: "".into(),
        reason: Reason::MissingToken,
        detail: "".into(),
        cost: 0,
        request_bytes: 0,
        session: "".into(),
        rpc_id: "".into(),
        trace_id: "".into(),
        arguments: "".into(),
        ..admission(n)
    };
    let outcome = Outcome {
        http_status: 401,
        rpc_code: None,
        is_error: false,
        failure: None,
        response_bytes: 0,
        response_chars: None,
        duration_us: 0,
        upstream_us: None,
        ..outcome(n)
    };
    AccessRow { admission, outcome: Some(outcome), state: RowState::Done }
}

pub(crate) async fn rows_are_kept_whole(store: Arc<dyn Store>) {
    let mut large = done(4);
    large.admission.cost = u32::MAX;
    large.admission.request_bytes = i64::MAX as u64;
    if let Some(outcome) = &mut large.outcome {
        outcome.rpc_code = Some(i64::MIN);
        outcome.http_status = u16::MAX;
        outcome.response_chars = Some(i64::MAX as u64);
    }
    let unknown = AccessRow { state: RowState::Unknown, ..pending(5) };
    let mut written = vec![done(1), pending(2), bare(3), large, unknown];
    // Enough to fill large statements, medium ones and single ones.
    written.extend((6..=1_200).map(|n| if n % 3 == 0 { bare(n) } else { done(n) }));
    store.access_load(rows(written.clone())).await.unwrap();
    assert_eq!(all(&*store).await, written);
    assert_eq!(store.access_find(id(3)).await.unwrap(), Some(bare(3)));
    assert_eq!(store.access_find(id(99_999)).await.unwrap(), None);
    for reason in Reason::ALL {
        let mut row = done(2_000 + *reason as u32);
        row.admission.reason = *reason;
        row.outcome.as_mut().unwrap().failure = Some(*reason);
        store.access_load(rows([row.clone()])).await.unwrap();
        assert_eq!(store.access_find(row.admission.id).await.unwrap(), Some(row));
    }
}

pub(crate) async fn a_batch_read_twice_changes_nothing(store: Arc<dyn Store>) {
    with_ana(&*store).await;
    commit(&*store, [Change::TokenInsert(token(2))]).await.unwrap();
    let earlier = rows([pending(1), pending(2)]);
    store.access_load(earlier.clone()).await.unwrap();
    let batch = AccessBatch {
        rows: (3..230).map(|n| if n % 50 == 0 { pending(n) } else { done(n) }).collect(),
        outcomes: vec![outcome(1), outcome(50)],
        last_uses: vec![LastUse { token: id(2), at: at(9), ip: "192.0.2.1".parse().unwrap() }],
        positions: BTreeMap::from([("a".to_owned(), Position { segment: 1, offset: 512 })]),
    };
    store.access_load(batch.clone()).await.unwrap();
    let (once, followed) = (all(&*store).await, tail(&*store, Some(0)).await.0);

    // The same batch, and one that overlaps it and says something else of what is there.
    store.access_load(batch.clone()).await.unwrap();
    let mut other = done(3);
    other.admission.detail = "changed".into();
    store.access_load(rows([other, done(3)])).await.unwrap();
    store.access_load(earlier).await.unwrap();

    assert_eq!(all(&*store).await, once);
    assert_eq!(tail(&*store, Some(0)).await.0, followed);
    assert_eq!(store.access_positions().await.unwrap(), batch.positions);
}

pub(crate) async fn an_outcome_completes_a_pending_row_once(store: Arc<dyn Store>) {
    store.access_load(rows([pending(1), pending(2), done(3)])).await.unwrap();
    let late = Outcome { http_status: 500, rpc_code: None, upstream_us: None, ..outcome(3) };
    let never_seen = outcome(77);
    let outcomes = vec![outcome(1), late, never_seen, Outcome { http_status: 404, ..outcome(1) }];
    let batch = AccessBatch { rows: vec![pending(4)], outcomes, ..AccessBatch::default() };
    store.access_load(batch).await.unwrap();
    let again = Outcome { http_status: 502, ..outcome(1) };
    let outcomes = vec![again, outcome(4)];
    store.access_load(AccessBatch { outcomes, ..AccessBatch::default() }).await.unwrap();

    assert_eq!(all(&*store).await, [done(1), pending(2), done(3), done(4)]);
    // In one batch, row and outcome.
    let both = AccessBatch { outcomes: vec![outcome(5)], ..rows([pending(5)]) };
    store.access_load(both).await.unwrap();
    assert_eq!(store.access_find(id(5)).await.unwrap(), Some(done(5)));
}

pub(crate) async fn a_follower_sees_every_row_once_in_the_order_of_outcomes(store: Arc<dyn Store>) {
    store.access_load(rows([done(1)])).await.unwrap();
    let (seen, start) = tail(&*store, None).await;
    assert_eq!(seen, [], "following begins at the end");
    let (seen, place) = tail(&*store, Some(start)).await;
    assert_eq!((seen.len(), place), (0, start), "nothing new");

    store.access_load(rows([pending(2), done(4), pending(3)])).await.unwrap();
    let outcomes = vec![outcome(3), outcome(2)];
    store.access_load(AccessBatch { outcomes, ..rows([done(5)]) }).await.unwrap();
    let (seen, place) = tail(&*store, Some(start)).await;
    assert_eq!(seen, [4, 5, 3, 2].map(id));
    assert_eq!(tail(&*store, Some(place)).await, (Vec::new(), place));
    // Who has a place of a longer log, as before a backup was put back, goes on at the end.
    assert_eq!(tail(&*store, Some(place + 1_000_000)).await, (Vec::new(), place));

    // In small parts, and with a filter that leaves rows out.
    let one = AccessFilter { since: Some(at(3)), ..Default::default() };
    let (mut place, mut seen) = (start, Vec::new());
    loop {
        let (rows, next) = store.access_tail(Some(place), &one, 1).await.unwrap();
        assert!(rows.len() <= 1);
        if rows.is_empty() {
            break;
        }
        assert!(next > place);
        place = next;
        seen.extend(rows.iter().map(|row| row.admission.id));
    }
    assert_eq!(seen, [4, 5, 3].map(id));
    assert_eq!(tail(&*store, Some(0)).await.0, [1, 4, 5, 3, 2].map(id));
}

pub(crate) async fn pending_rows_of_an_earlier_run_are_settled(store: Arc<dyn Store>) {
    let written = (1..=300).map(|n| if n % 2 == 0 { pending(n) } else { done(n) });
    store.access_load(rows(written)).await.unwrap();
    let (_, place) = tail(&*store, None).await;
    assert_eq!(store.access_settle_pending(at(290)).await.unwrap(), 144);
    assert_eq!(store.access_settle_pending(at(290)).await.unwrap(), 0);

    let unknown = |n| AccessRow { state: RowState::Unknown, ..pending(n) };
    assert_eq!(store.access_find(id(288)).await.unwrap(), Some(unknown(288)));
    assert_eq!(store.access_find(id(290)).await.unwrap(), Some(pending(290)));
    assert_eq!(store.access_find(id(289)).await.unwrap(), Some(done(289)));
    let (seen, place) = tail(&*store, Some(place)).await;
    assert_eq!(seen, (1..145).map(|n| id(2 * n)).collect::<Vec<_>>());

    // The journal of the earlier run may still tell.
    let outcomes = vec![outcome(288)];
    store.access_load(AccessBatch { outcomes, ..AccessBatch::default() }).await.unwrap();
    assert_eq!(store.access_find(id(288)).await.unwrap(), Some(done(288)));
    assert_eq!(tail(&*store, Some(place)).await.0, [id(288)]);
}

pub(crate) async fn old_rows_are_deleted(store: Arc<dyn Store>) {
    for part in 0..12_u32 {
        let numbers = part * 1_000 + 1..=part * 1_000 + 1_000;
        store
            .access_load(rows(numbers.map(|n| if n % 9 == 0 { pending(n) } else { done(n) })))
            .await
            .unwrap();
    }
    let (_, place) = tail(&*store, None).await;
    assert_eq!(store.access_delete_before(at(1)).await.unwrap(), 0);
    assert_eq!(store.access_delete_before(at(11_001)).await.unwrap(), 11_000);
    let left = all(&*store).await;
    assert_eq!(left.len(), 1_000);
    assert_eq!(left[0].admission.id, id(11_001));
    assert_eq!(
        tail(&*store, Some(0)).await.0.len(),
        left.iter().filter(|row| row.state == RowState::Done).count()
    );
    assert_eq!(store.access_delete_before(at(99_999)).await.unwrap(), 1_000);
    assert_eq!(tail(&*store, None).await.1, place, "places do not go back");
}

pub(crate) async fn calls_are_summed_up_by_family_and_second(store: Arc<dyn Store>) {
    let mut written = vec![done(10), done(11), pending(12)];
    for (row, n) in written.iter_mut().zip([10_i64, 11, 12]) {
        row.admission.cost = u32::try_from(n).unwrap();
    }
    // The same second as row 11, of two families.
    let mut twin = done(11);
    twin.admission.id = id::<RequestId>(11_000);
    twin.admission.at = at(11);
    let [mut same, mut other] = [twin.clone(), twin];
    same.admission.id = shifted(11, 1);
    same.admission.cost = 5;
    other.admission.id = shifted(11, 2);
    other.admission.family = Some(id(3));
    // What does not count: refused, free, without a family, too old.
    let mut refused = done(13);
    refused.admission.reason = Reason::RateLimited;
    let mut free = done(14);
    free.admission.cost = 0;
    let mut nobody = done(15);
    nobody.admission.family = None;
    written.extend([same, other, refused, free, nobody, done(9)]);
    store.access_load(rows(written)).await.unwrap();

    let spent = |family, seconds: i64, cost| SpentCalls {
        family: id(family),
        at: mcpass_domain::Timestamp::from_micros((1_790_000_001 + seconds) * 1_000_000),
        cost,
    };
    let expected = [spent(2, 10, 10), spent(2, 11, 16), spent(2, 12, 12), spent(3, 11, 1)];
    assert_eq!(store.access_spent(at(10)).await.unwrap(), expected);
    assert_eq!(store.access_spent(at(13)).await.unwrap(), []);
}

/// Another id of second `n`.
fn shifted(n: u32, by: u8) -> RequestId {
    let mut bytes = *id::<RequestId>(n).as_bytes();
    bytes[15] ^= by;
    RequestId::from_bytes(bytes)
}

pub(crate) async fn journal_positions_are_kept_and_forgotten(store: Arc<dyn Store>) {
    let place = |segment, offset| Position { segment, offset };
    let load = async |positions: &[(&str, Position)]| {
        let positions =
            positions.iter().map(|(name, place)| ((*name).to_owned(), *place)).collect();
        store.access_load(AccessBatch { positions, ..AccessBatch::default() }).await.unwrap();
    };
    assert!(store.access_positions().await.unwrap().is_empty());
    load(&[("0", place(1, 100)), ("1", place(7, i64::MAX as u64))]).await;
    load(&[("0", place(2, 0)), ("2", place(0, 1))]).await;
    let expected = [("0", place(2, 0)), ("1", place(7, i64::MAX as u64)), ("2", place(0, 1))];
    let expected = expected.map(|(name, place)| (name.to_owned(), place));
    assert_eq!(store.access_positions().await.unwrap(), BTreeMap::from(expected));
    store.access_forget_journals(&["0".into(), "2".into(), "never".into()]).await.unwrap();
    let left = store.access_positions().await.unwrap();
    assert_eq!(left.into_keys().collect::<Vec<_>>(), ["1"]);
}

pub(crate) async fn last_uses_only_move_forward(store: Arc<dyn Store>) {
    with_ana(&*store).await;
    let tokens = [token(2), full_token(3, Vec::new()), token(4)];
    commit(&*store, tokens.clone().map(Change::TokenInsert)).await.unwrap();
    let one = |token, seconds, ip: &str| LastUse {
        token: id(token),
        at: at(seconds),
        ip: ip.parse().unwrap(),
    };
    let load = async |last_uses: Vec<LastUse>| {
        store.access_load(AccessBatch { last_uses, ..AccessBatch::default() }).await.unwrap();
    };
    load(vec![one(2, 50, "::1"), one(2, 60, "10.0.0.6"), one(2, 55, "::5"), one(99, 1, "::1")])
        .await;
    // Token 3 was used at second 5 already.
    load(vec![one(2, 59, "10.0.0.9"), one(3, 4, "10.0.0.4")]).await;
    let [mut second, third, fourth] = tokens;
    second.last_used_at = Some(at(60));
    second.last_used_ip = Some("10.0.0.6".parse().unwrap());
    let stored = store.token_scan(None, 9).await.unwrap();
    assert_eq!(stored, [second, third, fourth], "and the version stays as it is");
}

pub(crate) async fn what_clients_send_cannot_stop_the_loader(store: Arc<dyn Store>) {
    let mut nul = done(1);
    nul.admission.target = "a\0b".into();
    nul.admission.user_agent = "\0".into();
    let mut long = done(2);
    long.admission.server = "\u{e4}".repeat(100_000).into();
    long.admission.target = "\u{1F600}".repeat(100_000).into();
    let mut quoted = done(3);
    quoted.admission.method = "'; DELETE FROM mcp_access_logs; --".into();
    store.access_load(rows([nul.clone(), long.clone(), quoted.clone()])).await.unwrap();

    nul.admission.target = "a\u{FFFD}b".into();
    nul.admission.user_agent = "\u{FFFD}".into();
    long.admission.server = "\u{e4}".repeat(256).into();
    assert_eq!(all(&*store).await, [nul, long, quoted]);
}
