use proptest::prelude::*;

use super::*;
use crate::id::IdParts;
use crate::time::Timestamp;

fn id(n: u8) -> ItemId {
    ItemId::new(Kind::TestCase, IdParts { now: Timestamp::from_micros(0), random: [n; 10] })
}

#[test]
fn tables_have_one_row_for_each_status_and_name_nothing_else() {
    for (kind, table) in [
        (Kind::UserStory, WORK),
        (Kind::TestCase, WORK),
        (Kind::Task, TASK),
        (Kind::Product, SHELF),
        (Kind::Checklist, SHELF),
        (Kind::TestReport, REPORT),
        (Kind::ChecklistItem, CHECK),
    ] {
        let from: Vec<_> = table.iter().map(|(from, _)| *from).collect();
        assert_eq!(from, statuses(kind), "{kind}");
        for (from, to) in table {
            assert!(to.iter().all(|to| statuses(kind).contains(to) && to != from), "{kind} {from}");
        }
    }
}

proptest! {
    #[test]
    fn a_step_is_allowed_exactly_if_it_is_named_or_none(
        kind in prop::sample::select(Kind::ALL),
        from in any::<prop::sample::Index>(),
        to in any::<prop::sample::Index>(),
    ) {
        let statuses = statuses(kind);
        let (from, to) = (statuses[from.index(statuses.len())], statuses[to.index(statuses.len())]);
        let route = Route::default();
        match step(kind, from, to, &route) {
            Ok(()) => prop_assert!(from == to || moves(kind, from, &route).contains(&to)),
            Err(refused) => {
                let text = refused.to_string();
                prop_assert!(moves(kind, from, &route).iter().all(|word| text.contains(word)));
                prop_assert!(text.contains(from) && text.contains(to));
            }
        }
    }

    #[test]
    fn no_word_makes_a_step_panic(from in "\\PC{0,80}", to in "\\PC{0,80}") {
        for kind in Kind::ALL {
            let _ = step(*kind, &from, &to, &Route::default());
        }
    }
}

#[test]
fn refusals_can_be_acted_on() {
    let refused = step(Kind::TestCase, "draft", "done", &Route::default()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "A test case cannot go from draft to done. From draft it can go to: pending_approval, \
         approved, cancelled."
    );
    let refused = step(Kind::TestReport, "final", "draft", &Route::default()).unwrap_err();
    assert!(refused.to_string().ends_with("A test report that is final stays so."));
}

#[test]
fn only_done_critical_test_cases_let_a_feature_ship() {
    assert_eq!(may_ship([]), Ok(()));
    assert_eq!(may_ship([(id(1), WorkStatus::Done)]), Ok(()));
    for status in WorkStatus::ALL.iter().filter(|status| **status != WorkStatus::Done) {
        let error = may_ship([(id(1), WorkStatus::Done), (id(2), *status)]).unwrap_err();
        assert_eq!(error.open, [(id(2), *status)]);
        assert!(error.to_string().contains(&id(2).to_string()));
    }
    let many = (0..9).map(|n| (id(n), WorkStatus::Draft));
    assert!(may_ship(many).unwrap_err().to_string().ends_with("and 4 more."));
}
