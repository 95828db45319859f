//! What lasts longer than the request that began it.

use axum::body::{Body, BodyDataStream};
use axum::response::Response;
use futures_util::StreamExt as _;
use http::{Request, StatusCode, header};
use mcpass_domain::id::IdParts;
use mcpass_domain::{Clock as _, RequestId, Token};
use mcpass_store::{AccessBatch, Store as _};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::families::answered;
use super::{Bench, HOST, PASSWORD, clock};
use crate::Site;
use crate::api::tests::Well;

impl Bench {
    /// An answer of the console or the API, before its body.
    async fn begin(&self, path: &str, cookie: &str) -> Response {
        self.begin_after(path, cookie, "").await
    }

    /// The same for who has seen the events until this one.
    async fn begin_after(&self, path: &str, cookie: &str, last: &str) -> Response {
        let site = Site {
            authority: self.authority.clone(),
            operations: std::sync::Arc::new(Well),
            sessions: std::sync::Arc::new(self.console.sessions()),
            listen: None,
            read_timeout: std::time::Duration::from_secs(30),
            ending: CancellationToken::new(),
        };
        let request = Request::get(path)
            .header(header::HOST, HOST)
            .header(header::COOKIE, cookie)
            .header("last-event-id", last)
            .body(Body::empty())
            .unwrap();
        let response = crate::router(site, self.console.clone()).oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response
    }
}

/// What a stream says until `wanted` or its end.
async fn until(stream: &mut BodyDataStream, wanted: &str) -> String {
    let mut said = String::new();
    while !said.contains(wanted) {
        let Some(piece) = stream.next().await else { break };
        said.push_str(std::str::from_utf8(&piece.unwrap()).unwrap());
    }
    said
}

/// A call comes in.
async fn called(bench: &Bench, token: &Token, n: u8, target: &'static str) {
    let id: RequestId = IdParts { now: clock().now(), random: [n; 10] }.into();
    let rows = vec![answered(token, id, target)];
    bench.store.access_load(AccessBatch { rows, ..AccessBatch::default() }).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_follows_the_log_hears_of_calls_until_their_session_ends() {
    let bench = Bench::new().await;
    let id = bench.token("bo", "laptop").await.parse().unwrap();
    let token = bench.store.token_find(id).await.unwrap().unwrap();
    let call = async |n, target| called(&bench, &token, n, target).await;
    let (first, second) = (bench.sign_in("ana").await, bench.sign_in("ana").await);
    let mut streams = [Vec::new(), Vec::new()];
    for (streams, cookie) in streams.iter_mut().zip([&first, &second]) {
        for path in ["/log/live", "/api/v1/log.events"] {
            streams.push(bench.begin(path, cookie).await.into_body().into_data_stream());
        }
    }
    let [firsts, seconds] = &mut streams;
    call(1, "heard-by-both").await;
    for stream in firsts.iter_mut().chain(seconds.iter_mut()) {
        assert!(until(stream, "heard-by-both").await.contains("heard-by-both"));
    }

    // A new password ends the other sessions.
    let form = format!("old={PASSWORD}&password=many+more+words+here&again=many+more+words+here");
    assert_eq!(bench.post("/account/password", &second, &form).await.to(), "/account");
    call(2, "heard-by-one").await;
    for stream in firsts {
        let said = until(stream, "never").await;
        assert!(
            said.contains("your session has ended") && !said.contains("heard-by-one"),
            "{said}"
        );
    }
    for stream in seconds.iter_mut() {
        assert!(until(stream, "heard-by-one").await.contains("heard-by-one"));
    }

    assert_eq!(bench.post("/sign-out", &second, "").await.to(), "/sign-in");
    call(3, "heard-by-none").await;
    for stream in seconds {
        let said = until(stream, "never").await;
        assert!(
            said.contains("your session has ended") && !said.contains("heard-by-none"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn a_file_of_the_log_breaks_off_when_the_session_ends() {
    let bench = Bench::new().await;
    let id = bench.token("bo", "laptop").await.parse().unwrap();
    let token = bench.store.token_find(id).await.unwrap().unwrap();
    let rows = (0..2_500_u16).map(|n| {
        let [a, b] = n.to_be_bytes();
        let id = IdParts { now: clock().now(), random: [0, 0, 0, 0, 0, 0, 0, 0, a, b] };
        answered(&token, id.into(), "look")
    });
    let batch = AccessBatch { rows: rows.collect(), ..AccessBatch::default() };
    bench.store.access_load(batch).await.unwrap();
    let cookie = bench.sign_in("ana").await;
    let mut files = Vec::new();
    for path in ["/api/v1/log.csv", "/api/v1/log.ndjson"] {
        let mut file = bench.begin(path, &cookie).await.into_body().into_data_stream();
        file.next().await.unwrap().unwrap();
        files.push(file);
    }
    bench.post("/sign-out", &cookie, "").await;
    for mut file in files {
        assert!(file.next().await.unwrap().is_err(), "what is missing is told by the connection");
    }
}

#[tokio::test(start_paused = true)]
async fn who_was_cut_off_misses_no_row() {
    let bench = Bench::new().await;
    let id = bench.token("bo", "laptop").await.parse().unwrap();
    let token = bench.store.token_find(id).await.unwrap().unwrap();
    let ids: Vec<RequestId> =
        (0..13).map(|n| IdParts { now: clock().now(), random: [n; 10] }.into()).collect();
    let rows = ids.iter().map(|id| answered(&token, *id, "look")).collect();
    bench.store.access_load(AccessBatch { rows, ..AccessBatch::default() }).await.unwrap();
    let cookie = bench.sign_in("ana").await;
    let mut heard = Vec::new();
    let mut last = "0".to_owned();
    for expected in [2, 2, 2, 2, 2, 2] {
        let path = "/api/v1/log.events?limit=2";
        let mut body = bench.begin_after(path, &cookie, &last).await.into_body().into_data_stream();
        let said = until(&mut body, "never").await;
        let events: Vec<&str> =
            said.split("\n\n").filter(|event| event.contains("data:")).collect();
        assert_eq!(events.len(), expected, "{said}");
        // Whoever loses the connection between the two gets both again.
        assert!(!events[0].contains("\nid: "), "{said}");
        last = events[1].split_once("\nid: ").unwrap().1.to_owned();
        heard.extend(events.iter().map(|event| {
            let json = event.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
            let row: serde_json::Value = serde_json::from_str(json).unwrap();
            row["id"].as_str().unwrap().to_owned()
        }));
    }
    let expected: Vec<String> = ids.iter().take(12).map(ToString::to_string).collect();
    assert_eq!(heard, expected);
}

#[tokio::test(start_paused = true)]
async fn who_comes_from_beyond_the_end_hears_what_comes_in_now() {
    let bench = Bench::new().await;
    let id = bench.token("bo", "laptop").await.parse().unwrap();
    let token = bench.store.token_find(id).await.unwrap().unwrap();
    let call = async |n, target| called(&bench, &token, n, target).await;
    call(1, "before").await;
    let cookie = bench.sign_in("ana").await;
    // As after a backup was put back: the place is of a longer log.
    let path = "/api/v1/log.events?limit=1";
    let followed = bench.begin_after(path, &cookie, "99999999999").await;
    let mut followed = followed.into_body().into_data_stream();
    until(&mut followed, "following").await;
    call(2, "heard").await;
    let said =
        tokio::time::timeout(std::time::Duration::from_secs(5), until(&mut followed, "heard"));
    let said = said.await.expect("a row within a few looks");
    assert!(said.contains("heard") && !said.contains("before"), "{said}");
}
