//! What a sink that runs on its own logs of what happens to its subscription.

use laniakea_event::Seq;

use super::Update;

impl Update {
    /// Logs what happened to the stream. Events, and that everything was read, are no news.
    pub fn log(&self) {
        match self {
            Self::Lost { after, before } => {
                let (first, last) = (after.next(), Seq(before.0.saturating_sub(1)));
                tracing::error!(%first, %last, "events are lost: the relay does not have them any more");
            }
            Self::JournalChanged { from, to } => {
                tracing::warn!(%from, %to, "the relay has another journal; reading on in it");
            }
            Self::Refused { seq, reason } => {
                tracing::debug!(seq = seq.map(|seq| seq.0), reason, "an event was refused");
            }
            Self::Connected => tracing::info!("connected to the relay"),
            Self::Disconnected => tracing::warn!("disconnected from the relay; trying again"),
            Self::HandshakeFailed(failure) => {
                tracing::warn!(%failure, "cannot connect to the relay; trying again");
            }
            Self::Contradiction { endpoint, said } => {
                tracing::error!(endpoint, %said, "the relay contradicts itself; asking again");
            }
            Self::ReplaySilent => tracing::warn!("the relay does not answer; trying again"),
            Self::Event(_) | Self::Progress { .. } | Self::CaughtUp(_) | Self::Complete { .. } => {}
        }
    }
}
