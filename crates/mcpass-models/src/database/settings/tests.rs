use super::super::fixture::Blog;
use super::super::inspect;
use super::careful::looks_like_a_credential;
use super::*;

#[test]
fn credentials_are_told_by_words() {
    for name in [
        "password",
        "user_password",
        "passwordHash",
        "api_key",
        "apiKey",
        "auth_token",
        "django_session",
        "PRIVATE_KEY",
        "client_secret",
        "token2",
    ] {
        assert!(looks_like_a_credential(name), "{name}");
    }
    for name in ["author", "tokenizer", "key", "passport", "secretary", "sessional", "keyboard", ""]
    {
        assert!(!looks_like_a_credential(name), "{name}");
    }
}

#[test]
fn unknown_settings_are_refused() {
    assert!(toml::from_str::<DatabaseSettings>("[models.a]\nexposed = true").is_err());
    assert!(toml::from_str::<DatabaseSettings>("tool = \"full\"").is_err());
    let settings: DatabaseSettings = toml::from_str("tools = \"compact\"").unwrap();
    assert_eq!(settings.tools, ToolsForm::Compact);
}

#[tokio::test]
async fn settings_refine_models() {
    let blog = Blog::sqlite(
        r#"
        read_only = false
        [models.article]
        name = "post"
        verbose_name = "post"
        hidden = ["notes"]
        writable = ["title", "author"]
        redacted = ["owner"]
        search = ["title"]
        order = ["-published_on"]
        label = "slug"
        page_size = 5
        version = "views"
        where = "tenant = 1"
        relations = { comment_set = "comments" }
        [models.article.choices]
        tenant = [{ value = 1, label = "One" }, { value = 2, label = "Two" }]
        [models.article.actions.publish]
        description = "Publish it"
        set = { status = "published", owner = ":user", notes = ":note", body = "::x" }
        [models.published]
        key = ["id"]
        [models.comment]
        expose = false
        "#,
    )
    .await;
    let catalogue = &blog.database.catalogue;
    let post = catalogue.exposed("post").unwrap();
    assert_eq!((post.name.as_str(), post.codename.as_str(), post.page_size), ("post", "post", 5));
    assert!(!post.field("notes").unwrap().is_readable && !post.field("notes").unwrap().is_writable);
    let writable: Vec<_> =
        post.fields.iter().filter(|field| field.is_writable).map(|field| &*field.name).collect();
    assert_eq!(writable, ["title", "author_id"]);
    let order: Vec<_> = post.order.iter().map(|order| order.is_descending).collect();
    assert_eq!(order, [true]);
    assert!(post.relation("comments").is_some() && post.relation("comment_set").is_none());
    assert_eq!(post.fields[post.label.unwrap()].name, "slug");
    assert_eq!(post.actions[0].set.len(), 4);
    assert!(catalogue.exposed("comment").is_none());
    assert_eq!(catalogue.exposed("published").unwrap().primary_key, [0]);
}

#[tokio::test]
async fn what_does_not_fit_is_said() {
    let blog = Blog::sqlite("").await;
    for (text, part) in [
        ("[models.nothing]", "`nothing`"),
        ("[models.article]\nhidden = [\"nope\"]", "`nope`"),
        ("[models.article]\nhidden = [\"id\"]", "primary key"),
        ("[models.article]\nredacted = [\"id\"]", "primary key"),
        ("[models.article]\nwhere = \"a = :x\"", ":x"),
        ("[models.article]\nname = \"Ar ticle\"", "Ar ticle"),
        ("[models.article]\nname = \"tag\"", "two models"),
        ("[models.article]\nsearch = [\"views\"]", "no text"),
        ("[models.article]\norder = [\"settings\"]", "no order"),
        ("[models.article]\nversion = \"title\"", "version"),
        ("[models.article]\npage_size = 0", "at least 1"),
        ("[models.article.relations]\nnope = \"x\"", "`nope`"),
        ("[models.article.choices]\nstatus = [[1]]", "choice"),
        ("[models.article.max_digits]\nviews = 4", "no decimal number"),
        ("max_rows = 0", "max_rows"),
        ("schemas = [\"main\"]", "PostgreSQL's"),
        ("max_rows = 50\n[models.article]\npage_size = 51", "larger than `max_rows`, which is 50"),
        ("[models.article.choices]\nstatus = []", "`choices` cannot name `status`"),
        (
            "[models.article]\nhidden = [\"notes\"]\nsearch = [\"notes\"]",
            "`search` cannot name `notes`",
        ),
        (
            "[models.article]\nredacted = [\"owner\"]\norder = [\"-owner\"]",
            "`order` cannot name `owner`",
        ),
        ("[models.author]\nlabel = \"password\"", "`label` cannot name `password`"),
    ] {
        let settings: DatabaseSettings = toml::from_str(text).unwrap();
        let found = inspect::catalogue(&blog.database.engine, "blog", &settings).await.unwrap();
        let error = settings.apply(found).unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
}
