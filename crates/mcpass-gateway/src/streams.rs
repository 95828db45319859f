//! What has to end when a token does: open streams.

use std::collections::HashMap;
use std::sync::Arc;

use mcpass_domain::TokenId;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// All open streams, by the token that opened them.
#[derive(Debug, Default)]
pub struct Streams {
    open: Arc<Mutex<Open>>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    /// mcpass shuts down: streams that would last are ended as they begin.
    is_closing: bool,
    by_token: HashMap<TokenId, HashMap<u64, Ending>>,
}

#[derive(Debug)]
struct Ending {
    end: CancellationToken,
    changed: watch::Sender<u64>,
    lasts: Lasts,
}

/// How long a stream means to last.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lasts {
    /// Until somebody ends it: a `GET` stream or a subscription.
    UntilEnded,
    /// Until its call is answered.
    UntilAnswered,
}

impl Streams {
    /// Notes a stream that begins now. The caller looks at the token once more afterwards: a
    /// revocation between its first look and this call would otherwise miss the stream.
    pub fn open(&self, token: TokenId, lasts: Lasts) -> OpenStream {
        let end = CancellationToken::new();
        let mut open = self.open.lock();
        if open.is_closing && lasts == Lasts::UntilEnded {
            end.cancel();
        }
        open.next += 1;
        let number = open.next;
        let (sender, changed) = watch::channel(0);
        let ending = Ending { end: end.clone(), changed: sender, lasts };
        open.by_token.entry(token).or_default().insert(number, ending);
        OpenStream { streams: Arc::clone(&self.open), token, number, end, changed }
    }

    /// Ends all streams of a token; answers how many.
    pub fn end(&self, token: TokenId) -> usize {
        let ended = self.open.lock().by_token.remove(&token).unwrap_or_default();
        for ending in ended.values() {
            ending.end.cancel();
        }
        ended.len()
    }

    /// Tells the streams of a token that what it may do has changed.
    pub fn tell(&self, token: TokenId) {
        let open = self.open.lock();
        for ending in open.by_token.get(&token).into_iter().flat_map(HashMap::values) {
            ending.changed.send_modify(|count| *count += 1);
        }
    }

    /// Tells all streams that there are other servers, or that they can do something else.
    pub fn tell_all(&self) {
        for ending in self.open.lock().by_token.values().flat_map(HashMap::values) {
            ending.changed.send_modify(|count| *count += 1);
        }
    }

    /// Ends all streams that would not end by themselves, now and from now on: mcpass shuts down.
    pub fn end_lasting(&self) {
        self.open.lock().is_closing = true;
        self.end_where(|ending| ending.lasts == Lasts::UntilEnded);
    }

    /// Ends all streams: the time to finish is over.
    pub fn end_all(&self) {
        self.end_where(|_| true);
    }

    fn end_where(&self, ends: impl Fn(&Ending) -> bool) {
        let open = self.open.lock();
        for ending in open.by_token.values().flat_map(HashMap::values).filter(|one| ends(one)) {
            ending.end.cancel();
        }
    }

    /// How many streams a token has open.
    pub fn count_of(&self, token: TokenId) -> usize {
        self.open.lock().by_token.get(&token).map_or(0, HashMap::len)
    }

    /// How many streams are open.
    pub fn count(&self) -> usize {
        self.open.lock().by_token.values().map(HashMap::len).sum()
    }
}

/// A stream's place in [`Streams`]; dropping it gives the place up.
#[derive(Debug)]
pub struct OpenStream {
    streams: Arc<Mutex<Open>>,
    token: TokenId,
    number: u64,
    end: CancellationToken,
    changed: watch::Receiver<u64>,
}

impl OpenStream {
    /// Changes whenever the token's rights or the servers have changed.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.changed.clone()
    }

    /// Is cancelled when the stream has to end.
    pub fn end(&self) -> &CancellationToken {
        &self.end
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let mut open = self.streams.lock();
        if let Some(of_token) = open.by_token.get_mut(&self.token) {
            of_token.remove(&self.number);
            if of_token.is_empty() {
                open.by_token.remove(&self.token);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ending_a_token_ends_its_streams_and_no_others() {
        let streams = Streams::default();
        let (a, b) = (TokenId::from_bytes([1; 16]), TokenId::from_bytes([2; 16]));
        let (one, two, other) = (
            streams.open(a, Lasts::UntilEnded),
            streams.open(a, Lasts::UntilEnded),
            streams.open(b, Lasts::UntilEnded),
        );
        drop(two);
        assert_eq!(streams.count_of(a), 1);
        assert_eq!(streams.end(a), 1);
        assert!(one.end().is_cancelled() && !other.end().is_cancelled());
        drop(one);
        drop(other);
        assert_eq!(streams.count(), 0);
    }

    #[test]
    fn a_shutdown_lets_calls_be_answered() {
        let streams = Streams::default();
        let token = TokenId::from_bytes([1; 16]);
        let call = streams.open(token, Lasts::UntilAnswered);
        let lasting = streams.open(token, Lasts::UntilEnded);
        streams.end_lasting();
        assert!(lasting.end().is_cancelled() && !call.end().is_cancelled());
        let late =
            (streams.open(token, Lasts::UntilEnded), streams.open(token, Lasts::UntilAnswered));
        assert!(late.0.end().is_cancelled() && !late.1.end().is_cancelled());
        streams.end_all();
        assert!(call.end().is_cancelled() && late.1.end().is_cancelled());
    }
}
