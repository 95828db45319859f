//! What a token has used.

use crate::api::{ApiError, TokenRef, TokenUsage, WindowUsage};
use crate::failure::store_failed;
use crate::turn::Turn;
use crate::when;

pub(super) async fn usage(turn: &mut Turn, request: &TokenRef) -> Result<TokenUsage, ApiError> {
    let token = turn.token(&request.id).await?;
    turn.flush_log().await?;
    let since = when::midnight(turn.now);
    let requests = turn.core.store.access_requests(&[token.id], since).await;
    let requests = requests.map_err(store_failed)?;
    let inventory = turn.core.options.inventory.as_ref();
    let windows = inventory.map(|known| known.usage(token.family, &token.limits));
    let open = inventory.map(|known| known.open(token.id)).unwrap_or_default();
    let window = |usage: mcpass_domain::Usage| WindowUsage {
        window: usage.window.to_string(),
        limit: usage.limit,
        used: usage.limit.saturating_sub(usage.remaining),
        remaining: usage.remaining,
        reset_after_ms: u64::try_from(usage.reset_after.as_millis()).unwrap_or(u64::MAX),
    };
    Ok(TokenUsage {
        id: token.id,
        windows: windows.into_iter().flatten().map(window).collect(),
        max_context: token.limits.max_context,
        open_streams: open.streams,
        open_sessions: open.sessions,
        requests_today: requests.get(&token.id).copied().unwrap_or_default(),
    })
}
