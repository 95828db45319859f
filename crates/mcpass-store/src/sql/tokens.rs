//! Tokens.

#![expect(clippy::duplicate_mod, reason = "one body of SQL, compiled for each database")]

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use mcpass_domain::{
    FamilyId, GroupId, Hint, Limits, Revocation, Timestamp, Token, TokenDigest, TokenId, UserId,
};
use sqlx::{Database, QueryBuilder};

use super::super::{codec, failure};
use super::bulk::{Bulk, Values};
use super::cells::Cells;
use super::change::{Connection, versioned};
use super::dialect::{ALONG_ROTATION, Db, GATHER, along, groups_of_token, hex};
use super::token_list::{self, Way};
use crate::filter::search_text;
use crate::{
    Membership, Page, PageRequest, SortValue, StoreError, TokenFilter, TokenKey, TokenOutline,
    TokenPlace, TokenSort,
};

type Row = <Db as Database>::Row;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, family_id, name, user_id, digest, hint, is_active, created_at, \
             created_by, expires_at, revoked_at, revoke_reason, rotated_at, last_used_at, \
             last_used_ip, permissions, per_minute, per_hour, max_context, rate_limit_style, \
             networks, note, version, ",
            // Beside the token, not as rows of their own: sqlx hands rows over from one thread to
            // another one by one.
            groups_of_token!(),
            " FROM ",
            $rest
        )
    };
}

static INSERT: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(
        "INSERT INTO mcp_tokens \
         (id, version, name, user_id, is_active, expires_at, revoked_at, revoke_reason, \
         rotated_at, permissions, per_minute, per_hour, max_context, rate_limit_style, networks, \
         note, search, family_id, digest, hint, created_at, created_by, last_used_at, \
         last_used_ip) VALUES",
        24,
        "",
    )
});

static JOIN: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new("INSERT INTO mcp_token_groups (token_id, group_id, position) VALUES", 3, "")
});

/// Adds tokens and what groups they are in.
pub(super) async fn insert(
    db: &mut Connection,
    tokens: impl IntoIterator<Item = &Token>,
) -> Result<(), StoreError> {
    let tokens: Vec<&Token> = tokens.into_iter().collect();
    let inserted = INSERT
        .run(db, &tokens, |values, token| {
            add_changeable(values, token);
            values
                .add(token.family.as_bytes().as_slice())
                .add(token.digest.as_bytes().as_slice())
                .add(token.hint.as_str())
                .add(token.created_at.as_micros())
                .add(token.created_by.as_str())
                .add(token.last_used_at.map(Timestamp::as_micros))
                .add(token.last_used_ip.map(|ip| ip.to_string()));
        })
        .await;
    inserted.map_err(|error| match tokens.as_slice() {
        [token] => failure::of_write(error, "a token", &token.id),
        tokens => failure::of_write(error, "a token", &format_args!("one of {}", tokens.len())),
    })?;
    join_groups(db, tokens).await
}

/// Writes tokens and what groups they are in.
pub(super) async fn update(
    db: &mut Connection,
    tokens: impl IntoIterator<Item = &Token>,
) -> Result<(), StoreError> {
    // Of one that comes twice, the last counts.
    let mut last = BTreeMap::new();
    for token in tokens {
        update_one(db, token).await?;
        last.insert(token.id, token);
    }
    let ids: Vec<&TokenId> = last.keys().collect();
    for some in ids.chunks(MANY) {
        let mut query = QueryBuilder::<Db>::new("DELETE FROM mcp_token_groups WHERE token_id IN (");
        push_ids(&mut query, some.iter().map(|id| id.as_bytes().to_vec()));
        let left = query.build().persistent(some.len() == 1).execute(&mut *db).await;
        left.map_err(|error| failure::of(error, "write the groups of tokens"))?;
    }
    join_groups(db, last.into_values()).await
}

async fn update_one(db: &mut Connection, token: &Token) -> Result<(), StoreError> {
    let id = token.id.as_bytes().as_slice();
    let mut values = Values::new(17);
    add_changeable(&mut values, token);
    let values = values.finish().map_err(|error| failure::of(error, "write a token"))?;
    let query = sqlx::query_with(
        "UPDATE mcp_tokens SET version = version + 1, name = $3, user_id = $4, is_active = $5, \
         expires_at = $6, revoked_at = $7, revoke_reason = $8, rotated_at = $9, \
         permissions = $10, per_minute = $11, per_hour = $12, max_context = $13, \
         rate_limit_style = $14, networks = $15, note = $16, search = $17 \
         WHERE id = $1 AND version = $2",
        values,
    );
    let held = "SELECT version FROM mcp_tokens WHERE id = $1";
    versioned(db, query, (held, id), ("token", &token.id)).await
}

/// `$1` to `$17`: the id, the version, and what an update may change.
fn add_changeable(values: &mut Values, token: &Token) {
    values
        .add(token.id.as_bytes().as_slice())
        .add(token.version)
        .add(token.name.as_str())
        .add(token.user.as_bytes().as_slice())
        .add(token.is_active)
        .add(token.expires_at.map(Timestamp::as_micros))
        .add(token.revocation.as_ref().map(|revocation| revocation.at.as_micros()))
        .add(token.revocation.as_ref().map(|revocation| revocation.reason.as_str()))
        .add(token.rotated_at.map(Timestamp::as_micros))
        .add(codec::permissions_to_json(&token.permissions))
        .add(i64::from(token.limits.per_minute))
        .add(i64::from(token.limits.per_hour))
        .add(codec::to_column(token.limits.max_context))
        .add(token.rate_limit_style.as_str())
        .add(token.networks.to_string())
        .add(token.note.as_str())
        .add(search_text(token));
}

async fn join_groups(
    db: &mut Connection,
    tokens: impl IntoIterator<Item = &Token>,
) -> Result<(), StoreError> {
    let of_token = |token: &Token| {
        let id = token.id;
        (0_i64..).zip(token.groups.clone()).map(move |(position, group)| (id, group, position))
    };
    let links: Vec<(TokenId, GroupId, i64)> = tokens.into_iter().flat_map(of_token).collect();
    JOIN.run(db, &links, |values, (token, group, position)| {
        values.add(token.as_bytes().as_slice()).add(group.as_bytes().as_slice()).add(*position);
    })
    .await
    .map_err(|error| failure::of_write(error, "a token's group", &"of this name"))
}

pub(super) async fn find(db: &mut Connection, id: TokenId) -> Result<Option<Token>, StoreError> {
    let query = sqlx::query(select!("mcp_tokens WHERE id = $1")).bind(id.as_bytes().as_slice());
    let row = query.fetch_optional(db).await;
    row.map_err(|error| failure::of(error, "read a token"))?.as_ref().map(token).transpose()
}

pub(super) async fn find_by_digest(
    db: &mut Connection,
    digest: &TokenDigest,
) -> Result<Option<Token>, StoreError> {
    let query =
        sqlx::query(select!("mcp_tokens WHERE digest = $1")).bind(digest.as_bytes().as_slice());
    let row = query.fetch_optional(db).await;
    row.map_err(|error| failure::of(error, "read a token"))?.as_ref().map(token).transpose()
}

pub(super) async fn find_all(
    db: &mut Connection,
    ids: &[TokenId],
) -> Result<Vec<Token>, StoreError> {
    let ids: Vec<_> = ids.iter().map(TokenId::as_bytes).collect();
    one_of(db, select!("mcp_tokens WHERE id IN ("), &ids).await
}

pub(super) async fn outgoing(
    db: &mut Connection,
    now: Timestamp,
) -> Result<Vec<Token>, StoreError> {
    let mut query = QueryBuilder::<Db>::new(select!(""));
    query.push(ALONG_ROTATION);
    query.push(" WHERE rotated_at IS NOT NULL AND revoked_at IS NULL AND expires_at > ");
    query.push_bind(now.as_micros()).push(" ORDER BY id");
    let rows = query.build().fetch_all(db).await;
    rows.map_err(|error| failure::of(error, "read tokens"))?.iter().map(token).collect()
}

pub(super) async fn families(
    db: &mut Connection,
    ids: &[FamilyId],
) -> Result<Vec<Token>, StoreError> {
    let ids: Vec<_> = ids.iter().map(FamilyId::as_bytes).collect();
    one_of(db, select!("mcp_tokens WHERE family_id IN ("), &ids).await
}

/// The tokens that `select`, which ends in an open bracket, finds by one of these ids, oldest
/// first.
async fn one_of(
    db: &mut Connection,
    select: &str,
    ids: &[&[u8; 16]],
) -> Result<Vec<Token>, StoreError> {
    let mut tokens = Vec::new();
    for some in ids.chunks(MANY) {
        let mut query = QueryBuilder::<Db>::new(select);
        push_ids(&mut query, some.iter().map(|id| id.to_vec()));
        let rows = query.build().persistent(some.len() == 1).fetch_all(&mut *db).await;
        let rows = rows.map_err(|error| failure::of(error, "read tokens"))?;
        for row in &rows {
            tokens.push(token(row)?);
        }
    }
    tokens.sort_unstable_by_key(|token: &Token| token.id);
    tokens.dedup_by_key(|token| token.id);
    Ok(tokens)
}

/// Ids of one statement at most.
const MANY: usize = 500;

fn push_ids(query: &mut QueryBuilder<Db>, ids: impl Iterator<Item = Vec<u8>>) {
    let mut list = query.separated(", ");
    for id in ids {
        list.push_bind(id);
    }
    query.push(")");
}

pub(super) async fn scan(
    db: &mut Connection,
    page: &PageRequest<TokenId>,
) -> Result<Vec<Token>, StoreError> {
    let limit = codec::to_column(page.items() as u64);
    let query = match &page.after {
        None => sqlx::query(select!("mcp_tokens ORDER BY id LIMIT $1")).bind(limit),
        Some(after) => sqlx::query(select!("mcp_tokens WHERE id > $2 ORDER BY id LIMIT $1"))
            .bind(limit)
            .bind(after.as_bytes().as_slice()),
    };
    let rows = query.fetch_all(&mut *db).await;
    let rows = rows.map_err(|error| failure::of(error, "read tokens"))?;
    rows.iter().map(token).collect()
}

pub(super) async fn list(
    db: &mut Connection,
    filter: &TokenFilter,
    page: &PageRequest<TokenId>,
) -> Result<Page<Token, TokenId>, StoreError> {
    let after = page.after.map(|id| TokenPlace { value: SortValue::None, id });
    let page = PageRequest { after, limit: page.limit };
    let Page { items, next } = sorted(db, filter, TokenSort::default(), &page).await?;
    Ok(Page { items, next: next.map(|place| place.id) })
}

pub(super) async fn sorted(
    db: &mut Connection,
    filter: &TokenFilter,
    sort: TokenSort,
    page: &PageRequest<TokenPlace>,
) -> Result<Page<Token, TokenPlace>, StoreError> {
    let way = token_list::way(db, filter, sort.key).await?;
    // What has to be sorted is sorted as ids, and the page of them is read afterwards.
    let is_in_order = sort.key == TokenKey::Created || way == Way::Order;
    let mut query = QueryBuilder::new(select!(""));
    if !is_in_order {
        query.push("mcp_tokens WHERE id IN (SELECT ").push(token_list::id(way)).push(" FROM ");
    }
    token_list::push_filter(&mut query, filter, way);
    token_list::push_page(&mut query, way, sort, page);
    if !is_in_order {
        query.push(")");
        token_list::push_order(&mut query, "id", sort);
    }
    let rows = query.build().fetch_all(&mut *db).await;
    let rows = rows.map_err(|error| failure::of(error, "list tokens"))?;
    let tokens = rows.iter().map(token).collect::<Result<_, _>>()?;
    Ok(Page::cut(tokens, page, |token| TokenPlace::of(token, sort.key)))
}

/// All in one row, a line for each: sqlx hands rows over from one thread to another one by one, and
/// for ten thousand small ones that takes twice as long as finding them.
pub(super) async fn outlines(
    db: &mut Connection,
    filter: &TokenFilter,
    group: Option<GroupId>,
    page: &PageRequest<TokenId>,
) -> Result<Page<TokenOutline, TokenId>, StoreError> {
    let way = token_list::way(db, filter, TokenKey::Created).await?;
    let [id, family] = ["id", "family_id"].map(hex);
    let mut query = QueryBuilder::new(format!(
        "SELECT {GATHER}(line, '\n') FROM (SELECT {id} || ' ' || {family} || ' ' \
         || COALESCE(CAST(expires_at AS TEXT), '') || ' '"
    ));
    let flags = ["is_active", "revoked_at IS NOT NULL", "rotated_at IS NOT NULL"];
    for flag in flags {
        query.push(format_args!(" || CASE WHEN {flag} THEN '1' ELSE '0' END"));
    }
    if let Some(group) = group {
        push_membership(&mut query, group);
    }
    query.push(" || ' ' || name AS line FROM ");
    token_list::push_filter(&mut query, filter, way);
    let after = page.after.map(|id| TokenPlace { value: SortValue::None, id });
    let places = PageRequest { after, limit: page.limit };
    token_list::push_page(&mut query, way, TokenSort::default(), &places);
    query.push(") AS found");
    let row = query.build().fetch_one(&mut *db).await;
    let row = row.map_err(|error| failure::of(error, "list tokens"))?;
    let lines: Option<&str> = Cells::new(&row, "list of tokens").take()?;
    let outlines = lines.into_iter().flat_map(|all| all.split('\n')).map(|line| {
        outline(line).ok_or_else(|| failure::damaged("token", "its outline cannot be read"))
    });
    let mut outlines: Vec<TokenOutline> = outlines.collect::<Result<_, _>>()?;
    // What is gathered comes in whatever order.
    outlines.sort_unstable_by_key(|outline| Reverse(outline.id));
    Ok(Page::cut(outlines, page, |outline| outline.id))
}

/// Whether a token is in the group, and whether it is in as many as it can be.
fn push_membership(query: &mut QueryBuilder<Db>, group: GroupId) {
    // Along the members of the group, as the pages of one group lie closer than those of all.
    let along = along(Some("mcp_token_groups_by_group"));
    query.push(format_args!(
        " || CASE WHEN EXISTS (SELECT 1 FROM mcp_token_groups AS one{along} \
         WHERE one.token_id = id AND one.group_id = "
    ));
    query.push_bind(group.as_bytes().to_vec());
    // The last place says who had so many groups when it was written: few, found once for all. Of
    // those, one that has lost a group since has fewer.
    let (last, most) = (Token::MAX_GROUPS - 1, Token::MAX_GROUPS);
    query.push(format_args!(
        ") THEN '1' ELSE '0' END || CASE WHEN id IN (SELECT one.token_id \
         FROM mcp_token_groups AS one WHERE one.position >= {last} \
         AND (SELECT COUNT(*) FROM mcp_token_groups AS each \
         WHERE each.token_id = one.token_id) >= {most}) THEN '1' ELSE '0' END"
    ));
}

/// Reads a line: the id, the family, the end, what is so, and the name, which may hold spaces.
fn outline(line: &str) -> Option<TokenOutline> {
    let mut parts = line.splitn(5, ' ');
    let mut id = || u128::from_str_radix(parts.next()?, 16).ok().map(u128::to_be_bytes);
    let (id, family) = (TokenId::from_bytes(id()?), FamilyId::from_bytes(id()?));
    let end = parts.next()?;
    let end = (!end.is_empty()).then(|| end.parse().map(Timestamp::from_micros));
    let expires_at = end.transpose().ok()?;
    let mut flags = parts.next()?.bytes().map(|flag| flag == b'1');
    let (is_active, is_revoked, is_rotated) = (flags.next()?, flags.next()?, flags.next()?);
    let membership = match (flags.next(), flags.next()) {
        (Some(is_member), Some(is_full)) => Some(Membership { is_member, is_full }),
        _ => None,
    };
    let name = parts.next()?.parse().ok()?;
    Some(TokenOutline {
        id,
        family,
        name,
        is_active,
        expires_at,
        is_revoked,
        is_rotated,
        membership,
    })
}

fn token(row: &Row) -> Result<Token, StoreError> {
    let mut cells = Cells::new(row, "token");
    let mut token = Token {
        id: TokenId::from_bytes(cells.bytes()?),
        family: FamilyId::from_bytes(cells.bytes()?),
        name: cells.parse()?,
        user: UserId::from_bytes(cells.bytes()?),
        digest: TokenDigest::from_bytes(cells.bytes()?),
        hint: Hint::of(cells.take::<&str>()?.as_bytes()),
        is_active: cells.take()?,
        created_at: cells.moment()?,
        created_by: cells.take()?,
        expires_at: cells.moment_or_null()?,
        revocation: match (cells.moment_or_null()?, cells.take::<Option<String>>()?) {
            (None, _) => None,
            (Some(at), reason) => Some(Revocation { at, reason: reason.unwrap_or_default() }),
        },
        rotated_at: cells.moment_or_null()?,
        last_used_at: cells.moment_or_null()?,
        last_used_ip: cells.address_or_null()?,
        permissions: codec::permissions_from_json(cells.take()?)?,
        groups: Vec::new(),
        limits: Limits {
            per_minute: cells.number()?,
            per_hour: cells.number()?,
            max_context: cells.number()?,
        },
        rate_limit_style: cells.parse()?,
        networks: cells.parse()?,
        note: cells.take()?,
        version: cells.take()?,
    };
    let groups: Option<&str> = cells.take()?;
    let groups = groups.into_iter().flat_map(|all| all.split(',')).map(|group| {
        let id = u128::from_str_radix(group, 16).map(u128::to_be_bytes);
        id.map(GroupId::from_bytes).map_err(|error| failure::damaged("token", error))
    });
    token.groups = groups.collect::<Result<_, _>>()?;
    Ok(token)
}
