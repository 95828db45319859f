use serde_json::{Value, json};

use super::super::fixture::{Blog, Holder, arguments, result_chars};
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

/// Tables of which nothing is special.
fn many(count: usize) -> String {
    let table =
        |at| format!("CREATE TABLE stock_item_{at:02} (id integer PRIMARY KEY, name text);");
    (0..count).map(table).collect()
}

#[tokio::test]
async fn many_models_fit_and_are_found_once() {
    let tables = many(200);
    let blogs = [Blog::sqlite_of(&[&tables], "").await, Blog::postgres_of(&[&tables], "").await];
    for (blog, max_context) in blogs.iter().flat_map(|blog| [(blog, 10_000), (blog, 2_000)]) {
        let holder = Holder::of(&["*"]).with_context(max_context);
        let access = holder.access(&blog.database);
        let (mut names, mut given) = (Vec::new(), json!({}));
        loop {
            let json = run(&access, &arguments(given.clone())).unwrap();
            let chars = result_chars(&json, false);
            assert!(chars <= max_context, "{chars} of {max_context}");
            let page: Value = serde_json::from_str(&json).unwrap();
            assert_eq!(page["total_count"], 200);
            let models = page["models"].as_array().unwrap();
            let is_short = page["operations"].as_array().is_some_and(|all| all.len() == 12);
            assert_ne!(is_short, models[0]["operations"].is_array(), "told once: {page}");
            assert_eq!(page["count"], models.len());
            names.extend(models.iter().map(|model| model["model_name"].to_string()));
            match page.get("next_cursor") {
                Some(next) => given["cursor"] = next.clone(),
                None => break,
            }
        }
        assert_eq!(names.len(), 200);
        names.dedup();
        assert_eq!(names.len(), 200, "each once");
    }
}

#[tokio::test]
async fn models_may_be_asked_for_a_few_at_a_time() {
    let blog = Blog::sqlite("").await;
    let holder = Holder::of(&["blog.*"]);
    let access = holder.access(&blog.database);
    let find = |given: Value| run(&access, &arguments(given));
    let page: Value = serde_json::from_str(&find(json!({"limit": 2})).unwrap()).unwrap();
    assert_eq!((&page["count"], &page["total_count"]), (&json!(2), &json!(6)));
    assert_eq!(page["models"][0]["verbose_name_plural"], "articles", "what fits is whole");
    let next = json!({"cursor": page["next_cursor"], "query": "o"});
    let rest: Value = serde_json::from_str(&find(next).unwrap()).unwrap();
    let last = page["models"][1]["model_name"].as_str().unwrap();
    let later = rest["models"].as_array().unwrap();
    assert!(later.iter().all(|model| model["model_name"].as_str().unwrap() > last));
    assert!(!later.is_empty() && rest.get("next_cursor").is_none());
    let tiny = Holder::of(&["blog.*"]).with_context(600);
    let failure = run(&tiny.access(&blog.database), &arguments(json!({}))).unwrap_err();
    assert!(failure.text().contains("max_context"), "{}", failure.text());
}
