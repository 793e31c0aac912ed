//! Finds what descends from this process, and signals it.
//!
//! A number may be another process's before a signal arrives, so each process is held by a descriptor
//! and signalled by that.

use std::{collections::BTreeSet, fs, os::fd::OwnedFd};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, Signal, getpid, pidfd_open, pidfd_send_signal},
};

/// How many are signalled at a time. Whoever wants to end more comes back.
const MOST: usize = 1000;

/// A process, and no other one that gets its number.
struct Process {
    pid: Pid,
    descriptor: OwnedFd,
}

impl Process {
    fn has_ended(&self) -> bool {
        let mut descriptors = [PollFd::new(&self.descriptor, PollFlags::IN)];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut descriptors, Some(&at_once)).is_ok_and(|ready| ready > 0)
    }
}

/// Signals all that descends from this process, but for the children that are spared and what
/// descends from those. What is started meanwhile may be missed.
pub(super) fn signal_descendants(signal: Signal, spared: &BTreeSet<i32>) {
    let mut found = open_children(getpid());
    found.retain(|process| !spared.contains(&process.pid.as_raw_pid()));
    let mut next = 0;
    while let Some(parent) = found.get(next).filter(|_| found.len() < MOST) {
        let children = open_children(parent.pid);
        // Else they may be the children of another process that has got its number.
        if !parent.has_ended() {
            found.extend(children);
        }
        next += 1;
    }
    for process in found {
        // It may have ended by itself.
        pidfd_send_signal(process.descriptor, signal).unwrap_or_default();
    }
}

/// More numbers than a system has.
const MAX_CHILDREN: u64 = 64 << 20;

/// The numbers of its children, dead ones too that nobody has waited for.
pub(super) fn children(parent: Pid) -> Vec<Pid> {
    let threads = fs::read_dir(format!("/proc/{}/task", parent.as_raw_pid()));
    let threads = threads.into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| {
        let list = laniakea_files::read_text(&thread.path().join("children"), MAX_CHILDREN).ok()?;
        Some(list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<i32>>())
    });
    lists.flatten().filter_map(Pid::from_raw).collect()
}

fn open_children(parent: Pid) -> Vec<Process> {
    let opened = children(parent).into_iter().filter_map(|pid| {
        Some(Process { pid, descriptor: pidfd_open(pid, PidfdFlags::empty()).ok()? })
    });
    let mut opened: Vec<Process> = opened.take(MOST).collect();
    // A number that is its child's still was so when it was opened.
    let still = children(parent);
    opened.retain(|process| still.contains(&process.pid));
    opened
}
