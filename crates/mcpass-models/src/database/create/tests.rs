use serde_json::{Value, json};

use super::super::access::Operation::{Create, Get, Update};
use super::super::fixture::{Blog, Holder, result_chars};
use super::super::history::ChangeKind;

fn faults(body: &Value) -> Vec<(String, String)> {
    assert_eq!(body["error"], "Validation failed", "{body}");
    assert_eq!(body["code"], "validation_error");
    let errors = &body["validation_errors"];
    let list = errors["errors"].as_array().unwrap();
    assert_eq!(errors["error_count"], list.len());
    let named: Vec<&Value> = list.iter().map(|error| &error["field"]).collect();
    assert_eq!(errors["fields_with_errors"], json!(named));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    list.iter().map(|error| (text(&error["field"]), text(&error["messages"][0]))).collect()
}

#[tokio::test]
async fn a_row_is_created_and_given_back() {
    for blog in Blog::both("").await {
        let data = json!({
            "title": "New", "slug": "new", "author": 2, "editor_id": null, "price": "12.5",
            "rating": 4.25, "featured": true, "published_on": "2026-04-05",
            "created_at": "2026-04-05T06:07:08+02:00", "settings": {"b": [true, null]},
            "cover": "AAEC", "tags": [4, 1, 4],
        });
        let answer = blog.call(Create, "article", json!({"data": data})).await.unwrap();
        let id = answer["id"].clone();
        let expected = json!({
            "id": id, "title": "New", "slug": "new", "body": "", "status": "draft",
            "author_id": 2, "editor_id": null, "price": "12.50", "rating": 4.25, "views": 0,
            "featured": true, "published_on": "2026-04-05", "created_at": "2026-04-05T04:07:08Z",
            "settings": {"b": [true, null]}, "cover": "AAEC", "notes": null, "tenant": 1,
            "owner": "ana", "tags": [1, 4],
        });
        let success = json!({"success": true, "id": id, "object": expected, "inlines": null});
        assert_eq!(answer, success);
        assert_eq!(blog.row("article", id.clone()).await, expected);
        let changes = blog.memory.changes();
        let [change] = changes.as_slice() else { panic!("{changes:?}") };
        assert_eq!((change.kind, &*change.via), (ChangeKind::Created, "create"));
        assert_eq!((&*change.user, &*change.token), ("ana", "laptop"));
        assert_eq!((&*change.token_id, &*change.request), ("tok_laptop", "req_1"));
        assert_eq!((&change.object_id, &*change.object), (&id.to_string(), "New"));
        assert!(change.before.is_none());
        let after: Value = serde_json::from_str(change.after.as_ref().unwrap()).unwrap();
        assert_eq!((&after["title"], &after["tags"]), (&json!("New"), &json!([1, 4])));
    }
}

#[tokio::test]
async fn what_is_wrong_is_said_of_each_field() {
    let required = "This field is required.";
    let choice = "Select a valid choice. That choice is not one of the available choices.";
    for blog in Blog::both("").await {
        let before = blog.dump_all().await;
        let cases = [
            (json!({}), vec![("title", required), ("slug", required), ("author_id", required)]),
            (json!({"title": null}), vec![("title", "This field cannot be null.")]),
            (json!({"title": "x".repeat(101)}), vec![("title", "Ensure this value has at most")]),
            (json!({"title": 7}), vec![("title", "Enter a string")]),
            (json!({"views": true}), vec![("views", "Enter a whole number.")]),
            (json!({"featured": 1}), vec![("featured", "Enter true or false.")]),
            (json!({"status": "sold"}), vec![("status", "\"sold\" is not a valid choice.")]),
            (json!({"author": 99}), vec![("author_id", choice)]),
            (
                json!({"author_id": 99, "editor": 98}),
                vec![("author_id", choice), ("editor_id", choice)],
            ),
            (json!({"author": 1, "author_id": 1}), vec![("author_id", "Give it once")]),
            (json!({"tags": [1, 77]}), vec![("tags", "Select a valid choice. 77 is not one")]),
            (json!({"tags": 1}), vec![("tags", "Enter a list of values.")]),
            (json!({"price": "1.234"}), vec![("price", "Ensure that there are no more than 2")]),
            (json!({"published_on": "soon"}), vec![("published_on", "Enter a valid date")]),
            (json!({"slug": "first"}), vec![("slug", "Article with this Slug already exists.")]),
        ];
        for (given, expected) in cases {
            let mut data = json!({"title": "T", "slug": "t", "author": 1});
            if given == json!({}) {
                data = json!({});
            }
            let more = given.as_object().unwrap().clone();
            let fields = data.as_object_mut().unwrap();
            if more.contains_key("author_id") && !more.contains_key("author") {
                fields.remove("author");
            }
            fields.extend(more);
            let body = blog.call(Create, "article", json!({"data": data})).await.unwrap_err();
            let found = faults(&body);
            assert_eq!(found.len(), expected.len(), "{given}: {found:?}");
            for ((field, message), (name, part)) in found.iter().zip(expected) {
                assert!(field == name && message.starts_with(part), "{given}: {field} {message}");
            }
        }
        let body =
            blog.call(Create, "score", json!({"data": {"article": 2, "critic": "x", "stars": 9}}));
        let found = faults(&body.await.unwrap_err());
        assert!(found[0].0 == "stars" && found[0].1.contains("is violated"), "{found:?}");
        assert_eq!(blog.dump_all().await, before, "nothing was written");
        assert!(blog.memory.calls().is_empty());
    }
}

#[tokio::test]
async fn names_that_cannot_be_written_are_refused_as_agents_know_it() {
    let settings = "[models.article]\nhidden = [\"notes\"]\nredacted = [\"owner\"]\n\
                    writable = [\"title\", \"slug\", \"author\", \"notes\", \"owner\"]\n\
                    [models.diary]\nname = \"diary\"";
    for blog in [
        Blog::sqlite(&settings.replace("[models.diary]\nname = \"diary\"", "")).await,
        Blog::postgres(settings).await,
    ] {
        for (name, body) in [
            ("nope", json!({"error": "Invalid field: nope", "invalid_fields": ["nope"]})),
            ("id", json!({"error": "Invalid field: id", "invalid_fields": ["id"]})),
            ("notes", json!({"error": "Invalid field: notes", "invalid_fields": ["notes"]})),
            (
                "owner",
                json!({"error": "Cannot set readonly fields: owner", "readonly_fields": ["owner"]}),
            ),
            (
                "body",
                json!({"error": "Cannot set readonly fields: body", "readonly_fields": ["body"]}),
            ),
            (
                "tags",
                json!({"error": "Cannot set readonly fields: tags", "readonly_fields": ["tags"]}),
            ),
        ] {
            let value = if name == "tags" { json!([1]) } else { json!("x") };
            let data = json!({"title": "T", "slug": "t", "author": 1, name: value});
            let answer = blog.call(Create, "article", json!({"data": data})).await;
            assert_eq!(answer.unwrap_err(), body);
        }
    }
    let blog = Blog::postgres("").await;
    let data = json!({"day": "2026-05-05", "mood": "calm", "length": 5,
        "id": "6c9d4b1e-0f6b-4c5a-9d5e-333333333333"});
    let body = blog.call(Create, "diary", json!({"data": data})).await.unwrap_err();
    assert_eq!(body["readonly_fields"], json!(["length"]), "{body}");
}

#[tokio::test]
async fn arguments_are_asked_for() {
    let blog = Blog::sqlite("").await;
    for (given, text) in [
        (json!({}), "Validation failed"),
        (json!({"data": null}), "Validation failed"),
        (json!({"data": [1]}), "data must be an object"),
        (json!({"data": {}, "inlines": 1}), "inlines must be an object"),
        (json!({"data": {}, "id": 1}), "Unknown argument 'id'."),
    ] {
        let body = blog.call(Create, "article", given).await.unwrap_err();
        assert!(body["error"].as_str().unwrap().starts_with(text), "{body}");
    }
    let body = blog.call(Create, "published", json!({"data": {}})).await.unwrap_err();
    let view = json!({"error": "published cannot be written: it is a view", "code": "read_only"});
    assert_eq!(body, view);
}

#[tokio::test]
async fn defaults_of_the_operator_fill_what_is_not_said() {
    let settings = "[models.article]\nwhere = \"owner = :user\"\nwritable = [\"title\", \"slug\"]\n\
                    version = \"views\"\n\
                    [models.article.defaults]\nowner = \":user\"\nauthor = 2\n\
                    published_on = \":now\"\nnotes = \"::plain\"";
    for blog in Blog::both(settings).await {
        let ben = Holder::of(&["blog.*"]).named("ben");
        let given = json!({"data": {"title": "By Ben", "slug": "by-ben"}});
        let answer = blog.call_as(&ben, Create, "article", given).await.unwrap();
        let object = &answer["object"];
        assert_eq!((&object["owner"], &object["author_id"]), (&json!("ben"), &json!(2)));
        assert_eq!(
            (&object["published_on"], &object["notes"]),
            (&json!("2026-11-21"), &json!(":plain"))
        );
    }
}

#[tokio::test]
async fn who_may_not_see_rows_gets_back_what_they_gave() {
    let blog = Blog::sqlite("").await;
    let writer = Holder::of(&["blog.add_article"]);
    let given = json!({"data": {"title": "Blind", "slug": "blind", "author": 1}});
    let answer = blog.call_as(&writer, Create, "article", given).await.unwrap();
    let object = json!({"title": "Blind", "slug": "blind", "author_id": 1});
    assert_eq!(answer["object"], object);
    let body = blog.call_as(&writer, Get, "article", json!({"id": answer["id"]})).await;
    assert_eq!(body.unwrap_err()["code"], "permission_denied");
}

#[tokio::test]
async fn results_fit_whatever_was_written() {
    let blog = Blog::sqlite("").await;
    let body = "long \"text\"\n".repeat(500);
    for (at, max) in [1_800, 2_500, 5_000, 20_000].into_iter().enumerate() {
        let holder = Holder::of(&["blog.*"]).with_context(max);
        let children: Vec<Value> =
            (0..60).map(|n| json!({"data": {"body": format!("c{n}")}})).collect();
        let given = json!({
            "data": {"title": "Long", "slug": format!("long-{at}"), "author": 1, "body": body},
            "inlines": {"comment": children},
        });
        let answer = blog.call_as(&holder, Create, "article", given).await.unwrap();
        assert!(result_chars(&answer.to_string(), true) <= max, "{max}: {answer}");
        let id = answer["id"].clone();
        assert_eq!(blog.row("article", id).await["body"], body, "all of it is written");
    }
}

#[tokio::test]
async fn a_key_is_given_to_a_new_row_whatever_else_is_writable() {
    let table = "CREATE TABLE document (id uuid PRIMARY KEY, title text NOT NULL, digest text);";
    let settings = "[models.document]\nwritable = [\"title\"]";
    let id = "0b9c7a52-3f5c-4f1d-9d5e-0d8f3c1a2b4e";
    let blogs =
        [Blog::sqlite_of(&[table], settings).await, Blog::postgres_of(&[table], settings).await];
    for blog in blogs {
        let data = json!({"id": id, "title": "a"});
        let answer = blog.call(Create, "document", json!({"data": data})).await.unwrap();
        assert_eq!(answer["object"]["title"], "a");
        let data =
            json!({"id": "1b9c7a52-3f5c-4f1d-9d5e-0d8f3c1a2b4e", "title": "b", "digest": "x"});
        let text = blog.call(Create, "document", json!({"data": data})).await.unwrap_err();
        assert!(text["error"].as_str().unwrap().contains("digest"), "{text}");
        for data in [json!({"id": "1b9c7a52-3f5c-4f1d-9d5e-0d8f3c1a2b4e"}), json!({"digest": "x"})]
        {
            let given = json!({"id": id, "data": data});
            assert!(blog.call(Update, "document", given).await.is_err(), "{data}");
        }
    }
}

#[tokio::test]
async fn what_was_written_is_no_error_however_little_may_be_read() {
    for blog in Blog::both("").await {
        for (nth, max_context) in [450, 600, 800, 1_000, 1_500, 3_000].into_iter().enumerate() {
            let holder = Holder::of(&["blog.*"]).with_context(max_context);
            let body = "long ".repeat(1_000);
            let data =
                json!({"title": "New", "slug": format!("n-{nth}"), "author": 1, "body": body});
            let answer = blog.call_as(&holder, Create, "article", json!({"data": data})).await;
            let answer = answer.unwrap();
            let chars = result_chars(&answer.to_string(), true);
            assert!(chars <= max_context, "{chars} of {max_context}: {answer}");
            assert!(answer["success"] == true && answer["id"].is_number());
            let given = json!({"id": answer["id"], "data": {"title": "Newer"}});
            let answer = blog.call_as(&holder, Update, "article", given).await.unwrap();
            let chars = result_chars(&answer.to_string(), true);
            assert!(chars <= max_context, "{chars} of {max_context}: {answer}");
        }
    }
}
