//! Row scopes and hidden fields hold for whatever permissions and settings there are.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::super::access::Right;
use super::super::fixture::{Blog, Holder, arguments};
use super::super::{autocomplete, describe, find, get, list, related};

const MODELS: [&str; 5] = ["article", "author", "comment", "score", "tag"];
/// Fields of an article that may be hidden, and texts that none but they hold.
const HIDEABLE: [(&str, &str); 4] = [
    ("notes", "secret-note"),
    ("body", "secret-body"),
    ("slug", "secret-slug"),
    ("owner", "\"ben\""),
];
const SCOPES: [&str; 4] = ["", "tenant = 1", "owner = :user", "tenant = 2 AND owner = :user"];

/// Whether an article exists for Ana within a scope.
fn exists(id: i64, scope: &str) -> bool {
    let (tenant, owner) = match id {
        1 => (1, "ana"),
        2 => (1, "ben"),
        3 => (2, "ana"),
        _ => (2, "ben"),
    };
    match scope {
        "tenant = 1" => tenant == 1,
        "owner = :user" => owner == "ana",
        "tenant = 2 AND owner = :user" => tenant == 2 && owner == "ana",
        _ => true,
    }
}

/// Everything that can be asked, of every model.
async fn ask_everything(blog: &Blog, holder: &Holder, hidden: &[&str]) -> Vec<(String, String)> {
    let access = holder.access(&blog.database);
    let database = &blog.database;
    let mut answers = Vec::new();
    let mut note = |what: String, answer: Result<String, super::super::errors::Failure>| {
        answers.push((what, answer.unwrap_or_else(|failure| failure.body().to_string())));
    };
    note("find".to_owned(), find::run(&access, &arguments(json!({}))));
    let mut lists =
        vec![json!({}), json!({"search": "secret"}), json!({"aggregate": {"count": true}})];
    for name in hidden {
        lists.push(json!({"filters": {*name: "ben"}}));
        lists.push(json!({"filters": {format!("{name}__isnull"): false}}));
        lists.push(json!({"filters": {format!("article_set__{name}__contains"): "secret"}}));
        lists.push(json!({"filters": {format!("article__{name}__contains"): "secret"}}));
        lists.push(json!({"filters": {"or": [{*name: "ben"}, {"not": {*name: "ben"}}]}}));
        lists.push(json!({"order_by": [name]}));
        lists.push(json!({"fields": [name]}));
        lists.push(json!({"aggregate": {"group_by": [name]}}));
        lists.push(json!({"aggregate": {"min": [name], "max": [name]}}));
    }
    for model in MODELS {
        note(
            format!("describe {model}"),
            describe::run(&access, model, &arguments(json!({})), false),
        );
        let given = arguments(json!({"limit": 50}));
        note(
            format!("autocomplete {model}"),
            autocomplete::run(database, &access, model, &given).await,
        );
        for given in &lists {
            let answer = list::run(database, &access, model, &arguments(given.clone())).await;
            note(format!("list {model} {given}"), answer);
        }
        for id in 1..5 {
            let given = json!({"id": id, "include_related": true, "include_inlines": true});
            let answer = get::run(database, &access, model, &arguments(given)).await;
            note(format!("get {model} {id}"), answer);
            for relation in
                ["article_set", "article_author_set", "article", "author", "tags", "comment_set"]
            {
                let given = json!({"id": id, "relation": relation});
                let answer = related::run(database, &access, model, &arguments(given)).await;
                note(format!("related {model} {id} {relation}"), answer);
            }
        }
        for name in hidden {
            let given = json!({"id": 4, "fields": [name], "text_offset": 0});
            let answer = get::run(database, &access, model, &arguments(given)).await;
            note(format!("get {model} {name}"), answer);
        }
    }
    answers
}

/// Titles of articles are told by their numbers: `Title-4-`.
fn told_articles(answer: &str) -> Vec<i64> {
    (1..5).filter(|id| answer.contains(&format!("title-{id}-"))).collect()
}

/// What a caller could see, and what they must not.
async fn verify(blog: &Blog, rights: &[(usize, Right)], scope: &str, hidden: &[&str]) {
    let permissions: Vec<String> =
        rights.iter().map(|(at, right)| format!("blog.{}_{}", right.verb(), MODELS[*at])).collect();
    let holder = Holder::of(&permissions.iter().map(String::as_str).collect::<Vec<_>>());
    let may_view = |model: &str| permissions.contains(&format!("blog.view_{model}"));
    for (what, answer) in ask_everything(blog, &holder, hidden).await {
        for id in told_articles(&answer) {
            assert!(may_view("article"), "{permissions:?} {what}: {answer}");
            assert!(exists(id, scope), "{scope} {what}: {answer}");
        }
        let secrets = HIDEABLE.iter();
        for (name, secret) in secrets.filter(|(name, _)| hidden.contains(name)) {
            assert!(!answer.contains(secret), "{name} is hidden: {what}: {answer}");
        }
        let model = what.split(' ').nth(1).unwrap_or("");
        if !model.is_empty() && !may_view(model) {
            let value: Value = serde_json::from_str(&answer).unwrap();
            let denied = format!("Permission denied: cannot view {model}");
            assert_eq!(value["error"], denied, "{permissions:?} {what}");
        }
        if what.starts_with("list article {\"aggregate\":{\"count\"") && may_view("article") {
            let value: Value = serde_json::from_str(&answer).unwrap();
            let expected = (1..5).filter(|id| exists(*id, scope)).count();
            assert_eq!(value["results"][0]["count"], expected, "{scope}: {answer}");
        }
    }
}

#[test]
fn scopes_and_hidden_fields_hold_for_all_permissions() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let blogs = runtime.block_on(Blog::both(""));
    for blog in &blogs {
        runtime.block_on(
            blog.execute(
                "UPDATE article SET title = 'title-' || id || '-', notes = 'secret-note' || id, \
             body = 'secret-body' || id, slug = 'secret-slug' || id"
                    .to_owned(),
            ),
        );
    }
    let right = (0..MODELS.len(), prop::sample::select(Right::ALL.to_vec()));
    let rights = prop::collection::vec(right, 0..10);
    let scope = prop::sample::select(SCOPES.to_vec());
    let hidden = prop::sample::subsequence(HIDEABLE.map(|(name, _)| name).to_vec(), 0..=4);
    let mut runner = TestRunner::new(Config { cases: 24, ..Config::default() });
    let test = runner.run(&(rights, scope, hidden), |(mut rights, scope, hidden)| {
        // Views are what secrets come out by.
        rights.extend(rights.clone().iter().map(|(at, _)| (*at, Right::View)));
        let condition =
            if scope.is_empty() { String::new() } else { format!("where = \"{scope}\"") };
        let settings = format!("[models.article]\n{condition}\nhidden = {hidden:?}");
        for blog in &blogs {
            runtime.block_on(async {
                let blog = blog.again(&settings).await;
                verify(&blog, &rights, scope, &hidden).await;
            });
        }
        Ok(())
    });
    test.unwrap();
}
