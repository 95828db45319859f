//! Whether requests may be admitted at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

/// Whether requests may be admitted at all. The loader closes it while the database does not take
/// the log; the gateway asks before it admits. Clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    is_open: AtomicBool,
    reason: Mutex<Arc<str>>,
}

impl Gate {
    /// A closed gate. Whoever starts the loader gets it opened once the log is ready.
    pub fn closed(reason: &str) -> Self {
        let reason = Mutex::new(reason.into());
        Self(Arc::new(Shared { is_open: AtomicBool::new(false), reason }))
    }

    /// Whether requests may be admitted. One load of an atomic.
    pub fn is_open(&self) -> bool {
        self.0.is_open.load(Ordering::Acquire)
    }

    /// Why it is closed, in words for the operator; none while it is open.
    pub fn reason(&self) -> Option<Arc<str>> {
        let reason = self.0.reason.lock();
        (!self.is_open()).then(|| Arc::clone(&reason))
    }

    /// Lets requests through again. Answers whether it was closed before.
    pub fn open(&self) -> bool {
        let _reason = self.0.reason.lock();
        !self.0.is_open.swap(true, Ordering::AcqRel)
    }

    /// Stops all requests from now on. Answers whether it was open before.
    pub fn close(&self, reason: &str) -> bool {
        let mut current = self.0.reason.lock();
        if **current != *reason {
            *current = reason.into();
        }
        self.0.is_open.swap(false, Ordering::AcqRel)
    }
}

/// Closed: nothing is admitted before somebody says that the log is ready.
impl Default for Gate {
    fn default() -> Self {
        Self::closed("the access log is not ready yet")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_says_why_it_is_closed_and_when_it_changes() {
        let gate = Gate::default();
        let other = gate.clone();
        assert!(!other.is_open() && gate.reason().unwrap().contains("not ready"));
        assert!(gate.open() && !gate.open());
        assert!(other.is_open() && other.reason().is_none());
        assert!(other.close("down") && !other.close("still down"));
        assert_eq!(gate.reason().as_deref(), Some("still down"));
    }
}
