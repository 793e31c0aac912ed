//! A daemon that runs for as long as the demo.

use std::{
    fs::File,
    io::Write as _,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context as _, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStderr, Command},
};

use super::{DemoDirectory, setup::binary};
use crate::{failure::hinted, output::Notices, session::Session};

/// How long a daemon may take to end in good order.
const STOPPING: Duration = Duration::from_secs(25);

/// A running daemon. What it logs goes to a file; what may be wrong is also shown.
pub(super) struct Process {
    name: &'static str,
    child: Child,
    stderr: Option<Lines<BufReader<ChildStderr>>>,
    log: File,
    log_name: String,
    /// The last line that it logged, which may say why it ended.
    last_line: String,
    notices: Notices,
}

impl Process {
    /// Starts `NAME run` with the demo's configuration.
    ///
    /// It gets a process group of its own: Ctrl-C reaches this program alone, which then stops
    /// the daemons one after the other.
    pub(super) fn start(
        name: &'static str,
        directory: &DemoDirectory,
        session: &Session<'_>,
    ) -> anyhow::Result<Self> {
        let log_name = format!("{name}.log");
        let path = directory.path(&log_name);
        let log = laniakea_files::open_with(File::options().create(true).append(true), &path);
        let log = log.with_context(|| format!("could not write {}", path.display()))?;
        let mut child = Command::new(binary(name)?)
            .args(["run", "--config"])
            .arg(directory.config(name))
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("could not start {name}"))?;
        let stderr = child.stderr.take().map(|stderr| BufReader::new(stderr).lines());
        Ok(Self {
            name,
            child,
            stderr,
            log,
            log_name: directory.shown(&log_name),
            last_line: String::new(),
            notices: session.notices,
        })
    }

    /// Keeps the log until the process ends, which it should not.
    pub(super) async fn ended(&mut self) -> anyhow::Error {
        match self.watch().await {
            Ok(status) => {
                let name = self.name;
                let error = match self.last_line.strip_prefix("error: ") {
                    Some(why) => anyhow!("{name} ended: {why}"),
                    None => anyhow!("{name} ended: {status}"),
                };
                hinted(error, format!("more is in {}", self.log_name))
            }
            Err(error) => error,
        }
    }

    /// Ends the process in good order.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(id) = id {
            // It may have ended just now.
            kill_process(id, Signal::TERM).unwrap_or_default();
        }
        if tokio::time::timeout(STOPPING, self.watch()).await.is_err() {
            self.child.kill().await.context("could not end a process")?;
            bail!("{} did not stop in time and was killed", self.name);
        }
        Ok(())
    }

    async fn watch(&mut self) -> anyhow::Result<ExitStatus> {
        while let Some(stderr) = &mut self.stderr {
            match stderr.next_line().await {
                Ok(Some(line)) => self.note(line)?,
                // The end, or bytes that are no text: the exit status says the rest.
                Ok(None) | Err(_) => self.stderr = None,
            }
        }
        self.child.wait().await.with_context(|| format!("could not wait for {}", self.name))
    }

    fn note(&mut self, line: String) -> anyhow::Result<()> {
        writeln!(self.log, "{line}")
            .with_context(|| format!("could not write {}", self.log_name))?;
        if let Some(warning) = warning_in(&line) {
            self.notices.warning(&format!("{}: {warning}", self.name));
        }
        self.last_line = line;
        Ok(())
    }
}

/// The message of a log line (`TIME LEVEL MESSAGE`), if it is one that somebody should see.
fn warning_in(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once(' ')?;
    let rest = rest.trim_start();
    rest.strip_prefix("WARN ").or_else(|| rest.strip_prefix("ERROR "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_and_errors_are_shown_and_the_rest_is_not() {
        let time = "2026-11-23T21:57:12.263223Z";
        assert_eq!(warning_in(&format!("{time}  WARN no answer")), Some("no answer"));
        assert_eq!(warning_in(&format!("{time} ERROR it broke")), Some("it broke"));
        assert_eq!(warning_in(&format!("{time}  INFO WARN is a word")), None);
        assert_eq!(warning_in("error: wrong"), None);
        assert_eq!(warning_in(""), None);
    }
}
