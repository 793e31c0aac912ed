// SPDX-License-Identifier: CC0-1.0
//! A source: signs an event and submits it until the relay has it on disk. With `--spool` the event
//! waits in a directory while the relay is away, and survives a crash of this program.
//!
//! ```sh
//! source --key archive-01.key_secret _lk.archive.package-build-success \
//!     '{"pkgname": "glibc", "version": "2.41-3", "architecture": "amd64"}'
//! ```

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, bail};
use clap::Parser;
use example_module::submit;
use laniakea_daemon::{Clock as _, SystemClock, Verbosity, init_logging};
use laniakea_event::{Draft, EventId, Limits, Object, SigningKey, Value};
use laniakea_spool::{Bounds, Spool, SpoolingConfig, SpoolingPublisher};
use laniakea_wire::submit::{Publisher, PublisherConfig};

/// Emits one event.
#[derive(Parser)]
struct Arguments {
    /// The relay's submit endpoint.
    #[arg(long, default_value = "tcp://127.0.0.1:5571")]
    to: String,
    /// The secret key file.
    #[arg(long)]
    key: PathBuf,
    /// Keep events in this directory until the relay has them.
    #[arg(long)]
    spool: Option<PathBuf>,
    /// The event's type, such as `org.example.builder.job-done`.
    id: String,
    /// A JSON object.
    data: String,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    init_logging(Verbosity::Normal);
    let arguments = Arguments::parse();
    let key = SigningKey::load(&arguments.key)?;
    let id = EventId::parse(&arguments.id).context("the id is no event id")?;
    let data = parse_object(&arguments.data)?;
    let event = Draft::new(id, SystemClock.now(), data).sign(&key)?;

    let relay = PublisherConfig::new(arguments.to);
    if let Some(directory) = arguments.spool {
        let spool = Spool::open(directory, Bounds::default())?;
        let publisher = SpoolingPublisher::start(spool, SpoolingConfig::new(relay))?;
        // From here on the event is on disk. A module that goes on running sends it meanwhile.
        publisher.put(event.bytes())?;
        let left = publisher.close(Duration::from_secs(10)).await?;
        tracing::info!(left, "events that wait are sent by the next run");
        return Ok(());
    }
    let publisher = Publisher::connect(relay)?;
    let receipt = submit(&publisher, event).await?;
    tracing::info!(event.digest = receipt.digest, seq = receipt.seq.0, "the relay has the event");
    Ok(())
}

fn parse_object(text: &str) -> anyhow::Result<Object> {
    match Value::parse(text.as_bytes(), &Limits::SUBMISSION) {
        Ok(Value::Object(data)) => Ok(data),
        Ok(other) => bail!("data must be an object, not {}", other.kind()),
        Err(rejection) => Err(rejection).context("data is no JSON"),
    }
}
