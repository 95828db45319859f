//! Databases that are served: where their URLs come from, and who keeps their histories.

use std::sync::Arc;

use async_trait::async_trait;
use mcpass_authority::{DatabaseFound, DatabaseProbe, DatabaseRefused};
use mcpass_domain::{Clock, DatabaseServer, Entropy, Server, ServerName, SystemClock};
use mcpass_gateway::upstream::credentials::{self, Secrets, SystemSecrets};
use mcpass_models::database::history::NoKeeper;
use mcpass_models::database::served::{Plan, Served, UrlSource};
use mcpass_models::database::settings::DatabaseSettings;
use mcpass_store::HistoryStore;
use tokio::runtime::Handle;

use super::history::Keeper;

/// What servers on databases need of this process.
#[derive(Clone, Debug)]
pub(super) struct Databases {
    pub(super) history: Arc<dyn HistoryStore>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) runtime: Handle,
}

impl Databases {
    /// Begins to serve a database.
    ///
    /// # Errors
    /// When its settings cannot be read.
    pub(super) fn serve(
        &self,
        server: &Server,
        database: &DatabaseServer,
    ) -> Result<Served, String> {
        let store = Arc::clone(&self.history);
        let keeper = Keeper::new(
            server.name.clone(),
            store,
            Arc::clone(&self.clock),
            Arc::clone(&self.entropy),
        );
        let plan = Plan {
            server: server.name.to_string(),
            apps: server.namespaces().map(str::to_owned).collect(),
            url: Arc::new(Template(database.url.clone())),
            settings: settings(database)?,
            clock: Arc::clone(&self.clock),
            keeper: Arc::new(keeper),
        };
        Ok(Served::start(plan, &self.runtime))
    }
}

fn settings(database: &DatabaseServer) -> Result<DatabaseSettings, String> {
    DatabaseSettings::try_from(database).map_err(|error| error.to_string())
}

/// The template of a URL, filled in each time from the process's environment and files.
#[derive(Debug)]
struct Template(String);

impl UrlSource for Template {
    fn url(&self) -> Result<String, String> {
        let secrets: &dyn Secrets = &SystemSecrets;
        credentials::database_url(&self.0, secrets).map_err(|error| error.to_string())
    }
}

/// Opens databases to see what is in them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Probe;

#[async_trait]
impl DatabaseProbe for Probe {
    async fn probe(
        &self,
        name: &ServerName,
        database: &DatabaseServer,
    ) -> Result<DatabaseFound, DatabaseRefused> {
        let of_settings = |why| DatabaseRefused { why, is_of_settings: true };
        let plan = Plan {
            server: name.to_string(),
            apps: database.apps.clone(),
            url: Arc::new(Template(database.url.clone())),
            settings: settings(database).map_err(of_settings)?,
            clock: Arc::new(SystemClock::new()),
            keeper: Arc::new(NoKeeper),
        };
        let opened = plan.open().await.map_err(|error| DatabaseRefused {
            why: error.in_full(),
            is_of_settings: error.is_of_settings(),
        })?;
        let models = opened.catalogue.models().iter();
        let exposed: Vec<_> = models.filter(|model| model.is_exposed).collect();
        let is_django = exposed.iter().any(|model| model.is_django);
        let apps = opened.catalogue.exposed_apps().into_iter().map(str::to_owned).collect();
        Ok(DatabaseFound {
            apps: if is_django { apps } else { Vec::new() },
            models: exposed.iter().map(|model| model.name.clone()).collect(),
        })
    }
}
