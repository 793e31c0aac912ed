//! Looks for a message of ours that may have arrived without our knowing.

use jiff::{SignedDuration, Timestamp};
use matrix_sdk::{
    deserialized_responses::TimelineEvent,
    room::MessagesOptions,
    ruma::{OwnedUserId, RoomId, uint},
};
use serde::Deserialize;
use serde_json::Value as Json;

use super::{Account, failure::classify};
use crate::{compose::MARK, sink::SendError};

/// So many pages of a hundred events are looked through.
const MAX_PAGES: usize = 100;
/// What the clocks of two machines may differ by.
const SLACK: SignedDuration = SignedDuration::from_mins(10);

/// What is looked at of an event.
#[derive(Deserialize)]
struct Found {
    #[serde(rename = "type")]
    kind: String,
    event_id: String,
    sender: OwnedUserId,
    origin_server_ts: i64,
    #[serde(default)]
    content: Json,
    #[serde(default)]
    unsigned: Json,
}

impl Account {
    /// Reads the room backwards to the time of the first attempt.
    pub(super) async fn find(
        &self,
        room_id: &str,
        txn: &str,
        since: Timestamp,
    ) -> Result<Option<String>, SendError> {
        let room = RoomId::parse(room_id).ok().and_then(|id| self.client.get_room(&id));
        let room = room.ok_or_else(|| SendError::Closed(anyhow::anyhow!("we are not in it")))?;
        let earliest = since.saturating_sub(SLACK).unwrap_or(Timestamp::MIN).as_millisecond();
        let mut from = None;
        for _ in 0..MAX_PAGES {
            let mut options = MessagesOptions::backward();
            options.limit = uint!(100);
            options.from = from.take();
            let page = room.messages(options).await.map_err(classify)?;
            let events: Vec<Found> = page.chunk.iter().filter_map(read).collect();
            for event in events.iter().filter(|event| self.is_own(&event.sender)) {
                if self.is_it(event, txn, earliest).await? {
                    return Ok(Some(event.event_id.clone()));
                }
            }
            let is_far_enough = events.iter().any(|event| event.origin_server_ts < earliest);
            match page.end {
                Some(end) if !is_far_enough => from = Some(end),
                _ => return Ok(None),
            }
        }
        tracing::warn!(room_id, txn, "too much was written since to look for a message");
        Ok(None)
    }
}

impl Account {
    async fn is_it(&self, event: &Found, txn: &str, earliest: i64) -> Result<bool, SendError> {
        if event.content[MARK]["txn"] == txn || event.unsigned["transaction_id"] == txn {
            return Ok(true);
        }
        // An earlier device's message that this one cannot read. A room gets one message after the
        // other: all before this one are known by their ids, and none came after it.
        if event.kind != "m.room.encrypted" || event.origin_server_ts < earliest {
            return Ok(false);
        }
        let id = event.event_id.clone();
        let is_known = self.store.with(move |store| store.is_sent(&id)).await;
        is_known.map(|is_known| !is_known).map_err(|error| SendError::Unavailable(error.into()))
    }
}

fn read(event: &TimelineEvent) -> Option<Found> {
    event.raw().deserialize_as_unchecked().ok()
}
