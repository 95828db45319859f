use serde_json::{Value, json};

use super::super::fixture::{Blog, Holder, arguments};
use super::*;

#[tokio::test]
async fn models_that_may_be_viewed_are_found() {
    let blog = Blog::sqlite("").await;
    let find = |permissions: &[&str], query: &str| -> Value {
        let holder = Holder::of(permissions);
        let access = holder.access(&blog.database);
        serde_json::from_str(&run(&access, &arguments(json!({"query": query}))).unwrap()).unwrap()
    };
    let some = find(&["blog.view_article", "blog.add_tag"], "");
    assert_eq!(some["count"], 1);
    let model = &some["models"][0];
    assert_eq!((&model["model_name"], &model["app_label"]), (&json!("article"), &json!("blog")));
    assert_eq!(
        (&model["verbose_name_plural"], &model["tools_exposed"]),
        (&json!("articles"), &json!(true))
    );
    assert_eq!(model["operations"].as_array().unwrap().len(), 7, "view only: seven tools");
    assert_eq!(find(&["blog.*"], "")["count"], 6);
    assert_eq!(find(&["blog.*"], "TAG")["models"][0]["model_name"], "tag");
    assert_eq!(find(&["*.view_*"], "token")["count"], 0);
}
