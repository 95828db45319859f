//! Users and groups.

#![expect(clippy::duplicate_mod, reason = "one body of SQL, compiled for each database")]

use std::collections::HashMap;

use mcpass_domain::{Group, GroupId, User, UserId};
use sqlx::Database;

use super::super::{codec, failure};
use super::cells::Cells;
use super::change::{Connection, versioned};
use super::dialect::Db;
use crate::StoreError;

type Row = <Db as Database>::Row;

const GROUP_HELD: &str = "SELECT version FROM mcp_groups WHERE id = $1";
const USER_HELD: &str = "SELECT version FROM mcp_users WHERE id = $1";

macro_rules! select_groups {
    ($rest:literal) => {
        concat!("SELECT id, name, permissions, created_at, version FROM mcp_groups ", $rest)
    };
}

macro_rules! select_users {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, is_active, is_superuser, permissions, created_at, version \
             FROM mcp_users ",
            $rest
        )
    };
}

pub(super) async fn group_insert(db: &mut Connection, group: &Group) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO mcp_groups (id, name, permissions, created_at, version) \
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(group.id.as_bytes().as_slice())
    .bind(group.name.as_str())
    .bind(codec::permissions_to_json(&group.permissions))
    .bind(group.created_at.as_micros())
    .bind(group.version)
    .execute(db)
    .await
    .map_err(|error| failure::of_write(error, "a group", &group.name))?;
    Ok(())
}

pub(super) async fn group_update(db: &mut Connection, group: &Group) -> Result<(), StoreError> {
    let id = group.id.as_bytes().as_slice();
    let query = sqlx::query(
        "UPDATE mcp_groups SET name = $3, permissions = $4, version = version + 1 \
         WHERE id = $1 AND version = $2",
    )
    .bind(id)
    .bind(group.version)
    .bind(group.name.as_str())
    .bind(codec::permissions_to_json(&group.permissions));
    versioned(db, query, (GROUP_HELD, id), ("group", &group.name)).await
}

/// Tokens and users lose the group by the foreign keys of the tables between.
pub(super) async fn group_delete(
    db: &mut Connection,
    id: GroupId,
    version: i64,
) -> Result<(), StoreError> {
    let key = id.as_bytes().as_slice();
    let query = sqlx::query("DELETE FROM mcp_groups WHERE id = $1 AND version = $2")
        .bind(key)
        .bind(version);
    versioned(db, query, (GROUP_HELD, key), ("group", &id)).await
}

pub(super) async fn group_find(
    db: &mut Connection,
    id: GroupId,
) -> Result<Option<Group>, StoreError> {
    let query = sqlx::query(select_groups!("WHERE id = $1")).bind(id.as_bytes().as_slice());
    let row = query.fetch_optional(db).await;
    row.map_err(|error| failure::of(error, "read a group"))?.as_ref().map(group).transpose()
}

pub(super) async fn group_find_by_name(
    db: &mut Connection,
    name: &str,
) -> Result<Option<Group>, StoreError> {
    let row = sqlx::query(select_groups!("WHERE name = $1")).bind(name).fetch_optional(db).await;
    row.map_err(|error| failure::of(error, "read a group"))?.as_ref().map(group).transpose()
}

pub(super) async fn group_list(db: &mut Connection) -> Result<Vec<Group>, StoreError> {
    let rows = sqlx::query(select_groups!("ORDER BY name")).fetch_all(db).await;
    rows.map_err(|error| failure::of(error, "list groups"))?.iter().map(group).collect()
}

fn group(row: &Row) -> Result<Group, StoreError> {
    let mut cells = Cells::new(row, "group");
    Ok(Group {
        id: GroupId::from_bytes(cells.bytes()?),
        name: cells.parse()?,
        permissions: codec::permissions_from_json(cells.take()?)?,
        created_at: cells.moment()?,
        version: cells.take()?,
    })
}

pub(super) async fn user_insert(db: &mut Connection, user: &User) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO mcp_users \
         (id, name, is_active, is_superuser, permissions, created_at, version) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(user.id.as_bytes().as_slice())
    .bind(user.name.as_str())
    .bind(user.is_active)
    .bind(user.is_superuser)
    .bind(codec::permissions_to_json(&user.permissions))
    .bind(user.created_at.as_micros())
    .bind(user.version)
    .execute(&mut *db)
    .await
    .map_err(|error| failure::of_write(error, "a user", &user.name))?;
    join_groups(db, user).await
}

pub(super) async fn user_update(db: &mut Connection, user: &User) -> Result<(), StoreError> {
    let id = user.id.as_bytes().as_slice();
    let query = sqlx::query(
        "UPDATE mcp_users SET name = $3, is_active = $4, is_superuser = $5, permissions = $6, \
         version = version + 1 WHERE id = $1 AND version = $2",
    )
    .bind(id)
    .bind(user.version)
    .bind(user.name.as_str())
    .bind(user.is_active)
    .bind(user.is_superuser)
    .bind(codec::permissions_to_json(&user.permissions));
    versioned(db, query, (USER_HELD, id), ("user", &user.name)).await?;
    sqlx::query("DELETE FROM mcp_user_groups WHERE user_id = $1")
        .bind(id)
        .execute(&mut *db)
        .await
        .map_err(|error| failure::of(error, "write a user's groups"))?;
    join_groups(db, user).await
}

async fn join_groups(db: &mut Connection, user: &User) -> Result<(), StoreError> {
    for (position, group) in (0_i64..).zip(&user.groups) {
        sqlx::query(
            "INSERT INTO mcp_user_groups (user_id, group_id, position) VALUES ($1, $2, $3)",
        )
        .bind(user.id.as_bytes().as_slice())
        .bind(group.as_bytes().as_slice())
        .bind(position)
        .execute(&mut *db)
        .await
        .map_err(|error| failure::of_write(error, "a user's group", group))?;
    }
    Ok(())
}

pub(super) async fn user_find(db: &mut Connection, id: UserId) -> Result<Option<User>, StoreError> {
    let query = sqlx::query(select_users!("WHERE id = $1")).bind(id.as_bytes().as_slice());
    let row = query.fetch_optional(&mut *db).await;
    with_groups(db, row.map_err(|error| failure::of(error, "read a user"))?).await
}

pub(super) async fn user_find_by_name(
    db: &mut Connection,
    name: &str,
) -> Result<Option<User>, StoreError> {
    let query = sqlx::query(select_users!("WHERE name = $1")).bind(name);
    let row = query.fetch_optional(&mut *db).await;
    with_groups(db, row.map_err(|error| failure::of(error, "read a user"))?).await
}

pub(super) async fn user_list(db: &mut Connection) -> Result<Vec<User>, StoreError> {
    let rows = sqlx::query(select_users!("ORDER BY name")).fetch_all(&mut *db).await;
    let rows = rows.map_err(|error| failure::of(error, "list users"))?;
    let mut users: Vec<User> = rows.iter().map(user).collect::<Result<_, _>>()?;
    let links =
        sqlx::query("SELECT user_id, group_id FROM mcp_user_groups ORDER BY user_id, position")
            .fetch_all(db)
            .await
            .map_err(|error| failure::of(error, "list the groups of users"))?;
    let mut groups: HashMap<UserId, Vec<GroupId>> = HashMap::new();
    for link in &links {
        let mut cells = Cells::new(link, "membership");
        let user = UserId::from_bytes(cells.bytes()?);
        groups.entry(user).or_default().push(GroupId::from_bytes(cells.bytes()?));
    }
    for user in &mut users {
        user.groups = groups.remove(&user.id).unwrap_or_default();
    }
    Ok(users)
}

async fn with_groups(db: &mut Connection, row: Option<Row>) -> Result<Option<User>, StoreError> {
    let Some(mut user) = row.as_ref().map(user).transpose()? else { return Ok(None) };
    let links =
        sqlx::query("SELECT group_id FROM mcp_user_groups WHERE user_id = $1 ORDER BY position")
            .bind(user.id.as_bytes().as_slice())
            .fetch_all(db)
            .await
            .map_err(|error| failure::of(error, "read a user's groups"))?;
    let group = |link| Cells::new(link, "membership").bytes().map(GroupId::from_bytes);
    user.groups = links.iter().map(group).collect::<Result<_, _>>()?;
    Ok(Some(user))
}

fn user(row: &Row) -> Result<User, StoreError> {
    let mut cells = Cells::new(row, "user");
    Ok(User {
        id: UserId::from_bytes(cells.bytes()?),
        name: cells.parse()?,
        is_active: cells.take()?,
        is_superuser: cells.take()?,
        permissions: codec::permissions_from_json(cells.take()?)?,
        groups: Vec::new(),
        created_at: cells.moment()?,
        version: cells.take()?,
    })
}
