//! Commands that a keeper left behind that was killed.
//!
//! Their supervisors end them when keeper is gone, and under systemd the control group ends with the
//! unit's main process (`KillMode=mixed`). That takes a moment, and a supervisor may have been killed
//! too; what it had to end would go on unseen, beside another attempt.

use std::{collections::BTreeSet, fs, os::unix::ffi::OsStrExt as _, path::Path, time::Duration};

use rustix::process::{Pid, Signal, kill_process};

use crate::{schedule::RunId, supervise::SUPERVISE};

/// The variable by which commands of this ledger are known.
pub(super) const LEDGER: &str = "LK_KEEPER";
/// The variable that says of which run a command is.
pub(super) const RUN: &str = "LK_RUN";

/// How long processes may take to be gone.
const ROUNDS: u32 = 1_000;
const ROUND: Duration = Duration::from_millis(10);
/// For how many of the rounds supervisors are waited for. Who ends one has the rest run away.
const SPARING: u32 = 500;

/// Ends what still runs of these runs, waits until it is gone, and says how many processes that
/// were. Another attempt that begins afterwards is alone.
pub fn end_leftovers(data_dir: &Path, runs: &[RunId]) -> usize {
    if runs.is_empty() {
        return 0;
    }
    let mut ended = BTreeSet::new();
    for round in 0..ROUNDS {
        let found = find(data_dir, runs);
        if found.is_empty() {
            return ended.len();
        }
        for process in found {
            // A command may have stopped its supervisor.
            let is_spared = round < SPARING && is_supervisor(process);
            let signal = if is_spared { Signal::CONT } else { Signal::KILL };
            // It may have ended by itself.
            kill_process(process, signal).unwrap_or_default();
            ended.insert(process.as_raw_nonzero());
        }
        std::thread::sleep(ROUND);
    }
    tracing::error!("commands of runs that keeper did not survive cannot be ended");
    ended.len()
}

/// More than the kernel gives to a process.
const MAX_ENVIRONMENT: u64 = 16 << 20;

fn find(data_dir: &Path, runs: &[RunId]) -> Vec<Pid> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let ids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let ours = |id: &i32| {
        // Of other users there is nothing to be read.
        let environment = format!("/proc/{id}/environ");
        let environment = laniakea_files::read(environment.as_ref(), MAX_ENVIRONMENT);
        belongs(&environment.unwrap_or_default(), data_dir, runs)
    };
    ids.filter(ours).filter_map(Pid::from_raw).collect()
}

/// A supervisor's is short.
const MAX_LINE: u64 = 1 << 20;

fn is_supervisor(process: Pid) -> bool {
    let line = laniakea_files::read(format!("/proc/{process}/cmdline").as_ref(), MAX_LINE)
        .unwrap_or_default();
    line.split(|byte| *byte == 0).nth(1) == Some(SUPERVISE.as_bytes())
}

fn belongs(environment: &[u8], data_dir: &Path, runs: &[RunId]) -> bool {
    let variable = |name: &str| {
        let mut all = environment.split(|byte| *byte == 0);
        all.find_map(|variable| variable.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
    };
    let run = variable(RUN).and_then(|run| str::from_utf8(run).ok()?.parse().ok());
    variable(LEDGER) == Some(data_dir.as_os_str().as_bytes())
        && run.is_some_and(|run| runs.contains(&run))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use tempfile::TempDir;

    use super::*;

    fn sleeper(data_dir: &Path, run: &str) -> std::process::Child {
        let mut command = Command::new("/bin/sleep");
        command.arg("1000").env(LEDGER, data_dir).env("LK_RUN", run);
        command.spawn().unwrap()
    }

    #[test]
    fn what_is_left_of_a_run_is_ended_and_nothing_else() {
        let (ours, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let mut left = [sleeper(ours.path(), "7"), sleeper(ours.path(), "7")];
        let mut others = [sleeper(ours.path(), "8"), sleeper(other.path(), "7")];
        assert_eq!(end_leftovers(ours.path(), &[]), 0);
        assert_eq!(end_leftovers(ours.path(), &[7, 9]), 2);
        for child in &mut left {
            assert!(!child.wait().unwrap().success());
        }
        for child in &mut others {
            assert!(child.try_wait().unwrap().is_none(), "another's process was ended");
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}
