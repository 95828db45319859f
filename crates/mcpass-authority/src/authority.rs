//! The authority itself: what it stands on, and what it tells the gateway at the start.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use mcpass_domain::{Clock, Entropy, Timestamp};
use mcpass_store::{Store, StoreError};
use tokio::sync::Mutex;

use crate::api::ApiError;
use crate::failure::store_failed;
use crate::hooks::{Options, PublishedToken, Publisher, Update};
use crate::sign_in::SignInState;
use crate::world::World;

/// Tokens that are read and published at a time when all of them are.
const SCAN: u32 = 10_000;

/// Does what management asks for. Cheap to clone; all clones are the same authority.
///
/// Needs a tokio runtime around it. There is one authority for a store in a process, and one
/// process that writes to an embedded store: what it publishes is what is in force.
#[derive(Clone)]
pub struct Authority {
    core: Arc<Core>,
}

#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) publisher: Arc<dyn Publisher>,
    pub(crate) options: Options,
    pub(crate) sign_in: SignInState,
    pub(crate) started_at: Timestamp,
    /// Held by the one change that is going on.
    pub(crate) turn: Mutex<()>,
    /// Whether somebody is finding out what a lost commit did.
    pub(crate) in_doubt: AtomicBool,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("options", &self.core.options).finish_non_exhaustive()
    }
}

impl Authority {
    /// An authority over `store` that tells `publisher` of every change.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        publisher: Arc<dyn Publisher>,
        options: Options,
    ) -> Self {
        let started_at = clock.now();
        let turn = Mutex::new(());
        let in_doubt = AtomicBool::new(false);
        let sign_in = SignInState::new(&options.sign_in);
        let core =
            Core { store, clock, entropy, publisher, options, sign_in, started_at, turn, in_doubt };
        Self { core: Arc::new(core) }
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// Tells the gateway of all servers and tokens. To be called before the first request; may
    /// be called again at any time.
    ///
    /// Users and groups are read once and tokens in pages, so that a million of them take
    /// seconds. Answers how many tokens there are.
    ///
    /// # Errors
    /// When the store fails. What was published until then stays.
    pub async fn publish_all(&self) -> Result<u64, ApiError> {
        let _one_at_a_time = self.core.turn.lock().await;
        self.core.publish_everything().await.map_err(store_failed)
    }
}

impl Core {
    /// As [`Authority::publish_all`], by whoever holds the turn.
    pub(crate) async fn publish_everything(&self) -> Result<u64, StoreError> {
        let store = self.store.as_ref();
        self.publisher.publish(Update::Servers(store.server_list().await?));
        let mut world = World::complete(self.options.cap_to_user, store).await?;
        let mut count = 0;
        let mut after = None;
        loop {
            let tokens = store.token_scan(after, SCAN).await?;
            let Some(last) = tokens.last() else { return Ok(count) };
            after = Some(last.id);
            count += tokens.len() as u64;
            let published = tokens.iter().map(|token| PublishedToken {
                digest: token.digest,
                subject: world.subject(token),
            });
            self.publisher.publish(Update::Tokens(published.collect()));
        }
    }
}
