//! What holds for all tools that write: the history, and connections that are lost.

use std::sync::Arc;
use std::time::Duration;

use mcpass_testkit::PrivatePostgres;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixStream};

use super::super::access::Operation::{self, Action, Bulk, Create, Delete, History, Update};
use super::super::fixture::{Blog, Fails, Holder, attach};
use super::super::history::Outcome;

/// One call of each tool that writes, all of which do something.
fn writes() -> Vec<(Operation, &'static str, Value)> {
    vec![
        (
            Create,
            "article",
            json!({"data": {"title": "N", "slug": "n", "author": 1},
            "inlines": {"comment": [{"data": {"body": "c"}}]}}),
        ),
        (Update, "article", json!({"id": 1, "data": {"title": "U", "tags": [3]}})),
        (Bulk, "tag", json!({"operation": "create", "items": [{"name": "b1"}, {"name": "b2"}]})),
        (Bulk, "tag", json!({"operation": "update", "items": [{"id": 1, "data": {"name": "c"}}]})),
        (Action, "article", json!({"action": "delete_selected", "ids": [3]})),
        (Delete, "article", json!({"id": 4})),
    ]
}

#[tokio::test]
async fn nothing_is_changed_that_cannot_be_recorded() {
    for blog in Blog::both("").await {
        let before = blog.dump_all().await;
        blog.memory.fail(Fails::Intent);
        for (operation, model, given) in writes() {
            let body = blog.call(operation, model, given).await.unwrap_err();
            assert_eq!(body["code"], "history_unavailable", "{operation:?} {body}");
        }
        assert_eq!(blog.dump_all().await, before);
        blog.memory.fail(Fails::Nothing);
        for (operation, model, given) in writes() {
            blog.call(operation, model, given).await.unwrap();
        }
        let calls = blog.memory.calls();
        assert_eq!(calls.len(), writes().len(), "one call, one intent");
        assert!(calls.iter().all(|(_, outcome)| *outcome == Some(Outcome::Done)));
    }
}

#[tokio::test]
async fn an_outcome_that_was_never_told_is_unknown() {
    let blog = Blog::sqlite("").await;
    blog.memory.fail(Fails::Outcome);
    let given = json!({"id": 1, "data": {"title": "Done"}});
    assert!(blog.call(Update, "article", given).await.is_ok(), "it is done");
    blog.memory.fail(Fails::Nothing);
    let told = blog.call(History, "article", json!({"id": 1})).await.unwrap();
    assert_eq!(told["history"][0]["outcome"], "unknown", "{told}");
}

#[tokio::test]
async fn the_same_is_in_the_database_s_own_table() {
    for (here, there) in
        Blog::both("with_history = true").await.into_iter().zip(Blog::both("").await)
    {
        for (operation, model, given) in writes() {
            here.call(operation, model, given.clone()).await.unwrap();
            there.call(operation, model, given).await.unwrap();
        }
        assert!(here.memory.calls().is_empty(), "the keeper is not asked");
        for (model, id) in [("article", json!(1)), ("article", json!(3)), ("tag", json!(1))] {
            let asked = json!({"id": id});
            let one = here.call(History, model, asked.clone()).await.unwrap();
            let other = there.call(History, model, asked).await.unwrap();
            assert_eq!(one, other);
            assert_eq!(one["count"], 1, "{one}");
        }
        // Neither tools nor actions reach the table itself.
        let again = here.again("with_history = true\n[models.mcpass_history]\nexpose = true").await;
        for (operation, given) in [
            (Delete, json!({"id": 1})),
            (Update, json!({"id": 1, "data": {"user_name": "ben"}})),
            (Bulk, json!({"operation": "delete", "items": [1]})),
        ] {
            let body = again.call(operation, "mcpass_history", given).await.unwrap_err();
            assert_eq!(body["code"], "read_only");
        }
    }
}

#[tokio::test]
async fn a_history_that_fails_takes_the_change_along() {
    for blog in Blog::both("with_history = true").await {
        blog.execute("ALTER TABLE mcpass_history RENAME COLUMN via TO gone".to_owned()).await;
        let before = blog.dump_all().await;
        for (operation, model, given) in writes() {
            let body = blog.call(operation, model, given).await.unwrap_err();
            assert_eq!(body, json!({"error": "A database error occurred"}), "{operation:?}");
        }
        assert_eq!(blog.dump_all().await, before);
    }
}

#[tokio::test]
async fn a_declared_key_of_several_rows_writes_none_of_them() {
    let settings = "[models.line]\nkey = [\"name\"]\n[models.line.actions.mark]\n\
                    description = \"Mark\"\nset = { note = \"x\" }";
    for blog in Blog::both("").await {
        let sql = "CREATE TABLE line (name varchar(10) NOT NULL, note text); \
                   INSERT INTO line VALUES ('one', 'a'), ('two', 'b'), ('two', 'c')";
        blog.execute(sql.to_owned()).await;
        let blog = blog.again(settings).await;
        let before = blog.dump("line").await;
        for (operation, given) in [
            (Update, json!({"id": "two", "data": {"note": "x"}})),
            (Delete, json!({"id": "two"})),
            (Bulk, json!({"operation": "delete", "items": ["two"], "atomic": false})),
            (Action, json!({"action": "delete_selected", "ids": ["two", "two"]})),
        ] {
            let answer = blog.call(operation, "line", given).await.unwrap_or_else(|body| body);
            assert!(answer.to_string().contains("\"ambiguous_key\""), "{operation:?} {answer}");
        }
        let mark = json!({"action": "mark", "ids": ["two"]});
        let body = blog.call(Action, "line", mark).await.unwrap_err();
        assert_eq!(body["code"], "ambiguous_key");
        assert_eq!(blog.dump("line").await, before);
        assert!(blog.call(Delete, "line", json!({"id": "one"})).await.is_ok());
        let sql = "CREATE TABLE child (name varchar(10) NOT NULL, \
                   tag_id bigint REFERENCES tag (id) ON DELETE CASCADE); \
                   INSERT INTO child VALUES ('a', 1), ('a', 2)";
        blog.execute(sql.to_owned()).await;
        let blog = blog.again("[models.child]\nkey = [\"name\"]").await;
        let body = blog.call(Delete, "tag", json!({"id": 1})).await.unwrap_err();
        assert_eq!(body["code"], "ambiguous_key", "a child of tag 2 would go along");
    }
}

#[tokio::test]
async fn what_is_undone_alone_is_in_no_history() {
    let blog = Blog::sqlite("").await;
    let trigger = "CREATE TRIGGER keep BEFORE DELETE ON tag WHEN old.id = 2 \
                   BEGIN SELECT RAISE(ABORT, 'not this one'); END";
    blog.execute(trigger.to_owned()).await;
    let given = json!({"operation": "delete", "items": [1, 2, 4], "atomic": false});
    let answer = blog.call(Bulk, "tag", given).await.unwrap();
    assert_eq!((&answer["success_count"], &answer["error_count"]), (&json!(2), &json!(1)));
    assert!(!answer.to_string().contains("not this one"), "{answer}");
    let told: Vec<String> =
        blog.memory.changes().into_iter().map(|change| change.object_id).collect();
    assert_eq!(told, ["1", "4"]);
    assert_eq!(blog.row("article", 1).await["tags"], json!([2]), "its links stayed, too");
}

/// What a trigger leaves behind is found when the transaction ends.
const ORPHANS: &str = "\
    CREATE TABLE orphan (id integer PRIMARY KEY, tag_id integer \
        REFERENCES tag (id) DEFERRABLE INITIALLY DEFERRED); \
    CREATE TRIGGER leave AFTER UPDATE ON tag \
        BEGIN INSERT INTO orphan (tag_id) VALUES (999); END";

#[tokio::test]
async fn what_is_refused_at_the_end_is_undone() {
    let blog = Blog::sqlite("").await;
    blog.execute(ORPHANS.to_owned()).await;
    let given = json!({"id": 1, "data": {"name": "refused"}});
    let body = blog.call(Update, "tag", given).await.unwrap_err();
    assert_eq!(body, json!({"error": "Data integrity error: a constraint was violated"}));
    assert_eq!(blog.memory.calls()[0].1, Some(Outcome::Undone));
    let told = blog.call(History, "tag", json!({"id": 1})).await.unwrap();
    assert_eq!(told["count"], 0);
    assert_eq!(blog.row("tag", 1).await["name"], "rust");
    let given = json!({"data": {"name": "goes on"}});
    assert!(blog.call(Create, "tag", given).await.is_ok());
}

#[tokio::test]
async fn a_connection_lost_in_the_middle_changes_nothing() {
    let server = PrivatePostgres::start().unwrap();
    let blog = Blog::postgres_at(server.create_database().unwrap(), "").await;
    let before = blog.dump_all().await;
    let mut holder = PgConnection::connect(&blog.url).await.unwrap();
    sqlx::raw_sql("BEGIN; SELECT * FROM tag FOR UPDATE").execute(&mut holder).await.unwrap();
    let mut watcher = PgConnection::connect(&blog.url).await.unwrap();
    let kill = async {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
        while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut watcher).await.unwrap() == 0 {
            tokio::task::yield_now().await;
        }
        server.kill().unwrap();
    };
    // The first item is done when the second waits for the lock.
    let bulk = json!({"operation": "update", "items": [
        {"id": 1, "data": {"title": "half done"}},
        {"id": 2, "data": {"title": "half done", "tags": [1]}},
    ]});
    let (answer, ()) = tokio::join!(blog.call(Bulk, "article", bulk), kill);
    let body = answer.unwrap_err();
    assert_eq!(body, json!({"error": "The database cannot be reached. Nothing was changed."}));
    server.start_again().unwrap();
    let blog = attach(&blog.url, "").await;
    for table in ["article", "article_tags"] {
        let dump = blog.dump(table).await;
        assert!(before.contains(&dump), "{table}: {dump}");
    }
}

/// Stands between mcpass and PostgreSQL, and is gone when a `COMMIT` has been passed on.
async fn stand_between(listener: TcpListener, server: std::path::PathBuf) {
    loop {
        let Ok((client, _)) = listener.accept().await else { return };
        let server = UnixStream::connect(&server).await.unwrap();
        tokio::spawn(async move {
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = server.into_split();
            let back = tokio::spawn(async move {
                let _ = tokio::io::copy(&mut from_server, &mut to_client).await;
            });
            let mut bytes = vec![0; 64 * 1024];
            while let Ok(count @ 1..) = from_client.read(&mut bytes).await {
                let is_end = bytes[..count].windows(7).any(|word| word == b"COMMIT\0");
                if is_end {
                    // The answer is never seen.
                    back.abort();
                }
                if to_server.write_all(&bytes[..count]).await.is_err() || is_end {
                    break;
                }
            }
            back.abort();
        });
    }
}

#[tokio::test]
async fn a_commit_without_an_answer_is_said_to_be_unknown() {
    let blog = Blog::postgres("").await;
    let (_, folder) = blog.url.split_once("?host=").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (address, _) = blog.url.split_once('?').unwrap();
    let (head, tail) = address.split_once("localhost:").unwrap();
    let (server_port, database) = tail.split_once('/').unwrap();
    let socket = std::path::Path::new(folder).join(format!(".s.PGSQL.{server_port}"));
    let between = tokio::spawn(stand_between(listener, socket));
    let url = format!("{head}127.0.0.1:{port}/{database}?sslmode=disable");
    let through = attach(&url, "").await;
    let given = json!({"id": 1, "data": {"title": "Perhaps"}});
    let answer =
        tokio::time::timeout(Duration::from_secs(30), through.call(Update, "article", given));
    let body = answer.await.unwrap().unwrap_err();
    assert_eq!(body["code"], "outcome_unknown", "{body}");
    let calls = through.memory.calls();
    assert_eq!(calls[0].1, Some(Outcome::Unknown));
    let told = through.call(History, "article", json!({"id": 1})).await.unwrap();
    assert_eq!(told["history"][0]["outcome"], "unknown");
    between.abort();
}

#[tokio::test]
async fn a_write_waits_for_others_no_longer_than_it_may() {
    let blog = Blog::sqlite("statement_timeout_ms = 200").await;
    let path = blog.url.strip_prefix("sqlite:").unwrap().to_owned();
    let mut other = sqlx::SqliteConnection::connect(&format!("sqlite:{path}")).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe("BEGIN IMMEDIATE".to_owned())).execute(&mut other).await.unwrap();
    let given = json!({"id": 1, "data": {"title": "Late"}});
    let body = blog.call(Update, "article", given.clone()).await.unwrap_err();
    assert!(body["error"].as_str().unwrap().contains("busy"), "{body}");
    sqlx::raw_sql(AssertSqlSafe("ROLLBACK".to_owned())).execute(&mut other).await.unwrap();
    assert!(blog.call(Update, "article", given).await.is_ok());
}

/// Changes of tags take for ever.
const SLOW_SQLITE: &str = "\
    CREATE VIEW endless AS WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) \
        SELECT count(*) AS n FROM c; \
    CREATE TRIGGER slow AFTER UPDATE ON tag BEGIN SELECT n FROM endless; END";
const SLOW_POSTGRES: &str = "\
    CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS \
        'BEGIN PERFORM pg_sleep(60); RETURN NEW; END'; \
    CREATE TRIGGER slow AFTER UPDATE ON tag FOR EACH ROW EXECUTE FUNCTION slow()";

#[tokio::test]
async fn a_write_that_takes_too_long_is_undone() {
    for (blog, slow) in
        Blog::both("statement_timeout_ms = 300").await.into_iter().zip([SLOW_SQLITE, SLOW_POSTGRES])
    {
        blog.execute(slow.to_owned()).await;
        let before = blog.dump_all().await;
        let given = json!({"operation": "update", "items": [{"id": 1, "data": {"name": "late"}}]});
        let body = blog.call(Bulk, "tag", given).await.unwrap_err();
        let text = body["error"].as_str().unwrap();
        assert!(text.starts_with("The database took longer than 300 ms"), "{text}");
        let given = json!({"data": {"name": "next"}});
        let next = tokio::time::timeout(Duration::from_secs(10), blog.call(Create, "tag", given));
        let id = next.await.unwrap().unwrap()["id"].clone();
        blog.call(Delete, "tag", json!({ "id": id })).await.unwrap();
        assert_eq!(blog.dump_all().await, before);
    }
}

#[tokio::test]
async fn a_database_for_reading_alone_is_not_written() {
    let blog = Blog::sqlite("read_only = true\nwith_history = true").await;
    for (operation, model, given) in writes() {
        let body = blog.call(operation, model, given).await.unwrap_err();
        assert_eq!(body["code"], "read_only");
    }
}

/// Built-in servers call tools from any thread.
#[tokio::test]
async fn calls_can_be_made_from_any_thread() {
    let blog = Arc::new(Blog::sqlite("").await);
    for (operation, model, given) in writes() {
        let blog = Arc::clone(&blog);
        let call = tokio::spawn(async move {
            blog.call_as(&Holder::of(&["blog.*"]), operation, model, given).await
        });
        assert!(call.await.unwrap().is_ok());
    }
}
