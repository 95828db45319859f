//! What servers list, for management: previews, catalogues, and tests of a server. Not for
//! decisions, which have [`crate::catalogue`].
//!
//! Upstream connections belong to the threads of the data path, so a question from elsewhere is
//! taken to one of them as an [`Errand`].

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use mcpass_domain::permission::Needs;
use mcpass_domain::{Monotonic, Target, ToolClass};
use mcpass_protocol::{List, ListKind};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use crate::link::{self, Speaker};
use crate::shared::{Shared, Worker};
use crate::upstream::Upstream;
use crate::upstream::needs::Wanted;

/// How long a server may take to list its tools.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a list is shown again without asking the server.
const TTL: Duration = Duration::from_secs(30);
/// How long a server that did not list its tools is left alone.
const RETRY: Duration = Duration::from_secs(5);

/// A tool as its server lists it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ListedTool {
    /// Its name, as permissions have it.
    pub name: String,
    /// What its annotations say.
    pub class: ToolClass,
    /// The whole of it, as the server wrote it (JSON).
    pub json: String,
    /// What it needs of a token.
    pub needs: Needs,
}

/// The tools of one server as they were last listed for management, or why they were not.
#[derive(Debug, Default)]
pub(crate) struct Kept(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    last: Option<(Monotonic, Listed)>,
    /// Whether the server is asked at this moment by somebody who waits for no answer.
    is_asked: bool,
}

/// What a server lists, or a reason for people.
type Listed = Result<Arc<[ListedTool]>, String>;

/// Something to be done on a thread of the data path.
pub(crate) type Errand =
    Box<dyn FnOnce(Arc<Worker>) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// Errands on their way to the thread that does them.
pub(crate) struct Errands {
    sender: mpsc::UnboundedSender<Errand>,
    receiver: Mutex<Option<mpsc::UnboundedReceiver<Errand>>>,
}

impl Default for Errands {
    fn default() -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        Self { sender, receiver: Mutex::new(Some(receiver)) }
    }
}

impl fmt::Debug for Errands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Errands")
    }
}

/// Does errands for as long as the thread runs. To be called on one thread.
pub(crate) async fn errands(worker: &Arc<Worker>) {
    let receiver = worker.shared.errands.receiver.lock().take();
    let Some(mut receiver) = receiver else {
        return std::future::pending().await;
    };
    let aside = Arc::new(worker.aside());
    while let Some(errand) = receiver.recv().await {
        worker.tasks.spawn(errand(Arc::clone(&aside)));
    }
}

impl Shared {
    /// The tools of a server, all pages of its list. A `fresh` list is read now; another one may be
    /// half a minute old. Of a server that failed, only who wants a fresh list waits for an answer:
    /// others hear of the failure, and the server is asked meanwhile.
    ///
    /// # Errors
    /// When the server is not served, or does not list its tools; with a reason for people.
    pub async fn listed_tools(&self, server: &str, fresh: bool) -> Listed {
        let upstream = self
            .servers
            .find(server)
            .ok_or_else(|| format!("{server} is not served: it is switched off or not there"))?;
        let kept = &upstream.catalogue.kept.0;
        if !fresh {
            let mut known = kept.lock();
            let age = |at: Monotonic| self.monotonic().since(at);
            match &known.last {
                Some((at, Ok(tools))) if age(*at) < TTL => return Ok(Arc::clone(tools)),
                Some((at, Err(why))) => {
                    let (is_old, why) = (age(*at) >= RETRY, why.clone());
                    if is_old && !known.is_asked && self.ask(&upstream, None).is_ok() {
                        known.is_asked = true;
                    }
                    return Err(why);
                }
                Some(_) | None => {}
            }
        }
        let (sender, receiver) = oneshot::channel();
        self.ask(&upstream, Some(sender))?;
        receiver.await.map_err(|_| gone())?
    }

    /// Has the server asked, and what it lists kept.
    fn ask(
        &self,
        upstream: &Arc<Upstream>,
        who: Option<oneshot::Sender<Listed>>,
    ) -> Result<(), String> {
        let asked = Arc::clone(upstream);
        let errand: Errand = Box::new(move |worker| {
            Box::pin(async move {
                let listed: Listed = read(&worker, &asked).await.map(Into::into);
                let last = Some((worker.shared.monotonic(), listed.clone()));
                *asked.catalogue.kept.0.lock() = Known { last, is_asked: false };
                if let Some(who) = who {
                    // Whoever asked may have gone away.
                    let _ = who.send(listed);
                }
            })
        });
        self.errands.sender.send(errand).map_err(|_| gone())
    }
}

fn gone() -> String {
    "mcpass is starting or shutting down".to_owned()
}

async fn read(worker: &Arc<Worker>, upstream: &Arc<Upstream>) -> Result<Vec<ListedTool>, String> {
    let pages = link::pages(worker, upstream, Speaker::SELF, ListKind::Tools);
    let pages = match tokio::time::timeout(PATIENCE, pages).await {
        Ok(pages) => pages.map_err(|error| error.to_string())?,
        Err(_) => return Err(format!("no answer within {} s", PATIENCE.as_secs())),
    };
    let mut tools = Vec::new();
    for page in &pages {
        let list = List::read(page, ListKind::Tools).map_err(|why| why.to_string())?;
        for item in list.items() {
            if let Some(name) = &item.name {
                let known = upstream.reach.known_as(Target::Tool(name));
                tools.push(ListedTool {
                    name: known.name().to_owned(),
                    needs: upstream.needs(Wanted::any(known)),
                    class: ToolClass::from_hints(item.read_only, item.destructive),
                    json: item.raw().get().to_owned(),
                });
            }
        }
    }
    Ok(tools)
}
