//! The audit log.

use std::sync::Arc;

use mcpass_domain::AuditEvent;
use mcpass_store::{AuditFilter, Commit, PageRequest, Store};

use crate::fixtures::{at, event};

fn population() -> Vec<AuditEvent> {
    let actions = ["token.create", "token.revoke", "tokens.sweep", "user.edit", "Token.create"];
    let events = (1..60).map(|n| AuditEvent {
        actor: ["operator:root", "system:demo", "OPERATOR:ROOT"][(n % 3) as usize].to_owned(),
        action: actions[(n % 5) as usize].to_owned(),
        object: format!("tok_{}", n % 4),
        before: (n % 2 == 0).then(|| "{\"n\":\"\u{fc}\"}".to_owned()),
        after: (n % 3 == 0).then(|| format!("{{\"n\":{n}}}")),
        note: "x".repeat((n % 7) as usize),
        ..event(n)
    });
    events.collect()
}

async fn filled(store: &dyn Store) -> Vec<AuditEvent> {
    let audit = population();
    store.commit(Commit { changes: Vec::new(), audit: audit.clone() }).await.unwrap();
    audit
}

async fn all_pages(store: &dyn Store, filter: &AuditFilter, limit: u32) -> Vec<AuditEvent> {
    let mut page = PageRequest { after: None, limit };
    let mut events = Vec::new();
    loop {
        let part = store.audit_list(filter, &page).await.unwrap();
        assert!(part.items.len() <= limit as usize);
        events.extend(part.items);
        match part.next {
            Some(next) => page.after = Some(next),
            None => return events,
        }
    }
}

pub(crate) async fn events_are_kept_whole_and_found_by_each_filter(store: Arc<dyn Store>) {
    type Test = fn(&AuditEvent) -> bool;
    let events = filled(&*store).await;
    let text = |text: &str| Some(text.to_owned());
    let none = AuditFilter::default();
    let cases: [(AuditFilter, Test); 9] = [
        (none.clone(), |_| true),
        (AuditFilter { objects: vec!["tok_2".into()], ..none.clone() }, |event| {
            event.object == "tok_2"
        }),
        (AuditFilter { objects: vec!["tok_2".into(), "tok_0".into()], ..none.clone() }, |event| {
            matches!(event.object.as_str(), "tok_0" | "tok_2")
        }),
        (AuditFilter { actor: text("operator:root"), ..none.clone() }, |event| {
            event.actor == "operator:root"
        }),
        (AuditFilter { action: text("token.create"), ..none.clone() }, |event| {
            event.action == "token.create"
        }),
        (AuditFilter { action: text("token."), ..none.clone() }, |event| {
            event.action.starts_with("token.")
        }),
        (AuditFilter { since: Some(at(20)), ..none.clone() }, |event| event.at >= at(20)),
        (AuditFilter { until: Some(at(20)), ..none.clone() }, |event| event.at < at(20)),
        (
            AuditFilter {
                objects: vec!["tok_1".into()],
                actor: text("system:demo"),
                action: text("token."),
                since: Some(at(5)),
                until: Some(at(55)),
            },
            |event| {
                event.object == "tok_1"
                    && event.actor == "system:demo"
                    && event.action.starts_with("token.")
                    && (at(5)..at(55)).contains(&event.at)
            },
        ),
    ];
    for (filter, test) in cases {
        let expected: Vec<AuditEvent> =
            events.iter().rev().filter(|event| test(event)).cloned().collect();
        assert!(!expected.is_empty(), "{filter:?}");
        assert_eq!(all_pages(&*store, &filter, 1_000).await, expected, "{filter:?}");
    }
    let nothing = AuditFilter { action: text("token"), ..none };
    assert!(all_pages(&*store, &nothing, 10).await.is_empty(), "only a dot asks for a prefix");
}

pub(crate) async fn pages_hold_every_event_once(store: Arc<dyn Store>) {
    let mut events = filled(&*store).await;
    events.reverse();
    for limit in [1, 2, 7, 58, 59, 60] {
        assert_eq!(all_pages(&*store, &AuditFilter::default(), limit).await, events, "{limit}");
    }
}
