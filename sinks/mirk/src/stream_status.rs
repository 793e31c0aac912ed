//! How far the stream is, for people who ask.

use std::time::Duration;

use laniakea_wire::{
    curve::Security,
    replay::{Header, ReplayClient, Request},
    subscription::Position,
};

/// Somebody waits for the answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks the relay.
#[derive(Clone)]
pub struct StreamStatus {
    /// The connections of this process.
    /// The relay's replay endpoint.
    pub replay: String,
    /// How to connect to it.
    pub security: Security,
}

impl StreamStatus {
    /// The relay, and how far behind we are, in a sentence.
    pub async fn describe(&self, position: Option<Position>) -> String {
        let this = self.clone();
        let asked = tokio::task::spawn_blocking(move || this.ask()).await;
        let at = position.map_or(0, |position| position.seq.0);
        match asked.ok().flatten() {
            None => format!("Stream: event {at}; the relay does not answer."),
            Some(header) => {
                let relay = header.relay.unwrap_or_default();
                let is_other = position.is_some_and(|position| position.journal != header.journal);
                let behind = header.last.0.saturating_sub(at);
                match behind {
                    _ if is_other => format!("Stream: {relay} has another journal."),
                    0 => format!("Stream: up to date with {relay} at event {at}."),
                    _ => format!("Stream: at event {at}, {behind} behind {relay}."),
                }
            }
        }
    }

    fn ask(&self) -> Option<Header> {
        let mut client = ReplayClient::connect(&self.replay, &self.security, PATIENCE).ok()?;
        Some(client.request(&Request::Status(None)).ok()?.header)
    }
}
