//! The control socket from end to end.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use mcpass_authority::api::{
    ApiError, AuditList, Reply, Request, TokenRef, TokenRevoke, UserCreate,
};
use mcpass_authority::control::{ControlClient, ControlError, ControlSocket, own_account};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::harness::{Harness, named, operator};

/// A server at a socket in a folder of its own.
struct Running {
    harness: Harness,
    path: PathBuf,
    shutdown: CancellationToken,
    serving: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Running {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        Self::at(folder, path).await
    }

    async fn at(folder: tempfile::TempDir, path: PathBuf) -> Self {
        let harness = Harness::memory();
        harness.user("ana").await;
        let shutdown = CancellationToken::new();
        let socket = ControlSocket::bind(&path).unwrap();
        let serving = tokio::spawn(socket.serve(harness.authority.clone(), shutdown.clone()));
        Self { harness, path, shutdown, serving, _folder: folder }
    }

    async fn client(&self) -> ControlClient {
        ControlClient::connect(&self.path).await.unwrap()
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.serving.await.unwrap();
        assert!(!self.path.exists(), "the socket goes with its server");
    }
}

#[tokio::test]
async fn requests_are_answered_and_name_their_account() {
    let running = Running::start().await;
    let mut client = running.client().await;
    let create = Request::TokenCreate(named("ana"));
    let Ok(Reply::Issued(issued)) = client.call(&create).await else { panic!("not issued") };
    let revoke = TokenRevoke { id: issued.id.to_string(), ..TokenRevoke::default() };
    let revoked = client.call(&Request::TokenRevoke(revoke)).await.unwrap();
    assert!(matches!(revoked, Reply::Token(_)));
    assert!(running.harness.gateway.subject(issued.token.expose()).unwrap().is_revoked);

    let missing = TokenRef { id: "tok_0000000000000000000001".to_owned() };
    let error = client.call(&Request::TokenShow(missing)).await.unwrap_err();
    assert_eq!(error.code, "token.not_found");
    assert!(error.hint.is_some());
    let rows = client.call(&Request::AuditList(AuditList::default())).await.unwrap();
    let Reply::Audit(rows) = rows else { panic!("{rows:?}") };
    assert_eq!(rows.items[0].actor, format!("operator:{}", own_account()));
    assert_eq!(rows.items[0].origin, "control");
    running.stop().await;
}

#[tokio::test]
async fn many_clients_at_once() {
    let running = Running::start().await;
    let calls = (0..30).map(|at| {
        let path = running.path.clone();
        async move {
            let mut client = ControlClient::connect(&path).await.unwrap();
            let create = UserCreate { name: format!("user{at}"), ..UserCreate::default() };
            client.call(&Request::UserCreate(create)).await.unwrap();
        }
    });
    futures_util::future::join_all(calls).await;
    assert_eq!(running.harness.authority.user_list(&operator()).await.unwrap().len(), 31);
    running.stop().await;
}

#[tokio::test]
async fn only_the_owner_can_open_it() {
    let running = Running::start().await;
    let mode = fs::metadata(&running.path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let left: Vec<_> = fs::read_dir(running.path.parent().unwrap()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing is left of its making: {left:?}");
    running.stop().await;
}

/// What the server says to a line.
async fn say(path: &Path, line: &[u8]) -> String {
    let mut stream = UnixStream::connect(path).await.unwrap();
    stream.write_all(line).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn what_is_no_request_is_refused() {
    let running = Running::start().await;
    for line in [
        &b"\n"[..],
        b"{}\n",
        b"nonsense\n",
        b"{\"op\":\"token.destroy\"}\n",
        b"{\"op\":\"token.show\"}\n",
        b"{\"op\":\"token.show\",\"id\":\"x\",\"more\":1}\n",
        b"{\"op\":\"token.show\",\"id\":\"\xff\"}\n",
        b"[[[[[[[[[[\n",
    ] {
        let answer = say(&running.path, line).await;
        assert!(answer.starts_with(r#"{"error":{"code":"request.invalid""#), "{answer}");
        assert!(answer.ends_with('\n'));
    }
    assert_eq!(say(&running.path, b"{\"op\":\"status\"}").await, "", "half a line is no request");
    let mut client = running.client().await;
    client.call(&Request::Status).await.unwrap();
    running.stop().await;
}

#[tokio::test]
async fn a_line_without_end_is_cut_off() {
    let running = Running::start().await;
    let mut stream = UnixStream::connect(&running.path).await.unwrap();
    let (mut read, mut write) = stream.split();
    let sending = async {
        let chunk = vec![b'x'; 64 * 1024];
        // Breaks off when the server has had enough.
        while write.write_all(&chunk).await.is_ok() {}
    };
    let mut answer = Vec::new();
    let reading = async {
        // A reset after the answer is the server's unread input.
        let _ = read.read_to_end(&mut answer).await;
    };
    tokio::join!(sending, reading);
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.contains("1 MiB"), "{answer}");
    running.stop().await;
}

#[tokio::test]
async fn a_dead_socket_is_replaced_and_a_live_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "a listener that dies leaves its file");
    let missing = ControlClient::connect(&path).await.unwrap_err();
    assert!(matches!(missing, ControlError::NotRunning(_)), "{missing:?}");

    let running = Running::at(folder, path).await;
    let second = ControlSocket::bind(&running.path).unwrap_err();
    assert!(matches!(second, ControlError::InUse(_)), "{second:?}");
    running.client().await.call(&Request::Status).await.unwrap();
    running.stop().await;
}

#[tokio::test]
async fn a_file_in_its_place_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    fs::write(&path, "mine").unwrap();
    let error = ControlSocket::bind(&path).unwrap_err();
    assert!(matches!(error, ControlError::NotASocket(_)), "{error:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
}

#[tokio::test]
async fn a_path_may_be_longer_than_an_address() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("x".repeat(120)).join("y".repeat(120));
    fs::create_dir_all(&deep).unwrap();
    let path = deep.join("control.sock");
    let running = Running::at(folder, path).await;
    running.client().await.call(&Request::Status).await.unwrap();
    let second = ControlSocket::bind(&running.path).unwrap_err();
    assert!(matches!(second, ControlError::InUse(_)), "{second:?}");
    running.stop().await;
}

#[tokio::test]
async fn a_client_hears_that_its_server_has_gone() {
    let running = Running::start().await;
    let mut client = running.client().await;
    client.call(&Request::Status).await.unwrap();
    let path = running.path.clone();
    running.stop().await;
    let error: ApiError = client.call(&Request::Status).await.unwrap_err();
    assert_eq!(error.code, "control.lost");
    let error = ControlClient::connect(&path).await.unwrap_err();
    assert!(matches!(error, ControlError::NotRunning(_)), "{error:?}");
}
