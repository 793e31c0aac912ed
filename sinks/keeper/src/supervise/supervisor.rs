//! The supervisor of one command.

use std::{
    collections::BTreeSet,
    fs::File,
    future::ready,
    io,
    os::{
        fd::AsFd as _,
        unix::{net::UnixStream as StdUnixStream, process::CommandExt as _},
    },
    process::Command,
    time::Duration,
};

use rustix::{
    io::Errno,
    process::{Pid, Signal, WaitOptions, getpid, set_child_subreaper, wait},
    stdio::{dup2_stderr, dup2_stdin, dup2_stdout},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::UnixStream,
    signal::unix::{Signal as Signals, SignalKind, signal},
    time::{Instant, sleep_until, timeout},
};

use super::{Commission, GRACE, Report, descendants::signal_descendants};

/// What is killed is looked for again after so long, if no end of a child was told before.
const ROUND: Duration = Duration::from_millis(10);
/// How many dead children are waited for at a time: those that are alive have to be looked at too.
const MOST: usize = 1000;

/// Runs the command that keeper sends, and ends when nothing is left of it.
///
/// # Errors
///
/// Keeper did not start this process, or is gone.
pub async fn supervise() -> io::Result<()> {
    set_child_subreaper(Some(getpid()))?;
    let children = signal(SignalKind::child())?;
    let mut control = BufReader::new(take_control()?);
    let mut text = Vec::new();
    control.read_until(b'\n', &mut text).await?;
    let commission: Commission = serde_json::from_slice(&text)?;
    match start(&commission) {
        Ok(command) => Supervisor { command, control, children }.run().await,
        Err(error) => {
            let program = commission.command.first().map(String::as_str).unwrap_or_default();
            let reason = format!("could not run {program}: {error}");
            report(&mut control, &Report::NotRun(reason)).await
        }
    }
}

/// The connection to keeper, which is not the command's: its stdout is its stderr.
fn take_control() -> io::Result<UnixStream> {
    let control = StdUnixStream::from(io::stdout().as_fd().try_clone_to_owned()?);
    dup2_stdout(io::stderr())?;
    control.set_nonblocking(true)?;
    UnixStream::from_std(control)
}

#[expect(clippy::disallowed_methods, reason = "what it opens is no file, and holds nobody up")]
fn start(commission: &Commission) -> io::Result<Pid> {
    let (program, arguments) =
        commission.command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(program);
    // Its own group: it may well signal all of that.
    command.args(arguments).env_clear().envs(&commission.environment).process_group(0);
    let child = command.spawn()?;
    // What it closes is not to be held open here.
    let nothing = File::options().read(true).write(true).open("/dev/null")?;
    dup2_stdin(&nothing)?;
    dup2_stdout(&nothing)?;
    dup2_stderr(&nothing)?;
    child.id().try_into().ok().and_then(Pid::from_raw).ok_or_else(|| io::ErrorKind::Other.into())
}

async fn report(control: &mut BufReader<UnixStream>, report: &Report) -> io::Result<()> {
    let mut text = serde_json::to_vec(report)?;
    text.push(b'\n');
    control.write_all(&text).await
}

/// What is left when children were waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// Dead ones, perhaps: there were many.
    Dead,
    /// Some that are alive, and none that are dead.
    Alive,
    Nothing,
}

struct Supervisor {
    command: Pid,
    control: BufReader<UnixStream>,
    children: Signals,
}

impl Supervisor {
    async fn run(mut self) -> io::Result<()> {
        self.attend().await?;
        let nobody = BTreeSet::new();
        loop {
            signal_descendants(Signal::KILL, &nobody);
            // The last word: there may be children that nobody sees.
            let (left, _) = self.reap().await?;
            if left == Left::Nothing {
                return Ok(());
            }
            drop(timeout(ROUND, self.children.recv()).await);
        }
    }

    /// Until the command has ended, or is not to go on.
    async fn attend(&mut self) -> io::Result<()> {
        let mut patience = None;
        loop {
            let (left, has_ended) = self.reap().await?;
            if has_ended {
                return Ok(());
            }
            let mut order = [0; 16];
            tokio::select! {
                _ = self.children.recv() => {}
                () = ready(()), if left == Left::Dead => {}
                read = self.control.read(&mut order) => match read {
                    Ok(1..) => {
                        signal_descendants(Signal::TERM, &BTreeSet::new());
                        patience = Some(Instant::now() + GRACE);
                    }
                    // Keeper is gone, or has given this run up.
                    Ok(0) | Err(_) => return Ok(()),
                },
                () = sleep_until(patience.unwrap_or_else(Instant::now)), if patience.is_some() => {
                    return Ok(());
                }
            }
        }
    }

    /// Waits for those that have ended, and reports on the command. What is left, and whether the
    /// command was among them.
    async fn reap(&mut self) -> io::Result<(Left, bool)> {
        let mut has_ended = false;
        for _ in 0..MOST {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if pid == self.command => {
                    has_ended = true;
                    // There may be nobody who wants to know.
                    drop(report(&mut self.control, &Report::Ended(status.as_raw())).await);
                }
                Ok(Some(_)) | Err(Errno::INTR) => {}
                Ok(None) => return Ok((Left::Alive, has_ended)),
                Err(Errno::CHILD) => return Ok((Left::Nothing, has_ended)),
                Err(error) => return Err(error.into()),
            }
        }
        Ok((Left::Dead, has_ended))
    }
}
