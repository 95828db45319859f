//! Looking for tokens.

use mcpass_domain::{Token, TokenId};
use mcpass_store::{PageRequest, StateFilter, TokenFilter};

use super::explain::Question;
use crate::api::{ApiError, Page, TokenList, TokenView};
use crate::authorize::Reach;
use crate::failure::store_failed;
use crate::turn::Turn;
use crate::{parse, show, when};

const USUAL_LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 1_000;
/// Tokens that are read at a time, and looked at for one answer, when only some of them fit.
const CHUNK: u32 = 2_000;
const MAX_LOOKED_AT: usize = 100_000;

pub(super) async fn list(
    turn: &mut Turn,
    request: &TokenList,
) -> Result<Page<TokenView>, ApiError> {
    let filter = filter(turn, request).await?;
    let limit = request.limit.unwrap_or(USUAL_LIMIT).clamp(1, MAX_LIMIT);
    let after = request.cursor.as_deref().map(|text| parse::field("cursor", text)).transpose()?;
    let (tokens, next) = match request.permission.as_deref() {
        None => {
            let page = PageRequest { after, limit };
            let found = turn.core.store.token_list(&filter, &page).await.map_err(store_failed)?;
            turn.learn(&found.items).await?;
            (found.items, found.next)
        }
        Some(permission) => {
            let question = Question::read("permission", permission)?;
            that_allow(turn, &question, &filter, after, limit).await?
        }
    };
    Ok(Page {
        items: tokens.iter().map(|token| show::token(&mut turn.world, token, turn.now)).collect(),
        next: next.map(|id| id.to_string()),
    })
}

async fn filter(turn: &Turn, request: &TokenList) -> Result<TokenFilter, ApiError> {
    let now = turn.now;
    let user = match (request.user.as_deref(), turn.caller.reach()) {
        (Some(text), _) => Some(turn.user("user", text).await?.id),
        (None, Reach::Own(own)) => Some(own),
        (None, Reach::All) => None,
    };
    let group = match request.group.as_deref() {
        Some(text) => Some(turn.group("group", text).await?.id),
        None => None,
    };
    let unused =
        request.unused.as_deref().map(|text| when::duration("unused", text)).transpose()?;
    let expiring =
        request.expiring.as_deref().map(|text| when::duration("expiring", text)).transpose()?;
    // Reports of what to tidy up leave out what has ended already.
    let is_report = unused.is_some() || expiring.is_some();
    let state = match request.state.as_deref() {
        None if is_report => Some(StateFilter::Active),
        None | Some("all") => None,
        Some(text) => Some(state(text)?),
    };
    Ok(TokenFilter {
        user,
        group,
        state: state.map(|state| (state, now)),
        unused_since: unused.map(|unused| now.saturating_sub(unused)),
        expires: expiring.map(|within| (now, now.saturating_add(within))),
        text: request.text.clone().filter(|text| !text.is_empty()),
    })
}

fn state(text: &str) -> Result<StateFilter, ApiError> {
    match text {
        "active" => Ok(StateFilter::Active),
        "disabled" => Ok(StateFilter::Disabled),
        "expired" => Ok(StateFilter::Expired),
        "revoked" => Ok(StateFilter::Revoked),
        _ => Err(ApiError::invalid(
            "state",
            "the states are active, disabled, expired, revoked and all",
        )),
    }
}

/// Effective permissions come from patterns in groups too, which no database can match: goes
/// through the tokens, up to a number that an answer can wait for.
async fn that_allow(
    turn: &mut Turn,
    question: &Question,
    filter: &TokenFilter,
    mut after: Option<TokenId>,
    limit: u32,
) -> Result<(Vec<Token>, Option<TokenId>), ApiError> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let servers = turn.core.store.server_list().await.map_err(store_failed)?;
    let class = question.class_or_destructive(turn, &servers);
    let mut found = Vec::new();
    let mut looked_at = 0;
    loop {
        let page = PageRequest { after, limit: CHUNK };
        let chunk = turn.core.store.token_list(filter, &page).await.map_err(store_failed)?;
        turn.learn(&chunk.items).await?;
        looked_at += chunk.items.len();
        for token in chunk.items {
            let id = token.id;
            if turn.world.subject(&token).allows(&question.ask(class)) {
                if found.len() == limit {
                    return Ok((found, after));
                }
                found.push(token);
            }
            after = Some(id);
        }
        if chunk.next.is_none() {
            return Ok((found, None));
        }
        after = chunk.next;
        if looked_at >= MAX_LOOKED_AT {
            return Ok((found, after));
        }
    }
}
