//! `lk on`: run a command for each event.

mod patience;

use std::{ffi::OsString, path::PathBuf};

use anyhow::anyhow;
use clap::Args;
use laniakea_event::Prefix;
use laniakea_wire::subscription::{
    Believe, CursorFile, OtherJournal, SubscriptionConfig, SubscriptionError,
};
use uuid::Uuid;

use self::patience::{Patience, Settled, Worker};
use crate::{
    commands::{
        handler::{COMMAND_HELP, Handler},
        runtime,
    },
    endpoints::StreamEndpoints,
    failure::{hinted, usage},
    follow::{Follow, Happening, Place, SINK_NAME_HELP, Selection, parse_sink_name},
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
    #[command(flatten)]
    patience: Patience,
    #[arg(long, value_name = "NAME", value_parser = parse_sink_name, help = SINK_NAME_HELP)]
    name: Option<String>,
    /// Read on in this journal, although the relay had another one when the cursor was stored.
    #[arg(long, value_name = "UUID")]
    accept_journal: Option<Uuid>,
    #[arg(last = true, required = true, value_name = "COMMAND", help = COMMAND_HELP)]
    command: Vec<OsString>,
}

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
            Believe::Sources(_) | Believe::Judged(_) => {}
        }
        let handler = Handler::new(self.command, self.patience.stderr());
        let mut worker = Worker::new(handler, &self.patience, session)?;
        let config = SubscriptionConfig {
            prefixes: self.prefixes,
            name: self.name,
            believe,
            other_journal: OtherJournal::Stop { accept: self.accept_journal },
            cursor: Some(Box::new(CursorFile::new(self.cursor))),
            security: self.endpoints.encryption.security()?,
            ..SubscriptionConfig::new(self.endpoints.publish(), Some(replay))
        };
        runtime()?.block_on(async {
            let mut follow = Follow::open(config, self.selection.filter, session)?;
            let outcome = work(&mut follow, &mut worker).await;
            let stored = follow.close().await;
            outcome?;
            Ok(stored?)
        })
    }
}

async fn work(follow: &mut Follow, worker: &mut Worker<'_>) -> anyhow::Result<()> {
    loop {
        match follow.next().await.map_err(explain_journal)? {
            Happening::Event(relay, delivery) => {
                let settled = worker.settle(follow, &delivery).await?;
                let (Settled::GoOn | Settled::ThenStop) = settled else { return Ok(()) };
                if let Some(place) = Place::of(relay, &delivery) {
                    follow.handled(place)?;
                }
                if settled == Settled::ThenStop {
                    return Ok(());
                }
            }
            Happening::Passed(place) => follow.handled(place)?,
            Happening::Idle => {}
            Happening::Stop => return Ok(()),
        }
    }
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
