//! How many files and sockets this process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// More than this is never needed, and some systems have no bound at all.
const ENOUGH: u64 = 1 << 20;

/// Raises the soft limit to the hard one. Many systems give 1,024, for the sake of old programs
/// that cannot count further (`select(2)`); a server holds a descriptor for each connection of a
/// client, and another for its upstream's.
pub(super) fn raise(connections: u32) {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.unwrap_or(ENOUGH).min(ENOUGH);
    let current = limit.current.unwrap_or(ENOUGH);
    if wanted > current {
        let raised = Rlimit { current: Some(wanted), maximum: limit.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!(%error, current, "the limit of open files cannot be raised");
            return;
        }
    }
    let available = wanted.max(current);
    // A call needs two: the client's connection and the upstream's.
    if available < u64::from(connections).saturating_mul(2) {
        tracing::warn!(
            available,
            connections,
            "fewer files may be open than limits.connections may need: raise the hard limit of \
             open files (LimitNOFILE= of systemd, ulimit -Hn), or lower limits.connections"
        );
    }
}
