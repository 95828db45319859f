use serde_json::{Value, json};

use super::super::super::fixture::{Blog, Holder, arguments};
use super::super::super::get;
use super::super::super::model::{Model, RelationKind};
use super::super::super::settings::{DatabaseSettings, InvalidSettings};
use super::super::catalogue;

const PROJECT: &str = include_str!("project.sql");
const SETTINGS: &str = "[models.archive]\ndjango = \"shop.past\"";

async fn projects(settings: &str) -> [Blog; 2] {
    [Blog::sqlite_of(&[PROJECT], settings).await, Blog::postgres_of(&[PROJECT], settings).await]
}

#[tokio::test]
async fn models_have_their_apps_and_codenames() {
    for project in projects(SETTINGS).await {
        let catalogue = &project.database.catalogue;
        let exposed = catalogue.models().iter().filter(|model| model.is_exposed);
        let shown = |model: &Model| format!("{} {}.{}", model.name, model.app, model.codename);
        assert_eq!(
            exposed.map(shown).collect::<Vec<_>>(),
            [
                "beside blog.beside",
                "bestseller shop.bestseller",
                "lineitem shop.lineitem",
                "past shop.past",
                "press_tag press.tag",
                "tag shop.tag",
            ],
            "the older of two tags has the plain name; Django's own and credentials are hidden"
        );
        assert_eq!(catalogue.apps(), ["auth", "blog", "contenttypes", "press", "shop"]);
        let item = catalogue.exposed("lineitem").unwrap();
        assert_eq!((&*item.verbose_name, &*item.verbose_name_plural), ("line item", "line items"));
        assert_eq!(catalogue.exposed("tag").unwrap().verbose_name, "tag", "of a translated name");
        let best = catalogue.exposed("bestseller").unwrap();
        assert_eq!((best.primary_key.as_slice(), best.is_writable()), ([0].as_slice(), false));
    }
}

#[tokio::test]
async fn fields_and_relations_are_called_as_in_django() {
    for project in projects("").await {
        let catalogue = &project.database.catalogue;
        let item = catalogue.exposed("lineitem").unwrap();
        let names: Vec<_> = item.fields.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(names, ["id", "reference", "tag", "code", "sold_at"]);
        assert_eq!(item.field("tag_id").unwrap().name, "tag", "both names are understood");
        let names: Vec<_> = item.relations.iter().map(|each| each.name.as_str()).collect();
        assert_eq!(names, ["tag", "extras"]);
        assert!(matches!(&item.relations[1].kind, RelationKind::ManyToMany(link) if link.is_owner));
        let tag = catalogue.exposed("tag").unwrap();
        let names: Vec<_> = tag.relations.iter().map(|each| each.name.as_str()).collect();
        assert_eq!(names, ["lineitem_set", "lineitem_set_2"]);
        let holder = Holder::of(&["shop.view_lineitem"]);
        let access = holder.access(&project.database);
        let id = arguments(json!({"id": 1, "fields": ["reference", "tag", "sold_at"]}));
        let row = get::run(&project.database, &access, "lineitem", &id).await.unwrap();
        let row: Value = serde_json::from_str(&row).unwrap();
        let expected = json!({"reference": "07000000-0000-0000-0000-000000000001", "tag": null,
            "sold_at": "2026-01-10T08:30:00.250000Z"});
        assert_eq!(row, expected);
    }
}

#[tokio::test]
async fn permissions_are_those_of_the_app() {
    let project = Blog::sqlite_of(&[PROJECT], "").await;
    let holder = Holder::of(&["press.view_tag", "blog.*"]);
    let access = holder.access(&project.database);
    let models = access.models(super::super::super::access::Right::View);
    let names: Vec<_> = models.map(|granted| granted.model().name.clone()).collect();
    assert_eq!(names, ["archive", "beside", "press_tag"]);
}

#[tokio::test]
async fn settings_show_what_is_hidden_and_say_what_a_table_is() {
    let project =
        Blog::sqlite_of(&[PROJECT], "[models.user]\nexpose = true\nname = \"person\"").await;
    let user = project.database.catalogue.exposed("person").unwrap();
    assert_eq!((&*user.app, &*user.codename), ("auth", "user"), "the codename stays Django's");
    assert!(user.field("password").unwrap().is_redacted);
    for text in [
        "[models.archive]\ndjango = \"shop.nothing\"",
        "[models.beside]\ndjango = \"shop.nothing\"",
        "[models.tag]\ndjango = \"press.tag\"",
    ] {
        let settings: DatabaseSettings = toml::from_str(text).unwrap();
        let found = catalogue(&project.database.engine, "blog", &settings).await.unwrap();
        let error = settings.apply(found).unwrap_err();
        assert!(matches!(error, InvalidSettings::Django { .. }), "{text}: {error}");
    }
}
