//! Servers.

#![expect(clippy::duplicate_mod, reason = "one body of SQL, compiled for each database")]

use mcpass_domain::{Server, ServerName};

use super::super::{codec, failure};
use super::cells::Cells;
use super::change::{Connection, versioned};
use crate::StoreError;

const HELD: &str = "SELECT version FROM mcp_servers WHERE name = $1";

pub(super) async fn insert(db: &mut Connection, server: &Server) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO mcp_servers \
         (name, kind, settings, is_enabled, is_declared, created_at, version) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(server.name.as_str())
    .bind(server.kind.as_str())
    .bind(codec::settings_to_json(&server.kind)?)
    .bind(server.is_enabled)
    .bind(server.is_declared)
    .bind(server.created_at.as_micros())
    .bind(server.version)
    .execute(db)
    .await
    .map_err(|error| failure::of_write(error, "a server", &server.name))?;
    Ok(())
}

pub(super) async fn update(db: &mut Connection, server: &Server) -> Result<(), StoreError> {
    let name = server.name.as_str();
    let query = sqlx::query(
        "UPDATE mcp_servers SET kind = $3, settings = $4, is_enabled = $5, is_declared = $6, \
         version = version + 1 WHERE name = $1 AND version = $2",
    )
    .bind(name)
    .bind(server.version)
    .bind(server.kind.as_str())
    .bind(codec::settings_to_json(&server.kind)?)
    .bind(server.is_enabled)
    .bind(server.is_declared);
    versioned(db, query, (HELD, name), ("server", &server.name)).await
}

pub(super) async fn delete(
    db: &mut Connection,
    name: &ServerName,
    version: i64,
) -> Result<(), StoreError> {
    let query = sqlx::query("DELETE FROM mcp_servers WHERE name = $1 AND version = $2")
        .bind(name.as_str())
        .bind(version);
    versioned(db, query, (HELD, name.as_str()), ("server", name)).await
}

pub(super) async fn list(db: &mut Connection) -> Result<Vec<Server>, StoreError> {
    let rows = sqlx::query(
        "SELECT name, kind, settings, is_enabled, is_declared, created_at, version \
         FROM mcp_servers ORDER BY name",
    )
    .fetch_all(db)
    .await
    .map_err(|error| failure::of(error, "list servers"))?;
    let server = |row| {
        let mut cells = Cells::new(row, "server");
        Ok(Server {
            name: cells.parse()?,
            kind: codec::kind_from_json(cells.take()?, cells.take()?)?,
            is_enabled: cells.take()?,
            is_declared: cells.take()?,
            created_at: cells.moment()?,
            version: cells.take()?,
        })
    };
    rows.iter().map(server).collect()
}
