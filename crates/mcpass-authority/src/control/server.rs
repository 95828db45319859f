//! The server's end of the control socket.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::line::{self, Line};
use super::path::Reachable;
use super::{Answer, ControlError, MAX_REQUEST, account_name};
use crate::api::ApiError;
use crate::authority::Authority;
use crate::context::Context;

const MAX_CONNECTIONS: usize = 64;
/// How long a connection may say nothing, or take over one line.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);
/// How long the other side may take to read an answer.
const WRITE_TIMEOUT: Duration = Duration::from_mins(1);
/// Before the next try when no connection can be accepted: too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The control socket of a server that runs. Its file goes when it is dropped.
#[derive(Debug)]
pub struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Device and number of the file, so that a successor's is not removed.
    identity: (u64, u64),
}

impl ControlSocket {
    /// Makes the socket. One that a dead server left is replaced.
    ///
    /// It is made in a folder of its own that nobody else can enter and gets its name when its
    /// permissions are right, so there is no moment at which others could connect.
    ///
    /// # Errors
    /// When a server answers at it, or it cannot be made.
    pub fn bind(path: &Path) -> Result<Self, ControlError> {
        let shown = || path.display().to_string();
        let failed = |source| ControlError::Io { path: shown(), source };
        match fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => {
                return Err(ControlError::NotASocket(shown()));
            }
            Ok(_) if answers(path).map_err(failed)? => return Err(ControlError::InUse(shown())),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        let nursery = Nursery::make(path.parent().unwrap_or(Path::new("."))).map_err(failed)?;
        let born = nursery.path.join("s");
        let reachable =
            Reachable::new(&born).map_err(failed)?.ok_or_else(|| ControlError::TooLong(shown()))?;
        let listener = UnixListener::bind(reachable.path()).map_err(failed)?;
        fs::set_permissions(&born, Permissions::from_mode(0o600)).map_err(failed)?;
        fs::rename(&born, path).map_err(failed)?;
        let file = fs::symlink_metadata(path).map_err(failed)?;
        Ok(Self { listener, path: path.to_owned(), identity: (file.dev(), file.ino()) })
    }

    /// Answers requests until `shutdown`, then finishes those that are being worked on.
    pub async fn serve(self, authority: Authority, shutdown: CancellationToken) {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = shutdown.cancelled() => break,
                Some(_) = connections.join_next() => continue,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    // Over the number, a connection is closed at once: the client says so.
                    let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
                    let (authority, shutdown) = (authority.clone(), shutdown.clone());
                    connections.spawn(async move {
                        let _place = place;
                        if let Err(error) = converse(stream, &authority, &shutdown).await {
                            tracing::debug!(%error, "a control connection broke off");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "the control socket cannot accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        while connections.join_next().await.is_some() {}
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        let file = fs::symlink_metadata(&self.path);
        if file.is_ok_and(|file| (file.dev(), file.ino()) == self.identity) {
            // What is left if this fails is a dead socket, which the next start replaces.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A folder that only its owner can enter, for as long as the socket is made.
struct Nursery {
    path: PathBuf,
}

impl Nursery {
    fn make(parent: &Path) -> io::Result<Self> {
        let path = parent.join(format!(".control-{}", std::process::id()));
        let nursery = Self { path };
        // Left by a process of the same number that died in the middle.
        nursery.clear();
        DirBuilder::new().mode(0o700).create(&nursery.path)?;
        Ok(nursery)
    }

    fn clear(&self) {
        let _ = fs::remove_file(self.path.join("s"));
        let _ = fs::remove_dir(&self.path);
    }
}

impl Drop for Nursery {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Whether a server accepts connections at a socket.
fn answers(path: &Path) -> io::Result<bool> {
    let Some(reachable) = Reachable::new(path)? else { return Ok(false) };
    match std::os::unix::net::UnixStream::connect(reachable.path()) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(false),
        Err(error) => Err(error),
    }
}

async fn converse(
    stream: UnixStream,
    authority: &Authority,
    shutdown: &CancellationToken,
) -> io::Result<()> {
    let peer = stream.peer_cred()?.uid();
    if peer != 0 && peer != rustix::process::geteuid().as_raw() {
        tracing::warn!(uid = peer, "somebody else's connection to the control socket was closed");
        return Ok(());
    }
    let ctx = Context::operator(account_name(peer), "control");
    let mut stream = BufReader::new(stream);
    loop {
        let line = tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            line = timeout(IDLE_TIMEOUT, line::read(&mut stream, MAX_REQUEST)) => line,
        };
        match line {
            Ok(Ok(Line::Whole(json))) => {
                let answer = answer(authority, &ctx, &json).await;
                send(stream.get_mut(), &answer).await?;
            }
            Ok(Ok(Line::TooLong)) => {
                let error = ApiError::new(ApiError::INVALID, "the request is longer than 1 MiB");
                return send(stream.get_mut(), &Answer::Error(error)).await;
            }
            Ok(Ok(Line::Closed)) | Err(_) => return Ok(()),
            Ok(Err(error)) => return Err(error),
        }
    }
}

async fn answer(authority: &Authority, ctx: &Context, json: &[u8]) -> Answer {
    let request = match serde_json::from_slice(json) {
        Ok(request) => request,
        Err(error) => {
            let message = format!("the request cannot be read: {error}");
            return Answer::Error(
                ApiError::new(ApiError::INVALID, message)
                    .with_hint("the command may be of another version than the server; restart it"),
            );
        }
    };
    match authority.handle(ctx, request).await {
        Ok(reply) => Answer::Ok(reply),
        Err(error) => Answer::Error(error),
    }
}

async fn send(stream: &mut UnixStream, answer: &Answer) -> io::Result<()> {
    let mut line = Zeroizing::new(serde_json::to_vec(answer)?);
    line.push(b'\n');
    timeout(WRITE_TIMEOUT, stream.write_all(&line))
        .await
        .unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
}
