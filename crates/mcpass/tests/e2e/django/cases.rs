//! What both are asked.

use serde_json::{Value, json};

use super::Reply;

/// Tokens of both: names, and the permissions that they hold.
pub(super) const TOKENS: &[(&str, &str)] = &[
    ("all", "blog.*,newsdesk.*"),
    ("reader", "blog.view_article"),
    ("nobody", ""),
    ("author", "blog.view_article,blog.view_author,blog.view_comment,blog.add_article"),
];

/// A call, and what mcpass answers where that is meant to be something else as a whole.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) token: &'static str,
    pub(super) tool: &'static str,
    pub(super) arguments: Value,
    pub(super) instead: Option<(Reply, &'static str)>,
}

/// Both answer the same.
pub(super) fn same(token: &'static str, tool: &'static str, arguments: Value) -> Case {
    Case { token, tool, arguments, instead: None }
}

/// mcpass answers `ours`, because of something.
pub(super) fn instead(
    tool: &'static str,
    arguments: Value,
    ours: Value,
    because: &'static str,
) -> Case {
    Case { token: "all", tool, arguments, instead: Some((Reply::of(ours), because)) }
}

/// Django Admin MCP says that it is not permitted.
pub(super) fn hidden(token: &'static str, tool: &'static str, arguments: Value) -> Case {
    const HIDDEN: &str = "what a token may not use is answered like what is not there";
    Case { token, tool, arguments, instead: Some((Reply::Unknown, HIDDEN)) }
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
    for token in ["reader", "author"] {
        cases.push(same(token, "find_models", json!({})));
    }
    cases.push(hidden("nobody", "find_models", json!({})));
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
