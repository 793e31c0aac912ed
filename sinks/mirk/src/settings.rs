//! A configuration and everything that follows from it, as one that is replaced as a whole.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use laniakea_filter::Glob;

use crate::{
    compose::Style,
    config::{Config, InvalidConfig, RoomConfig},
    describe::Describer,
    route::Router,
    source::StreamEvent,
    store::{Arrival, Subscription},
};

/// What is in force at one moment.
#[derive(Debug)]
pub struct Settings {
    /// The file.
    pub config: Arc<Config>,
    /// How events are told.
    pub describer: Describer,
    /// Which rooms they are for.
    pub router: Router,
}

impl Settings {
    /// Puts together what follows from a configuration and the rules that were made by command.
    ///
    /// # Errors
    ///
    /// A template cannot be used.
    pub fn new(config: Arc<Config>, subscriptions: &[Subscription]) -> Result<Self, InvalidConfig> {
        let describer = config.messages.describer()?;
        let router = Router::new(&config, subscriptions);
        Ok(Self { config, describer, router })
    }

    /// The event, described and routed.
    pub fn arrive(&self, event: &StreamEvent) -> Arrival {
        let (described, summary) = self.describer.describe(event);
        let wanted = self.router.route(event, &summary);
        Arrival { event: described, wanted }
    }

    /// How a room's messages look.
    pub fn style(&self, room: &str) -> Option<Style> {
        Some(self.room(room)?.style(&self.config.messages))
    }

    /// Who may give commands in a room.
    pub fn is_allowed(&self, room: Option<&str>, user: &str) -> bool {
        let own = room.and_then(|room| self.config.room(room)?.allowed_users.as_ref());
        let allowed = own.unwrap_or(&self.config.matrix.allowed_users);
        allowed.iter().any(|glob: &Glob| glob.matches(user))
    }

    /// Until when a room is left alone.
    pub fn quiet_until(&self, room: &str, now: Timestamp) -> Option<Timestamp> {
        self.config.room(room)?.quiet_hours.as_ref()?.end(now)
    }

    fn room(&self, name: &str) -> Option<RoomConfig> {
        self.config.room(name).cloned().or_else(|| RoomConfig::unconfigured(name))
    }
}

/// A mute lasts at most this long.
pub const LONGEST_MUTE: SignedDuration = SignedDuration::from_hours(24 * 30);
