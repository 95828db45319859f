//! Upstreams behind TLS: whom mcpass trusts, who it is, and HTTP/2.

use std::time::Duration;

use anyhow::Result;
use mcpass_domain::server::{ClientIdentity, Health, HealthState, HttpUpstream};
use mcpass_domain::{Reason, ServerKind};
use mcpass_testkit::eventually::eventually;
use mcpass_testkit::wire;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::harness::{Bed, Token, server};
use crate::secure::{Authority, Manner, Secure, save};

const BOTH: &[&str] = &["h2", "http/1.1"];

/// An authority, a gateway, and a folder for their files.
struct Place {
    bed: Bed,
    token: Token,
    authority: Authority,
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let bed = Bed::start();
        let token = bed.token(&["fake.*"]);
        let folder = tempfile::tempdir().unwrap();
        Self { bed, token, authority: Authority::new("ours"), folder }
    }

    /// An upstream at `url`, whose authority is ours.
    fn trusting(&self, url: String) -> HttpUpstream {
        let mut http = HttpUpstream::new(url);
        http.connect_timeout = Duration::from_secs(5);
        http.ca_file = Some(self.authority.save(self.folder.path(), "ca.pem"));
        http
    }

    fn serve(&self, http: HttpUpstream) {
        self.bed.shared.put_servers(vec![server("fake", http)]);
    }

    /// One call: what the upstream spoke, or why there was none.
    async fn call(&self) -> Result<String> {
        let answer = self.bed.post("/mcp/fake", &self.token, &wire::call("look", "1")).await?;
        let body = answer.json()?;
        let text = body["result"]["version"].as_str().or(body["error"]["message"].as_str());
        Ok(text.unwrap_or_default().to_owned())
    }

    fn health(&self) -> Health {
        self.bed.shared.health().pop().unwrap().1
    }
}

#[tokio::test]
async fn the_best_that_both_sides_speak_is_spoken() -> Result<()> {
    let place = Place::new();
    for (protocols, expected, described) in [
        (BOTH, "HTTP/2.0", "HTTP/2, 1 of 4096 connections"),
        (&["http/1.1"][..], "HTTP/1.1", "HTTP/1.1, 1 of 4096 connections"),
        (&[][..], "HTTP/1.1", "HTTP/1.1, 1 of 4096 connections"),
    ] {
        let identity = place.authority.signs("localhost");
        let upstream = Secure::start(&identity, Manner::speaking(protocols)).await?;
        place.serve(place.trusting(upstream.url()));
        for _ in 0..3 {
            assert_eq!(place.call().await?, expected);
        }
        assert_eq!(upstream.connections(), 1);
        let health = place.health();
        assert_eq!(health.state, HealthState::Healthy);
        assert_eq!(health.detail.as_deref(), Some(described));
    }
    Ok(())
}

#[tokio::test]
async fn who_is_not_trusted_gets_nothing_and_the_answer_says_what_to_do() -> Result<()> {
    let place = Place::new();
    let identity = Authority::new("theirs").signs("localhost");
    let stranger = Secure::start(&identity, Manner::speaking(BOTH)).await?;
    let expired = place.authority.signs_as("localhost", |params| {
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        params.not_after = rcgen::date_time_ymd(2002, 1, 1);
    });
    let expired = Secure::start(&expired, Manner::speaking(BOTH)).await?;
    let early = place.authority.signs_as("localhost", |params| {
        params.not_before = rcgen::date_time_ymd(4000, 1, 1);
        params.not_after = rcgen::date_time_ymd(4001, 1, 1);
    });
    let early = Secure::start(&early, Manner::speaking(BOTH)).await?;
    let elsewhere = place.authority.signs("elsewhere.example");
    let elsewhere = Secure::start(&elsewhere, Manner::speaking(BOTH)).await?;
    let plain = refuses_tls().await?;
    let cases = [
        (
            stranger.url(),
            "is not trusted; name the file of that authority's certificate with `--ca`",
        ),
        (expired.url(), "its certificate has expired"),
        (early.url(), "its certificate is not valid yet"),
        (elsewhere.url(), "its certificate is not for `localhost`"),
        (
            format!("https://localhost:{plain}/mcp"),
            "it does not speak TLS; is its URL an http:// one?",
        ),
    ];
    for (number, (url, expected)) in cases.into_iter().enumerate() {
        place.serve(place.trusting(url));
        let text = place.call().await?;
        assert!(text.contains(expected), "{text}");
        let row = place.bed.last(number + 1).await?;
        assert_eq!(row.brief(), (Reason::Allowed, 200, Some(Reason::UpstreamFailed)));
        let health = place.health();
        assert_eq!(health.state, HealthState::Failing);
        assert!(health.problem.unwrap().contains(expected));
    }
    for upstream in [stranger, expired, early, elsewhere] {
        assert_eq!(upstream.connections(), 0, "not a byte of HTTP was sent");
    }
    Ok(())
}

/// What a server for plain HTTP does with a TLS handshake; its port.
async fn refuses_tls() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
            let _ = stream.write_all(answer).await;
            // Closing with something unread would reset the connection, and the answer with it.
            let _ = stream.read(&mut [0; 4_096]).await;
        }
    });
    Ok(port)
}

#[tokio::test]
async fn an_upstream_that_asks_who_mcpass_is_gets_its_certificate() -> Result<()> {
    let place = Place::new();
    let ours = place.authority.signs("localhost");
    let clients = Authority::new("clients");
    let (certificate, key) = clients.signs("mcpass").save(place.folder.path(), "client");
    let (wrong, wrong_key) =
        Authority::new("theirs").signs("mcpass").save(place.folder.path(), "wrong");
    for protocols in [BOTH, &["http/1.1"]] {
        let manner = Manner::speaking(protocols).asking_for(&clients);
        let upstream = Secure::start(&ours, manner).await?;
        let mut http = place.trusting(upstream.url());
        place.serve(http.clone());
        let text = place.call().await?;
        assert!(
            text.contains("name one with `--client-cert` and `--client-key`"),
            "{protocols:?}: {text}"
        );
        http.client_identity =
            Some(ClientIdentity { certificate: wrong.clone(), key: wrong_key.clone() });
        place.serve(http.clone());
        let text = place.call().await?;
        assert!(text.contains("does not accept mcpass's client certificate"), "{text}");
        http.client_identity =
            Some(ClientIdentity { certificate: certificate.clone(), key: key.clone() });
        place.serve(http);
        assert!(place.call().await?.starts_with("HTTP/"));
    }
    Ok(())
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named_and_never_shown() -> Result<()> {
    let place = Place::new();
    let folder = place.folder.path();
    let (certificate, key) = place.authority.signs("a").save(folder, "a");
    let (_, other_key) = place.authority.signs("b").save(folder, "b");
    let none = folder.join("none.pem").to_str().unwrap().to_owned();
    let empty = save(folder, "empty.pem", "nothing in here\n");
    let damaged = save(folder, "damaged.pem", "-----BEGIN CERTIFICATE-----\ns3cret\n");
    let identity = |certificate: &str, key: &str| {
        Some(ClientIdentity { certificate: certificate.to_owned(), key: key.to_owned() })
    };
    let cases = [
        (Some(none.clone()), None, vec!["`--ca`", "none.pem"]),
        (Some(empty.clone()), None, vec!["`--ca`", "empty.pem", "BEGIN CERTIFICATE"]),
        (Some(damaged.clone()), None, vec!["`--ca`", "damaged.pem"]),
        (None, identity(&certificate, &none), vec!["`--client-key`", "none.pem"]),
        (None, identity(&certificate, &empty), vec!["no private key", "empty.pem"]),
        (None, identity(&empty, &key), vec!["`--client-cert`", "empty.pem"]),
        (None, identity(&certificate, &other_key), vec!["a.pem", "b.key", "together"]),
    ];
    for (ca_file, client_identity, parts) in cases {
        let http = HttpUpstream {
            ca_file,
            client_identity,
            ..HttpUpstream::new("https://localhost:1/mcp")
        };
        place.serve(http);
        let health = place.health();
        assert_eq!(health.state, HealthState::Broken);
        let problem = health.problem.unwrap();
        assert!(parts.iter().all(|part| problem.contains(part)), "{problem}");
        assert!(!problem.contains("s3cret"), "{problem}");
        assert!(place.call().await?.contains(parts[0]), "the caller is told too");
    }
    Ok(())
}

#[tokio::test]
async fn renewed_files_count_from_the_next_connection_on() -> Result<()> {
    let place = Place::new();
    let theirs = Authority::new("theirs");
    let upstream =
        Secure::start(&theirs.signs("localhost"), Manner::speaking(&["http/1.1"])).await?;
    let http = place.trusting(upstream.url());
    place.serve(http.clone());
    assert!(place.call().await?.contains("with `--ca`"));
    // What cannot be used changes nothing, and what can be is used.
    save(place.folder.path(), "ca.pem", "no certificate");
    assert!(place.call().await?.contains("is not trusted"));
    theirs.save(place.folder.path(), "ca.pem");
    assert_eq!(place.call().await?, "HTTP/1.1");
    let upstream = place.bed.shared.servers.find("fake").unwrap();
    assert_eq!(upstream.server.kind, ServerKind::Http(http), "nobody had to edit the server");
    Ok(())
}

#[tokio::test]
async fn a_handshake_that_is_hung_up_on_is_tried_once_more() -> Result<()> {
    let place = Place::new();
    for (hangs_up_on, is_well) in [(1, true), (2, false)] {
        let manner = Manner { hangs_up_on, ..Manner::speaking(BOTH) };
        let upstream = Secure::start(&place.authority.signs("localhost"), manner).await?;
        place.serve(place.trusting(upstream.url()));
        let text = place.call().await?;
        assert_eq!(text == "HTTP/2.0", is_well, "{text}");
        assert!(is_well || text.contains("cannot connect"), "{text}");
        assert_eq!(place.call().await?, "HTTP/2.0");
    }
    Ok(())
}

#[tokio::test]
async fn one_connection_bears_many_calls_and_streams() -> Result<()> {
    let place = Place::new();
    let manner = Manner { together: 40, ..Manner::speaking(BOTH) };
    let upstream = Secure::start(&place.authority.signs("localhost"), manner).await?;
    place.serve(place.trusting(upstream.url()));
    let mut streams = Vec::new();
    for _ in 0..5 {
        let mut stream = place.bed.listen("/mcp/fake", &place.token, &[]).await?;
        stream.until("hello").await?;
        streams.push(stream);
    }
    let texts: Vec<String> =
        (0..40).map(|number| wire::call("together", &number.to_string())).collect();
    let calls = texts.iter().map(|text| place.bed.post("/mcp/fake", &place.token, text));
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!(answer?.json()?["result"]["version"], "HTTP/2.0");
    }
    assert_eq!(upstream.connections(), 1, "40 calls at once and 5 streams");
    // Leaving one stream ends that stream, and nothing else.
    drop(streams.pop());
    eventually("the stream's end", async || Ok((upstream.streams() == 4).then_some(()))).await?;
    assert_eq!(place.call().await?, "HTTP/2.0");
    assert_eq!((upstream.connections(), upstream.streams()), (1, 4));
    Ok(())
}

#[tokio::test]
async fn a_connection_that_bears_no_more_gets_a_second_one_beside_it() -> Result<()> {
    let place = Place::new();
    let manner = Manner { together: 8, bears: 4, ..Manner::speaking(BOTH) };
    let upstream = Secure::start(&place.authority.signs("localhost"), manner).await?;
    let mut http = place.trusting(upstream.url());
    http.max_connections = 3;
    place.serve(http);
    // The first call learns how much a connection bears.
    assert_eq!(place.call().await?, "HTTP/2.0");
    let texts: Vec<String> =
        (0..8).map(|number| wire::call("together", &number.to_string())).collect();
    let calls = texts.iter().map(|text| place.bed.post("/mcp/fake", &place.token, text));
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!(answer?.json()?["result"]["version"], "HTTP/2.0");
    }
    assert_eq!(upstream.connections(), 2);
    Ok(())
}
