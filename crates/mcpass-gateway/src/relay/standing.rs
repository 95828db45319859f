//! Whether what has begun may go on: a stream outlives the decision that let it begin.

use std::net::IpAddr;
use std::sync::Arc;

use mcpass_domain::{Ask, Reason, Subject, Target, TokenDigest};
use tokio::sync::watch;

use super::Relay;
use crate::dispatch::Asked;
use crate::shared::Worker;
use crate::upstream::Upstream;

/// What has to stay true of a request while its answer streams.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    worker: Arc<Worker>,
    digest: TokenDigest,
    upstream: Arc<Upstream>,
    asked: Asked,
    from: IpAddr,
}

impl Standing {
    pub(super) fn of(relay: &Relay) -> Self {
        Self {
            worker: Arc::clone(relay.trail.worker()),
            digest: relay.digest,
            upstream: Arc::clone(&relay.upstream),
            asked: relay.asking.asked.clone(),
            from: relay.asking.from,
        }
    }

    /// The token as it is now.
    ///
    /// # Errors
    /// Why it may not go on.
    pub(super) fn now(&self) -> Result<Arc<Subject>, Reason> {
        let shared = &self.worker.shared;
        let subject = shared.index.find(&self.digest).ok_or(Reason::UnknownToken)?;
        let admitted = subject.admit(shared.now(), self.from).map_err(|denial| denial.reason)?;
        let server = self.upstream.name();
        let target = self.asked.target();
        let class = match target {
            Target::Tool(tool) => self.upstream.catalogue.last_known(tool),
            _ => None,
        };
        match admitted.permit(&Ask { server, target, class }) {
            Ok(_) => Ok(subject),
            Err(denial) => Err(denial.reason),
        }
    }

    /// Resolves when the token may not go on, by a change or by the passing of its time.
    pub(super) async fn lost(self, mut changed: watch::Receiver<u64>) {
        loop {
            let Ok(subject) = self.now() else {
                return;
            };
            let left = subject.expires_at.map(|end| end.since(self.worker.shared.now()));
            let expired = async {
                match left {
                    Some(left) => tokio::time::sleep(left).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = expired => return,
                told = changed.changed() => if told.is_err() {
                    // Its place in the list of streams is gone, and with it whoever would tell.
                    return;
                },
            }
        }
    }
}
