//! The processes that one set of clients shares: one for each era.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use mcpass_domain::{FamilyId, Monotonic};
use mcpass_protocol::Era;
use parking_lot::Mutex;

use crate::context::Context;
use crate::error::StdioError;
use crate::slot::{Shown, Slot};
use crate::traffic::Traffic;

/// Places of a server whose tokens each have their own.
pub(crate) const MAX_PLACES: usize = 32;

/// The processes that one set of clients shares.
#[derive(Debug)]
pub(crate) struct Place {
    /// The process that speaks the modern era.
    pub(crate) modern: Arc<Slot>,
    /// The one that speaks the legacy era.
    pub(crate) legacy: Arc<Slot>,
    used: AtomicI64,
}

impl Place {
    fn new(context: &Arc<Context>) -> Self {
        let slot = |era| Arc::new(Slot::new(Arc::clone(context), era));
        Self {
            modern: slot(Era::Modern),
            legacy: slot(Era::Legacy),
            used: AtomicI64::new(i64::MIN),
        }
    }

    /// How its two slots do.
    pub(crate) fn shown(&self) -> [Shown; 2] {
        [self.modern.shown(), self.legacy.shown()]
    }

    /// Whether somebody waits for something of its processes.
    fn is_busy(&self) -> bool {
        self.shown().iter().any(|shown| match shown {
            Shown::Starting => true,
            Shown::Running(process) => process.with(Traffic::is_busy),
            Shown::Idle | Shown::Waiting(_) => false,
        })
    }

    fn stop(&self) {
        for shown in self.shown() {
            if let Shown::Running(process) = shown {
                process.stop();
            }
        }
    }
}

/// All places of a server: one, or one for each family of tokens.
#[derive(Debug)]
pub(crate) struct Places {
    context: Arc<Context>,
    all: Mutex<HashMap<Option<FamilyId>, Arc<Place>>>,
}

impl Places {
    pub(crate) fn new(context: Arc<Context>) -> Self {
        Self { context, all: Mutex::default() }
    }

    /// Whose place a family uses: its own, or everybody's.
    fn key(&self, family: Option<FamilyId>) -> Option<FamilyId> {
        family.filter(|_| self.context.spec.per_token)
    }

    /// The place of a family, if it has one.
    pub(crate) fn find(&self, family: Option<FamilyId>) -> Option<Arc<Place>> {
        let place = self.all.lock().get(&self.key(family)).map(Arc::clone)?;
        place.used.store(self.context.clock.monotonic().as_micros(), Ordering::Relaxed);
        Some(place)
    }

    /// The place of a family. If there is no room for it, the one that was idle for longest goes.
    pub(crate) fn take(&self, family: Option<FamilyId>) -> Result<Arc<Place>, StdioError> {
        if let Some(place) = self.find(family) {
            return Ok(place);
        }
        let mut all = self.all.lock();
        if all.len() >= MAX_PLACES && !all.contains_key(&self.key(family)) {
            let idle = all.iter().filter(|(_, place)| !place.is_busy());
            let idlest = idle.min_by_key(|(_, place)| place.used.load(Ordering::Relaxed));
            let Some(key) = idlest.map(|(key, _)| *key) else {
                return Err(StdioError::TooManyTokens(MAX_PLACES));
            };
            if let Some(place) = all.remove(&key) {
                place.stop();
            }
        }
        let place =
            all.entry(self.key(family)).or_insert_with(|| Arc::new(Place::new(&self.context)));
        let now: Monotonic = self.context.clock.monotonic();
        place.used.store(now.as_micros(), Ordering::Relaxed);
        Ok(Arc::clone(place))
    }

    /// How all slots do.
    pub(crate) fn shown(&self) -> Vec<Shown> {
        self.all.lock().values().flat_map(|place| place.shown()).collect()
    }
}
