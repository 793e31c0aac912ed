//! A command as keeper sees it: behind its supervisor.

use std::{
    io,
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream as StdUnixStream, process::ExitStatusExt as _},
    },
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::UnixStream,
    process::{Child, ChildStderr, ChildStdin, Command},
    time::timeout,
};

use super::{
    Commission, END, Report, SUPERVISE,
    orphans::{Known, end_orphans, start},
};

/// How long a command that is told to end may take over it.
pub(crate) const GRACE: Duration = Duration::from_secs(10);
/// How long a supervisor may take until all is gone. Somebody may have stopped it.
const PATIENCE: Duration = Duration::from_secs(20);
const MAX_REPORT: u64 = 4096;

/// A command that runs. When this is dropped, the command and all that it started end at once.
pub(crate) struct Supervised {
    supervisor: Child,
    _known: Known,
    control: BufReader<UnixStream>,
}

/// The ends of its pipes.
pub(crate) struct Pipes {
    /// Its stdin.
    pub(crate) input: Option<ChildStdin>,
    /// Its stdout and its stderr, which are one.
    pub(crate) output: Option<ChildStderr>,
}

impl Supervised {
    /// Starts a command in this directory. Of its environment the supervisor has the marks.
    ///
    /// # Errors
    ///
    /// The supervisor cannot be started. Whether the command can be, its end says.
    pub(crate) async fn start(
        keeper: &Path,
        commission: &Commission,
        directory: &Path,
        marks: [&str; 2],
    ) -> io::Result<(Self, Pipes)> {
        let (control, theirs) = StdUnixStream::pair()?;
        control.set_nonblocking(true)?;
        let control = UnixStream::from_std(control)?;
        let mut command = Command::new(keeper);
        command
            .arg0("keeper")
            .arg(SUPERVISE)
            .current_dir(directory)
            .env_clear()
            .envs(marks.into_iter().filter_map(|mark| commission.environment.get_key_value(mark)))
            .stdin(Stdio::piped())
            .stdout(Stdio::from(OwnedFd::from(theirs)))
            .stderr(Stdio::piped())
            // A key that is pressed at keeper's terminal is for keeper.
            .process_group(0);
        let (known, mut supervisor) = start(|| {
            let child = command.spawn()?;
            let pid = child.id().and_then(|pid| pid.try_into().ok()).unwrap_or_default();
            Ok((pid, child))
        })?;
        // It holds the supervisor's end of the connection.
        drop(command);
        let pipes = Pipes { input: supervisor.stdin.take(), output: supervisor.stderr.take() };
        let mut this = Self { supervisor, _known: known, control: BufReader::new(control) };
        let mut text = serde_json::to_vec(commission)?;
        text.push(b'\n');
        this.control.write_all(&text).await?;
        Ok((this, pipes))
    }

    /// Waits until the command has ended by itself. What it started may still be there.
    ///
    /// # Errors
    ///
    /// It could not be run, or nobody knows what became of it.
    pub(crate) async fn ended(&mut self) -> io::Result<ExitStatus> {
        let mut text = Vec::new();
        (&mut self.control).take(MAX_REPORT).read_until(b'\n', &mut text).await?;
        match serde_json::from_slice(&text) {
            Ok(Report::Ended(status)) => Ok(ExitStatus::from_raw(status)),
            Ok(Report::NotRun(reason)) => Err(io::Error::other(reason)),
            Err(_) => Err(io::Error::other("its supervisor was ended by somebody else")),
        }
    }

    /// Asks the command and all that it started to end.
    pub(crate) async fn ask_to_end(&mut self) {
        if let Some(pid) = self.supervisor.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)) {
            // The command may have stopped it, which holds up no more than this run.
            kill_process(pid, Signal::CONT).unwrap_or_default();
        }
        // A supervisor that is gone has left orphans, which `gone` ends.
        drop(self.control.write_all(END).await);
    }

    /// Waits until nothing is left of the command and of what it started.
    pub(crate) async fn gone(mut self) {
        let waited = timeout(PATIENCE, self.supervisor.wait()).await;
        if waited.is_ok_and(|status| status.is_ok_and(|status| status.success())) {
            return;
        }
        drop(self.supervisor.start_kill());
        drop(timeout(PATIENCE, self.supervisor.wait()).await);
        end_orphans().await;
    }
}
