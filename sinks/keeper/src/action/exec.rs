//! `exec`: a program, as keeper's user. No shell is involved.

mod record_lock;

use std::{
    collections::BTreeMap,
    io,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;
use serde_json::Value as Json;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, ChildStdin, Command},
    sync::oneshot,
    time::{Instant, timeout_at},
};

use self::record_lock::{Busy, RecordLock};
use super::{Ended, Order, Outcome, Output, leftover::LEDGER};
use crate::rules::{InvalidTemplate, Template};

/// How much of what a program says is kept.
const MAX_OUTPUT: usize = 64 << 10;
/// How long something that got away holds up a run whose program has ended.
const LEFTOVER: Duration = Duration::from_secs(1);
/// How long a program that is told to end may take over it.
const GRACE: Duration = Duration::from_secs(10);

/// `exec = { … }`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecConfig {
    command: Vec<String>,
    #[serde(default)]
    directory: Option<PathBuf>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    #[serde(default)]
    lock: Option<PathBuf>,
    #[serde(default)]
    wait_for: Vec<PathBuf>,
}

/// A program and its arguments, each of which is a template.
#[derive(Debug, Clone)]
pub struct Exec {
    program: String,
    arguments: Vec<Template>,
    directory: PathBuf,
    environment: BTreeMap<String, String>,
    /// Held while the program runs.
    lock: Option<PathBuf>,
    /// Locks that the program takes itself: looked at, and not taken.
    wait_for: Vec<PathBuf>,
}

/// `exec` cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidExec {
    /// There is no program.
    #[error("exec.command is empty: name a program")]
    Empty,
    /// It would be looked for in places that depend on the environment.
    #[error("the program {0:?} is not named by an absolute path")]
    Relative(String),
    /// A variable cannot have this name.
    #[error("{0:?} cannot be the name of a variable: LK_ is ours, and `=` and NUL end names")]
    Variable(String),
    /// A lock would be looked for in a place that depends on where keeper was started.
    #[error("the lock {} is not named by an absolute path", .0.display())]
    Lock(PathBuf),
    /// An argument is no template.
    #[error(transparent)]
    Template(#[from] InvalidTemplate),
}

impl Exec {
    pub(super) fn new(config: &ExecConfig) -> Result<Self, InvalidExec> {
        let (program, arguments) = config.command.split_first().ok_or(InvalidExec::Empty)?;
        if !program.starts_with('/') {
            return Err(InvalidExec::Relative(program.clone()));
        }
        for (name, value) in &config.environment {
            let is_ours = name.is_empty() || name.starts_with("LK_");
            if is_ours || name.contains(['=', '\0']) || value.contains('\0') {
                return Err(InvalidExec::Variable(name.clone()));
            }
        }
        let mut locks = config.lock.iter().chain(&config.wait_for);
        if let Some(lock) = locks.find(|lock| !lock.is_absolute()) {
            return Err(InvalidExec::Lock(lock.clone()));
        }
        let arguments = arguments.iter().map(|argument| Template::parse(argument));
        Ok(Self {
            program: program.clone(),
            arguments: arguments.collect::<Result<_, _>>()?,
            directory: config.directory.clone().unwrap_or_else(|| PathBuf::from("/")),
            environment: config.environment.clone(),
            lock: config.lock.clone(),
            wait_for: config.wait_for.clone(),
        })
    }

    /// The program and its arguments for these values.
    ///
    /// A value is one argument whatever stands in it, and it never becomes an option: where the
    /// template does not begin with `-`, what it makes may not either.
    ///
    /// # Errors
    ///
    /// Why the program must not be given these values.
    pub fn command(&self, values: &Json) -> Result<Vec<String>, String> {
        let mut command = vec![self.program.clone()];
        for template in &self.arguments {
            let argument = template.fill(values).map_err(|error| error.to_string())?;
            if argument.starts_with('-') && !template.source().starts_with('-') {
                let (source, argument) = (template.source(), shown(&argument));
                return Err(format!("{source:?} would become an option, {argument}"));
            }
            command.push(argument);
        }
        Ok(command)
    }

    pub(super) async fn run(&self, order: Order) -> Ended {
        let command = match self.command(&order.values) {
            Ok(command) => command,
            Err(reason) => return ended(Outcome::Refused(reason), Vec::new()),
        };
        let _held = match self.take_lock() {
            Ok(held) => held,
            Err(Busy::Held(reason)) => return ended(Outcome::Held(reason), Vec::new()),
            Err(Busy::Unusable(reason)) => return ended(Outcome::Failed(reason), Vec::new()),
        };
        let child = match self.spawn(&command, &order) {
            Ok(child) => child,
            Err(error) => {
                let reason = format!("could not run {}: {error}", self.program);
                return ended(Outcome::Failed(reason), Vec::new());
            }
        };
        watch(child, order).await
    }

    /// Nobody waits here: a run that cannot begin makes room for others.
    fn take_lock(&self) -> Result<Option<RecordLock>, Busy> {
        for path in &self.wait_for {
            record_lock::look(path)?;
        }
        self.lock.as_deref().map(RecordLock::take).transpose()
    }

    fn spawn(&self, command: &[String], order: &Order) -> io::Result<Child> {
        let values = &order.values;
        let mut process = Command::new(&self.program);
        process
            .args(command.iter().skip(1))
            .current_dir(&self.directory)
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LANG", "C.UTF-8")
            .envs(std::env::vars_os().filter(|(name, _)| name == "HOME" || name == "USER"))
            .envs(&self.environment)
            .env(LEDGER, &order.data_dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Whatever it starts ends with it.
            .process_group(0)
            .kill_on_drop(true);
        for (variable, member) in [
            ("LK_RULE", "rule"),
            ("LK_RUN", "run"),
            ("LK_ATTEMPT", "attempt"),
            ("LK_COUNT", "count"),
        ] {
            process.env(variable, values.get(member).map(plain).unwrap_or_default());
        }
        process.spawn()
    }
}

/// Enough of an argument to know it by; the rest would fill the ledger.
fn shown(argument: &str) -> String {
    const LONGEST: usize = 200;
    let start: String = argument.chars().take(LONGEST).collect();
    if start.len() < argument.len() { format!("{start:?}…") } else { format!("{start:?}") }
}

/// Numbers and checked names alone go to the environment; what events say comes by stdin.
fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// All that a program started: it ends with whoever waits for it.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        signal(self.0, Signal::KILL);
    }
}

async fn watch(mut child: Child, order: Order) -> Ended {
    let deadline = Instant::now() + order.timeout.min(Duration::from_hours(24 * 365));
    let mut input = serde_json::to_vec(&order.values).unwrap_or_default();
    input.push(b'\n');
    let group = child.id();
    let mut whole = Group(group);
    let (stdin, out, err) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let mut output = Output::new(MAX_OUTPUT);
    let (has_ended, ending) = oneshot::channel::<()>();
    let wait = async {
        let status = child.wait().await;
        // What it left behind in the background is not to outlive the run.
        signal(group, Signal::KILL);
        drop(has_ended);
        status
    };
    let talk = async {
        let talking = async { tokio::join!(feed(stdin, &input), read(out, err, &mut output)) };
        let leftover = async {
            drop(ending.await);
            tokio::time::sleep(LEFTOVER).await;
        };
        tokio::select! { _ = talking => {}, () = leftover => {} }
    };
    let outcome = match timeout_at(deadline, async { tokio::join!(wait, talk).0 }).await {
        Ok(Ok(status)) => judge(status),
        Ok(Err(error)) => Outcome::Failed(format!("could not wait for it: {error}")),
        Err(_) => {
            end(group, &mut child).await;
            let seconds = order.timeout.as_secs_f32();
            Outcome::Failed(format!("it was ended: it took longer than {seconds} s"))
        }
    };
    // It has ended already, and its number may soon be somebody else's.
    whole.0 = None;
    ended(outcome, output.finish())
}

async fn feed(stdin: Option<ChildStdin>, input: &[u8]) {
    if let Some(mut stdin) = stdin {
        // A program may well know enough without reading its stdin.
        drop(stdin.write_all(input).await);
    }
}

/// Both streams in the order in which they come, until both are closed.
async fn read(
    mut out: Option<impl AsyncRead + Unpin>,
    mut err: Option<impl AsyncRead + Unpin>,
    output: &mut Output,
) {
    let (mut from_out, mut from_err) = (vec![0; 4096], vec![0; 4096]);
    while out.is_some() || err.is_some() {
        let (is_out, count) = tokio::select! {
            read = next(out.as_mut(), &mut from_out), if out.is_some() => (true, read),
            read = next(err.as_mut(), &mut from_err), if err.is_some() => (false, read),
        };
        let buffer = if is_out { &from_out } else { &from_err };
        match buffer.get(..count) {
            Some(bytes) if count > 0 => output.add(bytes),
            _ if is_out => out = None,
            _ => err = None,
        }
    }
}

async fn next(stream: Option<&mut (impl AsyncRead + Unpin)>, buffer: &mut [u8]) -> usize {
    match stream {
        // A stream that fails is at its end.
        Some(stream) => stream.read(buffer).await.unwrap_or_default(),
        None => 0,
    }
}

fn judge(status: ExitStatus) -> Outcome {
    if status.success() {
        return Outcome::Succeeded;
    }
    Outcome::Failed(status.to_string())
}

/// Asks the program and all that it started to end, and makes them.
async fn end(group: Option<u32>, child: &mut Child) {
    signal(group, Signal::TERM);
    if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
        signal(group, Signal::KILL);
        // Nothing survives that.
        drop(child.wait().await);
    }
    // Its children may have outlived it.
    signal(group, Signal::KILL);
}

fn signal(group: Option<u32>, signal: Signal) {
    let group = group.and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(group) = group {
        // It may have ended by itself.
        kill_process_group(group, signal).unwrap_or_default();
    }
}

fn ended(outcome: Outcome, output: Vec<u8>) -> Ended {
    Ended { outcome, output }
}

#[cfg(test)]
mod tests;
