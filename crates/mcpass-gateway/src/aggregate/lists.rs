//! One list of what all servers have for a token.

use std::sync::Arc;

use futures_util::future::join_all;
use mcpass_domain::Subject;
use mcpass_protocol::list::Merge;
use mcpass_protocol::{Era, Item, List, ListKind};

use super::names::SEPARATOR;
use crate::catalogue::{Pages, Reading};
use crate::link::Party;
use crate::relay::{self, MAX_TTL_MS};
use crate::shared::Worker;
use crate::upstream::Upstream;

/// Whoever asks what the servers list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Viewer<'a> {
    pub(super) worker: &'a Arc<Worker>,
    pub(super) subject: &'a Arc<Subject>,
    pub(super) party: Option<&'a Arc<Party>>,
}

impl Viewer<'_> {
    /// The servers that the token may use anything of, in the order of their names.
    pub(super) fn servers(&self) -> Vec<Arc<Upstream>> {
        let mut upstreams = self.worker.shared.servers.all();
        upstreams.retain(|upstream| upstream.is_open_to(self.subject));
        upstreams
    }

    pub(super) fn reading(&self, upstream: &Arc<Upstream>, kind: ListKind) -> Reading {
        Reading {
            worker: Arc::clone(self.worker),
            upstream: Arc::clone(upstream),
            subject: Arc::clone(self.subject),
            party: self.party.cloned(),
            kind,
        }
    }
}

/// One list of what all servers have for this token: by the servers' names, then as each lists.
/// A server of which nothing is known is left out: it must not take the others' tools away.
pub(super) async fn merged(viewer: Viewer<'_>, kind: ListKind, era: Era) -> String {
    let reads = viewer.servers().into_iter().map(|upstream| {
        let reading = viewer.reading(&upstream, kind);
        async move { (upstream, reading.list().await) }
    });
    let mut merge = Merge::new(kind);
    for (upstream, pages) in join_all(reads).await {
        let prefix = format!("{}{SEPARATOR}", upstream.name());
        each(pages.as_ref(), kind, |list| {
            let shows = |item: &&Item<'_>| relay::shows(viewer.subject, &upstream, item);
            for item in list.items().iter().filter(shows) {
                merge.push(item, &prefix);
            }
        });
    }
    merge.finish(None, era, MAX_TTL_MS)
}

/// Calls `look` for each page that can be read.
pub(super) fn each(pages: Option<&Pages>, kind: ListKind, mut look: impl FnMut(&List<'_>)) {
    for page in pages.into_iter().flat_map(|pages| pages.iter()) {
        if let Ok(list) = List::read(page, kind) {
            look(&list);
        }
    }
}
