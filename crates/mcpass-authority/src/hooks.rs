//! What the authority is given by the binary, and what it tells the gateway through it.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use mcpass_domain::permission::Needs;
use mcpass_domain::server::Health;
use mcpass_domain::{
    DatabaseServer, FamilyId, Limits, Server, ServerName, Subject, TokenDigest, TokenId, ToolClass,
    Usage,
};

use crate::api::{AreaView, SettingView};
use crate::sign_in::SignInOptions;

/// Where changes go to be in force.
pub trait Publisher: Send + Sync + fmt::Debug {
    /// Puts a change in force. When this returns, no later request is decided by the old state,
    /// and open streams and sessions of tokens that are no longer good are being closed.
    ///
    /// Updates come one after another, in the order of the changes they tell of.
    fn publish(&self, update: Update);
}

/// What changed, as the gateway needs to know it.
#[derive(Clone, Debug)]
pub enum Update {
    /// All servers, in place of those before.
    Servers(Vec<Server>),
    /// These tokens, new or in place of what was known of them. No others change.
    Tokens(Vec<PublishedToken>),
}

/// A token as the gateway finds and judges it.
#[derive(Clone, Debug)]
pub struct PublishedToken {
    /// What a request's token is looked up by.
    pub digest: TokenDigest,
    /// What decisions need.
    pub subject: Arc<Subject>,
}

/// For a command that works on the store while no server runs: there is nobody to tell.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoGateway;

impl Publisher for NoGateway {
    fn publish(&self, _: Update) {}
}

/// Brings the journal's tail into the store, so that a list of the access log is complete.
#[async_trait]
pub trait LogFlush: Send + Sync + fmt::Debug {
    /// Returns when everything recorded before the call is in the store.
    ///
    /// # Errors
    /// When that cannot be reached, with a reason for people.
    async fn flush(&self) -> Result<(), String>;
}

/// How the servers behind the gateway do.
pub trait ServerHealth: Send + Sync + fmt::Debug {
    /// All that are switched on, at the moment of the call.
    fn health(&self) -> Vec<(ServerName, Health)>;
}

/// Looks at databases before servers on them are added.
#[async_trait]
pub trait DatabaseProbe: Send + Sync + fmt::Debug {
    /// What is in the database of a server, with the settings that it is to have.
    ///
    /// # Errors
    /// When it cannot be served.
    async fn probe(
        &self,
        name: &ServerName,
        database: &DatabaseServer,
    ) -> Result<DatabaseFound, DatabaseRefused>;
}

/// A database that cannot be served.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DatabaseRefused {
    /// Why, for the operator, without credentials.
    pub why: String,
    /// Whether it is there, and the settings do not fit it.
    pub is_of_settings: bool,
}

/// What is in a database.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DatabaseFound {
    /// The apps of a Django project; none if it is no such database.
    pub apps: Vec<String>,
    /// The models that are offered.
    pub models: Vec<String>,
}

/// A tool as its server lists it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KnownTool {
    /// Its name, as permissions have it.
    pub name: String,
    /// What its annotations say.
    pub class: ToolClass,
    /// The whole of it, as the server wrote it (JSON).
    pub json: String,
    /// What it needs of a token: the permission of its name, or others in its place.
    pub needs: Needs,
}

/// What a token has open at this moment, and would lose with its standing.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct OpenNow {
    /// Streams: calls that are being answered, and those that wait for news.
    pub streams: u64,
    /// Sessions of clients.
    pub sessions: u64,
}

/// What there is to be permitted, and what of the limits is used.
#[async_trait]
pub trait Inventory: Send + Sync + fmt::Debug {
    /// The tools of a server. `fresh` asks the server now, else what was heard a moment ago will
    /// do.
    ///
    /// # Errors
    /// When the server does not list them, with a reason for people.
    async fn tools(&self, server: &str, fresh: bool) -> Result<Vec<KnownTool>, String>;

    /// Sets of permissions of a server that have a name of their own: the areas of a workspace.
    fn areas(&self, server: &Server) -> Vec<AreaView>;

    /// Calls `each` for every token, in no order, and says that these are all; or says that not all
    /// tokens are in memory.
    fn for_each_token(&self, each: &mut dyn FnMut(&Subject)) -> bool;

    /// What a token has open at this moment.
    fn open(&self, token: TokenId) -> OpenNow;

    /// What a family has used of its limits at this moment.
    fn usage(&self, family: FamilyId, limits: &Limits) -> Vec<Usage>;
}

/// How an authority works.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whether a token can do only what its user may do, at each use.
    pub cap_to_user: bool,
    /// Where the gateway listens, for [`crate::api::Status`].
    pub listen: Option<String>,
    /// Asked before the access log is read. Without it, what is in the store is the log.
    pub log: Option<Arc<dyn LogFlush>>,
    /// Asked before a server on a database is added or changed. Without it, the database is
    /// taken as it is said to be.
    pub databases: Option<Arc<dyn DatabaseProbe>>,
    /// How people sign in.
    pub sign_in: SignInOptions,
    /// Asked when servers are shown. Without it, nobody knows how they do.
    pub health: Option<Arc<dyn ServerHealth>>,
    /// Asked for tools and for what limits have left. Without it, nobody knows.
    pub inventory: Option<Arc<dyn Inventory>>,
    /// The configuration that is in force, without secrets.
    pub settings: Vec<SettingView>,
}
