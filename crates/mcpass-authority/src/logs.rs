//! Reading the audit log and the access log, and the authority's own state.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use mcpass_domain::{AuditEvent, FamilyId, Reason, RequestId, Timestamp, TokenId, UserId};
use mcpass_store::{AccessFilter, AuditFilter, PageRequest};

use crate::api::{
    AccessView, ApiError, AuditList, AuditView, Items, LogBatch, LogFilter, LogList, LogShow,
    LogTail, Page, Status,
};
use crate::authority::Authority;
use crate::authorize::{Action, Reach};
use crate::context::Context;
use crate::failure::store_failed;
use crate::turn::Turn;
use crate::{parse, show, when};

const USUAL_TAIL: u32 = 1_000;
/// Rows that are looked at for one answer: what a page of the console has time for.
const LOOKED_AT: u32 = 10_000;
/// And for each row that is wanted, if those are more.
const LOOKED_AT_A_ROW: u32 = 20;

impl Authority {
    /// Lists the audit log, newest first.
    ///
    /// # Errors
    /// When a filter cannot be used.
    pub async fn audit_list(
        &self,
        ctx: &Context,
        request: AuditList,
    ) -> Result<Page<AuditView>, ApiError> {
        self.read(ctx, Action::ViewAudit, request, |turn, request| Box::pin(audit(turn, request)))
            .await
    }

    /// Lists the access log, with everything that was recorded before the call.
    ///
    /// # Errors
    /// When a filter cannot be used, or the journal cannot be brought into the store.
    pub async fn log_list(
        &self,
        ctx: &Context,
        request: LogList,
    ) -> Result<Page<AccessView>, ApiError> {
        self.read(ctx, Action::ViewLog, request, |turn, request| Box::pin(list(turn, request)))
            .await
    }

    /// The filter with its times as moments: what is read with it later is of the same times,
    /// where `1h` would have moved on.
    ///
    /// # Errors
    /// When a time cannot be used.
    pub fn log_filter_fixed(&self, filter: LogFilter) -> Result<LogFilter, ApiError> {
        let now = self.core().clock.now();
        let fixed = |field, text: Option<&str>| -> Result<Option<String>, ApiError> {
            Ok(moment(field, text, now)?.map(|at| at.to_string()))
        };
        Ok(LogFilter {
            since: fixed("since", filter.since.as_deref())?,
            until: fixed("until", filter.until.as_deref())?,
            ..filter
        })
    }

    /// Follows the access log.
    ///
    /// # Errors
    /// As [`Authority::log_list`].
    pub async fn log_tail(&self, ctx: &Context, request: LogTail) -> Result<LogBatch, ApiError> {
        self.read(ctx, Action::ViewLog, request, |turn, request| Box::pin(tail(turn, request)))
            .await
    }

    /// Shows one row of the access log.
    ///
    /// # Errors
    /// When there is no such row.
    pub async fn log_show(&self, ctx: &Context, request: LogShow) -> Result<AccessView, ApiError> {
        self.read(ctx, Action::ViewLog, request, |turn, request| Box::pin(one(turn, request))).await
    }

    /// How this authority is doing. A store that fails is part of the answer.
    ///
    /// # Errors
    /// When the caller may not know.
    pub async fn status(&self, ctx: &Context) -> Result<Status, ApiError> {
        self.read(ctx, Action::ViewStatus, (), |turn, ()| {
            Box::pin(async move {
                let store_error = turn.core.store.ping().await.err();
                Ok(Status {
                    version: env!("CARGO_PKG_VERSION").to_owned(),
                    pid: std::process::id(),
                    started_at: turn.core.started_at,
                    now: turn.now,
                    listen: turn.core.options.listen.clone(),
                    store_ok: store_error.is_none(),
                    store_error: store_error.map(|error| error.to_string()),
                    cap_to_user: turn.core.options.cap_to_user,
                })
            })
        })
        .await
    }
}

async fn audit(turn: &mut Turn, request: &AuditList) -> Result<Page<AuditView>, ApiError> {
    let filter = AuditFilter {
        objects: match request.object.as_deref() {
            Some(object) => audit_objects(turn, object).await?,
            None => Vec::new(),
        },
        actor: match request.actor.as_deref() {
            Some(actor) => Some(audit_actor(turn, actor).await?),
            None => None,
        },
        action: request.action.clone(),
        since: moment("since", request.since.as_deref(), turn.now)?,
        until: moment("until", request.until.as_deref(), turn.now)?,
    };
    let page = PageRequest {
        after: request.cursor.as_deref().map(|text| parse::field("cursor", text)).transpose()?,
        limit: Items::AUDIT.of(request.limit)?,
    };
    let found = turn.core.store.audit_list(&filter, &page).await.map_err(store_failed)?;
    let names = actor_names(turn, &found.items).await?;
    let shown = |event: AuditEvent| {
        let name = names.get(&event.actor).cloned();
        show::audit(event, name)
    };
    Ok(Page {
        items: found.items.into_iter().map(shown).collect(),
        next: found.next.map(|id| id.to_string()),
    })
}

/// What those are called who did something and whom the caller may see.
async fn actor_names(
    turn: &Turn,
    events: &[AuditEvent],
) -> Result<HashMap<String, String>, ApiError> {
    let actors: BTreeSet<&str> = events.iter().map(|event| event.actor.as_str()).collect();
    let store = &turn.core.store;
    let mut names = HashMap::new();
    if turn.caller.may(Action::ViewToken) {
        let ids: Vec<TokenId> = actors.iter().filter_map(|actor| actor.parse().ok()).collect();
        for token in store.token_find_all(&ids).await.map_err(store_failed)? {
            names.insert(token.id.to_string(), token.name.to_string());
        }
    }
    let is_user = |actor: &&str| actor.parse::<UserId>().is_ok();
    if turn.caller.may(Action::ViewUser) && actors.iter().any(is_user) {
        let users = store.user_list().await.map_err(store_failed)?;
        let users = users.into_iter().map(|user| (user.id.to_string(), user.name.to_string()));
        names.extend(users.filter(|(id, _)| actors.contains(&**id)));
    }
    Ok(names)
}

/// Rows name users and groups by their ids, which last; people by their names. A user, a group and
/// a server may have one name: then all of them are meant, so that none hides what another does.
async fn audit_objects(turn: &Turn, object: &str) -> Result<Vec<String>, ApiError> {
    let mut objects = vec![object.to_owned()];
    if !parse::names_itself(object) {
        let store = &turn.core.store;
        let user = store.user_find_by_name(object).await.map_err(store_failed)?;
        let group = store.group_find_by_name(object).await.map_err(store_failed)?;
        objects.extend(user.map(|user| user.id.to_string()));
        objects.extend(group.map(|group| group.id.to_string()));
    }
    Ok(objects)
}

/// Rows name who did it by an id, or as `operator:NAME`; people name a user.
async fn audit_actor(turn: &Turn, actor: &str) -> Result<String, ApiError> {
    if parse::names_itself(actor) {
        return Ok(actor.to_owned());
    }
    let user = turn.core.store.user_find_by_name(actor).await.map_err(store_failed)?;
    Ok(user.map_or_else(|| actor.to_owned(), |user| user.id.to_string()))
}

async fn list(turn: &mut Turn, request: &LogList) -> Result<Page<AccessView>, ApiError> {
    let mut filter = filter(turn, &request.filter).await?;
    filter.oldest_first = request.oldest_first;
    let page = PageRequest::<RequestId> {
        after: request.cursor.as_deref().map(|text| parse::field("cursor", text)).transpose()?,
        limit: Items::LOG.of(request.limit)?,
    };
    // Who asks for many rows waits longer, and comes back less often.
    filter.effort = Some(LOOKED_AT.max(page.limit.saturating_mul(LOOKED_AT_A_ROW)));
    turn.flush_log().await?;
    let found = turn.core.store.access_list(&filter, &page).await.map_err(store_failed)?;
    Ok(Page {
        items: found.items.into_iter().map(show::access).collect(),
        next: found.next.map(|id| id.to_string()),
    })
}

async fn tail(turn: &mut Turn, request: &LogTail) -> Result<LogBatch, ApiError> {
    let filter = AccessFilter { effort: Some(LOOKED_AT), ..filter(turn, &request.filter).await? };
    let limit = Items { usual: USUAL_TAIL, ..Items::LOG }.of(request.limit)?;
    turn.flush_log().await?;
    let (rows, after) =
        turn.core.store.access_tail(request.after, &filter, limit).await.map_err(store_failed)?;
    Ok(LogBatch { rows: rows.into_iter().map(show::access).collect(), after })
}

async fn one(turn: &mut Turn, request: &LogShow) -> Result<AccessView, ApiError> {
    let id: RequestId = parse::field("id", &request.id)?;
    turn.flush_log().await?;
    let row = turn.core.store.access_find(id).await.map_err(store_failed)?.map(show::access);
    let own = own_name(turn).await?;
    let row = row.filter(|row| own.as_ref().is_none_or(|own| row.user == *own));
    row.ok_or_else(|| {
        ApiError::new("log.not_found", format!("there is no request {id} in the log"))
            .with_hint("it may be older than the log is kept")
    })
}

async fn filter(turn: &Turn, request: &LogFilter) -> Result<AccessFilter, ApiError> {
    let reason = |text: &str| {
        Reason::parse(text).ok_or_else(|| {
            let all: Vec<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
            ApiError::invalid("reason", "there is no such reason")
                .with_hint(format!("the reasons are {}", all.join(", ")))
        })
    };
    let own = own_name(turn).await?;
    let user = match request.user.as_deref() {
        Some(text) => Some(name_of(turn, text).await?),
        None => None,
    };
    let is_of_others = user.is_some() && own.is_some() && own != user;
    Ok(AccessFilter {
        // Who sees their own rows alone finds none of somebody else.
        tokens: if is_of_others { Some(Vec::new()) } else { tokens(turn, request).await? },
        is_confined: own.is_some(),
        user: own.or(user),
        server: request.server.clone(),
        method: request.method.clone(),
        target: request.target.clone(),
        address: request.address.as_deref().map(address).transpose()?,
        status: request.status,
        client: request.client.clone(),
        user_agent: request.user_agent.clone(),
        session: request.session.clone(),
        trace: request.trace.clone(),
        hint: request.hint.clone(),
        reason: request.reason.as_deref().map(reason).transpose()?,
        allowed: request.allowed,
        is_error: request.is_error,
        since: moment("since", request.since.as_deref(), turn.now)?,
        until: moment("until", request.until.as_deref(), turn.now)?,
        oldest_first: false,
        effort: None,
    })
}

/// The name that rows have for a user, who may be gone since: only an id says that nobody is meant.
async fn name_of(turn: &Turn, text: &str) -> Result<String, ApiError> {
    if text.parse::<UserId>().is_err() {
        return Ok(text.to_owned());
    }
    Ok(turn.user("user", text).await?.name.to_string())
}

/// An IPv4 address that is written as IPv6 is the same one, as in rows.
fn address(text: &str) -> Result<IpAddr, ApiError> {
    let address = text.trim().parse::<IpAddr>().map_err(|_| {
        ApiError::invalid("address", "this is no address").with_hint(
            "write an address such as 10.0.0.7 or 2001:db8::7; a network cannot be asked for",
        )
    })?;
    Ok(address.to_canonical())
}

/// The tokens whose rows are wanted; all, if none is named.
async fn tokens(turn: &Turn, request: &LogFilter) -> Result<Option<Vec<TokenId>>, ApiError> {
    let token: Option<TokenId> =
        request.token.as_deref().map(|text| parse::field("token", text)).transpose()?;
    let Some(family) = request.family.as_deref() else { return Ok(token.map(|id| vec![id])) };
    let store = &turn.core.store;
    let family: Option<FamilyId> = if family.starts_with(TokenId::PREFIX) {
        let found =
            store.token_find(parse::field("family", family)?).await.map_err(store_failed)?;
        found.map(|token| token.family)
    } else {
        Some(parse::field("family", family)?)
    };
    let members = match family {
        Some(family) => store.token_families(&[family]).await.map_err(store_failed)?,
        None => Vec::new(),
    };
    let members = members.iter().map(|member| member.id);
    Ok(Some(members.filter(|id| token.is_none_or(|token| token == *id)).collect()))
}

/// The name whose rows the caller is kept to, if it is. Names do not change, so it finds all.
async fn own_name(turn: &Turn) -> Result<Option<String>, ApiError> {
    let Reach::Own(id) = turn.caller.reach() else { return Ok(None) };
    let user = turn.core.store.user_find(id).await.map_err(store_failed)?;
    // A user that is gone since the authorization reaches nothing: no row has an empty name.
    Ok(Some(user.map_or_else(String::new, |user| user.name.to_string())))
}

fn moment(field: &str, text: Option<&str>, now: Timestamp) -> Result<Option<Timestamp>, ApiError> {
    text.map(|text| when::moment_before(field, text, now)).transpose()
}

impl Turn {
    /// Brings into the store what was recorded before this call.
    pub(crate) async fn flush_log(&self) -> Result<(), ApiError> {
        let Some(log) = &self.core.options.log else { return Ok(()) };
        log.flush().await.map_err(|reason| {
            ApiError::new("log.unavailable", format!("the newest rows cannot be read: {reason}"))
                .with_hint("run `mcpass doctor` to see what is wrong")
        })
    }
}
