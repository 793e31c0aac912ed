//! `lk demo`: a relay and a source on this machine's own package archive, and what comes of it.

mod directory;
mod endpoints;
mod process;
mod setup;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use clap::Args;
use laniakea_daemon::load_directory;
use laniakea_event::Seq;
use laniakea_wire::{
    curve::Security,
    replay::{ReplayClient, ReplayError, Request},
    subscription::{Believe, Start, SubscriptionConfig},
};

use self::{directory::DemoDirectory, endpoints::Endpoints, process::Process};
use crate::{
    commands::runtime,
    failure::Unreachable,
    follow::{Follow, Printer, StopSignals},
    output::Format,
    session::Session,
};

/// So many past events are shown again, so that there is something to see at once.
const SHOWN_AGAIN: u64 = 20;
/// How long the relay may take to start.
const START: Duration = Duration::from_secs(30);
/// How long to wait before the relay is asked again whether it is ready.
const PAUSE: Duration = Duration::from_millis(250);

/// Arguments of `lk demo`.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Where keys, journal and logs are kept; a second run goes on with them.
    #[arg(long, default_value = "demo")]
    dir: PathBuf,
}

impl Demo {
    pub(crate) fn run(self, session: &Session<'_>) -> anyhow::Result<()> {
        let directory = DemoDirectory::open(&self.dir)?;
        setup::set_up(&directory, session)?;
        let endpoints = Endpoints::assign(&directory)?;
        runtime()?.block_on(async {
            let mut stop = StopSignals::with_hangup()?;
            let mut processes = Processes {
                relay: Process::start("lighthouse", &directory, session)?,
                source: None,
            };
            let outcome = tokio::select! {
                outcome = processes.work(&directory, &endpoints, session) => outcome,
                () = stop.wait() => Ok(()),
            };
            outcome.and(processes.stop().await)
        })
    }
}

struct Processes {
    relay: Process,
    source: Option<Process>,
}

impl Processes {
    /// Shows events until the user has had enough, or one of the processes ends.
    async fn work(
        &mut self,
        directory: &DemoDirectory,
        endpoints: &Endpoints,
        session: &Session<'_>,
    ) -> anyhow::Result<()> {
        let last = tokio::select! {
            last = ready(endpoints) => last?,
            error = self.relay.ended() => return Err(error),
        };
        session.notices.note(&format!("the relay is ready. {}", endpoints.describe(directory)));
        if last == Seq::START {
            session.notices.note(
                "lookout reads this machine's package archive now, which takes some seconds. First \
                 comes what its updates hold beyond the base suite, then whatever is published",
            );
        }
        let source = self.source.insert(Process::start("lookout", directory, session)?);
        tokio::select! {
            outcome = show(directory, endpoints, last, session) => outcome,
            error = self.relay.ended() => Err(error),
            error = source.ended() => Err(error),
        }
    }

    /// Ends them in the order of the stream.
    async fn stop(self) -> anyhow::Result<()> {
        let source = match self.source {
            Some(source) => source.stop().await,
            None => Ok(()),
        };
        source.and(self.relay.stop().await)
    }
}

/// Waits until the relay answers; returns how far its journal goes.
async fn ready(endpoints: &Endpoints) -> anyhow::Result<Seq> {
    let deadline = Instant::now() + START;
    loop {
        let replay = endpoints.replay.clone();
        let status = tokio::task::spawn_blocking(move || {
            let mut client = ReplayClient::connect(&replay, &Security::Plain, PAUSE)?;
            client.request(&Request::Status(None))
        });
        match status.await.context("the relay could not be asked")? {
            Ok(answer) => return Ok(answer.header.last),
            Err(ReplayError::Unreachable { .. }) if Instant::now() < deadline => {}
            Err(ReplayError::Unreachable { endpoint, handshake, .. }) => {
                return Err(Unreachable { endpoint, handshake }.into());
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Prints the newest events and what follows, verified.
async fn show(
    directory: &DemoDirectory,
    endpoints: &Endpoints,
    last: Seq,
    session: &Session<'_>,
) -> anyhow::Result<()> {
    let keyring = load_directory(&directory.keys())?.keyring();
    let config = SubscriptionConfig {
        start: Start::After(Seq(last.0.saturating_sub(SHOWN_AGAIN))),
        believe: Believe::Keys(keyring),
        ..SubscriptionConfig::new(&endpoints.publish, Some(endpoints.replay.clone()))
    };
    let mut follow = Follow::open(config, None, session)?;
    Printer::new(Format::Lines, None).print(&mut follow).await
}
