use serde_json::{Value, json};

use super::super::access::Operation::Actions;
use super::super::action::tests::SETTINGS;
use super::super::fixture::{Blog, Holder};

#[tokio::test]
async fn those_that_the_caller_may_do_are_listed() {
    let blog = Blog::sqlite(SETTINGS).await;
    let answer = blog.call(Actions, "article", json!({})).await.unwrap();
    let expected = json!({"model": "article", "count": 4, "actions": [
        {"name": "delete_selected", "description": "Delete selected articles"},
        {"name": "archive", "description": "Put it away", "requires_confirmation": true},
        {"name": "give", "description": "Give it to another tenant",
            "parameters": [{"name": "tenant", "type": "integer"}]},
        {"name": "publish", "description": "Publish it",
            "parameters": [{"name": "on", "type": "date"}]},
    ]});
    assert_eq!(answer, expected);
    for (permissions, names) in [
        (vec!["blog.view_article"], vec![]),
        (vec!["blog.view_article", "blog.delete_article"], vec![]),
        (vec!["blog.view_article", "blog.change_article"], vec!["archive", "give"]),
        (
            vec!["blog.view_article", "blog.change_article", "blog.publish_article"],
            vec!["archive", "give", "publish"],
        ),
    ] {
        let holder = Holder::of(&permissions);
        let answer = blog.call_as(&holder, Actions, "article", json!({})).await.unwrap();
        let found: Vec<&Value> =
            answer["actions"].as_array().unwrap().iter().map(|each| &each["name"]).collect();
        assert_eq!(json!(found), json!(names));
    }
    let none = blog.call(Actions, "published", json!({})).await.unwrap();
    assert_eq!(none["count"], 0, "a view is not written");
}
