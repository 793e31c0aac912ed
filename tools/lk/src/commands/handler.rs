//! The command that handles events: what `on` and `quarantine retry` share.

use std::{
    cell::RefCell, ffi::OsString, fmt, pin::pin, process::ExitStatus, process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, anyhow};
use laniakea_event::{Digest, Seq};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, ChildStderr, Command},
    time::timeout,
};

use crate::failure::{Explain as _, hinted};

/// How much is kept of what a command says last.
const TAIL: usize = 2_000;
/// How long stderr is read on once the command has ended: something that it started may hold it
/// open for ever.
const GRACE: Duration = Duration::from_millis(200);

/// How to pass on events to the command.
pub(super) const COMMAND_HELP: &str = "The command and its arguments. It gets the event as JSON on \
    stdin, and LK_EVENT_ID, LK_EVENT_DIGEST and LK_EVENT_SEQ in its environment. No shell is involved";

/// A command that is run once for each event.
pub(super) struct Handler {
    command: Vec<OsString>,
    stderr: Stderr,
}

/// What becomes of the command's stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stderr {
    /// It is that of this process.
    Inherited,
    /// The same, and its end is kept.
    Kept,
}

/// An event to handle.
pub(super) struct Task<'a> {
    pub(super) id: &'a str,
    pub(super) digest: Digest,
    pub(super) seq: Seq,
    pub(super) frame: &'a [u8],
}

impl fmt::Display for Task<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "event {} ({}, {})", self.seq, self.id, self.digest)
    }
}

/// The command has ended.
pub(super) struct Finished {
    pub(super) outcome: Result<(), Failure>,
    /// The user wants to stop: the command was still allowed to finish.
    pub(super) is_stopping: bool,
}

/// The command did not exit with 0.
pub(super) struct Failure {
    /// What failed, for which event, and how.
    pub(super) message: String,
    /// How it ended, and what it said last.
    pub(super) error: String,
}

impl Handler {
    pub(super) fn new(command: Vec<OsString>, stderr: Stderr) -> Self {
        Self { command, stderr }
    }

    /// Runs the command for one event and waits for it. `stopped` ends when the user wants to
    /// stop; the second time the command is ended.
    ///
    /// # Errors
    ///
    /// The command cannot be run, or was ended.
    pub(super) async fn run(
        &self,
        task: &Task<'_>,
        mut stopped: impl AsyncFnMut(),
    ) -> anyhow::Result<Finished> {
        let said = RefCell::new(Vec::new());
        let mut finished = pin!(finish(self.start(task)?, task.frame, &said));
        let mut is_stopping = false;
        let status = loop {
            tokio::select! {
                status = &mut finished => break status?,
                () = stopped() => {
                    if std::mem::replace(&mut is_stopping, true) {
                        let error = anyhow!("stopped while the command ran for {task}");
                        return Err(hinted(error, AGAIN));
                    }
                }
            }
        };
        let outcome = if status.success() {
            Ok(())
        } else {
            let program = self.command.first().map(|program| program.display().to_string());
            let message = format!("{} failed for {task}: {status}", program.unwrap_or_default());
            let said = String::from_utf8_lossy(&said.borrow()).into_owned();
            Err(Failure { message, error: format!("{status}\n{said}") })
        };
        Ok(Finished { outcome, is_stopping })
    }

    fn start(&self, task: &Task<'_>) -> anyhow::Result<Child> {
        let (program, arguments) = self.command.split_first().context("there is no command")?;
        Command::new(program)
            .args(arguments)
            .env("LK_EVENT_ID", task.id)
            .env("LK_EVENT_DIGEST", task.digest.to_string())
            .env("LK_EVENT_SEQ", task.seq.to_string())
            .stdin(Stdio::piped())
            .stderr(match self.stderr {
                Stderr::Inherited => Stdio::inherit(),
                Stderr::Kept => Stdio::piped(),
            })
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("could not run {}", program.display()))
            .or_usage()
    }
}

/// Said where the event was not handled.
pub(super) const AGAIN: &str =
    "the cursor was not moved: the next start runs the command for this event again";

/// Hands the event over and waits for the end.
async fn finish(
    mut child: Child,
    frame: &[u8],
    said: &RefCell<Vec<u8>>,
) -> anyhow::Result<ExitStatus> {
    let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
    let mut is_open = stderr.is_some();
    let mut listening = pin!(listen(stderr, said));
    let mut working = pin!(async {
        if let Some(mut stdin) = stdin {
            let line = [frame, b"\n"].concat();
            // A command may well know enough without reading its stdin.
            drop(stdin.write_all(&line).await);
        }
        child.wait().await
    });
    let status = loop {
        tokio::select! {
            status = &mut working => break status,
            () = &mut listening, if is_open => is_open = false,
        }
    };
    if is_open {
        drop(timeout(GRACE, listening).await);
    }
    status.context("could not wait for the command")
}

/// Passes on what the command says, and keeps the end of it.
async fn listen(stderr: Option<ChildStderr>, said: &RefCell<Vec<u8>>) {
    let Some(mut stderr) = stderr else { return };
    let mut out = tokio::io::stderr();
    let mut chunk = [0; 4_096];
    while let Ok(count @ 1..) = stderr.read(&mut chunk).await {
        let chunk = chunk.get(..count).unwrap_or_default();
        keep(&mut said.borrow_mut(), chunk);
        // There is nobody to tell that stderr is closed.
        drop(out.write_all(chunk).await);
        drop(out.flush().await);
    }
}

fn keep(kept: &mut Vec<u8>, chunk: &[u8]) {
    kept.extend_from_slice(chunk);
    let surplus = kept.len().saturating_sub(TAIL);
    kept.drain(..surplus);
}
