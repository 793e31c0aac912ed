//! Commands in rooms: who may give them, what they mean, and what is answered.
//!
//! An answer goes the way of every message: it is kept with a transaction id made of the command's
//! event, so that a command is answered once, whatever happens in between.

mod answer;
mod command;
mod said;
mod show;
mod why;

use std::sync::Arc;

use jiff::Timestamp;
use laniakea_daemon::Clock;
use sha2::{Digest as _, Sha256};

pub use self::said::Said;
use self::{answer::Answerer, command::Command};
use crate::{
    compose::{Mark, MessageKind, NewMessage, plain_body, reply},
    control::Control,
    store::StoreError,
};

/// The bot's mouth.
#[derive(Clone)]
pub struct Chat {
    /// What is in force, and how that is changed.
    pub control: Control,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// What was said before the device was made is not for it.
    pub not_before: Timestamp,
    /// The relay's replay endpoint, which knows how far the stream is.
    pub stream: crate::stream_status::StreamStatus,
}

impl Chat {
    /// Whether somebody may have the bot in a room.
    pub fn may_invite(&self, user: &str) -> bool {
        self.control.settings().is_allowed(None, user)
    }

    /// Answers a command, if it is one and its sender may give it.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn hear(&self, said: Said) -> Result<(), StoreError> {
        let Some(text) = command::addressed(&said.body) else { return Ok(()) };
        if said.at < self.not_before {
            return Ok(());
        }
        let room = self.room_name(&said.room_id).await?;
        if !self.control.settings().is_allowed(Some(&room), &said.sender) {
            tracing::debug!(room, sender = said.sender, "somebody may not give commands");
            return Ok(());
        }
        let answerer = Answerer { chat: self, room: &room, said: &said };
        let body = match Command::parse(text) {
            Ok(command) => answerer.answer(command).await?,
            Err(problem) => plain_body(&problem),
        };
        let txn = answer_id(&said);
        let mark = Mark { txn: &txn, events: Vec::new() };
        let content = reply(&body, &said.event_id, said.thread.as_deref(), &mark);
        let message = NewMessage {
            kind: MessageKind::Answer,
            txn,
            content,
            entries: Vec::new(),
            begins: None,
        };
        let now = self.clock.now();
        let name = room.clone();
        self.control.store().with(move |store| store.say(&name, &message, now)).await?;
        if self.control.settings().config.room(&room).is_some() {
            self.control.wake();
        } else {
            // It may have no worker yet.
            self.control.refresh().await?;
        }
        Ok(())
    }

    /// The room's name in the configuration; a room that is not there is named by its id.
    async fn room_name(&self, room_id: &str) -> Result<String, StoreError> {
        let id = room_id.to_owned();
        let names = self.control.store().with(move |store| store.names_of(&id)).await?;
        let settings = self.control.settings();
        let configured = names.iter().find(|name| settings.config.room(name).is_some());
        if let Some(name) = configured.or(names.first()) {
            return Ok(name.clone());
        }
        let id = room_id.to_owned();
        self.control.store().with(move |store| store.moved(&id, &id)).await?;
        Ok(room_id.to_owned())
    }
}

fn answer_id(said: &Said) -> String {
    let hash = Sha256::digest(format!("{}\0{}", said.room_id, said.event_id));
    hash.iter().take(20).fold("mirk-".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}
