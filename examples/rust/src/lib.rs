// SPDX-License-Identifier: CC0-1.0
//! What the three programs share: the stream's part of their configuration, and patience.

use std::{path::PathBuf, sync::Arc, time::Duration};

use laniakea_daemon::{TrustConfig, TrustError, load_directory};
use laniakea_event::{Prefix, SignedEvent};
use laniakea_wire::{
    submit::{Publisher, Receipt, SubmitError},
    subscription::{Believe, CursorFile, SubscriptionConfig},
};
use serde::Deserialize;

/// `[stream]`: which relay to follow.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamConfig {
    /// The relay's publish endpoint.
    publish: String,
    /// The relay's replay endpoint.
    replay: String,
    /// The file that keeps the position; without it the stream begins with the next event.
    cursor: PathBuf,
}

impl StreamConfig {
    /// Follows these prefixes without a gap and believes authorised sources alone.
    ///
    /// # Errors
    ///
    /// `[trust]` or the keys that it names cannot be used.
    pub fn subscription(
        self,
        trust: &TrustConfig,
        prefixes: Vec<Prefix>,
    ) -> Result<SubscriptionConfig, TrustError> {
        let keys = load_directory(&trust.keys_dir)?.keyring();
        Ok(SubscriptionConfig {
            prefixes,
            believe: Believe::Sources(Arc::new(trust.table(keys)?)),
            cursor: Some(Box::new(CursorFile::new(self.cursor))),
            ..SubscriptionConfig::new(self.publish, Some(self.replay))
        })
    }
}

/// Submits the same bytes until the relay says yes or no: one that has the event already answers
/// `duplicate` and does nothing else.
///
/// If the event must survive a crash of this program too, a `SpoolingPublisher` keeps it on disk
/// until then: `source --spool`.
///
/// # Errors
///
/// The relay rejected the event and would do so again.
pub async fn submit(publisher: &Publisher, event: SignedEvent) -> Result<Receipt, SubmitError> {
    loop {
        match publisher.submit(event.bytes().to_vec()).await {
            Err(error) if error.is_temporary() => {
                tracing::warn!(%error, "trying again");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            outcome => return outcome,
        }
    }
}
