//! `[[room]]`

use std::fmt;

use laniakea_filter::{Glob, Rule};
use serde::Deserialize;

use super::{InvalidConfig, MessagesConfig, QuietHours, Span};
use crate::compose::{Limits, MessageType, StoryStyle, Style};

/// A room's alias or id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct RoomName(String);

impl RoomName {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RoomName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_alias = text.starts_with('#') && text.contains(':');
        let is_id = text.starts_with('!') && text.len() > 1;
        let is_plain = !text.chars().any(|c| c.is_whitespace() || c.is_control());
        if (is_alias || is_id) && is_plain && text.len() <= 255 {
            return Ok(Self(text));
        }
        Err(format!(
            "{text:?} is no room: write an alias such as \"#archive:example.org\", or an id, which \
             begins with \"!\""
        ))
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What becomes of events that nobody trusted signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Untrusted {
    /// They are not shown.
    #[default]
    Drop,
    /// They are shown with a warning.
    Mark,
}

/// A room, and what it gets.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoomConfig {
    /// Its alias or id.
    pub room: RoomName,
    /// Stands before each message; empty by default.
    #[serde(default)]
    pub prefix: String,
    /// What is posted; everything by default.
    #[serde(default)]
    pub include: Option<Vec<Rule>>,
    /// What is not posted all the same.
    #[serde(default)]
    pub exclude: Vec<Rule>,
    /// What becomes of messages as the state of what they tell of changes; `edit` by default.
    #[serde(default)]
    pub lifecycle: StoryStyle,
    /// What becomes of events that nobody trusted signed; `drop` by default.
    #[serde(default)]
    pub untrusted: Untrusted,
    /// Who may give commands here; `matrix.allowed_users` by default.
    #[serde(default)]
    pub allowed_users: Option<Vec<Glob>>,
    /// `notice` or `text`; `messages.msgtype` by default.
    #[serde(default)]
    pub msgtype: Option<MessageType>,
    /// When there are no messages; never by default.
    #[serde(default)]
    pub quiet_hours: Option<QuietHours>,
    /// How much is too much.
    #[serde(default)]
    pub limits: LimitsConfig,
}

/// `[room.limits]`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// So many single messages may come at once; 10 by default.
    pub burst: u32,
    /// So many a minute in the long run; 6 by default.
    pub per_minute: u32,
    /// For so long events are gathered into a digest; 30 seconds by default.
    pub digest_after: Span,
    /// Whether there are digests; there are by default.
    pub digest: bool,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self { burst: 10, per_minute: 6, digest_after: Span::from_seconds(30), digest: true }
    }
}

impl RoomConfig {
    /// A room that nobody configured: what it gets was told to it by command.
    pub fn unconfigured(name: &str) -> Option<Self> {
        Some(Self {
            room: RoomName::try_from(name.to_owned()).ok()?,
            prefix: String::new(),
            include: Some(Vec::new()),
            exclude: Vec::new(),
            lifecycle: StoryStyle::default(),
            untrusted: Untrusted::default(),
            allowed_users: None,
            msgtype: None,
            quiet_hours: None,
            limits: LimitsConfig::default(),
        })
    }

    /// How its messages look.
    pub fn style(&self, messages: &MessagesConfig) -> Style {
        let LimitsConfig { burst, per_minute, digest_after, digest } = self.limits;
        Style {
            room: self.room.to_string(),
            prefix: self.prefix.clone(),
            msgtype: self.msgtype.unwrap_or(messages.msgtype),
            stories: self.lifecycle,
            limits: Limits { burst, per_minute, digest_after: digest_after.duration(), digest },
            events_url: messages.events_url.clone(),
        }
    }

    pub(super) fn validate(&self) -> Result<(), InvalidConfig> {
        let place = |key: &str| format!("room {}: {key}", self.room);
        if self.limits.burst == 0 || self.limits.per_minute == 0 {
            let problem = "burst and per_minute are at least 1; leave the room out to post nothing";
            return Err(InvalidConfig::new(place("limits"), problem));
        }
        if self.limits.digest_after.duration() > jiff::SignedDuration::from_hours(24) {
            let problem = "events are gathered for a day at most";
            return Err(InvalidConfig::new(place("limits.digest_after"), problem));
        }
        if self.prefix.len() > MAX_PREFIX || self.prefix.chars().any(char::is_control) {
            let problem = format!("it is one line of at most {MAX_PREFIX} bytes");
            return Err(InvalidConfig::new(place("prefix"), problem));
        }
        Ok(())
    }
}

const MAX_PREFIX: usize = 200;
