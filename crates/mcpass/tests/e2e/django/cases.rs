//! What both are asked, and how their answers may differ.

use serde_json::{Value, json};

use super::compare::{Is, Meant};

/// Tokens of both: names, and the permissions that they hold.
pub(super) const TOKENS: &[(&str, &str)] = &[
    ("all", "blog.*,newsdesk.*"),
    ("reader", "blog.view_article"),
    ("nobody", ""),
    ("author", "blog.view_article,blog.view_author,blog.view_comment,blog.add_article"),
];

/// What mcpass is told of the newsroom that its database does not say.
pub(super) const SETTINGS: &str = r#"
[models.article]
order = ["-id"]
search = ["title", "body"]
decimal_places = { price = 2 }
choices.status = [
    { value = "draft", label = "Draft" },
    { value = "published", label = "Published" },
    { value = "archived", label = "Put away" },
]
[models.author]
hidden = ["api_key"]
search = ["name", "email"]
[models.section]
order = ["position"]
[models.contribution]
choices.role = [
    { value = "editor", label = "Editor" },
    { value = "photos", label = "Photographs" },
]
"#;

/// How answers differ.
pub(super) const MEANT: &[Meant] = &[
    Meant {
        of: "list get related",
        at: "**/contributors",
        is: Is::Less,
        because: "a link table with fields of its own is a model (`contribution`), since links of \
                  it cannot be written without them",
    },
    Meant {
        of: "list related",
        at: "next_cursor",
        is: Is::More,
        because: "pages are found again by cursors, which rows that come and go do not move",
    },
    Meant {
        of: "find",
        at: "models/*/operations",
        is: Is::More,
        because: "it says which tools the token may use",
    },
    Meant {
        of: "find",
        at: "models/newsdesk_tag",
        is: Is::More,
        because: "of two models of one name, mcpass has both",
    },
    Meant {
        of: "find",
        at: "count",
        is: Is::Other,
        because: "of two models of one name, mcpass has both",
    },
    Meant {
        of: "get",
        at: "_inlines/*",
        is: Is::More,
        because: "all that refers to a row is offered, where Django has what its admin declares",
    },
    Meant {
        of: "get",
        at: "_related/*",
        is: Is::More,
        because: "what a row refers to and is linked with is related too",
    },
    Meant { of: "get", at: "_related", is: Is::More, because: "an empty object is said" },
    // What the database does not tell of a model, and no setting either.
    Meant {
        of: "describe",
        at: "fields/*/type",
        is: Is::Other,
        because: "the database knows texts and whole numbers, and not which of Django's classes",
    },
    Meant {
        of: "describe",
        at: "fields/*/max_length",
        is: Is::Less,
        because: "a UUID has a type and no length",
    },
    Meant {
        of: "describe",
        at: "fields/*/max_digits",
        is: Is::More,
        because: "PostgreSQL knows the precision, which Django Admin MCP does not say",
    },
    Meant {
        of: "describe",
        at: "fields/*/decimal_places",
        is: Is::More,
        because: "the places are known, which Django Admin MCP does not say",
    },
    Meant {
        of: "describe",
        at: "**/required",
        is: Is::Other,
        because: "what may be left empty (`blank`) and has no default is in Django's code alone",
    },
    Meant {
        of: "describe",
        at: "fields/*/default",
        is: Is::Less,
        because: "defaults are in Django's code; those of the settings are not shown",
    },
    Meant {
        of: "describe",
        at: "fields/*/has_default",
        is: Is::Less,
        because: "defaults that are computed are in Django's code",
    },
    Meant {
        of: "describe",
        at: "fields/*/has_default",
        is: Is::More,
        because: "keys that the database numbers are said to be",
    },
    Meant {
        of: "describe",
        at: "**/null",
        is: Is::More,
        because: "whether null is a value is said",
    },
    Meant {
        of: "describe",
        at: "fields/*/editable",
        is: Is::Other,
        because: "what an admin declares to be for reading is told by `writable`",
    },
    Meant {
        of: "describe",
        at: "relationships/*/relation",
        is: Is::More,
        because: "the name by which `related_` knows it is said",
    },
    Meant {
        of: "describe",
        at: "relationships/*/kind",
        is: Is::More,
        because: "which end of a foreign key it is, is said",
    },
    Meant {
        of: "describe",
        at: "relationships/*/on_delete",
        is: Is::More,
        because: "of what refers here it is said too",
    },
    Meant {
        of: "describe",
        at: "relationships/*/on_delete",
        is: Is::Other,
        because: "Django cascades in its code; its database refuses",
    },
    Meant {
        of: "describe",
        at: "relationships/contributors",
        is: Is::Less,
        because: "a link table with fields of its own is a model (`contribution`)",
    },
    Meant {
        of: "describe",
        at: "relationships/contributed",
        is: Is::Less,
        because: "a link table with fields of its own is a model (`contribution`)",
    },
    Meant {
        of: "describe",
        at: "relationships/*/related_model",
        is: Is::Other,
        because: "of two models of one name, mcpass has both: the later one with its app's label",
    },
    Meant {
        of: "describe",
        at: "admin_config/inlines",
        is: Is::Other,
        because: "all that refers to a row is offered, where Django has what its admin declares",
    },
    Meant {
        of: "describe",
        at: "admin_config/list_display",
        is: Is::Other,
        because: "there is no admin: all fields are shown in lists, as in Django Admin MCP",
    },
    Meant {
        of: "describe",
        at: "admin_config/list_filter",
        is: Is::Other,
        because: "all fields may be filtered by",
    },
    Meant {
        of: "describe",
        at: "admin_config/filters/**",
        is: Is::More,
        because: "all fields may be filtered by",
    },
    Meant {
        of: "describe",
        at: "admin_config/filters",
        is: Is::Other,
        because: "all fields may be filtered by",
    },
    Meant {
        of: "describe",
        at: "admin_config/filters/author__name",
        is: Is::Less,
        because: "all of what may be viewed may be filtered by; it is not listed",
    },
    Meant {
        of: "describe",
        at: "admin_config/readonly_fields",
        is: Is::Other,
        because: "what an admin declares to be for reading is told by `writable`",
    },
    Meant {
        of: "describe",
        at: "admin_config/*",
        is: Is::More,
        because: "lookups and the size of pages are said",
    },
    Meant {
        of: "describe",
        at: "admin_config/ordering",
        is: Is::Other,
        because: "it is the order of lists, where Django says that of the admin alone",
    },
    Meant { of: "describe", at: "is_view", is: Is::More, because: "a view is said to be one" },
];

/// A call, and what mcpass answers where it is meant to be something else as a whole.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) token: &'static str,
    pub(super) tool: &'static str,
    pub(super) arguments: Value,
    pub(super) instead: Option<(Value, &'static str)>,
}

/// Both answer the same.
fn same(token: &'static str, tool: &'static str, arguments: Value) -> Case {
    Case { token, tool, arguments, instead: None }
}

/// mcpass answers `ours`.
fn instead(tool: &'static str, arguments: Value, ours: Value, because: &'static str) -> Case {
    Case { token: "all", tool, arguments, instead: Some((ours, because)) }
}

/// Reads that succeed.
pub(super) fn reads() -> Vec<Case> {
    let list = |arguments: Value| same("all", "list_article", arguments);
    let filtered = |filters: Value| list(json!({"filters": filters, "limit": 5}));
    let mut cases: Vec<Case> = [
        json!({}),
        json!({"limit": 3}),
        json!({"limit": 3, "offset": 40}),
        json!({"limit": 0}),
        json!({"offset": 500, "limit": 2}),
        json!({"limit": 1_000_000}),
        json!({"order_by": ["title"], "limit": 4}),
        json!({"order_by": ["status", "-price"], "limit": 4}),
        json!({"order_by": ["author", "id"], "limit": 4}),
        json!({"search": "article 12", "limit": 4}),
        json!({"search": "ARTICLE line", "limit": 4}),
        json!({"search": "nothing of the kind"}),
        json!({"search": "100%"}),
    ]
    .map(list)
    .to_vec();
    cases.extend(lookups().into_iter().map(filtered));
    for (tool, arguments) in others() {
        cases.push(same("all", tool, arguments));
    }
    cases
}

fn lookups() -> Vec<Value> {
    vec![
        json!({"status": "published"}),
        json!({"status__in": ["draft", "archived"]}),
        json!({"title__exact": "Article 17"}),
        json!({"title__iexact": "ARTICLE 17"}),
        json!({"title__contains": "19"}),
        json!({"title__icontains": "aRTICLE 19"}),
        json!({"title__startswith": "Article 19"}),
        json!({"title__istartswith": "article 19"}),
        json!({"title__endswith": "9"}),
        json!({"slug__iendswith": "-19"}),
        json!({"title__contains": "%"}),
        json!({"title__contains": "_"}),
        json!({"views__gt": 1200}),
        json!({"views__gte": 1211, "views__lt": 1225}),
        json!({"views__lte": 21}),
        json!({"views__range": [70, 91]}),
        json!({"rating__isnull": true}),
        json!({"rating__isnull": false, "rating__gt": 4.5}),
        json!({"rating": 0.7}),
        json!({"price": "12.50"}),
        json!({"price__gte": "240"}),
        json!({"price__in": ["1.25", "2.5"]}),
        json!({"featured": true}),
        json!({"featured": false, "status": "archived"}),
        json!({"published_on": "2026-01-12"}),
        json!({"published_on__gte": "2026-01-17"}),
        json!({"published_on__year": 2026}),
        json!({"published_on__month": 1, "published_on__day": 12}),
        json!({"published_on__isnull": true}),
        json!({"created_at__gt": "2026-01-18T00:00:00Z"}),
        json!({"created_at": "2026-01-10T15:30:00.250000Z"}),
        json!({"created_at__date": "2026-01-11"}),
        json!({"created_at__day__lte": 11}),
        json!({"created_at__range": ["2026-01-11T00:00:00Z", "2026-01-11T06:00:00Z"]}),
        json!({"embargo_until__isnull": true, "featured": true}),
        json!({"read_at": "07:07:00"}),
        json!({"reference": "07000000-0000-0000-0000-000000000007"}),
        json!({"author": 7}),
        json!({"author__in": [7, 8]}),
        json!({"author__name": "Author 8"}),
        json!({"author_id": 7}),
        json!({"section": null}),
        json!({"section__isnull": true}),
        json!({"id": 7}),
        json!({"id__in": [3, 4, 99_999]}),
    ]
}

fn others() -> Vec<(&'static str, Value)> {
    vec![
        ("find_models", json!({})),
        ("find_models", json!({"query": "comment"})),
        ("find_models", json!({"query": "RELEASE"})),
        ("find_models", json!({"query": "zzz"})),
        ("list_author", json!({"search": "author1", "limit": 3})),
        ("list_section", json!({})),
        ("list_tag", json!({"limit": 5})),
        ("list_comment", json!({"filters": {"approved": true}, "limit": 3})),
        ("list_contribution", json!({"limit": 3})),
        ("list_publishedarticle", json!({"limit": 3})),
        ("list_pressrelease", json!({})),
        ("get_article", json!({"id": 7})),
        ("get_article", json!({"id": "7"})),
        ("get_article", json!({"id": 5})),
        ("get_article", json!({"id": 7, "include_inlines": true})),
        ("get_article", json!({"id": 10, "include_related": true})),
        ("get_author", json!({"id": 3, "include_related": false})),
        ("get_publishedarticle", json!({"id": 7})),
        ("get_pressrelease", json!({"id": 2})),
        ("related_article", json!({"id": 7, "relation": "tags"})),
        ("related_article", json!({"id": 7, "relation": "tags", "limit": 1, "offset": 1})),
        ("related_article", json!({"id": 7, "relation": "author"})),
        ("related_article", json!({"id": 5, "relation": "section"})),
        ("related_article", json!({"id": 8, "relation": "comment_set"})),
        ("related_author", json!({"id": 7, "relation": "article_set", "limit": 2})),
        ("related_tag", json!({"id": 7, "relation": "article_set", "limit": 2})),
        ("related_section", json!({"id": 1, "relation": "article_set", "limit": 1})),
        ("describe_article", json!({})),
        ("describe_author", json!({})),
        ("describe_publishedarticle", json!({})),
        ("describe_pressrelease", json!({})),
        ("autocomplete_article", json!({})),
        ("autocomplete_article", json!({"term": "Article 1", "limit": 2})),
        ("autocomplete_author", json!({"term": "author1@"})),
        ("autocomplete_section", json!({"term": "s"})),
        ("autocomplete_tag", json!({"term": "zzz"})),
    ]
}

/// Reads that fail, and reads of tokens that may not do all.
pub(super) fn refusals() -> Vec<Case> {
    let mut cases: Vec<Case> = [
        ("list_article", json!({"limit": -1})),
        ("list_article", json!({"limit": "5"})),
        ("list_article", json!({"offset": -1})),
        ("list_article", json!({"offset": 1.5})),
        ("list_article", json!({"filters": {"nope": 1}})),
        ("list_article", json!({"order_by": ["nope"]})),
        ("list_article", json!({"order_by": ["title", "-nope", "neither"]})),
        ("get_article", json!({})),
        ("get_article", json!({"id": null})),
        ("get_article", json!({"id": 99_999})),
        ("related_article", json!({"id": 7})),
        ("related_article", json!({"relation": "tags"})),
        ("related_article", json!({"id": 7, "relation": "nope"})),
        ("related_article", json!({"id": 99_999, "relation": "tags"})),
        ("nope_article", json!({})),
        ("list_nope", json!({})),
        ("list_user", json!({})),
        ("list_session", json!({})),
    ]
    .map(|(tool, arguments)| same("all", tool, arguments))
    .to_vec();
    for token in ["reader", "author", "nobody"] {
        cases.push(same(token, "find_models", json!({})));
    }
    for (tool, arguments) in [
        ("list_article", json!({"limit": 2})),
        ("get_article", json!({"id": 7})),
        ("get_article", json!({"id": 7, "include_inlines": true, "include_related": true})),
        ("autocomplete_article", json!({"limit": 2})),
    ] {
        cases.push(same("reader", tool, arguments.clone()));
        cases.push(same("author", tool, arguments));
    }
    cases
}

/// Reads to which mcpass answers something else.
pub(super) fn others_meant() -> Vec<Case> {
    const STRICT: &str = "arguments are taken as they are declared, and what is wrong is said";
    let error = |text: &str| json!({"error": text});
    vec![
        instead(
            "list_article",
            json!({"limit": true}),
            error("limit must be a non-negative integer"),
            STRICT,
        ),
        instead("list_article", json!({"filters": []}), error("filters must be an object"), STRICT),
        instead("list_article", json!({"search": ["x"]}), error("search must be a string"), STRICT),
        instead(
            "get_article",
            json!({"id": true}),
            error("Invalid id for article: Enter a whole number. Got true."),
            STRICT,
        ),
        instead(
            "get_article",
            json!({"id": "abc"}),
            error("Invalid id for article: Enter a whole number. Got \"abc\"."),
            STRICT,
        ),
        instead(
            "list_article",
            json!({"filters": {"views__gt": "abc"}}),
            error("Invalid filters — 'views__gt': Enter a whole number. Got \"abc\"."),
            STRICT,
        ),
        instead(
            "list_article",
            json!({"filters": {"author__email": "author8@example.org"}, "limit": 0}),
            json!({"count": 0, "total_count": 10, "results": []}),
            "a token may filter by what it may see of related models",
        ),
        instead(
            "list_article",
            json!({"order_by": "title", "limit": 0}),
            json!({"count": 0, "total_count": 200, "results": []}),
            "one name is a list of one, where Django reads its letters",
        ),
    ]
}
