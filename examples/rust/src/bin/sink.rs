// SPDX-License-Identifier: CC0-1.0
//! A sink: handles every event that an authorised source signed, and misses none.
//!
//! `sink --config sink.toml`; it prints the events. Put what it is for into [`handle`].

use std::{
    io::{self, Write as _},
    path::PathBuf,
};

use clap::Parser;
use example_module::StreamConfig;
use laniakea_daemon::{TrustConfig, Verbosity, init_logging, load_config};
use laniakea_event::Prefix;
use laniakea_wire::subscription::{Delivery, Subscription, Update};
use serde::Deserialize;

/// Prints events.
#[derive(Parser)]
struct Arguments {
    /// The configuration file.
    #[arg(long)]
    config: PathBuf,
    /// Which events: whole ids, or what ends in a dot; none means all.
    prefixes: Vec<Prefix>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    stream: StreamConfig,
    /// Whom to believe, as the relay's own configuration has it.
    trust: TrustConfig,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    init_logging(Verbosity::Normal);
    let arguments = Arguments::parse();
    let config: Config = load_config(&arguments.config)?;
    let subscription = config.stream.subscription(&config.trust, arguments.prefixes)?;
    let mut stream = Subscription::open(subscription)?;
    while let Some(update) = stream.next().await {
        match update? {
            Update::Event(event) => {
                handle(&event)?;
                if let Some(position) = event.position() {
                    stream.handled(position)?;
                }
            }
            Update::CaughtUp(position) => stream.handled(position)?,
            Update::Lost { after, before } => tracing::error!(%after, %before, "events are lost"),
            Update::JournalChanged { from, to } => tracing::warn!(%from, %to, "another journal"),
            Update::Refused { reason, .. } => tracing::warn!(reason, "an event was refused"),
            Update::HandshakeFailed(failure) => tracing::warn!(%failure, "cannot connect"),
            Update::Contradiction { endpoint, said } => {
                tracing::error!(endpoint, %said, "the relay contradicts itself");
            }
            Update::ReplaySilent => tracing::warn!("the relay does not answer"),
            Update::Progress { .. }
            | Update::Complete { .. }
            | Update::Connected
            | Update::Disconnected => {}
        }
    }
    Ok(())
}

/// Does something with an event.
///
/// When this returns, the event is done with. After a crash in between it comes again, so what
/// is done here should not do harm when it is done twice. Its source is trusted to sign, not to
/// write safe text: pass nothing of it to a shell, and escape it where it is shown.
fn handle(event: &Delivery) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(event.frame())?;
    output.write_all(b"\n")?;
    output.flush()
}
