use serde_json::{Value, json};

use super::super::fixture::{Blog, Holder, arguments, result_chars};
use super::*;

fn describe(blog: &Blog, permissions: &[&str], model: &str) -> Value {
    let holder = Holder::of(permissions);
    let access = holder.access(&blog.database);
    serde_json::from_str(&run(&access, model, &arguments(json!({})), false).unwrap()).unwrap()
}

fn named<'a>(list: &'a Value, name: &str) -> &'a Value {
    list.as_array().unwrap().iter().find(|each| each["name"] == name).unwrap_or(&Value::Null)
}

#[tokio::test]
async fn a_model_is_described_alike_from_both_databases() {
    let settings =
        "[models.article]\nhidden = [\"notes\"]\nwritable = [\"title\"]\norder = [\"-id\"]";
    let mut answers = Vec::new();
    for blog in Blog::both(settings).await {
        let article = describe(&blog, &["blog.*"], "article");
        let fields = &article["fields"];
        assert_eq!(named(fields, "notes"), &Value::Null);
        assert_eq!(
            named(fields, "title"),
            &json!({"name": "title", "type": "CharField",
            "verbose_name": "title", "required": true, "null": false, "max_length": 100,
            "editable": true})
        );
        assert_eq!(
            named(fields, "status")["choices"][1],
            json!({"value": "published", "label": "published"})
        );
        assert_eq!(named(fields, "id")["primary_key"], true);
        assert_eq!(named(fields, "slug")["unique"], true);
        assert_eq!(named(fields, "price")["type"], "DecimalField");
        let author = named(&article["relationships"], "author_id");
        assert_eq!(
            (&author["relation"], &author["related_model"]),
            (&json!("author"), &json!("author"))
        );
        assert_eq!(
            (&author["kind"], &author["on_delete"]),
            (&json!("ForeignKey"), &json!("CASCADE"))
        );
        assert_eq!(named(&article["relationships"], "tags")["kind"], "ManyToManyField");
        assert_eq!(article["admin_config"]["ordering"], json!(["-id"]));
        assert!(!article.to_string().contains("notes"));
        let alone = describe(&blog, &["blog.view_article"], "article");
        let author = named(&alone["relationships"], "author_id");
        assert_eq!(author.get("related_model"), None, "what may not be viewed is not named");
        assert_eq!(alone["relationships"].as_array().unwrap().len(), 2);
        let filters = article["admin_config"]["filters"].as_array().unwrap();
        let filters: Vec<_> = filters.iter().map(|filter| filter["name"].clone()).collect();
        assert_eq!(article["admin_config"]["list_filter"], json!(filters));
        let mut answer = article["admin_config"].clone();
        // SQLite does not tell sizes of whole numbers apart.
        answer["filters"] = Value::Null;
        answers.push(answer);
    }
    assert_eq!(answers[0], answers[1]);
}

/// A table of so many columns.
fn wide(columns: usize) -> String {
    let columns = (0..columns).map(|at| format!(", some_longer_name_{at:03} text"));
    format!("CREATE TABLE wide (id integer PRIMARY KEY{});", columns.collect::<String>())
}

#[tokio::test]
async fn a_wide_model_fits_and_is_told_in_parts() {
    for columns in [10, 23, 38, 300] {
        let table = wide(columns);
        let blogs = [Blog::sqlite_of(&[&table], "").await, Blog::postgres_of(&[&table], "").await];
        for blog in &blogs {
            for (max_context, is_indented) in [(10_000, false), (10_000, true), (3_000, false)] {
                let holder = Holder::of(&["*"]).with_context(max_context);
                let access = holder.access(&blog.database);
                let (mut names, mut given) = (Vec::new(), json!({}));
                loop {
                    let json = run(&access, "wide", &arguments(given.clone()), is_indented);
                    let json = json.unwrap();
                    let chars = result_chars(&json, is_indented);
                    assert!(chars <= max_context, "{columns}: {chars} of {max_context}");
                    let page: Value = serde_json::from_str(&json).unwrap();
                    let is_whole = page["admin_config"].get("filters").is_some();
                    assert_eq!(is_whole, columns == 10 && max_context == 10_000);
                    if given == json!({}) && !is_whole {
                        let note = page["_left_out"].as_str().unwrap();
                        assert!(note.starts_with("admin_config"), "{page}");
                    }
                    let fields = page["fields"].as_array().unwrap().iter();
                    names.extend(fields.map(|field| field["name"].to_string()));
                    match page.get("next_cursor") {
                        Some(next) => given["cursor"] = next.clone(),
                        None => break,
                    }
                }
                assert_eq!(names.len(), columns + 1);
                names.dedup();
                assert_eq!(names.len(), columns + 1, "each once");
            }
        }
    }
}

#[tokio::test]
async fn some_fields_may_be_asked_for() {
    let blog = Blog::sqlite("[models.article]\nhidden = [\"notes\"]").await;
    let holder = Holder::of(&["blog.*"]);
    let access = holder.access(&blog.database);
    let ask = |given: Value| run(&access, "article", &arguments(given), false);
    let some = ask(json!({"fields": ["title", "author"]})).unwrap();
    let some: Value = serde_json::from_str(&some).unwrap();
    assert_eq!(some["fields"].as_array().unwrap().len(), 1);
    assert_eq!(some["fields"][0]["name"], "title");
    assert_eq!(some["relationships"][0]["name"], "author_id", "by the relation's name");
    assert_eq!(some.get("admin_config"), None);
    for name in ["notes", "nothing"] {
        let failure = ask(json!({"fields": ["title", name]})).unwrap_err();
        let expected = format!("Invalid fields — unknown fields: '{name}'");
        assert_eq!(failure.text(), expected, "what is hidden is unknown");
    }
    assert!(ask(json!({"cursor": "x"})).unwrap_err().text().contains("cursor"));
}
