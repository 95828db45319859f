//! What the server says without being asked: log messages, progress, changes.

use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{CallToolResponse, ProgressNotificationParam, ResourceUpdatedNotificationParam};
#[expect(deprecated, reason = "clients of 2025-11-25 still read log messages")]
use rmcp::model::{LoggingLevel, LoggingMessageNotificationParam};
use rmcp::service::{Peer, SubscriptionContext};
use rmcp::{ErrorData, RoleServer, ServiceError};
use serde_json::Value;
use tokio::time::sleep;

use crate::content::text;
use crate::fixture::{Call, Change, Fixture, World};
use crate::http::HangUp;

/// Between two notices, so that they do not travel together.
const PAUSE: Duration = Duration::from_millis(50);

pub(crate) const THREE_STEPS: [&str; 3] =
    ["Tool execution started", "Tool processing data", "Tool execution completed"];
pub(crate) const ONE_STEP: [&str; 1] = ["The logging tool was called"];

/// Logs each of `steps` at the level `info`, if the client wants that.
pub(crate) async fn log(call: &Call<'_>, steps: &[&str]) -> Result<CallToolResponse, ErrorData> {
    for (index, &step) in steps.iter().enumerate() {
        if index > 0 {
            sleep(PAUSE).await;
        }
        if wants_info(call) {
            #[expect(deprecated, reason = "clients of 2025-11-25 still read log messages")]
            let sent = {
                let data = Value::from(step);
                let message = LoggingMessageNotificationParam::new(LoggingLevel::Info, data);
                call.context.peer.notify_logging_message(message).await
            };
            sent.map_err(|error| lost(&error))?;
        }
    }
    Ok(text("Tool with logging executed successfully").into())
}

/// A request of 2026-07-28 says itself whether it wants log messages; before, a session wants
/// those from `info` on unless it has said otherwise.
#[expect(deprecated, reason = "clients of 2025-11-25 still read log messages")]
fn wants_info(call: &Call<'_>) -> bool {
    let level = if call.is_modern() {
        call.context.meta.log_level()
    } else {
        Some(call.fixture.session.log_level.lock().unwrap_or(LoggingLevel::Info))
    };
    matches!(level, Some(LoggingLevel::Debug | LoggingLevel::Info))
}

/// Reports 0, 50 and 100 of 100 to a client that has given a token for it.
pub(crate) async fn progress(call: &Call<'_>) -> Result<CallToolResponse, ErrorData> {
    for progress in [0.0, 50.0, 100.0] {
        if progress > 0.0 {
            sleep(PAUSE).await;
        }
        if let Some(token) = call.context.meta.get_progress_token() {
            let notice = ProgressNotificationParam::new(token, progress).with_total(100.0);
            call.context.peer.notify_progress(notice).await.map_err(|error| lost(&error))?;
        }
    }
    Ok(text("Tool with progress executed successfully").into())
}

/// Ends the response's stream and answers later, to whoever resumes it (SEP-1699).
pub(crate) async fn reconnection(call: &Call<'_>) -> Result<CallToolResponse, ErrorData> {
    // The stream's first event, which says how to resume, has to get out before.
    sleep(PAUSE).await;
    if !call.is_modern()
        && let Some(hang_up) = HangUp::of(&call.context.extensions)
    {
        hang_up.now();
        sleep(PAUSE).await;
    }
    Ok(text("The answer came after the stream had ended.").into())
}

/// Tells all who listen.
pub(crate) fn change(call: &Call<'_>, change: Change) -> CallToolResponse {
    let answer = text(format!("Changed: {change:?}"));
    // An error only says that nobody listens.
    let _ = call.fixture.world.changes.send(change);
    answer.into()
}

/// Tells the session of `peer` about changes, for as long as it lives (2025-11-25).
pub(crate) fn tell_session(fixture: &Fixture, peer: Peer<RoleServer>) {
    let mut changes = fixture.world.changes.subscribe();
    let session = Arc::clone(&fixture.session);
    tokio::spawn(async move {
        while let Ok(change) = changes.recv().await {
            let told = match change {
                Change::Tools => peer.notify_tool_list_changed().await,
                Change::Prompts => peer.notify_prompt_list_changed().await,
                Change::Resource(uri) => {
                    if !session.watched.lock().contains(&uri) {
                        continue;
                    }
                    let notice = ResourceUpdatedNotificationParam::new(uri);
                    peer.notify_resource_updated(notice).await
                }
            };
            if told.is_err() {
                break;
            }
        }
    });
}

/// Tells a stream of `subscriptions/listen` about the changes it asked for (2026-07-28).
pub(crate) async fn tell_listener(world: &World, context: &SubscriptionContext) {
    let mut changes = world.changes.subscribe();
    loop {
        let change = tokio::select! {
            () = context.cancelled() => return,
            change = changes.recv() => change,
        };
        let Ok(change) = change else { return };
        let sink = context.sink();
        // The SDK refuses to send what was not asked for, which is just what is wanted here.
        let _ = match change {
            Change::Tools => sink.notify_tool_list_changed().await,
            Change::Prompts => sink.notify_prompt_list_changed().await,
            Change::Resource(uri) => sink.notify_resource_updated(uri).await,
        };
    }
}

fn lost(error: &ServiceError) -> ErrorData {
    ErrorData::internal_error(format!("the client cannot be told: {error}"), None)
}
