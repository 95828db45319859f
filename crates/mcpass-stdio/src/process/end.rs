//! The end of a process and of its group.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Child;

/// How long a process may take to end by itself after its input was closed, and again after it
/// was asked to (MCP, "Lifecycle", "Shutdown").
const PATIENCE: Duration = Duration::from_secs(2);

/// Ends a process whose input has been closed: waits, asks, and kills. It has been reaped, and its
/// group killed, when this returns. What has left the group stays.
pub(super) async fn gently(child: &mut Child, pid: u32) {
    if tokio::time::timeout(PATIENCE, child.wait()).await.is_err() {
        signal(pid, Signal::TERM);
        let _ = tokio::time::timeout(PATIENCE, child.wait()).await;
    }
    kill_group(pid);
    let _ = child.wait().await;
}

/// Kills whatever is left of a group.
///
/// Its leader may have been reaped just before. As long as others are in the group its id is not
/// given to anyone else; if none are, ids would have to go all the way round in between for this
/// to reach a stranger.
pub(super) fn kill_group(pid: u32) {
    signal(pid, Signal::KILL);
}

fn signal(pid: u32, signal: Signal) {
    let group = i32::try_from(pid).ok().filter(|pid| *pid > 1).and_then(Pid::from_raw);
    if let Some(group) = group {
        // Most often nobody is left.
        let _ = kill_process_group(group, signal);
    }
}
