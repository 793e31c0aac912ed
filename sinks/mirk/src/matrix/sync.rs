//! Hears what the homeserver has to say: invitations, upgrades of rooms, and commands.

use std::{sync::Arc, time::Duration};

use laniakea_daemon::Stopping;
use matrix_sdk::{
    Room,
    config::SyncSettings,
    ruma::{
        api::client::filter::{FilterDefinition, LazyLoadOptions, RoomEventFilter, RoomFilter},
        api::client::sync::sync_events::v3::Filter,
        presence::PresenceState,
    },
    sync::SyncResponse,
};
use tokio::time::{Instant, sleep_until};

use super::{
    Account,
    failure::{classify, in_time},
};
use crate::{
    chat::{Chat, Said},
    sink::SendError,
    store::StoreError,
};

/// How long the homeserver may wait for something to say.
const POLL: Duration = Duration::from_secs(30);
/// It is asked no more often than this, however quickly it answers.
const INTERVAL: Duration = Duration::from_secs(1);

/// The homeserver cannot be heard any more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SyncError {
    /// The account is logged out.
    #[error(transparent)]
    LoggedOut(SendError),
    /// The database.
    #[error("commands cannot be answered")]
    Store(#[from] StoreError),
}

/// The bot's ear.
pub struct Sync {
    /// The account.
    pub account: Arc<Account>,
    /// Who answers.
    pub chat: Chat,
}

impl Sync {
    /// Works until it is told to stop.
    ///
    /// # Errors
    ///
    /// See [`SyncError`].
    pub async fn run(self, mut stopping: Stopping) -> Result<(), SyncError> {
        let mut failures = 0;
        loop {
            let begin = Instant::now();
            let asking =
                async { self.account.client.sync_once(settings()).await.map_err(classify) };
            let response = tokio::select! {
                response = in_time(asking) => response,
                () = stopping.wait() => return Ok(()),
            };
            let next = match response {
                Ok(response) => {
                    if std::mem::take(&mut failures) > 0 {
                        tracing::info!("the homeserver answers again");
                    }
                    self.heard(response).await?;
                    begin + INTERVAL
                }
                Err(error @ SendError::LoggedOut(_)) => return Err(SyncError::LoggedOut(error)),
                Err(error) => {
                    failures += 1;
                    let pause = error.pause(failures);
                    if failures == 1 {
                        let error = format!("{:#}", anyhow::Error::from(error));
                        tracing::warn!(error, "the homeserver does not answer; trying again");
                    }
                    Instant::now() + pause
                }
            };
            tokio::select! {
                () = sleep_until(next) => {}
                () = stopping.wait() => return Ok(()),
            }
        }
    }

    async fn heard(&self, response: SyncResponse) -> Result<(), SyncError> {
        for room in self.account.client.invited_rooms() {
            self.answer_invitation(&room).await?;
        }
        for (room_id, update) in response.rooms.joined {
            if self.account.successor(room_id.as_str()).is_some() {
                self.follow_upgrade(room_id.as_str()).await?;
            }
            for event in &update.timeline.events {
                let Some(said) = Said::read(room_id.as_str(), event.raw().json().get()) else {
                    continue;
                };
                if said.sender != self.account.user {
                    self.chat.hear(said).await?;
                }
            }
        }
        Ok(())
    }

    /// What an invitation is answered with is decided anew each time; one that could not be
    /// answered is still there after the next.
    async fn answer_invitation(&self, room: &Room) -> Result<(), SyncError> {
        let inviter = match room.invite_details().await {
            Ok(invitation) => invitation.inviter_id.to_string(),
            Err(error) => {
                tracing::warn!(room = %room.room_id(), %error, "an invitation cannot be read");
                return Ok(());
            }
        };
        let is_allowed = self.chat.may_invite(&inviter);
        let answered = if is_allowed { room.join().await } else { room.leave().await };
        match answered {
            Ok(()) if is_allowed => {
                tracing::info!(room = %room.room_id(), inviter, "accepted an invitation");
                // Its worker may be waiting outside.
                self.chat.control.refresh().await?;
            }
            Ok(()) => tracing::info!(room = %room.room_id(), inviter, "refused an invitation"),
            Err(error) => {
                tracing::warn!(room = %room.room_id(), inviter, %error, "could not answer an invitation");
            }
        }
        Ok(())
    }

    /// A room that was upgraded is followed at once, not when the next message is due.
    async fn follow_upgrade(&self, room_id: &str) -> Result<(), SyncError> {
        let id = room_id.to_owned();
        for name in self.account.store.with(move |store| store.names_of(&id)).await? {
            if let Err(error) = self.account.enter(&name).await {
                let error = format!("{:#}", anyhow::Error::from(error));
                tracing::warn!(room = name, error, "could not follow a room that was upgraded");
            }
        }
        Ok(())
    }
}

/// Members of rooms are loaded when they are needed, which is for encryption alone.
pub(super) fn settings() -> SyncSettings {
    let mut events = RoomEventFilter::default();
    events.lazy_load_options = LazyLoadOptions::Enabled { include_redundant_members: false };
    let mut rooms = RoomFilter::default();
    rooms.timeline = events.clone();
    rooms.state = events;
    let mut filter = FilterDefinition::default();
    filter.room = rooms;
    SyncSettings::new()
        .timeout(POLL)
        .filter(Filter::FilterDefinition(filter))
        .set_presence(PresenceState::Offline)
}
