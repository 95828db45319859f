//! Looking at a database before a server on it is added or changed. It is done before the turn of
//! the change: a database that is slow to answer must not keep a revocation waiting.

use mcpass_domain::{DatabaseServer, Server, ServerKind};
use serde::Serialize;

use crate::api::{ApiError, ServerAdd, ServerEdit};
use crate::authority::Authority;
use crate::authorize::Action;
use crate::context::Context;
use crate::hooks::{DatabaseFound, DatabaseRefused};

/// A request, and what was found in the database that it names.
#[derive(Clone, Debug)]
pub(super) struct Probed<R> {
    pub(super) request: R,
    found: Option<DatabaseFound>,
}

/// What was found says nothing secret, and nothing of the request.
impl<R: Serialize> Serialize for Probed<R> {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.request.serialize(to)
    }
}

impl<R> Probed<R> {
    /// The server with the namespaces of a Django project, unless others were asked for.
    pub(super) fn applied(&self, mut server: Server) -> Server {
        if let (ServerKind::Database(database), Some(found)) = (&mut server.kind, &self.found)
            && database.apps.is_empty()
        {
            database.apps.clone_from(&found.apps);
        }
        server
    }
}

impl Authority {
    /// Looks at the database of a server that is to be added.
    ///
    /// # Errors
    /// When the caller may not add servers, or the database cannot be used.
    pub(super) async fn probe_added(
        &self,
        ctx: &Context,
        request: ServerAdd,
    ) -> Result<Probed<ServerAdd>, ApiError> {
        let wanted = self.read(ctx, Action::AddServer, request.clone(), |turn, request| {
            Box::pin(async move { turn.new_server(request) })
        });
        let found = self.look_at(&wanted.await?).await?;
        Ok(Probed { request, found })
    }

    /// Looks at the database of a server that is to be changed, if that has to do with it.
    ///
    /// # Errors
    /// When the caller may not change servers, or the database cannot be used.
    pub(super) async fn probe_edited(
        &self,
        ctx: &Context,
        request: ServerEdit,
    ) -> Result<Probed<ServerEdit>, ApiError> {
        let wanted = self.read(ctx, Action::ChangeServer, request.clone(), |turn, request| {
            Box::pin(async move { Ok(turn.edited_server(request).await?.1) })
        });
        let found = self.look_at(&wanted.await?).await?;
        Ok(Probed { request, found })
    }

    async fn look_at(&self, server: &Server) -> Result<Option<DatabaseFound>, ApiError> {
        let (ServerKind::Database(database), Some(probe)) =
            (&server.kind, &self.core().options.databases)
        else {
            return Ok(None);
        };
        let found =
            probe.probe(&server.name, database).await.map_err(|why| refused(database, &why))?;
        if found.models.is_empty() {
            let message = "there is no table in this database that could be offered";
            return Err(ApiError::invalid("database", message).with_hint(
                "tables that look like credentials are hidden: offer them by name in the settings \
                 of models; on PostgreSQL, name other schemas with --schema",
            ));
        }
        Ok(Some(found))
    }
}

fn refused(database: &DatabaseServer, refused: &DatabaseRefused) -> ApiError {
    let message = format!("this database cannot be used: {}", refused.why);
    let hint = if refused.is_of_settings {
        "change the settings so that they fit the database; nothing was changed"
    } else if database.url.starts_with("sqlite:") {
        "name a file that is there: sqlite:/srv/shop.db"
    } else {
        "check that it runs and that the server process has the credentials; nothing was changed"
    };
    ApiError::invalid("database", message).with_hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_is_of_what_is_wrong() {
        let hint = |url: &str, is_of_settings| {
            let database = DatabaseServer::new(url);
            let why = DatabaseRefused { why: "x".to_owned(), is_of_settings };
            refused(&database, &why).hint.unwrap()
        };
        assert!(hint("sqlite:/srv/shop.db", false).contains("name a file"));
        assert!(hint("sqlite:/srv/shop.db", true).contains("change the settings"));
        assert!(hint("postgres://db/shop", true).contains("change the settings"));
        assert!(hint("postgres://db/shop", false).contains("credentials"));
    }
}
