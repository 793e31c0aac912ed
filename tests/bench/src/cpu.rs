//! What a process has used of the processors.

use std::{fs, path::Path, time::Duration};

use anyhow::Context as _;

/// The most that the coarse count is wrong by: user and system time, each cut to hundredths of a second,
/// at both ends.
const COARSE: Duration = Duration::from_millis(40);

/// What was used until some moment.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CpuTime {
    /// To the nanosecond, of the threads that are there.
    threads: Duration,
    /// To a hundredth of a second, with the threads that have ended.
    process: Duration,
}

impl CpuTime {
    pub(crate) fn of(process: u32) -> anyhow::Result<Self> {
        let stat = read(format!("/proc/{process}/stat").as_ref())?;
        let mut threads = Duration::ZERO;
        for task in fs::read_dir(format!("/proc/{process}/task"))? {
            // A thread may end meanwhile, and some kernels do not have this file.
            let text = read(&task?.path().join("schedstat")).unwrap_or_default();
            threads += Duration::from_nanos(ran(&text).unwrap_or_default());
        }
        Ok(Self { threads, process: used(&stat).context("no CPU times in /proc")? })
    }

    /// What was used between the two.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        let threads = self.threads.saturating_sub(earlier.threads);
        let process = self.process.saturating_sub(earlier.process);
        // Where threads have come and gone, or nothing counts them, the coarse count is the better one.
        if threads.abs_diff(process) <= COARSE { threads } else { process }
    }
}

/// What the kernel says in one of its files.
fn read(path: &Path) -> std::io::Result<String> {
    laniakea_files::read_text(path, 1 << 12)
}

/// User and system time in `/proc/PID/stat`.
fn used(stat: &str) -> Option<Duration> {
    // The name before may hold anything, also a parenthesis.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11).map(str::parse::<u64>);
    let (user, system) = (fields.next()?.ok()?, fields.next()?.ok()?);
    // Linux counts in hundredths of a second here.
    Some(Duration::from_millis((user + system) * 10))
}

/// Nanoseconds in `/proc/PID/task/TID/schedstat`.
fn ran(schedstat: &str) -> Option<u64> {
    schedstat.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_times_are_read_whatever_the_program_is_called() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 2 3 4 150 25 0 0 20 0 1 0 5";
        assert_eq!(used(stat), Some(Duration::from_millis(1_750)));
        assert_eq!(used("7 (a) S 1"), None);
        assert_eq!(ran("123456 7 8\n"), Some(123_456));
        assert_eq!(ran(""), None);
    }

    #[test]
    fn the_exact_count_is_used_unless_it_lacks_threads_that_ended() {
        let at = |threads, process| CpuTime {
            threads: Duration::from_millis(threads),
            process: Duration::from_millis(process),
        };
        assert_eq!(at(113, 110).since(at(10, 10)), Duration::from_millis(103));
        assert_eq!(at(50, 510).since(at(100, 110)), Duration::from_millis(400));
        assert_eq!(at(0, 510).since(at(0, 110)), Duration::from_millis(400));
    }
}
