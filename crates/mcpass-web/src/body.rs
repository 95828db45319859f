//! Reading what a request brings: within bounds, here and nowhere else, since whoever sends half of
//! a body and waits holds a connection.

use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

/// Bytes of a body at most. The largest form has a box for each tool of many servers.
const LARGEST: usize = 1024 * 1024;

/// Why there is no body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Unread {
    /// It is larger than a megabyte.
    TooLarge,
    /// It did not arrive within this time.
    TooSlow(Duration),
    /// The client stopped in the middle.
    BrokeOff,
}

/// The whole body, if it arrives within `time` (`limits.read_timeout`).
///
/// # Errors
/// When it is too large, too slow or broken off.
pub(crate) async fn read(body: Body, time: Duration) -> Result<Bytes, Unread> {
    // Who says beforehand that it is too large is not waited for.
    if body.size_hint().lower() > LARGEST as u64 {
        return Err(Unread::TooLarge);
    }
    match tokio::time::timeout(time, Limited::new(body, LARGEST).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.downcast_ref::<LengthLimitError>().is_some() => {
            Err(Unread::TooLarge)
        }
        Ok(Err(_)) => Err(Unread::BrokeOff),
        Err(_) => Err(Unread::TooSlow(time)),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt as _, stream};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_never_ends_is_waited_for_so_long() {
        let pieces = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"name="))]);
        let half = Body::from_stream(pieces.chain(stream::pending()));
        let time = Duration::from_secs(7);
        let begun = tokio::time::Instant::now();
        assert_eq!(read(half, time).await, Err(Unread::TooSlow(time)));
        assert_eq!(begun.elapsed(), time);
    }

    #[tokio::test]
    async fn what_is_large_or_broken_is_told_apart() {
        let time = Duration::from_secs(1);
        assert_eq!(
            read(Body::from(vec![0; LARGEST]), time).await.map(|all| all.len()),
            Ok(LARGEST)
        );
        assert_eq!(read(Body::from(vec![0; LARGEST + 1]), time).await, Err(Unread::TooLarge));
        let broken = stream::iter([Err::<Bytes, _>(std::io::Error::other("gone"))]);
        assert_eq!(read(Body::from_stream(broken), time).await, Err(Unread::BrokeOff));
    }
}
