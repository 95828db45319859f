//! What a command works with: the configuration, standard output, the time, and whoever does
//! what it asks for.

use mcpass_authority::api::{Reply, Request};
use mcpass_domain::{Clock as _, SystemClock, Timestamp};

use crate::config::{Config, Origin};
use crate::data::DataFolder;
use crate::failure::Failure;
use crate::output::Output;
use crate::session::Session;
use mcpass_web::snippets;

/// What a command works with.
#[derive(Debug)]
pub(crate) struct Context {
    /// The configuration.
    pub(crate) config: Config,
    /// Where answers go.
    pub(crate) output: Output,
    clock: SystemClock,
    session: Option<Session>,
}

impl Context {
    /// For one command.
    pub(crate) fn new(config: Config, output: Output) -> Self {
        Self { config, output, clock: SystemClock::new(), session: None }
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Asks the authority, which is the running server's or, if none runs, our own.
    ///
    /// # Errors
    /// When it refuses, or cannot be reached.
    pub(crate) async fn call(&mut self, request: Request) -> Result<Reply, Failure> {
        if self.session.is_none() && only_reads(&request) {
            self.need_folder()?;
        }
        self.session().await?.call(request).await
    }

    /// Who reads wants to see what is there: a folder made for the purpose would be empty, and
    /// the true one most likely elsewhere. A configuration file or a database that is named says
    /// where that is.
    fn need_folder(&self) -> Result<(), Failure> {
        let data = &self.config.data;
        let is_named = self.config.file.is_some() || self.config.database.origin != Origin::Default;
        if is_named || DataFolder::existing(&data.value).is_some() {
            return Ok(());
        }
        let message =
            format!("there is no data folder `{}` ({})", data.value.display(), data.origin);
        Err(Failure::unavailable(message)
            .with_hint("name the server's folder with --data DIR or MCPASS_DATA"))
    }

    /// Whether a server runs on the data folder.
    ///
    /// # Errors
    /// When the data folder cannot be used.
    pub(crate) async fn has_server(&mut self) -> Result<bool, Failure> {
        self.need_folder()?;
        Ok(self.session().await?.is_server())
    }

    /// The URL of the MCP endpoint: the running server's, else what is configured.
    pub(crate) async fn endpoint(&mut self) -> String {
        let listen = match self.call(Request::Status).await {
            Ok(Reply::Status(status)) => status.listen.and_then(|listen| listen.parse().ok()),
            _ => None,
        };
        snippets::endpoint(listen.unwrap_or(self.config.listen.value.0))
    }

    async fn session(&mut self) -> Result<&mut Session, Failure> {
        let session = match self.session.take() {
            Some(session) => session,
            None => {
                let session = Session::open(&self.config).await?;
                session.declare(&self.config).await?;
                session
            }
        };
        Ok(self.session.insert(session))
    }
}

/// Whether nothing changes by it.
const fn only_reads(request: &Request) -> bool {
    matches!(
        request,
        Request::AuditList(_)
            | Request::CheckPermissions(_)
            | Request::Explain(_)
            | Request::GroupList
            | Request::GroupShow(_)
            | Request::LogList(_)
            | Request::LogShow(_)
            | Request::LogTail(_)
            | Request::ServerList
            | Request::ServerShow(_)
            | Request::SessionList(_)
            | Request::TokenList(_)
            | Request::TokenShow(_)
            | Request::UserList
            | Request::UserShow(_)
    )
}
