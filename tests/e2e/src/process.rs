//! A process that ends with the test, and what it printed.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::Duration,
};

pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};

use crate::until;

/// A running program. It is killed when dropped.
pub struct Process {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    /// Starts a program; its output is collected line by line.
    ///
    /// # Panics
    ///
    /// It cannot be started.
    pub fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let lines = Arc::new(Mutex::new(Vec::new()));
        let readers = vec![
            collect(child.stdout.take().unwrap(), lines.clone()),
            collect(child.stderr.take().unwrap(), lines.clone()),
        ];
        Self { child, lines, readers }
    }

    /// What the process printed so far.
    pub fn output(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// Waits for a line that holds `text`.
    pub fn line(&self, text: &str) -> String {
        until(&format!("the line {text:?}"), || {
            self.output().into_iter().find(|line| line.contains(text))
        })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What the process holds in memory.
    ///
    /// # Panics
    ///
    /// It has ended.
    pub fn memory(&self) -> Memory {
        let [resident_kib, peak_kib] = self.kib(["VmRSS:", "VmHWM:"]);
        Memory { resident_kib, peak_kib }
    }

    /// What of it is backed by no file, in KiB.
    ///
    /// # Panics
    ///
    /// It has ended.
    pub fn anonymous_kib(&self) -> u64 {
        let [kib] = self.kib(["RssAnon:"]);
        kib
    }

    fn kib<const N: usize>(&self, names: [&str; N]) -> [u64; N] {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        names.map(|name| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
            number.unwrap_or_else(|| panic!("no {name} in {status:?}"))
        })
    }

    /// The CPU time that the process has used, to a hundredth of a second.
    ///
    /// # Panics
    ///
    /// It has ended.
    pub fn cpu_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id())).unwrap();
        // The name, in parentheses, may hold anything.
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let ticks = fields.split_whitespace().skip(11).take(2);
        Duration::from_millis(10) * ticks.map(|ticks| ticks.parse::<u32>().unwrap()).sum::<u32>()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let id = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(id, signal).unwrap();
    }

    /// Sends a signal and waits for the end.
    pub fn stop(mut self, signal: Signal) -> ExitStatus {
        self.signal(signal);
        self.wait()
    }

    /// Waits for the end.
    pub fn wait(&mut self) -> ExitStatus {
        until("the process to end", || self.child.try_wait().unwrap())
    }

    /// Waits for the end, and for the last line of what was printed.
    ///
    /// # Panics
    ///
    /// It does not end.
    pub fn end(mut self) -> (ExitStatus, Vec<String>) {
        let status = self.wait();
        for reader in std::mem::take(&mut self.readers) {
            drop(reader.join());
        }
        (status, self.output())
    }

    /// Whether the process still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

/// Resident memory of a process, in KiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Now.
    pub resident_kib: u64,
    /// The most that it ever was.
    pub peak_kib: u64,
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn collect(pipe: impl Read + Send + 'static, lines: Arc<Mutex<Vec<String>>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            lines.lock().unwrap().push(line);
        }
    })
}
