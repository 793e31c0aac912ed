//! The account that messages are sent from.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;
use matrix_sdk::ruma::{RoomId, UserId, serde::Raw};

use super::{
    ClientError, Session,
    client::{self, Connection},
    failure::{classify, in_time},
};
use crate::{
    config::Config,
    sink::{Homeserver, SendError},
    store::SharedStore,
};

/// A restored session.
pub struct Account {
    pub(super) client: Connection,
    pub(super) store: SharedStore,
    pub(super) user: String,
    device: String,
    /// The rooms that were entered, by their names.
    pub(super) entered: Mutex<BTreeMap<String, String>>,
}

impl Account {
    /// Opens the encryption store for a session; asks the homeserver nothing.
    ///
    /// # Errors
    ///
    /// The store or its key cannot be used.
    pub async fn restore(
        config: &Config,
        session: &Session,
        store: SharedStore,
    ) -> Result<Self, ClientError> {
        let client = client::restore(config, session).await?;
        Ok(Self {
            client,
            store,
            user: session.user_id.to_string(),
            device: session.device_id.to_string(),
            entered: Mutex::default(),
        })
    }

    /// Forgets which room an alias stands for.
    pub fn forget_rooms(&self) {
        self.entered.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(super) fn is_own(&self, user: &UserId) -> bool {
        user.as_str() == self.user
    }
}

impl Homeserver for Account {
    fn device(&self) -> &str {
        &self.device
    }

    async fn enter(&self, name: &str) -> Result<String, SendError> {
        in_time(Self::enter(self, name)).await
    }

    async fn send(&self, room_id: &str, txn: &str, content: &str) -> Result<String, SendError> {
        let room = RoomId::parse(room_id).ok().and_then(|id| self.client.get_room(&id));
        let room = room.ok_or_else(|| SendError::Closed(anyhow::anyhow!("we are not in it")))?;
        // Kept as text so that what is sent is what was kept, to the byte.
        let content = Raw::from_json_string(content.to_owned())
            .map_err(|error| SendError::Refused(error.into()))?;
        let sending = room.send_raw("m.room.message", content).with_transaction_id(txn.into());
        let sent = in_time(async { sending.await.map_err(classify) }).await?;
        Ok(sent.response.event_id.to_string())
    }

    async fn find(
        &self,
        room_id: &str,
        txn: &str,
        since: Timestamp,
    ) -> Result<Option<String>, SendError> {
        Self::find(self, room_id, txn, since).await
    }
}
