//! From a room's name in the configuration to the room that messages go to now.

use std::sync::PoisonError;

use matrix_sdk::{
    RoomState,
    ruma::{OwnedServerName, RoomAliasId, RoomId, RoomOrAliasId, UserId},
};

use super::{
    Account,
    failure::{classify, classify_http},
};
use crate::sink::SendError;

/// So many times a room may have been upgraded.
const MAX_UPGRADES: usize = 20;

impl Account {
    /// The id of the room, which we are in when this returns: what the alias stands for, or what
    /// took the place of the room of this id, joined if need be.
    pub(super) async fn enter(&self, name: &str) -> Result<String, SendError> {
        if let Some(known) = self.entered_room(name) {
            return Ok(known);
        }
        let (mut room_id, mut via) = self.look_up(name).await?;
        for _ in 0..MAX_UPGRADES {
            if !self.is_joined(&room_id) {
                self.join(&room_id, &via).await?;
            }
            let Some(next) = self.successor(&room_id) else { break };
            tracing::info!(room = name, from = room_id, to = next, "the room was upgraded");
            (room_id, via) = (next, self.own_server());
        }
        let (key, value) = (name.to_owned(), room_id.clone());
        let kept = self.store.with(move |store| store.moved(&key, &value)).await;
        kept.map_err(|error| SendError::Unavailable(error.into()))?;
        let mut entered = self.entered.lock().unwrap_or_else(PoisonError::into_inner);
        entered.insert(name.to_owned(), room_id.clone());
        Ok(room_id)
    }

    /// The room that was entered under this name, if it is still the one.
    fn entered_room(&self, name: &str) -> Option<String> {
        let entered = self.entered.lock().unwrap_or_else(PoisonError::into_inner);
        let room_id = entered.get(name)?;
        (self.is_joined(room_id) && self.successor(room_id).is_none()).then(|| room_id.clone())
    }

    /// The room that a name stands for, and servers that know it.
    async fn look_up(&self, name: &str) -> Result<(String, Vec<OwnedServerName>), SendError> {
        let Ok(alias) = RoomAliasId::parse(name) else {
            let key = name.to_owned();
            let state = self.store.with(move |store| store.room(&key)).await;
            let state = state.map_err(|error| SendError::Unavailable(error.into()))?;
            // Upgrades that were followed need not be followed again.
            let now = state.room_id.filter(|room_id| self.is_joined(room_id));
            return Ok((now.unwrap_or_else(|| name.to_owned()), self.own_server()));
        };
        let found = self.client.resolve_room_alias(&alias).await.map_err(classify_http)?;
        Ok((found.room_id.to_string(), found.servers.into_iter().take(5).collect()))
    }

    async fn join(&self, room_id: &str, via: &[OwnedServerName]) -> Result<(), SendError> {
        let id = RoomOrAliasId::parse(room_id).map_err(|error| SendError::Closed(error.into()))?;
        self.client.join_room_by_id_or_alias(&id, via).await.map_err(classify)?;
        tracing::info!(room_id, "joined a room");
        Ok(())
    }

    pub(super) fn is_joined(&self, room_id: &str) -> bool {
        let room = RoomId::parse(room_id).ok().and_then(|id| self.client.get_room(&id));
        room.is_some_and(|room| room.state() == RoomState::Joined)
    }

    /// What took a room's place.
    pub(super) fn successor(&self, room_id: &str) -> Option<String> {
        let room = self.client.get_room(&RoomId::parse(room_id).ok()?)?;
        Some(room.successor_room()?.room_id.to_string())
    }

    fn own_server(&self) -> Vec<OwnedServerName> {
        let user = UserId::parse(&*self.user);
        user.iter().map(|user| user.server_name().to_owned()).collect()
    }
}
