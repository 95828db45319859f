//! Waiting for something to become true, without trusting any one duration.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::Instant;

/// Longest wait of [`eventually`]: far more than anything should need on a slow machine, so that
/// only what never happens fails.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Time between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Asks `look` until it answers `Ok(Some(value))`, and returns the value.
///
/// This is no wait for the clock: it returns at once when the state is there.
///
/// # Errors
/// When that does not happen within [`PATIENCE`], with what was waited for and the last error.
pub async fn eventually<T, F>(what: &str, look: F) -> Result<T>
where
    F: AsyncFnMut() -> Result<Option<T>>,
{
    within(PATIENCE, what, look).await
}

/// [`eventually`] with a deadline of its own, for promises that name one.
///
/// # Errors
/// As [`eventually`].
pub async fn within<T, F>(patience: Duration, what: &str, mut look: F) -> Result<T>
where
    F: AsyncFnMut() -> Result<Option<T>>,
{
    let deadline = Instant::now() + patience;
    let mut last = String::from("it never failed, it just was not so");
    loop {
        match look().await {
            Ok(Some(value)) => return Ok(value),
            Ok(None) => {}
            Err(error) => last = format!("{error:#}"),
        }
        if Instant::now() >= deadline {
            bail!("not within {patience:?}: {what}; last: {last}");
        }
        tokio::time::sleep(PAUSE).await;
    }
}
