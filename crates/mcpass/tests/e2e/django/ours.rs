//! mcpass's side: its database server, called as its tools call it.

use std::sync::Arc;

use anyhow::{Context, Result};
use mcpass_domain::permission::Grant;
use mcpass_domain::{Ask, Grants, Permission, Source, SystemClock};
use mcpass_models::Caller;
use mcpass_models::database::errors::Failure;
use mcpass_models::database::history::NoKeeper;
use mcpass_models::database::{
    Database, action, actions, autocomplete, bulk, create, delete, describe, find, get, history,
    list, related, update,
};
use serde_json::{Map, Value};

use super::Reply;
use super::cases::TOKENS;

/// A database that mcpass serves.
pub(super) struct Ours {
    pub(super) database: Database,
}

impl Ours {
    pub(super) async fn open(url: &str, settings: &str) -> Result<Self> {
        let settings = toml::from_str(settings)?;
        let (clock, keeper) = (Arc::new(SystemClock::default()), Arc::new(NoKeeper));
        let database = Database::open("newsroom", url, settings, clock, keeper).await?;
        Ok(Self { database })
    }

    pub(super) async fn call(&self, token: &str, tool: &str, arguments: &Value) -> Result<Reply> {
        let (_, permissions) =
            TOKENS.iter().find(|(name, _)| *name == token).context("no such token")?;
        let permissions = permissions.split(',').filter(|each| !each.is_empty());
        let permissions = permissions.map(str::parse).collect::<Result<Vec<Permission>, _>>()?;
        let own = |permission| Grant { permission, source: Source::Own };
        let grants = Grants::new(permissions.into_iter().map(own));
        let may = move |ask: &Ask<'_>| grants.allow(ask);
        let caller = Caller {
            token,
            token_id: "tok_of_a_test",
            request: "1",
            user: "editor",
            max_context: 0,
            may: &may,
        };
        let access = self.database.access(caller);
        let given = arguments.as_object().context("arguments")?;
        let Some((operation, model)) = tool.split_once('_') else { return Ok(Reply::Unknown) };
        let answer = self.run(operation, model, &access, given).await;
        Ok(match answer {
            Some(Ok(text)) => Reply::of(serde_json::from_str(&text)?),
            Some(Err(failure)) if failure.is_unknown_model() => Reply::Unknown,
            Some(Err(failure)) => Reply::of(failure.body().clone()),
            None => Reply::Unknown,
        })
    }

    async fn run(
        &self,
        operation: &str,
        model: &str,
        access: &mcpass_models::database::access::Access<'_>,
        given: &Map<String, Value>,
    ) -> Option<Result<String, Failure>> {
        let database = &self.database;
        Some(match operation {
            "find" => find::run(access, given),
            "list" => list::run(database, access, model, given).await,
            "get" => get::run(database, access, model, given).await,
            "describe" => describe::run(access, model, given),
            "related" => related::run(database, access, model, given).await,
            "autocomplete" => autocomplete::run(database, access, model, given).await,
            "create" => create::run(database, access, model, given).await,
            "update" => update::run(database, access, model, given).await,
            "delete" => delete::run(database, access, model, given).await,
            "bulk" => bulk::run(database, access, model, given).await,
            "actions" => actions::run(access, model, given),
            "action" => action::run(database, access, model, given).await,
            "history" => history::run(database, access, model, given).await,
            _ => return None,
        })
    }
}
