//! Who does what a command asks for: the server that runs on the data folder, or, if none runs,
//! an authority of our own on the database.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mcpass_authority::api::{Reply, Request};
use mcpass_authority::control::{ControlClient, own_account};
use mcpass_authority::{Authority, Context, LogFlush, NoGateway, Options, loader};
use mcpass_domain::{OsEntropy, SystemClock};
use mcpass_store::{Store, sql};

use crate::config::Config;
use crate::data::{DataFolder, Held, Locks};
use crate::failure::Failure;
use crate::serve::{Probe, sign_in_options};

/// How long a command waits for another one to finish, or for a server to come up.
const PATIENCE: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(50);

/// Who does what a command asks for.
#[derive(Debug)]
pub(crate) enum Session {
    /// The server that runs on the data folder.
    Server(ControlClient),
    /// Our own authority, while no server runs. The locks keep one from starting.
    Own { authority: Authority, _locks: Locks },
}

impl Session {
    /// Finds out who it is.
    ///
    /// # Errors
    /// When the data folder is held by a process that does not answer, or the database cannot be
    /// opened.
    pub(crate) async fn open(config: &Config) -> Result<Self, Failure> {
        Self::open_within(config, PATIENCE).await
    }

    async fn open_within(config: &Config, patience: Duration) -> Result<Self, Failure> {
        let folder = DataFolder::create(&config.data.value)?;
        let end = tokio::time::Instant::now() + patience;
        loop {
            let held = match folder.lock(&config.database.value)? {
                Ok(locks) => return own(config, &folder, locks).await,
                Err(held) => held,
            };
            let why = match ControlClient::connect(&folder.socket()).await {
                Ok(client) => return Ok(Self::Server(client)),
                Err(error) => error.to_string(),
            };
            if tokio::time::Instant::now() >= end {
                return Err(no_answer(&held, &folder.socket(), &why));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Whether it is a server.
    pub(crate) const fn is_server(&self) -> bool {
        matches!(self, Self::Server(_))
    }

    /// Makes the database agree with the servers that the configuration file declares, as a
    /// server does when it starts. A server that runs has done so with its own file.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub(crate) async fn declare(&self, config: &Config) -> Result<(), Failure> {
        if let (Self::Own { authority, .. }, Some(_)) = (self, &config.file) {
            authority.sync_declared(config.servers.clone()).await?;
        }
        Ok(())
    }

    /// Asks for something.
    ///
    /// # Errors
    /// When it is refused, or whoever does it cannot be reached.
    pub(crate) async fn call(&mut self, request: Request) -> Result<Reply, Failure> {
        match self {
            Self::Server(client) => Ok(client.call(&request).await?),
            Self::Own { authority, .. } => {
                let context = Context::operator(own_account(), "cli");
                Ok(authority.handle(&context, request).await?)
            }
        }
    }
}

async fn own(config: &Config, folder: &DataFolder, locks: Locks) -> Result<Session, Failure> {
    let url = config.database.value.expose();
    let store = sql::connect(&url).await.map_err(|error| {
        Failure::unavailable(format!("the database cannot be opened: {error}"))
            .with_hint("`mcpass doctor` says more")
    })?;
    let clock = Arc::new(SystemClock::new());
    let log = Leftovers { folder: folder.journal(), store: Arc::clone(&store) };
    let options = Options {
        cap_to_user: config.cap_to_user.value,
        log: Some(Arc::new(log)),
        databases: Some(Arc::new(Probe)),
        sign_in: sign_in_options(config, config.listen.value.0),
        ..Options::default()
    };
    let entropy = Arc::new(OsEntropy);
    let authority = Authority::new(store, clock, entropy, Arc::new(NoGateway), options);
    Ok(Session::Own { authority, _locks: locks })
}

/// Journals that a server left behind when it was killed. They belong into the log before it is
/// read; the locks make sure that nobody writes to them.
#[derive(Debug)]
struct Leftovers {
    folder: PathBuf,
    store: Arc<dyn Store>,
}

#[async_trait]
impl LogFlush for Leftovers {
    async fn flush(&self) -> Result<(), String> {
        if !self.folder.is_dir() {
            return Ok(());
        }
        let drained = loader::drain(&self.folder, Arc::clone(&self.store));
        drained.await.map_err(|error| error.to_string())
    }
}

fn no_answer(held: &Held, socket: &Path, why: &str) -> Failure {
    let message = format!(
        "another process works on this data, and its control socket does not answer: {held} is \
         held, and `{}` says: {why}",
        socket.display()
    );
    Failure::unavailable(message).with_hint(
        "if it is a server that hangs, end it; if it uses the same database from another data \
         folder, name that folder with --data",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, Options as ConfigOptions};
    use crate::failure::Exit;

    #[tokio::test]
    async fn a_lock_without_a_server_behind_it_is_told_with_who_holds_it() {
        let parent = tempfile::tempdir().unwrap();
        let data = Some(parent.path().join("data"));
        let options = ConfigOptions { data, ..ConfigOptions::default() };
        let config = Config::load(&options, &Environment::default()).unwrap();
        let folder = DataFolder::create(&config.data.value).unwrap();
        let locks = folder.lock(&config.database.value).unwrap().unwrap();
        let failure = Session::open_within(&config, Duration::ZERO).await.unwrap_err();
        assert_eq!(failure.exit(), Exit::Unavailable);
        let process = format!("(process {})", std::process::id());
        assert!(failure.message().contains(&process), "{failure}");
        assert!(failure.message().contains("control.sock") && failure.hint().is_some());
        drop(locks);
        let session = Session::open_within(&config, Duration::ZERO).await.unwrap();
        assert!(!session.is_server());
    }
}
