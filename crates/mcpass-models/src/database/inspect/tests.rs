use serde_json::json;

use super::super::access::{Operation, Right};
use super::super::fixture::{Blog, Holder};
use super::super::model::{FieldKind, Ident, Model, OnDelete, RelationKind};
use super::super::settings::{DatabaseSettings, InvalidSettings};

fn relation<'a>(model: &'a Model, name: &str) -> &'a super::super::model::Relation {
    model.relation(name).unwrap_or_else(|| {
        let names: Vec<_> = model.relations.iter().map(|each| &each.name).collect();
        panic!("no {name} among {names:?}")
    })
}

#[tokio::test]
async fn both_databases_give_the_same_models() {
    for blog in Blog::both("").await {
        let catalogue = &blog.database.catalogue;
        let names: Vec<_> = catalogue
            .models()
            .iter()
            .filter(|model| model.is_exposed && model.name != "diary")
            .map(|model| model.name.as_str())
            .collect();
        assert_eq!(names, ["article", "author", "comment", "published", "score", "tag"]);
        let article = catalogue.exposed("article").unwrap();
        let kind = |name: &str| article.field(name).unwrap().kind.clone();
        assert!(matches!(kind("id"), FieldKind::Integer { .. }));
        assert_eq!(kind("title"), FieldKind::Text { max: Some(100) });
        assert_eq!(kind("body"), FieldKind::Text { max: None });
        assert_eq!(kind("price"), FieldKind::Decimal { digits: Some(8), places: Some(2) });
        assert_eq!(kind("rating"), FieldKind::Float);
        assert_eq!(kind("featured"), FieldKind::Bool);
        assert_eq!(kind("published_on"), FieldKind::Date);
        assert_eq!(kind("created_at"), FieldKind::Timestamp { is_zoned: true });
        assert_eq!(kind("settings"), FieldKind::Json);
        assert_eq!(kind("cover"), FieldKind::Bytes);
        let id = article.field("id").unwrap();
        assert!(id.has_default && !id.is_nullable);
        assert!(article.field("rating").unwrap().is_nullable);
        let choices: Vec<_> =
            article.field("status").unwrap().choices.iter().map(|each| &*each.label).collect();
        assert_eq!(choices, ["draft", "published", "archived"]);
        let slug = article.field_position("slug").unwrap();
        assert!(article.unique.contains(&vec![slug]));
        assert_eq!(article.fields[article.label.unwrap()].name, "title");

        let score = catalogue.exposed("score").unwrap();
        let key: Vec<_> = score.key_fields().map(|field| field.name.as_str()).collect();
        assert_eq!(key, ["article_id", "critic"]);
        assert!(score.checks.iter().any(|check| check.expression.contains("stars")));
        let view = catalogue.exposed("published").unwrap();
        assert!(view.is_view && !view.is_writable());
        assert_eq!(view.fields.len(), 3);
    }
}

#[tokio::test]
async fn relations_are_found_from_both_ends() {
    for blog in Blog::both("").await {
        let catalogue = &blog.database.catalogue;
        let article = catalogue.exposed("article").unwrap();
        let author = catalogue.exposed("author").unwrap();
        let on_delete = |name: &str| match relation(article, name).kind {
            RelationKind::ForeignKey { on_delete } => on_delete,
            _ => panic!("{name} is no foreign key"),
        };
        assert_eq!(on_delete("author"), OnDelete::Cascade);
        assert_eq!(on_delete("editor"), OnDelete::SetNull);
        assert_eq!(article.field("author").unwrap().name, "author_id");
        let names: Vec<_> = author.relations.iter().map(|each| each.name.as_str()).collect();
        assert_eq!(names, ["article_author_set", "article_editor_set", "comment_set"]);
        let tags = relation(article, "tags");
        assert!(matches!(&tags.kind, RelationKind::ManyToMany(link) if link.is_owner));
        assert_eq!(catalogue.at(tags.model).unwrap().name, "tag");
        let back = relation(catalogue.exposed("tag").unwrap(), "article_set");
        assert!(matches!(&back.kind, RelationKind::ManyToMany(link) if !link.is_owner));
        assert!(catalogue.exposed("article_tags").is_none(), "links are no model of their own");
        assert!(relation(article, "score_set").local.len() == 1);
    }
}

#[tokio::test]
async fn what_looks_like_a_credential_is_hidden_or_redacted() {
    for blog in Blog::both("").await {
        let catalogue = &blog.database.catalogue;
        assert!(catalogue.exposed("api_token").is_none());
        let author = catalogue.exposed("author").unwrap();
        assert!(author.field("password").unwrap().is_redacted);
        assert!(!author.field("name").unwrap().is_redacted);
    }
    let shown = Blog::sqlite("[models.api_token]\nexpose = true").await;
    assert!(shown.database.catalogue.exposed("api_token").is_some(), "unless it is asked for");
}

#[tokio::test]
async fn types_of_postgres_alone() {
    let blog = Blog::postgres("").await;
    let diary = blog.database.catalogue.exposed("diary").unwrap();
    let kind = |name: &str| diary.field(name).unwrap().kind.clone();
    let moods = ["calm", "sad", "happy"].map(str::to_owned).to_vec();
    assert_eq!(kind("mood"), FieldKind::Enum(moods));
    assert_eq!(kind("id"), FieldKind::Uuid);
    assert_eq!(kind("span"), FieldKind::Other("interval".to_owned()));
    let of = Box::new(FieldKind::Text { max: None });
    assert_eq!(kind("words"), FieldKind::List { of, name: "text[]".to_owned() });
    assert!(diary.field("length").unwrap().is_generated);
}

/// Names in tools and in permissions.
fn named(blog: &Blog, table: &str) -> (String, String) {
    let models = blog.database.catalogue.models().iter();
    let found = models.filter(|model| model.table.name.as_str() == table);
    let found: Vec<_> = found.map(|model| (model.name.clone(), model.codename.clone())).collect();
    let [one] = found.as_slice() else { panic!("{table}: {found:?}") };
    one.clone()
}

#[tokio::test]
async fn a_table_that_is_made_later_takes_no_permission_over() {
    let both = [
        Blog::sqlite_of(&["CREATE TABLE \"user-data\" (id integer PRIMARY KEY)"], "").await,
        Blog::postgres_of(&["CREATE TABLE \"user-data\" (id integer PRIMARY KEY)"], "").await,
    ];
    for before in both {
        assert_eq!(named(&before, "user-data"), ("user_data".to_owned(), "user-data".to_owned()));
        let sql = "CREATE TABLE user_data (id integer PRIMARY KEY); \
                   CREATE TABLE \"userData\" (id integer PRIMARY KEY); \
                   INSERT INTO user_data VALUES (7)";
        before.execute(sql.to_owned()).await;
        let after = before.again("").await;
        assert_eq!(
            named(&after, "user_data"),
            ("user_data".to_owned(), "user_data".to_owned()),
            "what is exactly called so"
        );
        let (other, codename) = named(&after, "user-data");
        assert_eq!(codename, "user-data", "as it was");
        assert!(other.starts_with("user_data_") && other != "user_data_2", "{other}");
        let old = Holder::of(&["blog.view_user-data"]);
        let access = old.access(&after.database);
        let seen: Vec<_> =
            access.models(Right::View).map(|each| each.model().table.name.clone()).collect();
        assert_eq!(seen.iter().map(Ident::as_str).collect::<Vec<_>>(), ["user-data"]);
        let refused = after.call_as(&old, Operation::List, "user_data", json!({})).await;
        assert!(refused.is_err(), "{refused:?}");
        let third = before.again("").await;
        assert_eq!(named(&third, "user-data").0, other, "the same each time");
    }
}

#[tokio::test]
async fn a_table_of_another_schema_takes_no_permission_over() {
    let blog = Blog::postgres_of(&["CREATE TABLE tag (id integer PRIMARY KEY)"], "").await;
    assert_eq!(named(&blog, "tag"), ("tag".to_owned(), "tag".to_owned()));
    blog.execute("CREATE SCHEMA s2; CREATE TABLE s2.tag (id integer PRIMARY KEY)".to_owned()).await;
    let both = blog.again("schemas = [\"s2\", \"public\"]").await;
    let models = both.database.catalogue.models().iter();
    let names: Vec<_> = models.map(|model| (&*model.name, &*model.codename)).collect();
    assert_eq!(names, [("public_tag", "public.tag"), ("s2_tag", "s2.tag")]);
}

#[tokio::test]
async fn a_section_that_could_mean_two_tables_means_none() {
    let tables = "CREATE TABLE \"user-data\" (id integer PRIMARY KEY); \
                  CREATE TABLE user_data (id integer PRIMARY KEY)";
    let blog = Blog::sqlite_of(&[tables], "").await;
    let apply = async |text: &str| {
        let settings: DatabaseSettings = toml::from_str(text).unwrap();
        let found = super::catalogue(&blog.database.engine, "blog", &settings).await.unwrap();
        settings.apply(found)
    };
    let scope = "where = \"id = 1\"\n";
    let error = apply(&format!("[models.user_data]\n{scope}")).await.unwrap_err();
    assert!(matches!(error, InvalidSettings::AmbiguousModel(..)), "{error}");
    assert!(error.to_string().contains("[models.\"main.user_data\"]"), "{error}");
    for (text, scoped) in [
        (format!("[models.\"main.user_data\"]\n{scope}"), ["user_data"].as_slice()),
        (format!("[models.\"user-data\"]\n{scope}"), &["user-data"]),
        (
            format!("[models.user_data]\n{scope}[models.\"user-data\"]\n{scope}"),
            &["user-data", "user_data"],
        ),
    ] {
        let catalogue = apply(&text).await.unwrap();
        let models = catalogue.models().iter().filter(|model| model.scope.is_some());
        let mut found: Vec<_> = models.map(|model| model.table.name.as_str()).collect();
        found.sort_unstable();
        assert_eq!(found, scoped, "{text}");
    }
    let error = apply("[models.\"user-data\"]\nname = \"user_data\"").await.unwrap_err();
    assert!(matches!(error, InvalidSettings::SameName(_)), "{error}");
}

#[tokio::test]
async fn keys_that_sqlite_does_not_number_are_required() {
    let tables = "CREATE TABLE a (id INTEGER PRIMARY KEY, n text); \
        CREATE TABLE b (id INT PRIMARY KEY, n text); \
        CREATE TABLE c (id BIGINT PRIMARY KEY, n text); \
        CREATE TABLE d (id INTEGER PRIMARY KEY DESC, n text); \
        CREATE TABLE e (id INTEGER PRIMARY KEY, n text) WITHOUT ROWID; \
        CREATE TABLE f (n text, id integer, PRIMARY KEY (id));";
    let blog = Blog::sqlite_of(&[tables], "").await;
    for (model, is_numbered) in
        [("a", true), ("b", false), ("c", false), ("d", false), ("e", false), ("f", true)]
    {
        let field = blog.database.catalogue.exposed(model).unwrap().field("id").unwrap();
        assert_eq!(field.has_default, is_numbered, "{model}");
        let made = blog.call(Operation::Create, model, json!({"data": {"n": "x"}})).await;
        match made {
            Ok(made) => assert!(is_numbered, "{model}: {made}"),
            Err(refused) => {
                assert!(
                    !is_numbered && refused["code"] == "validation_error",
                    "{model}: {refused}"
                );
            }
        }
        if !is_numbered {
            let named = json!({"data": {"id": 7, "n": "x"}});
            blog.call(Operation::Create, model, named).await.unwrap();
        }
    }
}

#[tokio::test]
async fn tables_of_other_letters_keep_their_names_for_people() {
    let tables = "CREATE TABLE \"日本\" (id integer PRIMARY KEY); \
                  CREATE TABLE \"größe_x\" (id integer PRIMARY KEY); \
                  CREATE TABLE \"OrderItem\" (id integer PRIMARY KEY)";
    let blog = Blog::sqlite_of(&[tables], "").await;
    let models = blog.database.catalogue.models().iter();
    let names: Vec<_> =
        models.map(|each| (&*each.name, &*each.codename, &*each.verbose_name)).collect();
    let expected = [
        ("gr__e_x", "größe_x", "größe x"),
        ("m__", "日本", "日本"),
        ("order_item", "OrderItem", "order item"),
    ];
    assert_eq!(names, expected);
}
