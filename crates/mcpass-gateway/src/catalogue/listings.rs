//! What a server lists, as it was last read for each kind of client.
//!
//! A list at `/mcp` is made of those of all servers, and none of them may keep it waiting: a
//! server that does not answer within a short patience is taken at its last word, while its answer
//! is still awaited in the background. It is not waited for again until it has answered.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use mcpass_domain::{Ask, FamilyId, Monotonic, Subject};
use mcpass_protocol::{List, ListKind};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::link::{self, LinkError, Party, Speaker};
use crate::questions::Asks;
use crate::shared::Worker;
use crate::upstream::{LocalCaller, Upstream};

/// Bytes of lists kept of one server; what was not asked for the longest is forgotten first.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Lists kept of one server, likewise.
const MAX_LISTS: usize = 4_096;
/// How long a server that was not there is waited for: one that is back answers at once.
const GLANCE: Duration = Duration::from_millis(100);
/// How long a list may take in the background, all pages together.
const LONGEST: Duration = Duration::from_mins(2);
/// How soon a server that was not there is asked again while somebody listens; doubled each time,
const PAUSE: Duration = Duration::from_secs(1);
/// up to this.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// All pages of a list, each a whole JSON-RPC answer.
pub(crate) type Pages = Arc<[String]>;

/// Who asks for a list of which server.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) worker: Arc<Worker>,
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) subject: Arc<Subject>,
    /// The conversations in which it is asked for; none for the family's.
    pub(crate) party: Option<Arc<Party>>,
    pub(crate) kind: ListKind,
}

/// Those who are shown the same. A server may show more to a client that can do more.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Viewer {
    family: FamilyId,
    capabilities: Option<Arc<str>>,
    kind: ListKind,
}

/// The lists of one server.
#[derive(Debug, Default)]
pub(crate) struct Listings {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    entries: HashMap<Viewer, Entry>,
    bytes: usize,
    /// Counts uses, so that the least recent one is known.
    uses: u64,
}

#[derive(Debug, Default)]
struct Entry {
    pages: Option<Pages>,
    read: Option<Monotonic>,
    used: u64,
    /// Cancelled when the reading that is under way has ended, well or not.
    reading: Option<CancellationToken>,
    /// The last reading failed, or takes longer than anybody waits.
    is_late: bool,
    /// Somebody asks again until it answers.
    is_retried: bool,
}

impl Entry {
    fn bytes(&self) -> usize {
        self.pages.as_ref().map_or(0, |pages| pages.iter().map(String::len).sum())
    }
}

impl Known {
    fn entry(&mut self, viewer: &Viewer) -> &mut Entry {
        self.uses = self.uses.saturating_add(1);
        if !self.entries.contains_key(viewer) && self.entries.len() >= MAX_LISTS {
            self.forget_oldest();
        }
        let entry = self.entries.entry(viewer.clone()).or_default();
        entry.used = self.uses;
        entry
    }

    fn keep(&mut self, viewer: &Viewer, pages: Pages, read: Monotonic) {
        let entry = self.entry(viewer);
        let before = entry.bytes();
        entry.pages = Some(pages);
        entry.read = Some(read);
        let after = entry.bytes();
        self.bytes = self.bytes.saturating_sub(before).saturating_add(after);
        while self.bytes > MAX_BYTES && self.entries.len() > 1 {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used);
        if let Some(oldest) = oldest.map(|(viewer, _)| viewer.clone()) {
            let gone = self.entries.remove(&oldest);
            self.bytes = self.bytes.saturating_sub(gone.map_or(0, |entry| entry.bytes()));
        }
    }
}

impl Reading {
    fn viewer(&self) -> Viewer {
        let capabilities = self.party.as_ref().map(|party| party.hello().capabilities.clone());
        Viewer { family: self.subject.family, capabilities, kind: self.kind }
    }

    fn listings(&self) -> &Listings {
        &self.upstream.catalogue.listings
    }

    /// The list as it is now, or as it last was; none if nothing is known of it.
    pub(crate) async fn list(&self) -> Option<Pages> {
        let viewer = self.viewer();
        let listings = self.listings();
        let (reading, wait) = {
            let mut known = listings.known.lock();
            let entry = known.entry(&viewer);
            let patience = self.worker.shared.config.list_patience;
            let wait = if entry.is_late { GLANCE.min(patience) } else { patience };
            // What is being read for somebody else was asked for before, and may be older than
            // the change that made this client ask. Of a server that is late there is no other.
            let is_late = entry.is_late;
            let under_way = entry.reading.clone().filter(|one| is_late && !one.is_cancelled());
            let reading = under_way.unwrap_or_else(|| {
                let reading = CancellationToken::new();
                entry.reading = Some(reading.clone());
                tokio::spawn(self.clone().read(reading.clone()));
                reading
            });
            (reading, wait)
        };
        let is_over = tokio::time::timeout(wait, reading.cancelled()).await.is_ok();
        let mut known = listings.known.lock();
        let entry = known.entry(&viewer);
        if !is_over && !std::mem::replace(&mut entry.is_late, true) {
            let server = self.upstream.name();
            tracing::warn!(server, kind = ?self.kind, ?wait, "a server's list is not waited for");
        }
        entry.pages.clone()
    }

    /// The list as it was read within `max_age`, or else as it is now. A server that is late is
    /// taken at its last word at once.
    pub(crate) async fn recent(&self, max_age: Duration) -> Option<Pages> {
        let now = self.worker.shared.monotonic();
        {
            let mut known = self.listings().known.lock();
            let entry = known.entry(&self.viewer());
            let is_awaited = entry.reading.as_ref().is_some_and(|one| !one.is_cancelled());
            if entry.read.is_some_and(|read| now.since(read) < max_age)
                || entry.is_late && is_awaited
            {
                return entry.pages.clone();
            }
        }
        self.list().await
    }

    /// Reads the list and keeps it, and says when it is done. A server that gives none is asked
    /// again for as long as somebody wants to hear of changes.
    async fn read(self, reading: CancellationToken) {
        let done = reading.drop_guard();
        let error = match self.refresh().await {
            // A session that is over says nothing of the server.
            Ok(()) | Err(LinkError::Over) => return,
            Err(error) => error,
        };
        let is_first = {
            let mut known = self.listings().known.lock();
            !std::mem::replace(&mut known.entry(&self.viewer()).is_late, true)
        };
        if is_first {
            let server = self.upstream.name();
            tracing::warn!(server, kind = ?self.kind, %error, "a server's list cannot be had");
        }
        drop(done);
        let Some(gone) = self.upstream.links.watch.gone() else {
            return;
        };
        if self.set_retried(true) {
            return;
        }
        tokio::select! {
            () = self.retry() => {}
            () = gone.cancelled() => {}
            () = self.upstream.retired.cancelled() => {}
        }
        self.set_retried(false);
    }

    /// Answers what was so before.
    fn set_retried(&self, is_retried: bool) -> bool {
        let mut known = self.listings().known.lock();
        std::mem::replace(&mut known.entry(&self.viewer()).is_retried, is_retried)
    }

    /// Asks again until the server answers, whoever it is that makes it.
    async fn retry(&self) {
        let mut pause = PAUSE;
        loop {
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2).min(MAX_PAUSE);
            let is_late = self.listings().known.lock().entry(&self.viewer()).is_late;
            if !is_late || matches!(self.refresh().await, Ok(()) | Err(LinkError::Over)) {
                return;
            }
        }
    }

    async fn refresh(&self) -> Result<(), LinkError> {
        let subject = &self.subject;
        let may = |ask: &Ask<'_>| subject.allows(ask);
        let speaker = Speaker {
            family: Some(subject.family),
            party: self.party.as_deref(),
            asks: Asks::NONE,
            caller: LocalCaller {
                may: &may,
                token: &subject.name,
                token_id: "",
                request: "",
                user: &subject.user,
                max_context: 0,
            },
        };
        let began = self.worker.shared.monotonic();
        let pages = link::pages(&self.worker, &self.upstream, speaker, self.kind);
        let pages = tokio::time::timeout(LONGEST, pages);
        let pages: Pages = pages.await.unwrap_or(Err(LinkError::Timeout(LONGEST)))?.into();
        let is_news = {
            let mut known = self.listings().known.lock();
            let viewer = self.viewer();
            let entry = known.entry(&viewer);
            let was_late = std::mem::take(&mut entry.is_late);
            let is_other = was_late && !is_same(self.kind, entry.pages.as_ref(), &pages);
            // One that began later has been kept already.
            if entry.read.is_none_or(|read| read <= began) {
                known.keep(&viewer, pages, began);
            }
            is_other
        };
        if is_news {
            // Whoever asked meanwhile was shown another list.
            self.upstream.links.watch.announce(self.kind.into());
        }
        Ok(())
    }
}

/// Whether two readings of a list list the same. Their ids differ all the same.
fn is_same(kind: ListKind, before: Option<&Pages>, now: &Pages) -> bool {
    let items = |pages: &Pages| -> Vec<String> {
        let lists = pages.iter().filter_map(|page| List::read(page, kind).ok());
        lists
            .flat_map(|list| {
                list.items().iter().map(|item| item.raw().get().to_owned()).collect::<Vec<_>>()
            })
            .collect()
    };
    before.map(items).unwrap_or_default() == items(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn viewer(number: u8) -> Viewer {
        let family = FamilyId::from_bytes([number; 16]);
        Viewer { family, capabilities: None, kind: ListKind::Tools }
    }

    fn page(id: u32, tools: &str) -> Pages {
        [format!(r#"{{"id":{id},"result":{{"tools":[{tools}]}}}}"#)].into()
    }

    #[test]
    fn lists_are_compared_by_what_they_list() {
        let same = |before: Option<&Pages>, now| is_same(ListKind::Tools, before, &now);
        let one = page(1, r#"{"name":"a"}"#);
        assert!(same(Some(&one), page(2, r#"{"name":"a"}"#)));
        assert!(!same(Some(&one), page(1, r#"{"name":"a","title":"A"}"#)));
        assert!(same(None, page(1, "")) && !same(None, one));
    }

    #[test]
    fn what_was_not_asked_for_the_longest_is_forgotten_first() {
        let mut known = Known::default();
        let third = MAX_BYTES / 3;
        for number in 0..3 {
            let pages = [" ".repeat(third)].into();
            known.keep(&viewer(number), pages, Monotonic::from_micros(0));
        }
        known.entry(&viewer(0));
        known.keep(&viewer(3), [" ".repeat(third)].into(), Monotonic::from_micros(0));
        assert!(!known.entries.contains_key(&viewer(1)), "the least recently used");
        assert_eq!((known.entries.len(), known.bytes), (3, third * 3));
        known.keep(&viewer(3), [" ".into()].into(), Monotonic::from_micros(1));
        assert_eq!(known.bytes, third * 2 + 1, "what is replaced is not counted");
        for number in 0..=u16::try_from(MAX_LISTS).unwrap() {
            let mut family = [9; 16];
            family[..2].copy_from_slice(&number.to_be_bytes());
            let family = FamilyId::from_bytes(family);
            known.entry(&Viewer { family, capabilities: None, kind: ListKind::Tools });
        }
        assert_eq!((known.entries.len(), known.bytes), (MAX_LISTS, 0), "also those without a list");
        // One that is too large alone is kept all the same: there is no other answer.
        known.keep(&viewer(4), [" ".repeat(MAX_BYTES + 1)].into(), Monotonic::from_micros(0));
        assert_eq!(known.entries.len(), 1);
    }
}
