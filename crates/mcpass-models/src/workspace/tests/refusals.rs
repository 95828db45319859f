//! Refusals, in words that a model can act on.

use mcpass_store::faulty::Fault;
use serde_json::json;

use super::harness::{Room, WAY};

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
