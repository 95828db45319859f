use mcpass_domain::{ManualClock, Timestamp};
use mcpass_protocol::{Era, Message};

use super::*;
use crate::database::history::NoKeeper;
use crate::local::Body;

#[derive(Debug)]
struct Fixed(String);

impl UrlSource for Fixed {
    fn url(&self) -> Result<String, String> {
        Ok(self.0.clone())
    }
}

fn plan(url: String, settings: &str) -> Plan {
    Plan {
        server: "shop".to_owned(),
        apps: vec!["shop".to_owned()],
        url: Arc::new(Fixed(url)),
        settings: toml::from_str(settings).unwrap(),
        clock: Arc::new(ManualClock::at(Timestamp::from_micros(0))),
        keeper: Arc::new(NoKeeper),
    }
}

async fn ask(served: &Served, method: &str, params: Value) -> Value {
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let request = request.to_string();
    let message = Message::parse(request.as_bytes()).unwrap();
    let caller = Caller {
        token: "t",
        token_id: "",
        request: "",
        user: "ana",
        max_context: 0,
        may: &|_| true,
    };
    let answer = served.handle(Call { message: &message, era: Era::Legacy, caller }).await;
    match answer.body {
        Body::Json(bytes) => serde_json::from_slice(&bytes).unwrap(),
        Body::Empty => panic!("no answer"),
    }
}

/// Until the database has that state.
async fn wait_for(served: &Served, state: HealthState) -> Health {
    loop {
        let health = served.health().unwrap();
        if health.state == state {
            return health;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_database_that_is_not_there_is_told_and_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    let plan = plan(format!("sqlite:{}", path.display()), "");
    let served = Served::start(plan, &Handle::current());
    let health = wait_for(&served, HealthState::Failing).await;
    assert!(health.problem.unwrap().contains("no database file") && health.retry_at.is_some());
    assert_eq!(served.needs(Target::Tool("list_book"), None), Needs::Anything);
    let hello = ask(&served, "initialize", json!({"protocolVersion": "2025-11-25"})).await;
    assert!(hello["result"]["instructions"].as_str().unwrap().contains("cannot be reached"));
    let called = ask(&served, "tools/call", json!({"name": "list_book"})).await;
    assert_eq!(called["result"]["isError"], true);
    let text = called["result"]["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("unavailable") && !text.contains("shop.db"), "{text}");
    assert!(ask(&served, "tools/list", json!({})).await["error"]["message"].is_string());

    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch("CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT)").unwrap();
    let health = wait_for(&served, HealthState::Healthy).await;
    assert_eq!(health.detail.as_deref(), Some("SQLite, 1 model in shop"));
    let called = ask(&served, "tools/call", json!({"name": "list_book"})).await;
    assert_eq!(called["result"]["structuredContent"]["total_count"], 0, "{called}");
    assert!(matches!(served.needs(Target::Tool("list_book"), None), Needs::OneOf(_)));
}

#[tokio::test]
async fn settings_that_do_not_fit_are_for_the_operator() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch("CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT)").unwrap();
    let plan = plan(format!("sqlite:{}", path.display()), "[models.boook]");
    let served = Served::start(plan, &Handle::current());
    let health = wait_for(&served, HealthState::Broken).await;
    assert!(health.problem.unwrap().contains("boook"));
    served.retire();
}
