//! What the database refuses: said to the operator, and to callers no more than they may know.

use std::fmt::Write as _;
use std::sync::Arc;

use mcpass_domain::ManualClock;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::super::engine::EngineError;
use super::super::face::Face;
use super::super::fixture::{Blog, Holder, Memory, NOW};
use super::super::sql::Sql;
use super::super::{Database, DatabaseError};
use crate::provider::Provider as _;

async fn open(blog: &Blog, settings: &str) -> Result<Database, DatabaseError> {
    let clock = Arc::new(ManualClock::at(NOW));
    let settings = toml::from_str(settings).unwrap();
    Database::open("blog", &blog.url, settings, clock, Arc::new(Memory::default())).await
}

#[tokio::test]
async fn conditions_are_tried_when_a_database_is_opened() {
    for blog in Blog::both("").await {
        for (settings, setting, said) in [
            ("where = 'nope = 1'", "article: `where` is no", "nope"),
            ("where = 'nofunction(title)'", "article: `where` is no", "nofunction"),
            (
                "actions.out = { description = 'x', set = { status = 'published' }, where = 'nope = 1' }",
                "article: `where` of the action `out`",
                "nope",
            ),
        ] {
            let error = open(&blog, &format!("[models.article]\n{settings}")).await;
            let error = error.unwrap_err().to_string();
            assert!(error.contains(setting) && error.contains(said), "{settings}: {error}");
        }
        // An empty `:user` is no number, and that is not the condition's fault.
        let number = if blog.url.starts_with("sqlite:") {
            "where = 'tenant = CAST(:user AS integer)'"
        } else {
            "where = 'tenant = :user::bigint'"
        };
        for good in [
            number,
            "where = 'owner = :user AND article.tenant > 0'",
            "actions.out = { description = 'x', set = { status = 'published' }, where = 'tenant = 1' }",
        ] {
            open(&blog, &format!("[models.article]\n{good}")).await.unwrap();
        }
    }
}

/// Keeps warnings as text.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<String>>);

impl Visit for Warnings {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0.lock(), "{}={value:?} ", field.name());
    }
}

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
        self.0.lock().push('\n');
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn what_the_database_said_is_in_the_log_once() {
    let warnings = Warnings::default();
    let _guard = tracing::subscriber::set_default(warnings.clone());
    for blog in Blog::both("").await {
        blog.execute("ALTER TABLE article RENAME COLUMN notes TO remarks".to_owned()).await;
        let face = Face::new("blog", blog.database);
        let holder = Holder::of(&["blog.*"]);
        let items = json!([{"title": "a", "slug": "zebra-1", "author_id": 1, "notes": "zebra"}]);
        for (tool, given) in [
            ("list_article", json!({})),
            ("bulk_article", json!({"operation": "create", "items": items})),
        ] {
            warnings.0.lock().clear();
            let given: Map<String, Value> = given.as_object().unwrap().clone();
            let answer = face.call(tool, given, holder.caller()).await;
            let told = answer.map_or_else(|failure| failure.0, |outcome| outcome.text);
            assert!(told.contains("A database error occurred"), "{told}");
            assert!(!told.contains("notes"), "{told}");
            let log = warnings.0.lock().clone();
            assert_eq!(log.lines().count(), 1, "{tool}: {log}");
            assert!(log.contains("server=\"blog\"") && log.contains("model=\"article\""), "{log}");
            assert!(log.contains("notes") && !log.contains("zebra"), "{log}");
        }
        warnings.0.lock().clear();
        let read = face.read("data://article/1", holder.caller()).await.unwrap_err();
        assert!(read.0.contains("A database error occurred"), "{}", read.0);
        assert!(warnings.0.lock().contains("notes"));
    }
}

#[tokio::test]
async fn values_are_not_told_to_the_operator() {
    let blog = Blog::postgres("").await;
    let sql = Sql::literal(blog.database.engine.dialect(), "SELECT CAST('zebra' AS integer)");
    let error = blog.database.engine.read(sql).await.unwrap_err();
    assert!(matches!(error, EngineError::Value(_)));
    let said = error.said().unwrap();
    assert!(said.contains("22P02") && !said.contains("zebra"), "{said}");
}
