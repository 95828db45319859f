//! What one server says unasked to one client.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::HeaderValue;
use mcpass_protocol::answer::AnswerKind;
use mcpass_protocol::{Answer, splice, sse};
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

use crate::link::{
    Change, Ear, Hearing, LinkError, Listening, Party, Speaker, Voice, listen_modern,
};
use crate::shared::Worker;
use crate::upstream::remote::Remote;
use crate::upstream::{Reach, Upstream};

/// How long a server is left alone when its stream has ended; each failure doubles it, ...
const PAUSE: Duration = Duration::from_millis(250);
/// ... up to this.
const MAX_PAUSE: Duration = Duration::from_secs(30);
/// The mark of a subscription on what is said for it.
pub(super) const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";

/// Something that a server has said.
#[derive(Debug)]
pub(super) enum Heard {
    /// A list of its is another one now.
    News { change: Change },
    /// An event of the client's own: in its conversation, or of its subscription.
    Event(Box<Own>),
}

/// An event that is meant for one client.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) upstream: Arc<Upstream>,
    /// The conversation; none for a server of the modern era.
    pub(super) voice: Option<Voice>,
    pub(super) event: sse::Event,
}

/// What one server says unasked to one client.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) worker: Arc<Worker>,
    pub(super) upstream: Arc<Upstream>,
    pub(super) party: Arc<Party>,
    pub(super) heard: mpsc::Sender<Heard>,
}

/// How a stream of the client's own came to its end.
enum Ended {
    /// The server ended it.
    ByServer,
    /// The client wants to hear something else.
    ByWish,
    /// There is nothing to be heard until the client does something.
    Silent,
}

impl Source {
    /// Hears the server, until it is dropped.
    pub(super) async fn run(self, last: Option<HeaderValue>) {
        let listening = self.upstream.links.watch.listen(&self.worker, &self.upstream);
        let hears_itself = AtomicBool::new(false);
        tokio::join!(self.news(listening, &hears_itself), self.own(last, &hears_itself));
    }

    /// What all clients hear of the server, as far as this one does not hear it itself.
    async fn news(&self, mut listening: Listening, hears_itself: &AtomicBool) {
        loop {
            match listening.news.recv().await {
                Ok(news) if news.is_heard && hears_itself.load(Ordering::Relaxed) => {}
                Ok(news) => self.send(Heard::News { change: news.change }).await,
                Err(RecvError::Lagged(_)) => self.all_changed().await,
                Err(RecvError::Closed) => return,
            }
        }
    }

    async fn all_changed(&self) {
        for change in Change::ALL {
            self.send(Heard::News { change }).await;
        }
    }

    async fn send(&self, heard: Heard) {
        // Nobody hears it when the client's stream is ending, and this with it.
        let _ = self.heard.send(heard).await;
    }

    /// What the server says to this client alone.
    async fn own(&self, mut last: Option<HeaderValue>, hears_itself: &AtomicBool) {
        let Reach::Remote(remote) = &self.upstream.reach else {
            return;
        };
        let mut changed = self.party.changed();
        let mut pause = PAUSE;
        let mut has_failed = false;
        loop {
            changed.mark_unchanged();
            let heard = self.hear(remote, &mut last, hears_itself, &mut has_failed).await;
            hears_itself.store(false, Ordering::Relaxed);
            match heard {
                Ok(Ended::ByWish) => {}
                Ok(Ended::Silent) => {
                    if changed.changed().await.is_err() {
                        return;
                    }
                }
                Ok(Ended::ByServer) => {
                    pause = PAUSE;
                    tokio::time::sleep(pause).await;
                }
                Err(error) => {
                    tracing::debug!(server = self.upstream.name(), %error, "a server is not heard");
                    has_failed = true;
                    tokio::time::sleep(pause).await;
                    pause = pause.saturating_mul(2).min(MAX_PAUSE);
                }
            }
        }
    }

    async fn hear(
        &self,
        remote: &Remote,
        last: &mut Option<HeaderValue>,
        hears_itself: &AtomicBool,
        has_failed: &mut bool,
    ) -> Result<Ended, LinkError> {
        let uris = self.party.subscriptions(self.upstream.name());
        let max = self.worker.shared.config.max_answer;
        let party = Some(&*self.party);
        if self.upstream.links.offer_to(&self.worker, remote, party).await?.is_some() {
            return self.hear_modern(remote, &uris, max).await;
        }
        let voice = match self.party.voice(&self.upstream) {
            Some(voice) => voice,
            None if uris.is_empty() => return Ok(Ended::Silent),
            None => {
                let whose = (&self.upstream, remote);
                self.upstream.links.voice(&self.worker, whose, self.speaker()).await?
            }
        };
        let reply = voice.listen(&self.worker, last.clone()).await?;
        let mut ear = match Hearing::of(reply, max)? {
            Hearing::Stream(ear) => ear,
            Hearing::Silent => return Ok(Ended::Silent),
            Hearing::Forgotten => {
                *last = None;
                self.party.forget(&voice);
                return Ok(Ended::ByServer);
            }
        };
        hears_itself.store(true, Ordering::Relaxed);
        if std::mem::take(has_failed) {
            // Nobody knows what has changed meanwhile.
            self.all_changed().await;
        }
        let is_other = || {
            let now = self.party.voice(&self.upstream);
            now.is_none_or(|now| now.opened != voice.opened)
        };
        tokio::select! {
            ended = self.attend(&mut ear, Some(&voice), last) => ended,
            () = self.until(is_other) => Ok(Ended::ByWish),
        }
    }

    async fn hear_modern(
        &self,
        remote: &Remote,
        uris: &[Box<str>],
        max: usize,
    ) -> Result<Ended, LinkError> {
        if uris.is_empty() {
            return Ok(Ended::Silent);
        }
        let filter =
            json!({"resourceSubscriptions": uris.iter().map(|uri| &**uri).collect::<Vec<_>>()});
        let (speaker, filter) = (self.speaker(), filter.to_string());
        let reply = listen_modern(&self.worker, remote, speaker, &filter).await?;
        let Hearing::Stream(mut ear) = Hearing::of(reply, max)? else {
            return Ok(Ended::Silent);
        };
        let is_other = || *self.party.subscriptions(self.upstream.name()) != *uris;
        // This era has no event ids.
        let mut last = None;
        tokio::select! {
            ended = self.attend(&mut ear, None, &mut last) => ended,
            () = self.until(is_other) => Ok(Ended::ByWish),
        }
    }

    fn speaker(&self) -> Speaker<'_> {
        let family = Some(self.party.family());
        Speaker { family, party: Some(&self.party), ..Speaker::SELF }
    }

    /// Resolves when the party has changed so that this is true.
    async fn until(&self, is_true: impl Fn() -> bool) {
        let mut changed = self.party.changed();
        while !is_true() {
            if changed.changed().await.is_err() {
                return;
            }
        }
    }

    async fn attend(
        &self,
        ear: &mut Ear,
        voice: Option<&Voice>,
        last: &mut Option<HeaderValue>,
    ) -> Result<Ended, LinkError> {
        while let Some(event) = ear.next().await? {
            if let Some(id) = &event.id {
                *last = HeaderValue::from_bytes(id).ok().filter(|id| !id.is_empty());
            }
            let upstream = Arc::clone(&self.upstream);
            let own = Own { upstream, voice: voice.cloned(), event };
            self.send(Heard::Event(Box::new(own))).await;
        }
        Ok(Ended::ByServer)
    }
}

/// Whether what a server of the modern era says for a subscription of mcpass's is for the session
/// behind it: news are, and what is about the subscription itself is not.
pub(super) fn is_for_session(message: &Answer<'_>) -> bool {
    message.kind == AnswerKind::Notification
        && message.method.as_deref() != Some("notifications/subscriptions/acknowledged")
}

/// The message without the mark of mcpass's own subscription.
pub(super) fn untagged(text: &str) -> String {
    let bare = splice::remove(text, &["params", "_meta", SUBSCRIPTION_ID]);
    bare.unwrap_or_else(|_| text.to_owned())
}
