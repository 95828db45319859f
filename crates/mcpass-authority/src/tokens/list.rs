//! Looking for tokens.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use mcpass_domain::{Subject, Token, TokenId};
use mcpass_store::{
    CountMoments, PageRequest, SortValue, StateFilter, TokenFilter, TokenKey, TokenPlace, TokenSort,
};

use super::explain::{Known, Question, Wanted};
use crate::api::{ApiError, Items, Page, TokenCount, TokenCountsView, TokenList, TokenView};
use crate::authorize::Reach;
use crate::failure::store_failed;
use crate::hooks::Inventory;
use crate::turn::Turn;
use crate::{parse, show, when};

/// What ends within this time ends soon.
const SOON: Duration = Duration::from_hours(7 * 24);
/// What nobody used for this long is unused.
const LONG_UNUSED: Duration = Duration::from_hours(30 * 24);
/// Tokens that are read at a time when only some of them fit.
const CHUNK: usize = 2_000;
/// Tokens that are looked at for a page: what a page of the console has time for.
const LOOKED_AT: usize = 1_000;
/// And for what is done to all that fit.
pub(super) const MAX_LOOKED_AT: usize = 100_000;

pub(super) async fn list(
    turn: &mut Turn,
    request: &TokenList,
) -> Result<Page<TokenView>, ApiError> {
    let limit = Items::TOKENS.of(request.limit)?;
    let cursor = request.cursor.as_deref();
    let (tokens, next) = match request.permission.as_deref() {
        None => {
            let filter = filter(turn, request).await?;
            let sort = sort(request.sort.as_deref())?;
            let after = cursor.map(|text| place(text, sort)).transpose()?;
            let page = PageRequest { after, limit };
            let found = turn.core.store.token_sorted(&filter, sort, &page).await;
            let found = found.map_err(store_failed)?;
            turn.learn(&found.items).await?;
            (found.items, found.next.map(|place| cursor_of(&place, sort)))
        }
        Some(_) if request.sort.is_none() => {
            let after = cursor.map(|text| parse::field("cursor", text)).transpose()?;
            let (found, next) = newest(turn, request, (after, limit), LOOKED_AT).await?;
            (found, next.map(|id| id.to_string()))
        }
        Some(_) => {
            return Err(ApiError::invalid(
                "sort",
                "tokens by `permission` are listed newest first",
            ));
        }
    };
    let mut items: Vec<TokenView> =
        tokens.iter().map(|token| show::token(&mut turn.world, token, turn.now)).collect();
    if request.requests {
        count_requests(turn, &mut items).await?;
    }
    Ok(Page { items, next })
}

/// Those that fit everything that is asked for, its permission too, as they were created; and
/// where the rest begins. Of tokens by permission, about `most` are looked at.
pub(super) async fn newest(
    turn: &mut Turn,
    request: &TokenList,
    (after, limit): (Option<TokenId>, u32),
    most: usize,
) -> Result<(Vec<Token>, Option<TokenId>), ApiError> {
    let filter = filter(turn, request).await?;
    if let Some(permission) = request.permission.as_deref() {
        let question = Question::read("permission", permission)?;
        return that_allow(turn, question, &filter, (after, limit), most).await;
    }
    let page = PageRequest { after, limit };
    let found = turn.core.store.token_list(&filter, &page).await.map_err(store_failed)?;
    Ok((found.items, found.next))
}

async fn count_requests(turn: &Turn, items: &mut [TokenView]) -> Result<(), ApiError> {
    turn.flush_log().await?;
    let ids: Vec<TokenId> = items.iter().map(|item| item.id).collect();
    let counts = turn.core.store.access_requests(&ids, when::midnight(turn.now)).await;
    let counts = counts.map_err(store_failed)?;
    for item in items {
        item.requests_today = Some(counts.get(&item.id).copied().unwrap_or_default());
    }
    Ok(())
}

fn sort(text: Option<&str>) -> Result<TokenSort, ApiError> {
    let Some(text) = text else { return Ok(TokenSort::default()) };
    let (name, ascending) = text.strip_prefix('-').map_or((text, true), |name| (name, false));
    let key = match name {
        "created" => TokenKey::Created,
        "expires" => TokenKey::Expires,
        "last_used" => TokenKey::LastUsed,
        "name" => TokenKey::Name,
        _ => {
            let message = "tokens are sorted by created, expires, last_used or name; a - before it \
                           begins with the last";
            return Err(ApiError::invalid("sort", message));
        }
    };
    Ok(TokenSort { key, ascending })
}

/// A place as a cursor: the value, a dot, the id; where a list begins with the last, another mark
/// is between them. The newest come first in most lists: there, the id says it all.
fn cursor_of(place: &TokenPlace, sort: TokenSort) -> String {
    let (mark, id) = (mark(sort), place.id);
    match &place.value {
        SortValue::None if !sort.ascending => id.to_string(),
        SortValue::None => format!("{mark}{id}"),
        SortValue::Number(number) => format!("{number}{mark}{id}"),
        SortValue::Text(text) => format!("{text}{mark}{id}"),
    }
}

const fn mark(sort: TokenSort) -> char {
    if sort.ascending { '.' } else { '~' }
}

fn place(text: &str, sort: TokenSort) -> Result<TokenPlace, ApiError> {
    let wrong = || {
        ApiError::invalid("cursor", "this cursor is not one of a list in this order")
            .with_hint("give the `next` of the page before, with the same `sort`")
    };
    let (value, id) = match text.rsplit_once(['.', '~']) {
        Some((value, id)) if text.ends_with(&format!("{}{id}", mark(sort))) => (value, id),
        None if sort == TokenSort::default() => ("", text),
        Some(_) | None => return Err(wrong()),
    };
    let value = match sort.key {
        TokenKey::Created if value.is_empty() => SortValue::None,
        TokenKey::Created => return Err(wrong()),
        TokenKey::Name => SortValue::Text(value.to_owned()),
        TokenKey::Expires | TokenKey::LastUsed => {
            SortValue::Number(value.parse().map_err(|_| wrong())?)
        }
    };
    Ok(TokenPlace { value, id: id.parse().map_err(|_| wrong())? })
}

pub(super) async fn counts(
    turn: &mut Turn,
    request: &TokenCount,
) -> Result<TokenCountsView, ApiError> {
    let request = TokenList {
        user: request.user.clone(),
        group: request.group.clone(),
        text: request.text.clone(),
        ..TokenList::default()
    };
    let filter = filter(turn, &request).await?;
    let moments = CountMoments {
        now: turn.now,
        soon: turn.now.saturating_add(SOON),
        unused_since: turn.now.saturating_sub(LONG_UNUSED),
    };
    let counts = turn.core.store.token_counts(&filter, moments).await.map_err(store_failed)?;
    Ok(TokenCountsView {
        total: counts.active + counts.disabled + counts.expired + counts.revoked,
        active: counts.active,
        disabled: counts.disabled,
        expired: counts.expired,
        revoked: counts.revoked,
        expiring: counts.expiring,
        unused: counts.unused,
    })
}

/// Which tokens are asked for, but for what they may do.
pub(super) async fn filter(turn: &Turn, request: &TokenList) -> Result<TokenFilter, ApiError> {
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
    let created = request.created.as_deref();
    let created = created.map(|text| when::moment_before("created", text, now)).transpose()?;
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
        created_since: created,
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
        "unrevoked" => Ok(StateFilter::Unrevoked),
        _ => Err(ApiError::invalid(
            "state",
            "the states are active, disabled, expired, revoked, unrevoked and all",
        )),
    }
}

/// Effective permissions come from patterns in groups too, which no database can match: goes
/// through the tokens, up to a number that an answer can wait for.
async fn that_allow(
    turn: &mut Turn,
    question: Question,
    filter: &TokenFilter,
    (mut after, limit): (Option<TokenId>, u32),
    most: usize,
) -> Result<(Vec<Token>, Option<TokenId>), ApiError> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let wanted = Known::read(turn).await?.wanted(turn, question).await;
    if let Some(page) = in_memory(turn, &wanted, filter, (after, limit)).await? {
        return Ok(page);
    }
    let mut found = Vec::new();
    let mut looked_at = 0;
    // Where a quarter of them may, the first part has a page.
    let mut part = limit.saturating_mul(4);
    loop {
        part = part.min(most.saturating_sub(looked_at)).min(CHUNK);
        let page = PageRequest { after, limit: u32::try_from(part).unwrap_or(u32::MAX) };
        part = CHUNK;
        let chunk = turn.core.store.token_list(filter, &page).await.map_err(store_failed)?;
        turn.learn(&chunk.items).await?;
        looked_at += chunk.items.len();
        for token in chunk.items {
            let id = token.id;
            if wanted.may(&turn.world.subject(&token)) {
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
        if looked_at >= most {
            return Ok((found, after));
        }
    }
}

/// The page of those that may, where no more is asked for than what is in memory of all tokens.
async fn in_memory(
    turn: &mut Turn,
    wanted: &Wanted,
    filter: &TokenFilter,
    (after, limit): (Option<TokenId>, usize),
) -> Result<Option<(Vec<Token>, Option<TokenId>)>, ApiError> {
    let state = filter.state;
    if *filter != (TokenFilter { state, ..TokenFilter::default() }) {
        return Ok(None);
    }
    let has_state =
        |subject: &Subject| state.is_none_or(|(wanted, now)| wanted.holds(subject.state(now)));
    let Some(inventory) = &turn.core.options.inventory else { return Ok(None) };
    let Some(mut ids) = newest_that(&**inventory, wanted, has_state, (after, limit)) else {
        return Ok(None);
    };
    let has_more = ids.len() > limit;
    ids.truncate(limit);
    let mut tokens = turn.core.store.token_find_all(&ids).await.map_err(store_failed)?;
    tokens.reverse();
    turn.learn(&tokens).await?;
    Ok(Some((tokens, ids.pop().filter(|_| has_more))))
}

/// The newest behind `after` that are like that and may, one more than `limit` if there are; `None`
/// where not all tokens are in memory.
fn newest_that(
    inventory: &dyn Inventory,
    wanted: &Wanted,
    is_like_that: impl Fn(&Subject) -> bool,
    (after, limit): (Option<TokenId>, usize),
) -> Option<Vec<TokenId>> {
    // Most tokens share their grants with others, and are answered as those were. What is shared is
    // held meanwhile, so that nothing else comes to lie where it lay.
    let mut verdicts = HashMap::new();
    let mut may = |subject: &Subject| {
        let (grants, cap) = (&subject.grants, &subject.cap);
        let place = (Arc::as_ptr(grants), cap.as_ref().map(Arc::as_ptr));
        let verdict = || (wanted.may(subject), Arc::clone(grants), cap.clone());
        verdicts.entry(place).or_insert_with(verdict).0
    };
    let mut newest = BinaryHeap::new();
    let are_all = inventory.for_each_token(&mut |subject| {
        let id = subject.token;
        let is_full = newest.len() > limit;
        let is_older = newest.peek().is_some_and(|Reverse(oldest)| id < *oldest);
        let is_shown_already = after.is_some_and(|after| id >= after);
        if (is_full && is_older) || is_shown_already || !is_like_that(subject) || !may(subject) {
            return;
        }
        if is_full {
            newest.pop();
        }
        newest.push(Reverse(id));
    });
    let ids = newest.into_sorted_vec().into_iter().map(|Reverse(id)| id);
    are_all.then(|| ids.collect())
}
