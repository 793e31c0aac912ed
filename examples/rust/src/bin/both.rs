// SPDX-License-Identifier: CC0-1.0
//! A sink that is a source too: answers each failed build with an event of its own.
//!
//! `both --config both.toml`

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Parser;
use example_module::{StreamConfig, submit};
use laniakea_daemon::{TrustConfig, Verbosity, init_logging, load_config};
use laniakea_event::{Draft, EventId, Object, Prefix, SigningKey, Value};
use laniakea_wire::{
    submit::{Publisher, PublisherConfig},
    subscription::{Delivery, Subscription, Update},
};
use serde::Deserialize;

const CAUSE: &str = "_lk.archive.package-build-failed";
const REACTION: &str = "org.example.watch.build-needs-attention";

/// Answers failed builds.
#[derive(Parser)]
struct Arguments {
    /// The configuration file.
    #[arg(long)]
    config: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// The relay's submit endpoint.
    submit: String,
    /// The secret key file.
    key_file: PathBuf,
    stream: StreamConfig,
    /// Whom to believe, as the relay's own configuration has it.
    trust: TrustConfig,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    init_logging(Verbosity::Normal);
    let config: Config = load_config(&Arguments::parse().config)?;
    let key = SigningKey::load(&config.key_file)?;
    let publisher = Publisher::connect(PublisherConfig::new(config.submit))?;
    let subscription = config.stream.subscription(&config.trust, vec![Prefix::parse(CAUSE)?])?;
    let mut stream = Subscription::open(subscription)?;
    while let Some(update) = stream.next().await {
        match update? {
            Update::Event(event) => {
                if let Err(error) = react(&event, &key, &publisher).await {
                    // It would fail again: say so and go on with the next event.
                    let error = format!("{error:#}");
                    tracing::error!(error, cause = %event.digest(), "no reaction");
                }
                if let Some(position) = event.position() {
                    stream.handled(position)?;
                }
            }
            Update::CaughtUp(position) => stream.handled(position)?,
            Update::Progress { .. }
            | Update::Complete { .. }
            | Update::Connected
            | Update::Disconnected => {}
            trouble => tracing::warn!(?trouble, "the stream is not as it should be"),
        }
    }
    Ok(())
}

/// Emits the event that answers an event.
///
/// The same cause gives the same reaction, byte for byte: when the cause comes again after a
/// crash, the relay knows the reaction already. So its time is not now, but when the relay took
/// the cause.
async fn react(cause: &Delivery, key: &SigningKey, publisher: &Publisher) -> anyhow::Result<()> {
    let text = |name| cause.data().get(name).and_then(Value::as_str).unwrap_or("unknown");
    let data = [
        ("cause", cause.digest().to_string()),
        ("package", text("pkgname").to_owned()),
        ("version", text("version").to_owned()),
        ("architecture", text("architecture").to_owned()),
    ];
    let data: Object =
        data.into_iter().map(|(name, text)| (name.to_owned(), text.into())).collect();
    let note = cause.note().context("the relay noted nothing beside the event")?;
    let time = note.received.parse()?;
    submit(publisher, Draft::new(EventId::parse(REACTION)?, time, data).sign(key)?).await?;
    Ok(())
}
