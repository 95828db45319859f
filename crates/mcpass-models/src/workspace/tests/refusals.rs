//! Refusals, in words that a model can act on.

use mcpass_store::faulty::Fault;
use serde_json::json;

use super::harness::{ANA, Room, WAY, Who};

#[test]
fn a_move_that_is_not_allowed_is_refused_with_those_that_are() {
    let room = Room::new();
    let feature = room.feature();
    let text = room.refused("features_update", json!({"feature_id": feature, "status": "shipped"}));
    assert_eq!(
        text,
        "A feature cannot go from backlog to shipped. From backlog it can go to: ready_for_ai, \
         cancelled, archived."
    );
    let case = &room.cases(&feature, &[true])[0];
    let moved = json!({"test_case_ids": [case], "status": "done"});
    let text = room.refused("test_cases_update_status", moved);
    assert!(text.contains("pending_approval, approved, cancelled"), "{text}");
    room.walk(&feature, &WAY[..4]);
    let text =
        room.refused("features_update", json!({"feature_id": feature, "status": "code_review"}));
    assert!(text.contains("user_stories_analysis_verification, test_cases_analysis"), "{text}");
}

#[test]
fn of_several_moves_none_is_made_if_one_is_refused() {
    let room = Room::new();
    let feature = room.feature();
    let cases = room.cases(&feature, &[true, true]);
    let one = json!({"test_case_ids": [cases[0]], "status": "approved"});
    room.call("test_cases_update_status", one);
    let both = json!({"test_case_ids": cases, "status": "in_progress"});
    assert!(room.refused("test_cases_update_status", both).contains(cases[1].as_str().unwrap()));
    let read = room.call("test_cases_existing", json!({"ids": [cases[0]]}));
    assert_eq!(read["test_cases"][0]["status"], "approved");
}

#[test]
fn ids_are_checked_and_the_right_tool_is_named() {
    let room = Room::new();
    let feature = room.feature();
    let case = &room.cases(&feature, &[true])[0];
    let text = room.refused("features_info", json!({"feature_id": case}));
    assert!(text.contains("is that of a test case"), "{text}");
    let text = room.refused("features_info", json!({"feature_id": "7"}));
    assert!(text.contains("ftr_…"), "{text}");
    room.call("test_cases_delete", json!({"test_case_id": case}));
    let text = room.refused("test_cases_update", json!({"test_case_id": case, "title": "x"}));
    assert!(
        text.contains("There is no test case") && text.contains("test_cases_existing"),
        "{text}"
    );
    let text = room.refused("features_update", json!({"feature_id": feature}));
    assert!(text.contains("Give something to change") && text.contains("execution_mode"), "{text}");
    let orphan = json!({"user_stories": [{"title": "x"}]});
    assert!(room.refused("user_stories_create", orphan).contains("`feature_id`"));
    let mixed =
        json!({"feature_id": feature, "product_id": room.product(), "tasks": [{"name": "x"}]});
    assert!(room.refused("tasks_create", mixed).contains("not to"));
    assert!(room.refused("features_list", json!({"cursor": "7"})).contains("`cursor`"));
    let odd = json!({"feature_id": feature, "checklists": [
        {"title": "x", "checklist_items": [{"title": "y", "type": "choice"}]}]});
    assert!(room.refused("checklists_create", odd).contains("`choices`"));
    let again = json!({"checks": [
        {"checklist_item_id": "cki_0000000000000000000001", "result": "passed"},
        {"checklist_item_id": "cki_0000000000000000000001", "result": "failed"}]});
    assert!(room.refused("checklist_items_check", again).contains("twice"));
}

#[test]
fn nothing_is_added_to_what_is_archived() {
    let room = Room::new();
    let product = room.product();
    room.call("products_update", json!({"product_id": product, "status": "archived"}));
    let add = json!({"product_id": product, "features": [{"title": "x"}]});
    let text = room.refused("features_create", add.clone());
    assert!(text.contains("is archived") && text.contains("products_update"), "{text}");
    room.call("products_update", json!({"product_id": product, "status": "active"}));
    room.call("features_create", add);
}

#[test]
fn a_database_that_is_gone_says_what_is_known() {
    let room = Room::new();
    let feature = room.feature();
    let update = json!({"feature_id": feature, "title": "Other"});
    room.fail(Fault::Commits);
    let text = room.refused("features_update", update.clone());
    assert!(text.contains("did not confirm"), "{text}");
    room.fail(Fault::Everything);
    assert!(room.refused("features_list", json!({})).contains("does not answer"));
    assert!(room.refused("audit_trail", json!({})).contains("does not answer"));
    room.fail(Fault::None);
    let read = room.call("features_info", json!({"feature_id": feature}));
    assert_eq!(read["feature"]["title"], "Pay by card");
    room.fail(Fault::LostAnswers);
    assert!(room.refused("features_update", update).contains("Read the items"));
    room.fail(Fault::None);
    let read = room.call("features_info", json!({"feature_id": feature}));
    assert_eq!(read["feature"]["title"], "Other", "it was made, and the answer did not deny it");
}

/// A feature with one item of each kind that can belong to it, and then some stories.
fn full_feature(room: &Room) -> serde_json::Value {
    let feature = room.feature();
    room.cases(&feature, &[true, false]);
    for (tool, many, one) in [
        ("user_stories_create", "user_stories", json!({"title": "Pay"})),
        ("test_reports_create", "test_reports", json!({"title": "Friday"})),
        ("tasks_create", "tasks", json!({"name": "Ask the bank"})),
        (
            "checklists_create",
            "checklists",
            json!({"title": "Before release", "checklist_items": [{"title": "Tick"}]}),
        ),
    ] {
        room.call(tool, json!({"feature_id": feature, many: [one]}));
    }
    feature
}

#[test]
fn contents_go_only_with_who_may_delete_them() {
    let room = Room::new();
    let feature = full_feature(&room);
    let all = json!({"feature_id": feature, "with_contents": true});
    let whole = |who: Who| room.call_as(who, "features_delete", all.clone());

    // The area features:write, and features:write with user_stories:read.
    let features = |tool: &str| tool.starts_with("features_") || tool.starts_with("tasks_");
    let planner = Who { may: features, ..ANA };
    let text = whole(planner).unwrap_err();
    assert_eq!(
        text,
        "Nothing was deleted: the feature `Pay by card` has contents that this token may not \
         delete. Set its status to cancelled instead."
    );
    let reader = Who {
        may: |tool| {
            tool.starts_with("features_")
                || tool.starts_with("tasks_")
                || tool == "user_stories_existing"
        },
        ..ANA
    };
    let text = whole(reader).unwrap_err();
    assert!(text.contains("has 1 user story and more that this token may not delete"), "{text}");

    // Before that, contents are told as far as they may be read.
    let plain = json!({"feature_id": feature});
    let text = room.call_as(planner, "features_delete", plain.clone()).unwrap_err();
    assert!(text.contains("still has 1 task and more."), "{text}");
    let text = room.call_as(reader, "features_delete", plain).unwrap_err();
    assert!(text.contains("still has 1 user story, 1 task and more."), "{text}");

    // Each kind counts: who lacks one of the rights deletes nothing.
    let lacking: [fn(&str) -> bool; 6] = [
        |tool| tool != "user_stories_delete",
        |tool| tool != "test_cases_delete",
        |tool| tool != "test_reports_update",
        |tool| tool != "checklists_delete",
        |tool| tool != "checklist_items_delete",
        |tool| tool != "tasks_update",
    ];
    for may in lacking {
        let text = whole(Who { may, ..ANA }).unwrap_err();
        assert!(text.contains("may not delete"), "{text}");
    }
    let checklist = room.call("checklists_existing", json!({"feature_id": feature}));
    let checklist = json!({"checklist_id": checklist["checklists"][0]["id"]});
    let no_items = Who { may: lacking[4], ..ANA };
    assert!(room.call_as(no_items, "checklists_delete", checklist).is_err());
    assert_eq!(whole(ANA).unwrap()["deleted"], 8);
}

#[test]
fn more_than_a_page_of_contents_goes_along() {
    let room = Room::new();
    let feature = room.feature();
    let stories: Vec<_> = (0..50).map(|n| json!({"title": format!("story {n}")})).collect();
    for _ in 0..21 {
        let arguments = json!({"feature_id": feature, "user_stories": stories});
        room.call("user_stories_create", arguments);
    }
    let all = json!({"feature_id": feature, "with_contents": true});
    assert_eq!(room.call("features_delete", all)["deleted"], 21 * 50 + 1);
}

#[test]
fn a_workflow_names_a_phase_once() {
    let room = Room::new();
    let twice = json!([{"phase": "code_review", "status": "skipped"},
        {"phase": "code_review", "status": "completed"}]);
    let feature = room.feature();
    let text = room.refused("features_update", json!({"feature_id": feature, "workflow": twice}));
    assert!(text.contains("more than once"), "{text}");
}

#[test]
fn what_has_shipped_gets_no_critical_test_case_that_is_not_done() {
    let room = Room::new();
    let feature = room.feature();
    let plain = room.cases(&feature, &[false])[0].clone();
    room.walk(&feature, &WAY);
    room.walk(&feature, &["shipped"]);
    let cases = json!([{"title": "pays", "is_critical": true}]);
    let text =
        room.refused("test_cases_create", json!({"feature_id": feature, "test_cases": cases}));
    assert!(text.contains("has shipped"), "{text}");
    let text =
        room.refused("test_cases_update", json!({"test_case_id": plain, "is_critical": true}));
    assert!(text.contains("has shipped"), "{text}");
    room.cases(&feature, &[false]);
    let product =
        room.call("features_info", json!({"feature_id": feature}))["feature"]["product_id"].clone();
    let free = json!({"product_id": product, "test_cases": cases});
    let free = room.call("test_cases_create", free)["test_cases"][0]["id"].clone();
    let moved = json!({"test_case_id": free, "feature_id": feature});
    assert!(room.refused("test_cases_update", moved).contains("has shipped"));
}
