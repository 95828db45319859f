use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::super::access::Operation;
use super::super::fixture::{Blog, Holder, arguments, result_chars};
use super::*;

async fn list_as(blog: &Blog, holder: &Holder, model: &str, given: Value) -> Result<Value, String> {
    let given = arguments(given);
    let access = holder.access(&blog.database);
    let answer = run(&blog.database, &access, model, &given).await;
    answer.map(|json| serde_json::from_str(&json).unwrap()).map_err(|e| e.text().to_owned())
}

async fn list(blog: &Blog, given: Value) -> Value {
    let holder = Holder::of(&["blog.*"]);
    list_as(blog, &holder, "article", given).await.unwrap()
}

async fn refusal(blog: &Blog, given: Value) -> String {
    list_as(blog, &Holder::of(&["blog.*"]), "article", given).await.unwrap_err()
}

fn ids(answer: &Value) -> Vec<i64> {
    let results = answer["results"].as_array().unwrap().iter();
    results.map(|row| row["id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn rows_have_the_forms_that_agents_know() {
    for blog in Blog::both("").await {
        let answer = list(&blog, json!({"filters": {"id__in": [1, 3]}})).await;
        assert_eq!((&answer["count"], &answer["total_count"]), (&json!(2), &json!(2)));
        let first = &answer["results"][0];
        let expected = json!({
            "id": 1, "title": "First", "slug": "first", "body": "hello world",
            "status": "published", "author_id": 1, "editor_id": 2, "price": "10.50",
            "rating": 4.5, "views": 10, "featured": true, "published_on": "2026-01-10",
            "created_at": "2026-01-10T08:30:00.250000Z", "settings": {"a": [1, 2]},
            "cover": null, "notes": null, "tenant": 1, "owner": "ana", "tags": [1, 2],
        });
        assert_eq!(*first, expected);
        // More than a double holds.
        assert_eq!(answer["results"][1]["views"], "9007199254740993");
        assert_eq!(answer["results"][1]["settings"], Value::Null);
    }
}

#[tokio::test]
async fn fields_come_in_the_order_of_the_table() {
    let blog = Blog::sqlite("").await;
    let holder = Holder::of(&["blog.view_article"]);
    let given = arguments(json!({"limit": 1, "fields": ["tags", "status", "title", "id"]}));
    let answer = run(&blog.database, &holder.access(&blog.database), "article", &given).await;
    let row = r#"[{"id":1,"title":"First","status":"published","tags":[1,2]}]"#;
    assert!(answer.unwrap().contains(row));
}

#[tokio::test]
async fn every_lookup_finds_what_it_says() {
    let cases = [
        (json!({"status": "draft"}), vec![2]),
        (json!({"status__exact": "draft"}), vec![2]),
        (json!({"title__iexact": "FIRST"}), vec![1]),
        (json!({"body__contains": "hello"}), vec![1]),
        (json!({"body__icontains": "HELLO"}), vec![1, 2]),
        (json!({"title__contains": "100%"}), vec![3]),
        (json!({"body__icontains": "% and _"}), vec![3]),
        (json!({"title__icontains": "_"}), vec![]),
        (json!({"title__startswith": "F"}), vec![1, 4]),
        (json!({"title__startswith": "f"}), vec![]),
        (json!({"title__istartswith": "f"}), vec![1, 4]),
        (json!({"title__endswith": "st"}), vec![1]),
        (json!({"title__endswith": ""}), vec![1, 2, 3, 4]),
        (json!({"title__iendswith": "D"}), vec![2]),
        (json!({"views__gt": 7}), vec![1, 3]),
        (json!({"views__gte": "9007199254740993"}), vec![3]),
        (json!({"price__lt": "1.11"}), vec![2, 4]),
        (json!({"price__lte": 1.1}), vec![2, 4]),
        (json!({"price": "10.5"}), vec![1]),
        (json!({"rating__range": [1, 3]}), vec![3, 4]),
        (json!({"rating__isnull": true}), vec![2]),
        (json!({"rating": null}), vec![2]),
        (json!({"notes__isnull": false}), vec![2, 3]),
        (json!({"id__in": [4, "1", 99]}), vec![1, 4]),
        (json!({"id__in": []}), vec![]),
        (json!({"pk": 2}), vec![2]),
        (json!({"featured": true}), vec![1, 4]),
        (json!({"published_on__year": 2026}), vec![1, 4]),
        (json!({"published_on__month__gte": 3}), vec![3, 4]),
        (json!({"published_on__gt": "2026-01-10"}), vec![4]),
        (json!({"created_at__date": "2026-03-01"}), vec![4]),
        (json!({"created_at__day__in": [10, 11]}), vec![1, 2]),
        (json!({"created_at__hour": 9}), vec![2]),
        (json!({"created_at__gte": "2026-02-12T11:00:00+01:00"}), vec![3, 4]),
        (json!({"created_at": "2026-01-10T08:30:00.25Z"}), vec![1]),
        (json!({"author": 1}), vec![1, 2]),
        (json!({"author_id__in": [2, 3]}), vec![3, 4]),
        (json!({"author__name": "O'Hara"}), vec![4]),
        (json!({"author__name__istartswith": "b"}), vec![3]),
        (json!({"editor__isnull": true}), vec![2]),
        (json!({"tags": 2}), vec![1, 4]),
        (json!({"tags__name__in": ["rust", "100%"]}), vec![1, 3]),
        (json!({"comment__is_public": false}), vec![1]),
        (json!({"comment__author__name": "Ana"}), vec![4]),
        (json!({"score__stars__gte": 3}), vec![1]),
        (json!({"not": {"comment__is_public": true}}), vec![2, 3]),
        (json!({"not": {"rating__gt": 2}}), vec![2, 3]),
        (json!({"or": [{"id": 1}, {"status": "draft"}]}), vec![1, 2]),
        (json!({"or": []}), vec![]),
        (json!({"and": [{"featured": true}, {"not": {"id": 1}}]}), vec![4]),
        (json!({"status": "published", "tenant": 2}), vec![4]),
    ];
    for blog in Blog::both("").await {
        for (filters, expected) in &cases {
            let answer = list(&blog, json!({"filters": filters})).await;
            assert_eq!(ids(&answer), *expected, "{filters}");
            assert_eq!(answer["total_count"], expected.len(), "{filters}");
        }
    }
}

#[tokio::test]
async fn faulty_filters_are_said_all_at_once() {
    for blog in Blog::both("").await {
        let filters = json!({"nope": 1, "views": true, "title__like": "x", "published_on": "soon"});
        let text = refusal(&blog, json!({"filters": filters})).await;
        assert!(text.starts_with("Invalid filters — 'nope': unknown field 'nope'"));
        for part in
            ["'published_on': Enter a valid date", "'title__like': unsupported", "'views': Enter"]
        {
            assert!(text.contains(part), "{text}");
        }
        for (filters, part) in [
            (json!({"title__year": 1}), "no such part"),
            (json!({"settings": {"a": 1}}), "'settings': its values have no order"),
            (json!({"id__in": 1}), "needs a list"),
            (json!({"id__range": [1]}), "two values"),
            (json!({"rating__gt": null}), "isnull"),
            (json!({"rating__isnull": 1}), "true or false"),
            (json!({"score": 1}), "name a field"),
            (json!({"or": {"id": 1}}), "list of filters"),
            (json!({"not": [1]}), "object of filters"),
            (json!({"author__password": "unset"}), "unknown field 'password'"),
            (
                json!({"author__article_author_set__author__article_author_set__author__name": "x"}),
                "unknown",
            ),
        ] {
            let text = refusal(&blog, json!({ "filters": filters })).await;
            assert!(text.contains(part), "{filters}: {text}");
        }
    }
}

#[tokio::test]
async fn searches_look_into_texts_for_every_word() {
    for blog in Blog::both("[models.comment]\nsearch = []").await {
        for (search, expected) in [
            ("hello", vec![1, 2]),
            ("HELLO first", vec![1]),
            ("100%", vec![3]),
            ("%", vec![3]),
            ("' \"", vec![4]),
            ("nowhere", vec![]),
            ("  ", vec![1, 2, 3, 4]),
        ] {
            assert_eq!(ids(&list(&blog, json!({"search": search})).await), expected, "{search}");
        }
        let all = Holder::of(&["blog.*"]);
        let nothing = list_as(&blog, &all, "comment", json!({"search": "x"})).await;
        assert!(nothing.unwrap_err().contains("no fields to search"));
    }
}

#[tokio::test]
async fn arguments_are_strict() {
    let blog = Blog::sqlite("").await;
    for (given, text) in [
        (json!({"limit": true}), "limit must be a non-negative integer"),
        (json!({"limit": -1}), "limit must be a non-negative integer"),
        (json!({"limit": 1.5}), "limit must be a non-negative integer"),
        (json!({"offset": "1"}), "offset must be a non-negative integer"),
        (json!({"offset": 1e30}), "offset must be a non-negative integer"),
        (json!({"filters": []}), "filters must be an object"),
        (json!({"search": 1}), "search must be a string"),
        (json!({"order_by": ["nope", "-id"]}), "Invalid order_by — unknown fields: 'nope'"),
        (
            json!({"order_by": ["settings"]}),
            "Invalid order_by — fields whose values have no order: 'settings'",
        ),
        (json!({"fields": ["nope"]}), "Invalid fields — unknown fields: 'nope'"),
        (json!({"cursor": "abc"}), "cursor is none that a list gave; begin again without it"),
        (
            json!({"limits": 1}),
            "Unknown argument 'limits'. Known are: limit, offset, cursor, \
            filters, search, order_by, fields, with_total, aggregate.",
        ),
    ] {
        assert_eq!(refusal(&blog, given.clone()).await, text, "{given}");
    }
}

#[tokio::test]
async fn limits_offsets_and_totals() {
    for blog in Blog::both("max_rows = 3").await {
        assert_eq!(ids(&list(&blog, json!({"limit": 2, "offset": 1})).await), [2, 3]);
        let capped = list(&blog, json!({"limit": 1000})).await;
        assert_eq!((ids(&capped).len(), &capped["total_count"]), (3, &json!(4)));
        let none = list(&blog, json!({"limit": 0, "with_total": false})).await;
        assert_eq!(none, json!({"count": 0, "results": []}));
        let uncounted = list(&blog, json!({"limit": 2, "with_total": false})).await;
        assert_eq!((ids(&uncounted), uncounted.get("total_count")), (vec![1, 2], None));
        let beyond = list(&blog, json!({"offset": i64::MAX})).await;
        assert_eq!(ids(&beyond), Vec::<i64>::new());
    }
}

/// The ids of all pages, one after the other.
async fn walk(blog: &Blog, holder: &Holder, mut given: Value) -> Vec<i64> {
    let mut all = Vec::new();
    loop {
        let page = list_as(blog, holder, "article", given.clone()).await.unwrap();
        assert!(page["count"].as_u64() > Some(0) || page.get("next_cursor").is_none());
        all.extend(ids(&page));
        match page.get("next_cursor") {
            Some(cursor) => given["cursor"] = cursor.clone(),
            None => return all,
        }
    }
}

#[test]
fn pages_joined_are_the_list_in_any_order() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let blogs = runtime.block_on(Blog::both(""));
    let holder = Holder::of(&["blog.view_article"]);
    let names = [
        "rating",
        "published_on",
        "notes",
        "status",
        "price",
        "created_at",
        "views",
        "featured",
        "author",
        "editor_id",
        "title",
    ];
    let key = (prop::sample::select(names.to_vec()), any::<bool>());
    let orders = prop::collection::vec(key, 0..4);
    let mut runner = TestRunner::new(Config { cases: 40, ..Config::default() });
    let test = runner.run(&(orders, 1..4_i64), |(order, limit)| {
        let order: Vec<_> = order
            .iter()
            .map(|(name, is_down)| format!("{}{name}", if *is_down { "-" } else { "" }))
            .collect();
        let mut lists = Vec::new();
        for blog in &blogs {
            let whole = runtime.block_on(list(blog, json!({"order_by": order})));
            let pages =
                runtime.block_on(walk(blog, &holder, json!({"order_by": order, "limit": limit})));
            prop_assert_eq!(&ids(&whole), &pages);
            lists.push(pages);
        }
        prop_assert_eq!(&lists[0], &lists[1], "both databases agree");
        Ok(())
    });
    test.unwrap();
}

#[tokio::test]
async fn a_cursor_is_of_its_order_and_survives_new_rows() {
    for blog in Blog::both("").await {
        let page = list(&blog, json!({"order_by": ["-views"], "limit": 2})).await;
        let cursor = page["next_cursor"].clone();
        let text = refusal(&blog, json!({"order_by": ["views"], "cursor": cursor})).await;
        assert!(text.contains("cursor is of another list"), "{text}");
        let mut write = blog.database.engine.begin().await.unwrap();
        let statement = Sql::literal(
            blog.database.engine.dialect(),
            "INSERT INTO article (title, slug, author_id, views) VALUES ('New', 'new', 1, 1000000)",
        );
        write.execute(statement).await.unwrap();
        write.commit().await.unwrap();
        let next = list(&blog, json!({"order_by": ["-views"], "limit": 5, "cursor": cursor})).await;
        assert_eq!(ids(&next), [4, 2], "the new row before the place shifts nothing");
    }
}

#[tokio::test]
async fn a_list_costs_the_same_whatever_its_length() {
    for blog in Blog::both("").await {
        blog.add_articles(300).await;
        let cost = async |limit: i64| {
            let before = blog.database.engine.statements();
            let answer = list(&blog, json!({"limit": limit, "filters": {"author__name": "Ana"}}));
            let count = answer.await["count"].as_i64().unwrap();
            (count, blog.database.engine.statements() - before)
        };
        assert_eq!(cost(1).await, (1, 2), "the rows with their tags, and how many there are");
        assert_eq!(cost(100).await, (100, 2));
        assert_eq!(cost(300).await.1, 2);
    }
}

#[tokio::test]
async fn pages_fit_the_context_and_nothing_is_lost() {
    for blog in Blog::both("").await {
        blog.add_articles(60).await;
        for max_context in [2_000, 3_000, 10_000, 100_000] {
            let holder = Holder::of(&["blog.view_article"]).with_context(max_context);
            let mut given = json!({"filters": {"id__gt": 100}});
            let mut all = Vec::new();
            loop {
                let given_now = arguments(given.clone());
                let access = holder.access(&blog.database);
                let answer = run(&blog.database, &access, "article", &given_now).await.unwrap();
                assert!(result_chars(&answer, true) <= max_context);
                let page: Value = serde_json::from_str(&answer).unwrap();
                all.extend(ids(&page));
                assert!(!ids(&page).is_empty());
                match page.get("next_cursor") {
                    Some(cursor) => given["cursor"] = cursor.clone(),
                    None => break,
                }
            }
            assert_eq!(all.len(), 60, "{max_context}");
        }
        let narrow = Holder::of(&["blog.view_article"]).with_context(600);
        let text = list_as(&blog, &narrow, "article", json!({})).await.unwrap_err();
        assert!(text.contains("fewer fields"), "{text}");
        let few = list_as(&blog, &narrow, "article", json!({"fields": ["id"], "limit": 1})).await;
        assert_eq!(few.unwrap()["results"], json!([{"id": 1}]));
    }
}

#[tokio::test]
async fn shortened_texts_say_how_to_read_on() {
    for blog in Blog::both("").await {
        blog.set_body(1, &"ä\"\n".repeat(3_000)).await;
        let holder = Holder::of(&["blog.view_article"]).with_context(6_000);
        let given = json!({"fields": ["id", "body"], "limit": 1});
        let page = list_as(&blog, &holder, "article", given).await.unwrap();
        let row = &page["results"][0];
        assert!(row["body"].as_str().unwrap().ends_with('…'));
        let next = row["_shortened"]["body"]["next_offset"].as_u64().unwrap();
        assert_eq!(row["_shortened"]["body"]["characters"], 9_000);
        assert_eq!(row["body"].as_str().unwrap().chars().count() as u64, next + 1);
    }
}

#[tokio::test]
async fn scopes_hold_and_hidden_fields_are_not_there() {
    let settings =
        "[models.article]\nwhere = \"tenant = 2 AND owner = :user\"\nhidden = [\"notes\"]";
    for blog in Blog::both(settings).await {
        let ben = Holder::of(&["blog.*"]).named("ben");
        let all = list_as(&blog, &ben, "article", json!({})).await.unwrap();
        assert_eq!((ids(&all), &all["total_count"]), (vec![4], &json!(1)));
        assert!(all["results"][0].get("notes").is_none());
        for given in [
            json!({"filters": {"notes": "note"}}),
            json!({"filters": {"notes__isnull": true}}),
            json!({"order_by": ["notes"]}),
            json!({"fields": ["notes"]}),
            json!({"aggregate": {"group_by": ["notes"]}}),
            json!({"aggregate": {"max": ["notes"]}}),
        ] {
            let hidden = list_as(&blog, &ben, "article", given.clone()).await.unwrap_err();
            let unknown: Value =
                serde_json::from_str(&given.to_string().replace("notes", "nope")).unwrap();
            let unknown = list_as(&blog, &ben, "article", unknown).await.unwrap_err();
            assert_eq!(hidden.replace("notes", "nope"), unknown, "{given}");
        }
        // Through a relation, too: only what exists for the caller is there.
        let authors =
            list_as(&blog, &ben, "author", json!({"filters": {"article_author_set__id__gt": 0}}));
        assert_eq!(ids(&authors.await.unwrap()), [3]);
        let hidden = json!({"filters": {"article_author_set__notes": "note"}});
        assert!(list_as(&blog, &ben, "author", hidden).await.is_err());
        let search = list_as(&blog, &ben, "article", json!({"search": "note"})).await.unwrap();
        assert_eq!(search["count"], 0);
    }
}

#[tokio::test]
async fn relations_need_the_right_to_view_both_ends() {
    for blog in Blog::both("").await {
        let holder = Holder::of(&["blog.view_article"]);
        let denied = list_as(&blog, &holder, "author", json!({})).await.unwrap_err();
        assert_eq!(denied, "Permission denied: cannot view author");
        let through = json!({"filters": {"author__name": "Ana"}});
        assert!(list_as(&blog, &holder, "article", through.clone()).await.is_err());
        let both = Holder::of(&["blog.view_article", "blog.view_author"]);
        assert_eq!(ids(&list_as(&blog, &both, "article", through).await.unwrap()), [1, 2]);
        let unknown = list_as(&blog, &both, "api_token", json!({})).await.unwrap_err();
        let nothing = list_as(&blog, &both, "nothing", json!({})).await.unwrap_err();
        assert_eq!(unknown.replace("api_token", "nothing"), nothing);
    }
}

#[tokio::test]
async fn views_and_types_of_postgres_can_be_read() {
    for blog in Blog::both("").await {
        let holder = Holder::of(&["blog.*"]);
        let given = json!({"order_by": ["-title"], "limit": 1});
        let page = list_as(&blog, &holder, "published", given).await.unwrap();
        assert_eq!(page["results"][0]["title"], "Fourth");
        let given = json!({"order_by": ["-title"], "limit": 1, "cursor": page["next_cursor"]});
        let page = list_as(&blog, &holder, "published", given).await.unwrap();
        assert_eq!(page["results"][0]["title"], "First");
    }
    let blog = Blog::postgres("").await;
    let holder = Holder::of(&["blog.*"]);
    let filters = json!({"mood": "calm", "length": 2, "day__month": 1, "host__contains": "10.0",
        "id": "6c9d4b1e-0f6b-4c5a-9d5e-111111111111"});
    let page = list_as(&blog, &holder, "diary", json!({ "filters": filters })).await.unwrap();
    let expected = json!([{
        "day": "2026-01-02", "mood": "calm", "id": "6c9d4b1e-0f6b-4c5a-9d5e-111111111111",
        "span": "P1DT2H", "words": ["a", "b"], "host": "10.0.0.1/32", "length": 2,
    }]);
    assert_eq!(page["results"], expected);
    let wrong = json!({"filters": {"mood": "angry"}});
    let text = list_as(&blog, &holder, "diary", wrong).await.unwrap_err();
    assert!(text.contains("Must be one of calm, sad, happy"), "{text}");
}

#[tokio::test]
async fn cursors_go_through_texts_in_columns_of_numbers() {
    let texts = "CREATE TABLE odd (id integer PRIMARY KEY, num numeric); \
        INSERT INTO odd (num) VALUES (5), (1.2e29), ('abc'), ('zzz'), (NULL), (x'00'), (0), (-1); \
        CREATE VIEW seen AS SELECT id, num || '' AS num FROM odd WHERE id < 3";
    let settings = "[models.seen]\nkey = [\"num\"]\n";
    let blog = Blog::sqlite_of(&[texts], settings).await;
    let expected = [8, 7, 1, 2, 3, 4, 6, 5];
    for (order, expected) in
        [("num", expected.to_vec()), ("-num", expected.into_iter().rev().collect())]
    {
        for limit in [1, 2, 3] {
            let (mut ids, mut cursor) = (Vec::new(), Value::Null);
            loop {
                let given = json!({"order_by": [order], "limit": limit, "cursor": cursor});
                let page = blog.call(Operation::List, "odd", given).await.unwrap();
                let rows = page["results"].as_array().unwrap().iter();
                ids.extend(rows.map(|row| row["id"].as_i64().unwrap()));
                cursor = page["next_cursor"].clone();
                if cursor.is_null() || ids.len() > 20 {
                    break;
                }
            }
            assert_eq!(ids, expected, "{order} {limit}");
        }
    }
    let seen = blog.call(Operation::List, "seen", json!({"limit": 1})).await.unwrap();
    let given = json!({"limit": 1, "cursor": seen["next_cursor"]});
    let next = blog.call(Operation::List, "seen", given).await.unwrap();
    assert_ne!(seen["results"], next["results"]);
}
