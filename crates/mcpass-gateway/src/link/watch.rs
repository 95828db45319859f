//! One ear at each upstream for all who want to know when its lists change.
//!
//! As long as somebody listens at `/mcp`, mcpass itself keeps one stream open at each upstream,
//! in its own conversation, and hands round what it hears. The streams of sessions would be as
//! many as there are sessions, and would hear the same.

use std::sync::Arc;
use std::time::Duration;

use mcpass_protocol::{Answer, Era, ListKind};
use parking_lot::Mutex;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use super::{Ear, Hearing, LinkError, Outgoing, Speaker, Voice, own_id, say_modern};
use crate::shared::Worker;
use crate::upstream::remote::Remote;
use crate::upstream::{Reach, Upstream};

/// News that wait for a slow listener. Who misses some asks for everything again.
const QUEUE: usize = 16;
/// How long an upstream is left alone when its stream has ended; each failure doubles it, ...
const PAUSE: Duration = Duration::from_secs(1);
/// ... up to this.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// A list that is another one now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Change {
    /// The prompts.
    Prompts,
    /// The resources and their templates.
    Resources,
    /// The tools.
    Tools,
}

impl Change {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Prompts, Self::Resources, Self::Tools];

    /// The notification that says so.
    pub(crate) const fn method(self) -> &'static str {
        match self {
            Self::Prompts => "notifications/prompts/list_changed",
            Self::Resources => "notifications/resources/list_changed",
            Self::Tools => "notifications/tools/list_changed",
        }
    }

    /// What a subscription calls it (2026-07-28, "Subscriptions").
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Prompts => "promptsListChanged",
            Self::Resources => "resourcesListChanged",
            Self::Tools => "toolsListChanged",
        }
    }

    /// What the notification of this name says.
    pub(crate) fn of(method: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|change| change.method() == method)
    }
}

impl From<ListKind> for Change {
    fn from(kind: ListKind) -> Self {
        match kind {
            ListKind::Prompts => Self::Prompts,
            ListKind::Resources | ListKind::ResourceTemplates => Self::Resources,
            ListKind::Tools => Self::Tools,
        }
    }
}

/// What listeners are told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct News {
    pub(crate) change: Change,
    /// The upstream said so; otherwise mcpass found it out.
    pub(crate) is_heard: bool,
}

/// Who listens to an upstream, and what they are told.
#[derive(Debug)]
pub(crate) struct Watch {
    news: broadcast::Sender<News>,
    listeners: Arc<Mutex<Listeners>>,
}

#[derive(Debug, Default)]
struct Listeners {
    count: usize,
    /// Cancelled when the last one leaves.
    gone: CancellationToken,
}

impl Default for Watch {
    fn default() -> Self {
        Self { news: broadcast::Sender::new(QUEUE), listeners: Arc::default() }
    }
}

/// Somebody who listens, until it is dropped.
#[derive(Debug)]
pub(crate) struct Listening {
    pub(crate) news: broadcast::Receiver<News>,
    listeners: Arc<Mutex<Listeners>>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut listeners = self.listeners.lock();
        listeners.count = listeners.count.saturating_sub(1);
        if listeners.count == 0 {
            listeners.gone.cancel();
        }
    }
}

impl Watch {
    /// Listens from now on. The first listener opens the ear, on its thread.
    pub(crate) fn listen(&self, worker: &Arc<Worker>, upstream: &Arc<Upstream>) -> Listening {
        let mut listeners = self.listeners.lock();
        listeners.count = listeners.count.saturating_add(1);
        if listeners.count == 1 {
            listeners.gone = CancellationToken::new();
            let (worker, upstream) = (Arc::clone(worker), Arc::clone(upstream));
            let gone = listeners.gone.clone();
            tokio::spawn(async move {
                tokio::select! {
                    () = watch(&worker, &upstream) => {}
                    () = gone.cancelled() => {}
                    () = upstream.retired.cancelled() => {}
                }
            });
        }
        Listening { news: self.news.subscribe(), listeners: Arc::clone(&self.listeners) }
    }

    /// Is cancelled when nobody listens any more; none if nobody does now.
    pub(crate) fn gone(&self) -> Option<CancellationToken> {
        let listeners = self.listeners.lock();
        (listeners.count > 0).then(|| listeners.gone.clone())
    }

    /// Tells whoever listens what mcpass has found out.
    pub(crate) fn announce(&self, change: Change) {
        self.tell(News { change, is_heard: false });
    }

    fn tell(&self, news: News) {
        // Without listeners there is nobody to tell.
        let _ = self.news.send(news);
    }
}

/// Keeps the ear open. Ends when the upstream offers no stream.
async fn watch(worker: &Arc<Worker>, upstream: &Arc<Upstream>) {
    let Reach::Remote(remote) = &upstream.reach else {
        return;
    };
    let mut pause = PAUSE;
    let mut has_failed = false;
    loop {
        match hear(worker, (upstream, remote), &mut has_failed).await {
            Ok(Heard::Ended) => pause = PAUSE,
            Ok(Heard::Nothing) => return,
            Err(error) => {
                tracing::debug!(server = upstream.name(), %error, "an upstream is not heard");
                has_failed = true;
                pause = pause.saturating_mul(2).min(MAX_PAUSE);
            }
        }
        tokio::time::sleep(pause).await;
    }
}

enum Heard {
    /// The stream has ended.
    Ended,
    /// There is no stream.
    Nothing,
}

async fn hear(
    worker: &Arc<Worker>,
    (upstream, remote): (&Arc<Upstream>, &Remote),
    has_failed: &mut bool,
) -> Result<Heard, LinkError> {
    let links = &upstream.links;
    let max = worker.shared.config.max_answer;
    let (reply, voice) = if links.offer(worker, remote).await?.is_some() {
        const ALL: &str =
            r#"{"promptsListChanged":true,"resourcesListChanged":true,"toolsListChanged":true}"#;
        (listen_modern(worker, remote, Speaker::SELF, ALL).await?, None)
    } else {
        let voice = links.voice(worker, (upstream, remote), Speaker::SELF).await?;
        (voice.listen(worker, None).await?, Some(voice))
    };
    let mut ear = match Hearing::of(reply, max)? {
        Hearing::Stream(ear) => ear,
        Hearing::Silent => return Ok(Heard::Nothing),
        Hearing::Forgotten => {
            let Some(voice) = voice else {
                return Ok(Heard::Nothing);
            };
            links.forget(&voice, Speaker::SELF);
            return Ok(Heard::Ended);
        }
    };
    if std::mem::take(has_failed) {
        // Nobody knows what has changed meanwhile.
        for change in Change::ALL {
            links.watch.announce(change);
        }
    }
    attend(worker, upstream, &mut ear, voice.as_ref()).await?;
    Ok(Heard::Ended)
}

async fn attend(
    worker: &Arc<Worker>,
    upstream: &Upstream,
    ear: &mut Ear,
    voice: Option<&Voice>,
) -> Result<(), LinkError> {
    while let Some(event) = ear.next().await? {
        let Some(data) = event.data.filter(|data| !data.is_empty()) else {
            continue;
        };
        let message =
            Answer::parse(&data).map_err(|error| LinkError::Garbage(error.to_string()))?;
        let Some(method) = message.method.as_deref() else {
            continue;
        };
        match (message.id, voice, Change::of(method)) {
            (Some(id), Some(voice), _) => voice.answer(worker, id, method),
            (None, _, Some(change)) => upstream.links.watch.tell(News { change, is_heard: true }),
            _ => {}
        }
    }
    Ok(())
}

/// Asks an upstream of the modern era for a subscription (2026-07-28, "Subscriptions"). `filter`
/// is JSON.
///
/// # Errors
/// When there is no answer.
pub(crate) async fn listen_modern(
    worker: &Worker,
    remote: &Remote,
    speaker: Speaker<'_>,
    filter: &str,
) -> Result<super::Reply, LinkError> {
    const METHOD: &str = "subscriptions/listen";
    let id = own_id(worker);
    let text = format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"{METHOD}","params":{{"notifications":{filter}}}}}"#
    );
    let message = Outgoing {
        text: &text,
        method: METHOD,
        name: None,
        era: Era::Legacy,
        carried: None,
        gives_up: None,
    };
    say_modern(worker, remote, speaker, message).await
}
