use serde_json::{Value, json};

use super::super::fixture::{Blog, Holder, arguments};
use super::*;

fn describe(blog: &Blog, permissions: &[&str], model: &str) -> Value {
    let holder = Holder::of(permissions);
    let access = holder.access(&blog.database);
    serde_json::from_str(&run(&access, model, &arguments(json!({}))).unwrap()).unwrap()
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
