//! `lk emit`: sign an event, submit it and wait until the relay has it.

pub(crate) mod data;
mod spooled;

use std::{path::PathBuf, time::Duration};

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use laniakea_event::{Dialect, Draft, EventId, EventTime, SigningKey};
use laniakea_wire::{
    curve::{CurveKey, Security},
    submit::{Publisher, PublisherConfig, Receipt},
};
use serde_json::json;
use uuid::Uuid;

use self::{
    data::{DataSource, Member},
    spooled::{Emission, Spooling},
};
use crate::{
    commands::runtime,
    endpoints::SubmitEndpoint,
    failure::Explain as _,
    output::{Facts, print_json},
    random::random,
    session::Session,
    when::parse_duration,
};

/// Arguments of `lk emit`.
#[derive(Debug, Args)]
pub(crate) struct Emit {
    /// The event's type, such as _lk.archive.package-upload-accepted.
    id: EventId,
    /// Members of its data: KEY=VALUE is a string, KEY:=JSON any other value.
    #[arg(value_name = "KEY=VALUE")]
    members: Vec<Member>,
    /// All of its data, a JSON object; - reads it from stdin.
    #[arg(long, value_name = "JSON", conflicts_with = "members")]
    data: Option<DataSource>,
    /// The secret key that signs.
    #[arg(long, value_name = "FILE", env = "LK_KEY", hide_env_values = true)]
    key: PathBuf,
    #[command(flatten)]
    submit: SubmitEndpoint,
    /// The endpoint is encrypted: the relay's public key file, which holds its CURVE key. The relay
    /// lets the CURVE key in that is in the secret key file.
    #[arg(long, value_name = "FILE", env = "LK_SERVER_KEY", hide_env_values = true)]
    server_key: Option<PathBuf>,
    /// The user or other entity that caused the event.
    #[arg(long)]
    author: Option<String>,
    /// The host that the event comes from.
    #[arg(long, value_name = "HOST")]
    origin: Option<String>,
    /// When it happened, such as 2026-11-23T16:00:00Z [default: now].
    #[arg(long)]
    time: Option<String>,
    /// The member names that the event is written with: seed, laniakea or both.
    #[arg(long, default_value_t)]
    dialect: Dialect,
    #[command(flatten)]
    spooling: Spooling,
    /// How long to wait for the reply.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_duration)]
    timeout: Duration,
    /// Print the reply as JSON.
    #[arg(long)]
    json: bool,
}

impl Emit {
    pub(crate) fn run(self, session: &Session<'_>) -> anyhow::Result<()> {
        let key = SigningKey::load(&self.key)?;
        let security = match &self.server_key {
            Some(server) => Security::with_key_file(CurveKey::load(server)?, &self.key)?,
            None => Security::Plain,
        };
        let (to, timeout, json) = (self.submit.to.clone(), self.timeout, self.json);
        let spool = self.spooling.open()?;
        let draft = self.into_draft(session.clock.now())?;
        let event = draft.sign(&key).or_usage()?.into_bytes();
        let config = PublisherConfig { security, timeout, ..PublisherConfig::new(to) };
        // Before the spool: what is mistyped is to be told, not kept.
        let publisher = Publisher::connect(config)?;
        let Some(spool) = &spool else {
            let receipt = runtime()?.block_on(publisher.submit(event))?;
            return print(&receipt, json);
        };
        let emission = Emission { spool, publisher: &publisher, timeout, session };
        runtime()?.block_on(emission.run(event, json))
    }

    fn into_draft(self, now: Timestamp) -> anyhow::Result<Draft> {
        let data = match &self.data {
            Some(source) => source.read().or_usage()?,
            None => data::collect(self.members).or_usage()?,
        };
        let mut draft = Draft::new(self.id, now, data);
        if let Some(author) = self.author {
            draft = draft.author(author);
        }
        if let Some(origin) = self.origin {
            draft = draft.origin(origin);
        }
        let mut moment = now.as_duration();
        if let Some(time) = self.time {
            // One that is malformed is refused with the rest of the draft.
            moment = EventTime::parse(&time).map_or(moment, |time| time.since_epoch());
            draft = draft.time(time);
        }
        Ok(draft.dialect(self.dialect, time_based_uuid(moment, random()?)))
    }
}

/// A version-1 uuid of that moment. Relays judge the age of an event in the Laniakea dialect by
/// it; the node is random, since nobody needs to know this machine's address.
fn time_based_uuid(moment: SignedDuration, random: [u8; 8]) -> Uuid {
    let [counter_high, counter_low, node @ ..] = random;
    let mut node: [u8; 6] = node;
    // Marks a node that is no hardware address (RFC 9562, section 6.10).
    node[0] |= 1;
    let seconds = u64::try_from(moment.as_secs()).unwrap_or(0);
    let nanoseconds = u32::try_from(moment.subsec_nanos()).unwrap_or(0);
    let counter = u16::from_be_bytes([counter_high, counter_low]);
    let timestamp = uuid::Timestamp::from_unix_time(seconds, nanoseconds, u128::from(counter), 14);
    Uuid::new_v1(timestamp, &node)
}

fn print(receipt: &Receipt, json: bool) -> anyhow::Result<()> {
    let Receipt { digest, seq, duplicate } = receipt;
    if json {
        return print_json(&json!({"digest": digest, "seq": seq, "duplicate": duplicate}));
    }
    let mut facts = Facts::default().and("digest", digest).and("seq", seq);
    if *duplicate {
        facts.push("duplicate", "the relay had it already");
    }
    facts.print(0)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_based_uuid_holds_its_moment() {
        let moment: Timestamp = "2026-11-23T16:00:00.123456Z".parse().unwrap();
        let uuid = time_based_uuid(moment.as_duration(), [0xff; 8]);
        assert_eq!(uuid.get_version_num(), 1);
        let (seconds, nanoseconds) = uuid.get_timestamp().unwrap().to_unix();
        assert_eq!(i64::try_from(seconds).unwrap(), moment.as_second());
        assert_eq!(nanoseconds, 123_456_000);
        let other = time_based_uuid(moment.as_duration(), [7; 8]);
        assert_ne!(uuid, other);
        assert_eq!(other.get_node_id().unwrap()[0] & 1, 1);
    }
}
