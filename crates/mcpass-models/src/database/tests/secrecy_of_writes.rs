//! Row scopes, hidden fields and rights hold for whatever is written with whatever permissions.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::super::access::Operation::{self, Action, Bulk, Create, Delete, History, Update};
use super::super::access::Right;
use super::super::fixture::{Blog, Holder};
use super::super::sql::{Datum, Sql};

const MODELS: [&str; 5] = ["article", "author", "comment", "score", "tag"];
/// Fields of an article that may be hidden, and a value to try.
const HIDEABLE: [(&str, &str); 3] = [("notes", "n"), ("body", "b"), ("rating", "1.5")];
const SCOPES: [&str; 4] = ["", "tenant = 1", "owner = :user", "tenant = 2 AND owner = :user"];

/// An article, as far as it matters here.
#[derive(Clone, Debug, PartialEq)]
struct Article {
    tenant: i64,
    owner: String,
    title: String,
    hideable: [Datum; 3],
}

impl Article {
    fn is_within(&self, scope: &str) -> bool {
        match scope {
            "tenant = 1" => self.tenant == 1,
            "owner = :user" => self.owner == "ana",
            "tenant = 2 AND owner = :user" => self.tenant == 2 && self.owner == "ana",
            _ => true,
        }
    }
}

async fn articles(blog: &Blog) -> BTreeMap<i64, Article> {
    let engine = &blog.database.engine;
    let sql = "SELECT id, tenant, owner, title, notes, body, rating FROM article";
    let rows = engine.read(Sql::literal(engine.dialect(), sql)).await.unwrap().all().unwrap();
    let article = |row: Vec<Datum>| {
        let text = |at: usize| row[at].as_text().unwrap().to_owned();
        let hideable = [row[4].clone(), row[5].clone(), row[6].clone()];
        let tenant = row[1].as_integer().unwrap();
        (row[0].as_integer().unwrap(), Article { tenant, owner: text(2), title: text(3), hideable })
    };
    rows.into_iter().map(article).collect()
}

/// Everything that can be tried to be written.
fn attempts(hidden: &[&str]) -> Vec<(Operation, &'static str, Value)> {
    let mut calls = Vec::new();
    let hide = |name: &str| -> Value {
        let (_, value) = HIDEABLE.iter().find(|(each, _)| *each == name).unwrap();
        if name == "rating" { json!(1.5) } else { json!(value) }
    };
    for (tenant, owner) in [(1, "ana"), (2, "ana"), (1, "ben"), (2, "ben")] {
        let slug = format!("s-{tenant}-{owner}");
        let data =
            json!({"title": "new", "slug": slug, "author": 1, "tenant": tenant, "owner": owner});
        calls.push((Create, "article", json!({ "data": data })));
        for name in hidden {
            let mut data = data.clone();
            data[*name] = hide(name);
            calls.push((Create, "article", json!({ "data": data })));
        }
        let mut data = data;
        data["slug"] = json!(format!("bulk-{slug}"));
        calls.push((
            Bulk,
            "article",
            json!({"operation": "create", "items": [data], "atomic": false}),
        ));
    }
    for id in 1..5 {
        for data in [
            json!({"title": "changed"}),
            json!({"tenant": 2}),
            json!({"owner": "ben"}),
            json!({"tags": [1, 2, 3]}),
        ] {
            calls.push((Update, "article", json!({"id": id, "data": data})));
            let items = json!([{"id": id, "data": data}]);
            calls.push((Bulk, "article", json!({"operation": "update", "items": items})));
        }
        for name in hidden {
            calls.push((Update, "article", json!({"id": id, "data": {*name: hide(name)}})));
            calls.push((
                Update,
                "article",
                json!({"id": id, "data": {}, "expected": {*name: hide(name)}}),
            ));
        }
        calls.push((Update, "comment", json!({"id": 3, "data": {"article": id}})));
        calls.push((Create, "comment", json!({"data": {"article": id, "body": "c"}})));
        let child = json!([{"data": {"body": "child"}}]);
        calls.push((Update, "article", json!({"id": id, "inlines": {"comment": child}})));
        let child = json!([{"id": id, "data": {"title": "by inline"}}]);
        for author in 1..4 {
            calls.push((
                Update,
                "author",
                json!({"id": author, "inlines": {"article_author_set": child}}),
            ));
        }
        calls.push((Action, "article", json!({"action": "mark", "ids": [1, 2, 3, 4]})));
        calls.push((Action, "article", json!({"action": "delete_selected", "ids": [id]})));
        calls.push((Bulk, "article", json!({"operation": "delete", "items": [id]})));
        calls.push((Delete, "article", json!({"id": id})));
        calls.push((History, "article", json!({"id": id})));
    }
    calls.extend((1..4).map(|id| (Delete, "author", json!({"id": id}))));
    calls
}

/// Whether a call may have changed what it changed.
fn verify(
    what: &str,
    (before, after): (&BTreeMap<i64, Article>, &BTreeMap<i64, Article>),
    scope: &str,
    (may, hidden): (impl Fn(Right) -> bool, &[&str]),
) {
    for (id, old) in before {
        match after.get(id) {
            None => {
                assert!(may(Right::Delete), "{what}: {id} was deleted without the right");
                assert!(old.is_within(scope), "{what}: {id} is out of {scope} and was deleted");
            }
            Some(new) if new != old => {
                assert!(may(Right::Change), "{what}: {id} was changed without the right");
                assert!(old.is_within(scope), "{what}: {id} is out of {scope} and was changed");
                assert!(new.is_within(scope), "{what}: {id} went out of {scope}");
                for (at, (name, _)) in HIDEABLE.iter().enumerate() {
                    let is_same = new.hideable[at] == old.hideable[at];
                    assert!(is_same || !hidden.contains(name), "{what}: {name} is hidden");
                }
            }
            Some(_) => {}
        }
    }
    for (id, new) in after.iter().filter(|(id, _)| !before.contains_key(id)) {
        assert!(may(Right::Add), "{what}: {id} was created without the right");
        assert!(new.is_within(scope), "{what}: {id} was created out of {scope}");
        let fresh = [Datum::Null, Datum::Text(String::new()), Datum::Null];
        for (at, (name, _)) in HIDEABLE.iter().enumerate() {
            let is_fresh = new.hideable[at] == fresh[at];
            assert!(is_fresh || !hidden.contains(name), "{what}: {name} is hidden");
        }
    }
}

async fn attempt_all(blog: &Blog, rights: &[(usize, Right)], scope: &str, hidden: &[&str]) {
    blog.execute("UPDATE article SET notes = 'secret-note', body = 'secret-body'".to_owned()).await;
    let permissions: Vec<String> =
        rights.iter().map(|(at, right)| format!("blog.{}_{}", right.verb(), MODELS[*at])).collect();
    let holder = Holder::of(&permissions.iter().map(String::as_str).collect::<Vec<_>>());
    let may = |right: Right| permissions.contains(&format!("blog.{}_article", right.verb()));
    let mut before = articles(blog).await;
    for (operation, model, given) in attempts(hidden) {
        let what = format!("{permissions:?} {operation:?} {model} {given}");
        let changes = blog.memory.changes().len();
        let answer = blog.call_as(&holder, operation, model, given).await;
        let after = articles(blog).await;
        verify(&what, (&before, &after), scope, (may, hidden));
        if after != before {
            assert!(answer.is_ok(), "{what}: a refused call changed something");
            assert!(blog.memory.changes().len() > changes, "{what}: it is in no history");
        }
        let told = answer.unwrap_or_else(|body| body).to_string();
        for (name, secret) in [("notes", "secret-note"), ("body", "secret-body")] {
            let is_told = told.contains(secret);
            assert!(!is_told || (!hidden.contains(&name) && may(Right::View)), "{what}: {told}");
        }
        before = after;
    }
    for change in blog.memory.changes().iter().filter(|change| change.table.ends_with("article")) {
        let images = [&change.before, &change.after].into_iter().flatten();
        for image in images {
            let image: Value = serde_json::from_str(image).unwrap();
            let shown = hidden.iter().find(|name| image.get(**name).is_some());
            assert!(shown.is_none(), "{image} holds what is hidden");
        }
    }
}

#[test]
fn scopes_hidden_fields_and_rights_hold_for_all_that_is_written() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let right = (0..MODELS.len(), prop::sample::select(Right::ALL.to_vec()));
    let rights = prop::collection::vec(right, 0..14);
    // All rights at times, so that much is done.
    let all: Vec<(usize, Right)> =
        (0..MODELS.len()).flat_map(|at| Right::ALL.map(|right| (at, right))).collect();
    let rights = prop_oneof![rights, Just(all)];
    let scope = prop::sample::select(SCOPES.to_vec());
    let hidden = prop::sample::subsequence(HIDEABLE.map(|(name, _)| name).to_vec(), 0..=3);
    let mut runner = TestRunner::new(Config { cases: 16, ..Config::default() });
    let round = std::cell::Cell::new(0);
    let test = runner.run(&(rights, scope, hidden), |(rights, scope, hidden)| {
        let condition =
            if scope.is_empty() { String::new() } else { format!("where = \"{scope}\"") };
        let settings = format!(
            "[models.article]\n{condition}\nhidden = {hidden:?}\n\
             [models.article.actions.mark]\ndescription = \"Mark\"\nset = {{ title = \"marked\" }}"
        );
        round.set(round.get() + 1);
        let is_fourth = round.get() % 4 == 0;
        runtime.block_on(async {
            let blog = Blog::sqlite(&settings).await;
            attempt_all(&blog, &rights, scope, &hidden).await;
            if is_fourth {
                let blog = Blog::postgres(&settings).await;
                attempt_all(&blog, &rights, scope, &hidden).await;
            }
        });
        Ok(())
    });
    test.unwrap();
}
