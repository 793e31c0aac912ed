//! `lk on`: run a command for each event.

use std::{
    ffi::OsString,
    path::PathBuf,
    pin::pin,
    process::{ExitStatus, Stdio},
};

use anyhow::{Context as _, anyhow};
use clap::Args;
use laniakea_event::{Prefix, Seq};
use laniakea_wire::subscription::{
    Believe, CursorFile, Delivery, OtherJournal, SubscriptionConfig, SubscriptionError,
};
use tokio::{
    io::AsyncWriteExt as _,
    process::{Child, Command},
};
use uuid::Uuid;

use crate::{
    commands::runtime,
    endpoints::StreamEndpoints,
    failure::{Explain as _, hinted, usage},
    follow::{Follow, Happening, Selection},
    session::Session,
};

/// Arguments of `lk on`.
#[derive(Debug, Args)]
pub(crate) struct On {
    /// Which events: prefixes that end in a dot (_lk.archive.) or whole ids.
    #[arg(value_name = "PREFIX", required = true)]
    prefixes: Vec<Prefix>,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    endpoints: StreamEndpoints,
    /// Keep the position in this file. It moves when the command exits with 0; a file that does
    /// not exist yet begins with the next event.
    #[arg(long, value_name = "FILE")]
    cursor: PathBuf,
    /// Read on in this journal, although the relay had another one when the cursor was stored.
    #[arg(long, value_name = "UUID")]
    accept_journal: Option<Uuid>,
    #[arg(last = true, required = true, value_name = "COMMAND", help = COMMAND_HELP)]
    command: Vec<OsString>,
}

const COMMAND_HELP: &str = "The command and its arguments. It gets the event as JSON on stdin, and \
    LK_EVENT_ID, LK_EVENT_DIGEST and LK_EVENT_SEQ in its environment. No shell is involved";

const UNVERIFIED: &str = "events are not verified: give --config FILE or --keys DIR";
const UNAUTHORISED: &str =
    "whether a signer may emit what it signed is not asked: that takes --config FILE";

impl On {
    pub(crate) fn run(self, session: &Session<'_>) -> anyhow::Result<()> {
        let believe = self.selection.trusting.believe(session.notices)?;
        let Some(replay) = self.endpoints.replay() else {
            return Err(usage(anyhow!(
                "a cursor needs the relay's replay endpoint: give --replay"
            )));
        };
        match believe {
            Believe::Everything => session.notices.warning(UNVERIFIED),
            Believe::Keys(_) => session.notices.note(UNAUTHORISED),
            Believe::Sources(_) => {}
        }
        let config = SubscriptionConfig {
            prefixes: self.prefixes,
            believe,
            other_journal: OtherJournal::Stop { accept: self.accept_journal },
            cursor: Some(Box::new(CursorFile::new(self.cursor))),
            security: self.endpoints.encryption.security()?,
            ..SubscriptionConfig::new(self.endpoints.publish(), Some(replay))
        };
        runtime()?.block_on(async {
            let mut follow = Follow::open(config, self.selection.filter, session)?;
            let outcome = work(&mut follow, &self.command).await;
            let stored = follow.close().await;
            outcome?;
            Ok(stored?)
        })
    }
}

async fn work(follow: &mut Follow, command: &[OsString]) -> anyhow::Result<()> {
    loop {
        match follow.next().await.map_err(explain_journal)? {
            Happening::Event(delivery) => {
                let is_stopping = handle(follow, command, &delivery).await?;
                if let Some(position) = delivery.position() {
                    follow.handled(position)?;
                }
                if is_stopping {
                    return Ok(());
                }
            }
            Happening::Passed(position) => follow.handled(position)?,
            Happening::Idle => {}
            Happening::Stop => return Ok(()),
        }
    }
}

/// Runs the command for one event and waits for it. Says whether the user wants to stop: then
/// the command was still allowed to finish.
async fn handle(
    follow: &mut Follow,
    command: &[OsString],
    delivery: &Delivery,
) -> anyhow::Result<bool> {
    let mut finished = pin!(finish(start(command, delivery)?, delivery));
    let mut is_stopping = false;
    loop {
        tokio::select! {
            status = &mut finished => {
                return judge(status?, command, delivery).map(|()| is_stopping);
            }
            () = follow.stopped() => {
                if std::mem::replace(&mut is_stopping, true) {
                    let error = anyhow!("stopped while the command ran for {}", name_of(delivery));
                    return Err(hinted(error, AGAIN));
                }
            }
        }
    }
}

fn start(command: &[OsString], delivery: &Delivery) -> anyhow::Result<Child> {
    let (program, arguments) = command.split_first().context("there is no command")?;
    Command::new(program)
        .args(arguments)
        .env("LK_EVENT_ID", delivery.id().as_str())
        .env("LK_EVENT_DIGEST", delivery.digest().to_string())
        .env("LK_EVENT_SEQ", seq_of(delivery).to_string())
        .stdin(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("could not run {}", program.display()))
        .or_usage()
}

/// Hands the event over and waits for the end.
async fn finish(mut child: Child, delivery: &Delivery) -> anyhow::Result<ExitStatus> {
    if let Some(mut stdin) = child.stdin.take() {
        let mut line = delivery.frame().to_vec();
        line.push(b'\n');
        // A command may well know enough without reading its stdin.
        drop(stdin.write_all(&line).await);
    }
    child.wait().await.context("could not wait for the command")
}

const AGAIN: &str =
    "the cursor was not moved: the next start runs the command for this event again";

fn judge(status: ExitStatus, command: &[OsString], delivery: &Delivery) -> anyhow::Result<()> {
    if status.success() {
        return Ok(());
    }
    let program = command.first().map(|program| program.display().to_string()).unwrap_or_default();
    Err(hinted(anyhow!("{program} failed for {}: {status}", name_of(delivery)), AGAIN))
}

fn name_of(delivery: &Delivery) -> String {
    format!("event {} ({}, {})", seq_of(delivery), delivery.id(), delivery.digest())
}

fn seq_of(delivery: &Delivery) -> Seq {
    delivery.note().map(|note| note.seq).unwrap_or_default()
}

fn explain_journal(error: anyhow::Error) -> anyhow::Error {
    let Some(SubscriptionError::OtherJournal { to, .. }) = error.downcast_ref() else {
        return error;
    };
    let hint = format!(
        "the relay was rebuilt, or is another one. `--accept-journal {to}` reads it from its \
         beginning: the command may see events again that it has seen"
    );
    hinted(error, hint)
}
