//! A database behind mcpass: opened in the background, and answering with what is wrong until it
//! is there.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mcpass_domain::permission::{Needs, Target};
use mcpass_domain::server::{Health, HealthState};
use mcpass_domain::{Clock, Timestamp};
use parking_lot::Mutex;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::face::Face;
use super::history::HistoryKeeper;
use super::settings::DatabaseSettings;
use super::sql::Dialect;
use super::{Database, DatabaseError};
use crate::local::{BoxFuture, Call, Caller, LocalAnswer, LocalServer};
use crate::provider::{
    About, Arguments, Content, Outcome, Prompt, Provider, Resource, ResourceTemplate, Shown, Tool,
    ToolFailure,
};
use crate::service::Service;

#[cfg(test)]
mod tests;

/// How soon a database that cannot be opened is tried again; doubled each time,
const PAUSE: Duration = Duration::from_millis(500);
/// up to this.
const MAX_PAUSE: Duration = Duration::from_secs(15);
/// How long opening may take, with reading what there is.
const LONGEST: Duration = Duration::from_mins(1);

/// What a database server is made of.
#[derive(Debug)]
pub struct Plan {
    /// Its name behind mcpass.
    pub server: String,
    /// The namespaces of its permissions.
    pub apps: Vec<String>,
    /// Where its URL comes from.
    pub url: Arc<dyn UrlSource>,
    /// What its operator says.
    pub settings: DatabaseSettings,
    /// Where the time of changes comes from.
    pub clock: Arc<dyn Clock>,
    /// Who keeps changes, unless the database itself does.
    pub keeper: Arc<dyn HistoryKeeper>,
}

/// Where the URL of a database comes from: it is asked each time that the database is opened, so
/// that a credential that was missing is found once it is there.
pub trait UrlSource: Send + Sync + fmt::Debug {
    /// The URL, credentials included.
    ///
    /// # Errors
    /// Why it cannot be had, for the operator.
    fn url(&self) -> Result<String, String>;
}

/// A database behind mcpass.
#[derive(Debug)]
pub struct Served {
    shared: Arc<Shared>,
    /// Dropped or set, the opening ends.
    stop: watch::Sender<bool>,
}

#[derive(Debug)]
struct Shared {
    plan: Plan,
    state: Mutex<State>,
    /// The last state that was told, and when it was first seen.
    told: Mutex<(HealthState, Timestamp)>,
}

#[derive(Clone, Debug)]
enum State {
    /// It is being opened for the first time.
    Opening,
    /// It could not be opened.
    Failed(Trouble),
    /// It is there.
    Open(Arc<Service<Face>>),
}

/// Why a database is not there.
#[derive(Clone, Debug)]
struct Trouble {
    /// For whoever calls.
    public: String,
    /// For the operator.
    problem: String,
    /// Nothing changes until the operator changes something.
    is_broken: bool,
    retry_at: Timestamp,
}

impl Served {
    /// Begins to open the database on `runtime`.
    pub fn start(plan: Plan, runtime: &Handle) -> Self {
        let told = Mutex::new((HealthState::Unused, plan.clock.now()));
        let shared = Arc::new(Shared { plan, state: Mutex::new(State::Opening), told });
        let (stop, stopped) = watch::channel(false);
        runtime.spawn(open(Arc::clone(&shared), stopped));
        Self { shared, stop }
    }

    fn face(&self) -> Result<Arc<Service<Face>>, String> {
        match &*self.shared.state.lock() {
            State::Open(face) => Ok(Arc::clone(face)),
            State::Failed(trouble) => Err(trouble.public.clone()),
            State::Opening => Err("it is being opened; try again".to_owned()),
        }
    }
}

/// Opens the database, however often it takes.
async fn open(shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let mut pause = PAUSE;
    loop {
        let trouble = match shared.plan.open().await {
            Ok(database) => {
                let face = Face::new(&shared.plan.server, database);
                let (server, models) = (&shared.plan.server, face.models());
                tracing::info!(server, models, "a database is open");
                *shared.state.lock() = State::Open(Arc::new(Service::new(face)));
                return;
            }
            Err(error) => error.trouble(shared.plan.clock.now().saturating_add(pause)),
        };
        let is_first = !matches!(*shared.state.lock(), State::Failed(_));
        if is_first {
            let (server, problem) = (&shared.plan.server, &trouble.problem);
            tracing::warn!(server, problem, "a database cannot be opened");
        }
        *shared.state.lock() = State::Failed(trouble);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            // Told to end, or nobody is left who could.
            _ = stopped.changed() => return,
        }
        pause = pause.saturating_mul(2).min(MAX_PAUSE);
    }
}

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its URL cannot be had.
    #[error("{0}")]
    Url(String),
    /// It cannot be served.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// It took too long.
    #[error("the database took longer than {} s to open", .0.as_secs())]
    TimedOut(Duration),
}

impl OpenError {
    /// All of it in one line, for the operator.
    pub fn in_full(&self) -> String {
        let mut text = self.to_string();
        let mut source = match self {
            Self::Database(error) => std::error::Error::source(error),
            Self::TimedOut(_) | Self::Url(_) => None,
        };
        while let Some(error) = source {
            let said = error.to_string();
            if !text.contains(&said) {
                text = format!("{text}: {said}");
            }
            source = error.source();
        }
        text
    }

    /// Whether it is the settings that do not fit, and not the database that is not there.
    pub const fn is_of_settings(&self) -> bool {
        matches!(
            self,
            Self::Database(
                DatabaseError::History(_)
                    | DatabaseError::Scope { .. }
                    | DatabaseError::Settings(_)
            )
        )
    }

    fn trouble(&self, retry_at: Timestamp) -> Trouble {
        let (public, is_broken) = match self {
            Self::Database(DatabaseError::History(_)) => {
                ("its history cannot be kept there; its operator is told why", true)
            }
            Self::Database(DatabaseError::Scope { .. } | DatabaseError::Settings(_)) => {
                ("its settings do not fit it; its operator is told why", true)
            }
            Self::Url(_) => ("its credentials are missing; its operator is told which", true),
            Self::Database(DatabaseError::Engine(_)) | Self::TimedOut(_) => {
                ("it cannot be reached; try again later", false)
            }
        };
        Trouble { public: public.to_owned(), problem: self.in_full(), is_broken, retry_at }
    }
}

impl Plan {
    /// Opens the database now.
    ///
    /// # Errors
    /// When it cannot be served.
    pub async fn open(&self) -> Result<Database, OpenError> {
        let url = self.url.url().map_err(OpenError::Url)?;
        let (clock, keeper) = (Arc::clone(&self.clock), Arc::clone(&self.keeper));
        let settings = self.settings.clone();
        let opening = Database::open(&self.server, &url, settings, clock, keeper);
        let opened = tokio::time::timeout(LONGEST, opening).await;
        let mut database = opened.map_err(|_| OpenError::TimedOut(LONGEST))??;
        if !self.apps.is_empty() {
            database.catalogue.confine(&self.apps);
        }
        Ok(database)
    }
}

impl LocalServer for Served {
    fn handle<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, LocalAnswer> {
        match self.face() {
            Ok(face) => Box::pin(async move { face.handle(call).await }),
            Err(why) => {
                let waiting = Service::new(Waiting::new(&self.shared.plan.server, &why));
                Box::pin(async move { waiting.handle(call).await })
            }
        }
    }

    fn canonical_name(&self, _name: &str) -> Option<&'static str> {
        None
    }

    fn needs(&self, target: Target<'_>, arguments: Option<&RawValue>) -> Needs {
        match self.face() {
            Ok(face) => face.needs(target, arguments),
            // Nothing can be done there but to be told so.
            Err(_) => Needs::Anything,
        }
    }

    fn shown_as(&self, target: Target<'_>, arguments: Option<&RawValue>) -> Option<String> {
        self.face().ok()?.shown_as(target, arguments)
    }

    fn health(&self) -> Option<Health> {
        let state = self.shared.state.lock().clone();
        let (state, problem, retry_at, detail) = match state {
            State::Opening => (HealthState::Unused, None, None, Some("being opened".to_owned())),
            State::Failed(trouble) => {
                let state =
                    if trouble.is_broken { HealthState::Broken } else { HealthState::Failing };
                (state, Some(trouble.problem), Some(trouble.retry_at), None)
            }
            State::Open(face) => {
                let face = face.provider();
                let problem = face.database().engine.trouble();
                let state =
                    if problem.is_some() { HealthState::Failing } else { HealthState::Healthy };
                (state, problem, None, Some(describe(face)))
            }
        };
        let since = {
            let mut told = self.shared.told.lock();
            if told.0 != state {
                *told = (state, self.shared.plan.clock.now());
            }
            told.1
        };
        Some(Health { state, since, problem, retry_at, detail })
    }

    fn retire(&self) {
        self.stop.send_replace(true);
    }
}

/// `PostgreSQL, 5 models in blog, press`
fn describe(face: &Face) -> String {
    let database = face.database();
    let dialect = match database.engine.dialect() {
        Dialect::Postgres => "PostgreSQL",
        Dialect::Sqlite => "SQLite",
    };
    let models = face.models();
    let plural = if models == 1 { "" } else { "s" };
    let apps = database.catalogue.exposed_apps().join(", ");
    format!("{dialect}, {models} model{plural} in {apps}")
}

/// What answers until a database is there.
#[derive(Debug)]
struct Waiting {
    about: About,
    why: String,
    tool: Tool,
}

impl Waiting {
    fn new(server: &str, why: &str) -> Self {
        let why = format!("The database of the server `{server}` is not there: {why}.");
        Self {
            about: About {
                name: "mcpass-database",
                title: format!("Database {server}").into(),
                version: env!("CARGO_PKG_VERSION"),
                instructions: Cow::Owned(why.clone()),
            },
            tool: Tool::defined(String::new(), &Value::Null),
            why,
        }
    }

    fn failure(&self) -> ToolFailure {
        ToolFailure(self.why.clone())
    }
}

impl Provider for Waiting {
    fn about(&self) -> &About {
        &self.about
    }

    fn tools(&self) -> &[Tool] {
        &[]
    }

    fn listed<'a>(&'a self, _caller: Caller<'a>) -> Result<Vec<Shown<'a>>, ToolFailure> {
        Err(self.failure())
    }

    /// Nobody knows which tools there are, so each of them says why.
    fn tool(&self, _name: &str) -> Option<&Tool> {
        Some(&self.tool)
    }

    fn call<'a>(
        &'a self,
        _tool: &'a str,
        _arguments: Arguments,
        _caller: Caller<'a>,
    ) -> BoxFuture<'a, Result<Outcome, ToolFailure>> {
        let body = json!({"error": self.why, "code": "unavailable"}).to_string();
        Box::pin(std::future::ready(Err(ToolFailure(body))))
    }

    fn resources<'a>(
        &'a self,
        _caller: Caller<'a>,
    ) -> BoxFuture<'a, Result<Vec<Resource>, ToolFailure>> {
        Box::pin(std::future::ready(Err(self.failure())))
    }

    fn templates(&self) -> &[ResourceTemplate] {
        &[]
    }

    fn read<'a>(
        &'a self,
        _uri: &'a str,
        _caller: Caller<'a>,
    ) -> BoxFuture<'a, Result<Option<Content>, ToolFailure>> {
        Box::pin(std::future::ready(Err(self.failure())))
    }

    fn prompts(&self) -> &[Prompt] {
        &[]
    }

    fn prompt<'a>(
        &'a self,
        _name: &'a str,
        _arguments: Map<String, Value>,
        _caller: Caller<'a>,
    ) -> BoxFuture<'a, Result<String, ToolFailure>> {
        Box::pin(std::future::ready(Err(self.failure())))
    }
}
