//! What rooms would see, without a homeserver: the same stages over a database in memory.

mod page;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value as Json;

pub use self::page::page;
use crate::{
    compose::Budget,
    config::Config,
    settings::Settings,
    source::StreamEvent,
    store::{Composed, Store},
};

/// A message as a room would get it.
#[derive(Debug, Clone, Serialize)]
pub struct Posted {
    /// The room.
    pub room: String,
    /// The content of the Matrix event.
    pub content: Json,
    /// What relations to it are made by.
    pub event_id: String,
}

/// How the events come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Each alone, with time enough for a message of its own.
    Slow,
    /// All at once.
    Burst,
}

/// Posts events to the rooms of a configuration; `room` alone, if it is given. Untrusted events are
/// taken for trusted: what is shown is how they look.
///
/// # Errors
///
/// A template cannot be used, or there is no memory.
pub fn preview(
    config: Config,
    events: &[StreamEvent],
    room: Option<&str>,
    pace: Pace,
) -> anyhow::Result<Vec<Posted>> {
    let settings = Settings::new(Arc::new(config), &[])?;
    let mut preview = Preview::new(settings)?;
    match pace {
        Pace::Burst => preview.post(events)?,
        Pace::Slow => {
            for event in events {
                preview.post(std::slice::from_ref(event))?;
            }
        }
    }
    preview.posted.retain(|posted| room.is_none_or(|room| posted.room == room));
    Ok(preview.posted)
}

struct Preview {
    settings: Settings,
    store: Store,
    rooms: Vec<(String, Budget)>,
    now: Timestamp,
    posted: Vec<Posted>,
}

impl Preview {
    fn new(settings: Settings) -> anyhow::Result<Self> {
        let rooms = settings.config.rooms.iter();
        let rooms = rooms.map(|room| (room.room.to_string(), Budget::default())).collect();
        let store = Store::in_memory()?;
        Ok(Self { settings, store, rooms, now: Timestamp::UNIX_EPOCH, posted: Vec::new() })
    }

    fn post(&mut self, events: &[StreamEvent]) -> anyhow::Result<()> {
        let arrivals: Vec<_> = events.iter().map(|event| self.settings.arrive(event)).collect();
        self.store.take(&arrivals, None, self.now)?;
        // Later than anything waits for.
        self.now = self.now.saturating_add(SignedDuration::from_hours(1)).unwrap_or(self.now);
        let mut rooms = std::mem::take(&mut self.rooms);
        for (room, budget) in &mut rooms {
            self.compose(room, budget)?;
        }
        self.rooms = rooms;
        Ok(())
    }

    fn compose(&mut self, room: &str, budget: &mut Budget) -> anyhow::Result<()> {
        let Some(style) = self.settings.style(room) else { return Ok(()) };
        while self.store.compose(&style, Some(room), budget, self.now)? == Composed::Messages {
            while let Some(message) = self.store.pending(room)? {
                let event_id = format!("${}", message.txn);
                self.store.sent(message.row, room, &event_id, self.now)?;
                let content = serde_json::from_str(&message.content)?;
                self.posted.push(Posted { room: room.to_owned(), content, event_id });
            }
        }
        Ok(())
    }
}
