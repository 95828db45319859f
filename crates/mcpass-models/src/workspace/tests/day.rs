//! What agents do in a day, and what the trail says of it.

use futures_util::FutureExt as _;
use serde_json::{Value, json};

use super::harness::{ANA, BO, Room, WAY, Who, id};

#[test]
fn a_feature_goes_from_the_backlog_to_its_users() {
    let room = Room::new();
    let feature = room.feature();
    let stories = json!([{"title": "Pay", "description": "As a buyer, …"}, {"title": "Refund"}]);
    let made =
        room.call("user_stories_create", json!({"feature_id": feature, "user_stories": stories}));
    assert_eq!(made["total"], 2);
    assert_eq!(made["user_stories"][1]["title"], "Refund");
    assert_eq!(made["user_stories"][1]["status"], "draft");
    let cases = room.cases(&feature, &[true, false]);
    room.walk(&feature, &WAY);

    let ship = json!({"feature_id": feature, "status": "shipped"});
    let text = room.refused("features_update", ship.clone());
    assert!(text.contains("cannot ship") && text.contains(cases[0].as_str().unwrap()), "{text}");
    assert!(text.contains("test_cases_update_status"), "{text}");
    assert!(!text.contains(cases[1].as_str().unwrap()), "only critical ones: {text}");
    for status in ["approved", "in_progress", "done"] {
        let moved = json!({"test_case_ids": [cases[0]], "status": status});
        let moved = room.call("test_cases_update_status", moved);
        assert_eq!(moved["test_cases"][0]["status"], status);
    }
    let shipped = room.call("features_update", ship);
    assert_eq!(shipped["feature"]["status"], "shipped");
    assert_eq!(shipped["next_statuses"], json!(["archived"]));
    let info = room.call("features_info", json!({"feature_id": feature}));
    assert_eq!(info["counts"]["user_stories"]["draft"], 2);
    assert_eq!(info["feature"]["priority"], "medium", "what nobody said is as documented");
    assert_eq!(info["feature"]["execution_mode"], "full_pipeline");
}

#[test]
fn a_cancelled_critical_test_case_has_not_passed() {
    let room = Room::new();
    let feature = room.feature();
    let cases = room.cases(&feature, &[true]);
    room.call("test_cases_update_status", json!({"test_case_ids": cases, "status": "cancelled"}));
    room.walk(&feature, &WAY);
    let ship = json!({"feature_id": feature, "status": "shipped"});
    assert!(room.refused("features_update", ship.clone()).contains("(cancelled)"));
    let plain = json!({"test_case_id": cases[0], "is_critical": false});
    room.call("test_cases_update", plain);
    room.call("features_update", ship);
}

#[test]
fn a_workflow_and_a_mode_shorten_the_way() {
    let room = Room::new();
    let feature = room.feature();
    room.walk(&feature, &WAY[..2]);
    let text = room
        .refused("features_update", json!({"feature_id": feature, "status": "technical_design"}));
    assert!(text.contains("feature_analysis"), "{text}");
    // The mode that comes with a move counts for it.
    let mode = json!({"feature_id": feature, "execution_mode": "from_technical_design",
        "status": "technical_design"});
    room.call("features_update", mode);
    let skip = json!([{"phase": "branch_planning", "status": "skipped"}]);
    let skipped = room.call("features_update", json!({"feature_id": feature, "workflow": skip}));
    let next = skipped["next_statuses"].as_array().unwrap();
    assert!(next.contains(&json!("code_implementation")), "{next:?}");
    assert!(!next.contains(&json!("branch_planning")), "{next:?}");
}

#[test]
fn checklists_record_who_checked_what_when_and_with_which_result() {
    let room = Room::new();
    let feature = room.feature();
    let items = json!([{"title": "Tick"}, {"title": "Seconds", "type": "number"},
        {"title": "Which", "type": "choice", "choices": ["a", "b"]}]);
    let checklist = json!({"title": "Before release", "phases": ["code_review"], "role": "qa",
        "checklist_items": items});
    let made =
        room.call("checklists_create", json!({"feature_id": feature, "checklists": [checklist]}));
    let checklist = id(&made, "checklists");
    let read = || {
        let read = json!({"checklist_id": checklist});
        let items = room.call("checklist_items_existing", read)["checklist_items"].clone();
        items.as_array().unwrap().clone()
    };
    let items = read();
    let titles: Vec<_> = items.iter().map(|item| item["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["Tick", "Seconds", "Which"], "in the order they were written");
    let check = |nth: usize, result: &str, response: Option<&str>| {
        let mut check = json!({"checklist_item_id": items[nth]["id"], "result": result});
        if let Some(response) = response {
            check["response"] = response.into();
        }
        room.call_as(BO, "checklist_items_check", json!({"checks": [check]}))
    };
    check(0, "passed", None).unwrap();
    check(1, "passed", Some("12.5")).unwrap();
    check(2, "failed", None).unwrap();
    for (nth, response, told) in [
        (0, Some("yes"), "takes no `response`"),
        (1, None, "asks for an answer"),
        (1, Some("soon"), "asks for a number"),
        (1, Some("NaN"), "asks for a number"),
        (1, Some("-inf"), "asks for a number"),
        (2, Some("c"), "one of: a, b."),
    ] {
        let text = check(nth, "passed", response).unwrap_err();
        assert!(text.contains(told), "{text}");
    }
    let after = read();
    assert_eq!((&after[0]["status"], &after[0]["checked_by"]), (&"passed".into(), &"bo".into()));
    assert_eq!(after[0]["checked_by_token"], "laptop");
    assert!(after[0]["checked_at"].as_str().unwrap().starts_with("2026-11-21T08:00:00."));
    assert_eq!((&after[1]["response"], &after[2]["status"]), (&"12.5".into(), &"failed".into()));
    check(1, "open", None).unwrap();
    assert!(read()[1].get("checked_by").is_none() && read()[1].get("response").is_none());

    let trail = room.call("audit_trail", json!({"id": items[1]["id"]}));
    let actions: Vec<_> = trail["changes"].as_array().unwrap().iter().collect();
    assert_eq!(actions.len(), 3, "{trail}");
    assert_eq!((&actions[1]["action"], &actions[1]["user"]), (&"check".into(), &"bo".into()));
    assert_eq!(actions[1]["after"]["response"], "12.5");
    assert_eq!(actions[0]["before"]["status"], "passed");

    let gone = room.call("checklists_delete", json!({"checklist_id": checklist}));
    assert_eq!(gone["deleted"], 4);
}

#[test]
fn test_reports_count_their_results_and_stay_once_they_are_final() {
    let room = Room::new();
    let feature = room.feature();
    let cases = room.cases(&feature, &[true, true, false]);
    let results = json!([{"test_case_id": cases[0], "result": "passed"},
        {"test_case_id": cases[1], "result": "failed", "notes": "500"},
        {"test_case_id": cases[2], "result": "passed"}]);
    let report = json!({"title": "Friday", "environment": "staging", "results": results});
    let made =
        room.call("test_reports_create", json!({"feature_id": feature, "test_reports": [report]}));
    let report = id(&made, "test_reports");
    let read = room.call("test_reports_existing", json!({"ids": [report]}));
    assert_eq!(read["test_reports"][0]["totals"], json!({"failed": 1, "passed": 2}));
    let fewer = json!([{"test_case_id": cases[0], "result": "blocked"}]);
    room.call(
        "test_reports_update",
        json!({"test_report_id": report, "results": fewer,
        "status": "final"}),
    );
    let read = room.call("test_reports_existing", json!({"feature_id": feature}));
    assert_eq!(read["test_reports"][0]["totals"], json!({"blocked": 1}));
    let text = room.refused("test_reports_update", json!({"test_report_id": report, "title": "x"}));
    assert!(text.contains("is final") && text.contains("test_reports_create"), "{text}");

    let twice = json!([{"test_case_id": cases[0], "result": "passed"},
        {"test_case_id": cases[0], "result": "failed"}]);
    let bad = |results: Value| {
        let report = json!({"title": "Saturday", "results": results});
        room.refused(
            "test_reports_create",
            json!({"feature_id": feature, "test_reports": [report]}),
        )
    };
    assert!(bad(twice).contains("more than once"));
    let elsewhere = room.cases(&room.feature(), &[false]);
    assert!(
        bad(json!([{"test_case_id": elsewhere[0], "result": "passed"}]))
            .contains("another product")
    );
}

#[test]
fn the_second_of_two_agents_is_told_and_nothing_is_lost() {
    let room = Room::new();
    let feature = room.feature();
    let read = room.call("features_info", json!({"feature_id": feature}));
    let version = read["feature"]["version"].clone();
    let design = json!({"feature_id": feature, "version": version, "technical_design": "A queue."});
    let done = room.call_as(BO, "features_update", design).unwrap();
    assert_eq!(
        (&done["feature"]["version"], &done["changed"]),
        (&json!(2), &json!(["technical_design"]))
    );
    let late = json!({"feature_id": feature, "version": version, "technical_design": "A table."});
    let text = room.refused("features_update", late.clone());
    assert!(text.contains("version 2 now, not 1"), "{text}");
    assert!(text.contains("bo changed technical_design"), "{text}");
    let held = room.call("features_info", json!({"feature_id": feature}));
    assert_eq!(held["feature"]["technical_design"], "A queue.");
    let gone = json!({"feature_id": feature, "version": version});
    assert!(room.refused("features_delete", gone).contains("version 2"));
    // What an update does not name stays, whoever wrote it.
    room.call("features_update", json!({"feature_id": feature, "priority": "high"}));
    let held = room.call("features_info", json!({"feature_id": feature}));
    assert_eq!(held["feature"]["technical_design"], "A queue.");
    // Asking for what is there already changes nothing.
    let same = room.call("features_update", json!({"feature_id": feature, "priority": "high"}));
    assert_eq!((&same["changed"], &same["feature"]["version"]), (&json!([]), &json!(3)));
}

#[test]
fn every_change_is_in_the_trail_for_those_who_may_read_it() {
    let room = Room::new();
    let feature = room.feature();
    let cases = room.cases(&feature, &[true]);
    room.walk(&feature, &["ready_for_ai"]);
    let title = json!({"test_case_id": cases[0], "title": "pays", "steps": "1. Pay"});
    room.call_as(BO, "test_cases_update", title).unwrap();
    room.call("test_cases_delete", json!({"test_case_id": cases[0]}));

    let trail = |who: Who, arguments: Value| {
        let read = room.call_as(who, "audit_trail", arguments).unwrap();
        let changes = read["changes"].as_array().unwrap();
        let change = |change: &Value| {
            format!("{} {} {}", change["user"], change["action"], change["kind"]).replace('"', "")
        };
        changes.iter().map(change).collect::<Vec<_>>()
    };
    let all = [
        "ana delete test_case",
        "bo update test_case",
        "ana status feature",
        "ana create test_case",
        "ana create feature",
        "ana create product",
    ];
    assert_eq!(trail(ANA, json!({})), all);
    assert_eq!(trail(ANA, json!({"feature_id": feature})), all[..5]);
    assert_eq!(trail(ANA, json!({"user": "bo"})), all[1..2]);
    assert_eq!(trail(ANA, json!({"since": "2026-11-21T08:00:00.025Z"})), all[..2]);
    let tester = Who { may: |tool| tool == "test_cases_existing", ..ANA };
    assert_eq!(trail(tester, json!({})), [all[0], all[1], all[3]]);
    let nobody = Who { may: |_| false, ..ANA };
    assert!(room.call_as(nobody, "audit_trail", json!({})).unwrap_err().contains("no kind"));

    let changes = room.call("audit_trail", json!({"id": cases[0]}));
    assert_eq!(changes["changes"][1]["before"], json!({"steps": null, "title": "works"}));
    assert_eq!(changes["changes"][1]["after"], json!({"steps": "1. Pay", "title": "pays"}));
    assert_eq!(changes["changes"][0]["before"]["title"], "pays", "what was deleted is told");
    assert!(room.refused("audit_trail", json!({"since": "yesterday"})).contains("`since`"));
}

#[test]
fn deleting_asks_before_it_takes_anything_along() {
    let room = Room::new();
    let feature = room.feature();
    room.cases(&feature, &[true, false]);
    let text = room.refused("features_delete", json!({"feature_id": feature}));
    assert!(text.contains("still has 2 test cases") && text.contains("with_contents"), "{text}");
    let gone = room.call("features_delete", json!({"feature_id": feature, "with_contents": true}));
    assert_eq!(gone["deleted"], 3);
    let left = room.call("test_cases_existing", json!({"feature_id": feature}));
    assert_eq!(left["test_cases"], json!([]));
    let trail = room.call("audit_trail", json!({}));
    let deleted =
        trail["changes"].as_array().unwrap().iter().filter(|one| one["action"] == "delete");
    assert_eq!(deleted.count(), 3);
}

#[test]
fn stories_move_between_features_of_one_product() {
    let room = Room::new();
    let feature = room.feature();
    let made = room.call(
        "user_stories_create",
        json!({"feature_id": feature,
        "user_stories": [{"title": "Pay"}]}),
    );
    let story = id(&made, "user_stories");
    room.call("user_stories_update", json!({"user_story_id": story, "feature_id": ""}));
    let of_feature = room.call("user_stories_existing", json!({"feature_id": feature}));
    assert_eq!(of_feature["user_stories"], json!([]));
    room.call("user_stories_update", json!({"user_story_id": story, "feature_id": feature}));
    let elsewhere = json!({"user_story_id": story, "feature_id": room.feature()});
    assert!(room.refused("user_stories_update", elsewhere).contains("another product"));
}

#[test]
fn the_demo_begins_with_a_product_and_is_not_filled_twice() {
    let room = Room::new();
    for _ in 0..2 {
        room.workspace.seed("demo").now_or_never().unwrap().unwrap();
    }
    let products = room.call("products_list", json!({}));
    assert_eq!(products["products"].as_array().unwrap().len(), 1);
    let product = room.call("products_info", json!({"product_id": id(&products, "products")}));
    for many in ["features", "user_stories", "test_cases", "checklists", "checklist_items", "tasks"]
    {
        assert!(product["counts"].get(many).is_some(), "{many}: {product}");
    }
}
