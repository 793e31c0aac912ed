//! Ends what a supervisor left behind that was itself killed.

use std::{
    collections::BTreeSet,
    io,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rustix::process::{Signal, WaitOptions, child_subreaper, getpid, set_child_subreaper, waitpid};

use super::descendants::{children, signal_descendants};

/// The children of this process that are supervisors.
static SUPERVISORS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// How long processes that are killed may take to be gone.
const ROUNDS: u32 = 500;
const ROUND: Duration = Duration::from_millis(10);

/// A supervisor that is none of the orphans for as long as this lives.
pub(super) struct Known(i32);

impl Drop for Known {
    fn drop(&mut self) {
        supervisors().remove(&self.0);
    }
}

/// Makes this process the parent of what its supervisors leave behind. It must have no other
/// children.
///
/// # Errors
///
/// The kernel does not have it.
pub fn adopt_orphans() -> io::Result<()> {
    Ok(set_child_subreaper(Some(getpid()))?)
}

/// Starts a supervisor. None is there unknown in between.
pub(super) fn start<T>(spawn: impl FnOnce() -> io::Result<(i32, T)>) -> io::Result<(Known, T)> {
    let mut supervisors = supervisors();
    let (pid, started) = spawn()?;
    supervisors.insert(pid);
    Ok((Known(pid), started))
}

/// Ends all orphans, and waits until they are gone.
pub(super) async fn end_orphans() {
    if !matches!(child_subreaper(), Ok(Some(_))) {
        return;
    }
    for _ in 0..ROUNDS {
        if kill_orphans() == 0 {
            return;
        }
        tokio::time::sleep(ROUND).await;
    }
    tracing::error!("what a command left behind cannot be ended");
}

/// How many there were.
fn kill_orphans() -> usize {
    let supervisors = supervisors();
    let mut orphans = children(getpid());
    orphans.retain(|child| !supervisors.contains(&child.as_raw_pid()));
    if !orphans.is_empty() {
        signal_descendants(Signal::KILL, &supervisors);
    }
    for orphan in &orphans {
        // Nobody else waits for it. It may take until the next round.
        let _ = waitpid(Some(*orphan), WaitOptions::NOHANG);
    }
    orphans.len()
}

fn supervisors() -> MutexGuard<'static, BTreeSet<i32>> {
    // Nothing in here leaves the table half changed.
    SUPERVISORS.lock().unwrap_or_else(PoisonError::into_inner)
}
