use super::super::fixture::Blog;
use super::super::model::{FieldKind, Model, OnDelete, RelationKind};

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
    assert_eq!(kind("words"), FieldKind::Other("text[]".to_owned()));
    assert!(diary.field("length").unwrap().is_generated);
}
