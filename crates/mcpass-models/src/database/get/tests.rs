use serde_json::{Value, json};

use super::super::fixture::{Blog, Holder, arguments, result_chars};
use super::*;

async fn get_as(blog: &Blog, holder: &Holder, model: &str, given: Value) -> Result<Value, String> {
    let given = arguments(given);
    let answer = run(&blog.database, &holder.access(&blog.database), model, &given).await;
    answer.map(|json| serde_json::from_str(&json).unwrap()).map_err(|e| e.text().to_owned())
}

#[tokio::test]
async fn one_row_by_its_key() {
    for blog in Blog::both("").await {
        let all = Holder::of(&["blog.*"]);
        let row = get_as(&blog, &all, "article", json!({"id": 1})).await.unwrap();
        assert_eq!((&row["title"], &row["tags"]), (&json!("First"), &json!([1, 2])));
        assert!(row.get("_related").is_none() && row.get("_inlines").is_none());
        let row = get_as(&blog, &all, "article", json!({"id": "1", "fields": ["slug"]})).await;
        assert_eq!(row.unwrap(), json!({"slug": "first"}));
        let key = json!({"id": {"article_id": 1, "critic": "kim"}});
        let score = get_as(&blog, &all, "score", key).await.unwrap();
        assert_eq!(score, json!({"article_id": 1, "critic": "kim", "stars": 5}));
        let author = get_as(&blog, &all, "author", json!({"id": 1})).await.unwrap();
        assert_eq!(author["password"], "***REDACTED***");
    }
}

#[tokio::test]
async fn refusals_are_those_that_agents_know() {
    for blog in Blog::both("[models.article]\nwhere = \"tenant = 1\"").await {
        let all = Holder::of(&["blog.*"]);
        for (model, given, text) in [
            ("article", json!({}), "id parameter is required"),
            ("article", json!({"id": null}), "id parameter is required"),
            ("article", json!({"id": 99}), "article not found"),
            ("article", json!({"id": 4}), "article not found"),
            (
                "article",
                json!({"id": true}),
                "Invalid id for article: Enter a whole number. Got true.",
            ),
            (
                "article",
                json!({"id": "1 OR 1=1"}),
                "Invalid id for article: Enter a whole number. Got \"1 OR 1=1\".",
            ),
            (
                "score",
                json!({"id": 1}),
                "Invalid id for score: give an object of article_id, critic",
            ),
            (
                "published",
                json!({"id": 1}),
                "Invalid id for published: it has no primary key, so its rows cannot be named",
            ),
            (
                "article",
                json!({"id": 1, "include_related": 1}),
                "include_related must be true or false",
            ),
        ] {
            assert_eq!(get_as(&blog, &all, model, given).await.unwrap_err(), text);
        }
        let none = Holder::of(&["blog.add_article"]);
        let denied = get_as(&blog, &none, "article", json!({"id": 1})).await.unwrap_err();
        assert_eq!(denied, "Permission denied: cannot view article");
    }
}

#[tokio::test]
async fn what_belongs_to_a_row_comes_with_it() {
    for blog in Blog::both("").await {
        let all = Holder::of(&["blog.*"]);
        let given = json!({"id": 1, "include_related": true, "include_inlines": true});
        let before = blog.database.engine.statements();
        let row = get_as(&blog, &all, "article", given.clone()).await.unwrap();
        assert_eq!(row["_related"]["author"]["name"], "Ana");
        assert_eq!(row["_related"]["comment_set"].as_array().unwrap().len(), 2);
        assert_eq!(row["_related"]["tags"][1]["name"], "sql");
        assert_eq!(row["_inlines"]["score"][0]["critic"], "kim");
        assert_eq!(row["_inlines"]["comment"][1]["body"], "spam");
        assert!(row.get("_more").is_none());
        let cost = blog.database.engine.statements() - before;
        blog.add_comments(1, 12).await;
        let before = blog.database.engine.statements();
        let row = get_as(&blog, &all, "article", given.clone()).await.unwrap();
        assert_eq!(row["_related"]["comment_set"].as_array().unwrap().len(), 10);
        assert_eq!(row["_inlines"]["comment"].as_array().unwrap().len(), 14);
        assert_eq!(row["_more"], json!(["comment_set"]), "a cut is said");
        assert_eq!(blog.database.engine.statements() - before, cost);
        let some = Holder::of(&["blog.view_article", "blog.view_tag"]);
        let row = get_as(&blog, &some, "article", given).await.unwrap();
        let names: Vec<_> = row["_related"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(names, ["tags"], "only what may be viewed");
    }
}

#[tokio::test]
async fn long_texts_can_be_read_to_their_end() {
    for blog in Blog::both("").await {
        let body = "äö\"\n\\ ".repeat(4_000);
        blog.set_body(1, &body).await;
        let max_context = 5_000;
        let holder = Holder::of(&["blog.*"]).with_context(max_context);
        let row = get_as(&blog, &holder, "article", json!({"id": 1})).await.unwrap();
        assert!(row["body"].as_str().unwrap().ends_with('…'));
        let mut text = row["body"].as_str().unwrap().trim_end_matches('…').to_owned();
        let mut next = row["_shortened"]["body"]["next_offset"].clone();
        while !next.is_null() {
            let given = arguments(json!({"id": 1, "fields": ["body"], "text_offset": next}));
            let access = holder.access(&blog.database);
            let part = run(&blog.database, &access, "article", &given).await.unwrap();
            assert!(result_chars(&part, true) <= max_context);
            let part: Value = serde_json::from_str(&part).unwrap();
            text.push_str(part["body"].as_str().unwrap());
            next = part["_shortened"]["body"]["next_offset"].clone();
        }
        assert_eq!(text, body);
        for fields in [json!(["body", "title"]), json!(["tags"]), Value::Null] {
            let given = json!({"id": 1, "fields": fields, "text_offset": 5});
            let text = get_as(&blog, &holder, "article", given).await.unwrap_err();
            assert!(text.contains("one field"), "{text}");
        }
        let secret = json!({"id": 1, "fields": ["password"], "text_offset": 0});
        assert!(get_as(&blog, &holder, "author", secret).await.is_err());
    }
}

/// Reads a field part by part, from the beginning that a row shows.
async fn joined(blog: &Blog, holder: &Holder, field: &str, row: &Value) -> String {
    let mut text = row[field].as_str().unwrap().trim_end_matches('…').to_owned();
    let mut next = row["_shortened"][field]["next_offset"].clone();
    assert!(next.is_number(), "{row}");
    while !next.is_null() {
        let given = arguments(json!({"id": 1, "fields": [field], "text_offset": next}));
        let access = holder.access(&blog.database);
        let part = run(&blog.database, &access, "article", &given).await.unwrap();
        assert!(holder.caller().max_context >= result_chars(&part, true));
        let part: Value = serde_json::from_str(&part).unwrap();
        text.push_str(part[field].as_str().unwrap());
        next = part["_shortened"][field]["next_offset"].clone();
    }
    text
}

#[tokio::test]
async fn long_json_bytes_and_links_are_shortened_too() {
    for blog in Blog::both("").await {
        let settings = json!({"words": (0..3_000).map(|n| format!("\"{n}\"")).collect::<Vec<_>>()});
        let bytes = match blog.database.engine.dialect() {
            crate::database::sql::Dialect::Postgres => {
                "decode(repeat('00ff10', 9000), 'hex')".to_owned()
            }
            crate::database::sql::Dialect::Sqlite => format!("x'{}'", "00ff10".repeat(9_000)),
        };
        let text = settings.to_string();
        blog.execute(format!(
            "UPDATE article SET settings = '{text}', cover = {bytes} WHERE id = 1"
        ))
        .await;
        let many =
            "WITH RECURSIVE n(i) AS (SELECT 1001 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) ";
        blog.execute(format!("{many} INSERT INTO tag (id, name) SELECT i, 'tag ' || i FROM n"))
            .await;
        blog.execute(format!(
            "{many} INSERT INTO article_tags (article_id, tag_id) SELECT 1, i FROM n"
        ))
        .await;
        let holder = Holder::of(&["blog.*"]).with_context(10_000);
        let row = get_as(&blog, &holder, "article", json!({"id": 1})).await.unwrap();
        let read: Value =
            serde_json::from_str(&joined(&blog, &holder, "settings", &row).await).unwrap();
        assert_eq!(read, settings);
        assert_eq!(joined(&blog, &holder, "cover", &row).await, "AP8Q".repeat(9_000));
        let tags = &row["_shortened"]["tags"];
        assert_eq!(tags["count"], 1_502);
        assert_eq!(tags["shown"], row["tags"].as_array().unwrap().len());
        // One such row is no reason to fail for all of them.
        let access = holder.access(&blog.database);
        let none = Map::new();
        let list = crate::database::list::run(&blog.database, &access, "article", &none).await;
        let list = list.unwrap();
        assert!(result_chars(&list, true) <= 10_000);
        let list: Value = serde_json::from_str(&list).unwrap();
        assert!(list["count"].as_u64().unwrap() > 0 && list.to_string().contains("next_offset"));
    }
}

#[tokio::test]
async fn a_row_that_has_no_room_is_named_in_a_list() {
    let columns: Vec<_> =
        (0..300).map(|at| format!(", c{at} text DEFAULT 'words words'")).collect();
    let columns = columns.concat();
    let table = format!("CREATE TABLE wide (id integer PRIMARY KEY{columns});");
    let rows = "INSERT INTO wide (id) VALUES (1), (2);";
    let blogs =
        [Blog::sqlite_of(&[&table, rows], "").await, Blog::postgres_of(&[&table, rows], "").await];
    for blog in blogs {
        let holder = Holder::of(&["*"]).with_context(5_000);
        let (mut ids, mut given) = (Vec::new(), json!({}));
        loop {
            let access = holder.access(&blog.database);
            let page = arguments(given.clone());
            let page = crate::database::list::run(&blog.database, &access, "wide", &page).await;
            let page: Value = serde_json::from_str(&page.unwrap()).unwrap();
            for row in page["results"].as_array().unwrap() {
                assert!(row["_left_out"].as_str().unwrap().contains("fields"), "{row}");
                ids.push(row["id"].clone());
            }
            match page.get("next_cursor") {
                Some(next) => given["cursor"] = next.clone(),
                None => break,
            }
        }
        assert_eq!(ids, [json!(1), json!(2)]);
    }
}
