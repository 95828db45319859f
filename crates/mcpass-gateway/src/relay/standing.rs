//! Whether what has begun may go on: a stream outlives the decision that let it begin.

use std::net::IpAddr;
use std::sync::Arc;

use mcpass_domain::{Reason, Subject, Target, TokenDigest};
use tokio::sync::watch;

use super::Relay;
use crate::dispatch::Asked;
use crate::shared::Worker;
use crate::upstream::{Upstream, Wanted};

/// What has to stay true of a request while its answer streams.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    worker: Arc<Worker>,
    digest: TokenDigest,
    /// None at `/mcp`, where each server is looked at by itself.
    upstream: Option<Arc<Upstream>>,
    asked: Asked,
    from: IpAddr,
}

impl Standing {
    pub(super) fn of(relay: &Relay) -> Self {
        Self {
            worker: Arc::clone(relay.trail.worker()),
            digest: relay.digest,
            upstream: Some(Arc::clone(&relay.upstream)),
            asked: relay.asking.asked.clone(),
            from: relay.asking.from,
        }
    }

    /// For a stream at `/mcp`.
    pub(crate) fn at_all(worker: &Arc<Worker>, digest: TokenDigest, from: IpAddr) -> Self {
        let (worker, upstream, asked) = (Arc::clone(worker), None, Asked::Server);
        Self { worker, digest, upstream, asked, from }
    }

    /// The thread that it is on.
    pub(crate) const fn worker(&self) -> &Arc<Worker> {
        &self.worker
    }

    /// Why the token itself may not go on, if it may not.
    pub(crate) fn refusal(&self) -> Option<Reason> {
        let shared = &self.worker.shared;
        let subject = shared.index.find(&self.digest)?;
        let owner = (!subject.owner_is_active).then_some(Reason::OwnerInactive);
        subject.state(shared.now()).refusal().or(owner)
    }

    /// The token as it is now.
    ///
    /// # Errors
    /// Why it may not go on.
    pub(crate) fn now(&self) -> Result<Arc<Subject>, Reason> {
        let shared = &self.worker.shared;
        let subject = shared.index.find(&self.digest).ok_or(Reason::UnknownToken)?;
        let admitted = subject.admit(shared.now(), self.from).map_err(|denial| denial.reason)?;
        let Some(upstream) = &self.upstream else {
            return Ok(subject);
        };
        let target = self.asked.target();
        let class = match target {
            Target::Tool(tool) => upstream.catalogue.last_known(tool),
            _ => None,
        };
        let wanted = Wanted { target, class, arguments: None };
        match upstream.asking(wanted, |asks| admitted.permit_any(asks)) {
            Ok(_) => Ok(subject),
            Err(denial) => Err(denial.reason),
        }
    }

    /// Resolves when the token may not go on, by a change or by the passing of its time.
    pub(crate) async fn lost(self, mut changed: watch::Receiver<u64>) {
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
