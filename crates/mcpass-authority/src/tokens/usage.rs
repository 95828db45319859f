//! What a token and its family have used.

use std::collections::BTreeMap;
use std::time::Duration;

use mcpass_domain::{Token, TokenId};

use crate::api::{ApiError, HourUsage, SecretUsage, TokenRef, TokenUsage, WindowUsage};
use crate::failure::store_failed;
use crate::turn::Turn;
use crate::when;

/// How far back hours are counted.
const DAY: Duration = Duration::from_hours(24);
/// Requests of a secret that are counted by hour: an answer has to be quick.
const MOST: u32 = 5_000;

pub(super) async fn usage(turn: &mut Turn, request: &TokenRef) -> Result<TokenUsage, ApiError> {
    let token = turn.token(&request.id).await?;
    turn.flush_log().await?;
    let store = &turn.core.store;
    let family = store.token_families(&[token.family]).await.map_err(store_failed)?;
    let ids: Vec<TokenId> = family.iter().map(|member| member.id).collect();
    let requests = store.access_requests(&ids, when::midnight(turn.now)).await;
    let requests = requests.map_err(store_failed)?;
    let hours = store.access_hours(&ids, turn.now.saturating_sub(DAY), MOST).await;
    let hours = hours.map_err(store_failed)?;
    let secrets: Vec<_> = family.iter().map(|member| secret(turn, member, &requests)).collect();
    let inventory = turn.core.options.inventory.as_ref();
    let windows = inventory.map(|known| known.usage(token.family, &token.limits));
    let window = |usage: mcpass_domain::Usage| WindowUsage {
        window: usage.window.to_string(),
        limit: usage.limit,
        used: usage.limit.saturating_sub(usage.remaining),
        remaining: usage.remaining,
        reset_after_ms: u64::try_from(usage.reset_after.as_millis()).unwrap_or(u64::MAX),
    };
    let own = secret(turn, &token, &requests);
    Ok(TokenUsage {
        id: token.id,
        windows: windows.into_iter().flatten().map(window).collect(),
        max_context: token.limits.max_context,
        open_streams: own.open_streams,
        open_sessions: own.open_sessions,
        requests_today: own.requests_today,
        secrets,
        hours: hours
            .hours
            .into_iter()
            .map(|(start, hour)| HourUsage {
                start,
                answered: hour.answered,
                errors: hour.errors,
                refused: hour.refused,
            })
            .collect(),
        hours_are_whole: hours.is_whole,
    })
}

fn secret(turn: &Turn, token: &Token, requests: &BTreeMap<TokenId, u64>) -> SecretUsage {
    let open = turn.open(token.id);
    SecretUsage {
        id: token.id,
        hint: token.hint.as_str().to_owned(),
        requests_today: requests.get(&token.id).copied().unwrap_or_default(),
        open_streams: open.streams,
        open_sessions: open.sessions,
    }
}

impl Turn {
    /// What a token has open at this moment; nothing, if no gateway runs.
    pub(super) fn open(&self, token: TokenId) -> crate::hooks::OpenNow {
        let inventory = self.core.options.inventory.as_ref();
        inventory.map(|known| known.open(token)).unwrap_or_default()
    }
}
