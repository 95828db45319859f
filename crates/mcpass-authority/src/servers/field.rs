//! Fields that servers of more than one kind have.

use std::time::Duration;

use crate::api::ApiError;

/// Bytes of a path (Linux, `PATH_MAX`).
pub(super) const MAX_PATH: usize = 4_096;
const MAX_TIMEOUT: Duration = Duration::from_hours(24);

/// A path that means the same wherever it is read from.
pub(super) fn check_path(field: &str, path: &str) -> Result<(), ApiError> {
    let fail = |why: &str| {
        let message = format!("{field} cannot be used: {why}");
        Err(ApiError::invalid(field, message).with_hint("write the whole path, from / on"))
    };
    if path.len() > MAX_PATH || path.chars().any(char::is_control) {
        return fail("it is too long or holds a control character");
    }
    if !path.starts_with('/') {
        return fail("it is relative, and to what is not said");
    }
    Ok(())
}

/// A timeout that ends, and gives anybody a chance.
pub(super) fn in_range(field: &str, timeout: Duration) -> Result<(), ApiError> {
    if timeout < Duration::from_millis(1) || timeout > MAX_TIMEOUT {
        return Err(ApiError::invalid(field, format!("{field} goes from 1ms to 24h")));
    }
    Ok(())
}
