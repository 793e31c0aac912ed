//! `[messages]`

use std::collections::BTreeMap;

use laniakea_catalog::LinkBases;
use serde::Deserialize;

use super::InvalidConfig;
use crate::{compose::MessageType, describe::Describer};

/// How events are told.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MessagesConfig {
    /// `notice` (default) or `text`.
    pub msgtype: MessageType,
    /// The address of the relay's pages; without it there are no links to events.
    pub events_url: Option<String>,
    /// The addresses that the catalogue's links begin with.
    pub links: LinkBases,
    /// Whether a coloured mark says how an event went; it does by default.
    pub marks: bool,
    /// Own templates by event id.
    pub templates: BTreeMap<String, String>,
}

impl Default for MessagesConfig {
    fn default() -> Self {
        Self {
            msgtype: MessageType::default(),
            events_url: None,
            links: LinkBases::default(),
            marks: true,
            templates: BTreeMap::new(),
        }
    }
}

impl MessagesConfig {
    /// What tells events so.
    ///
    /// # Errors
    ///
    /// The first template that cannot be used.
    pub fn describer(&self) -> Result<Describer, InvalidConfig> {
        Ok(Describer::new(&self.templates, self.links.clone(), self.marks)?)
    }

    pub(super) fn validate(&self) -> Result<(), InvalidConfig> {
        if let Some(url) = &self.events_url {
            let base = BTreeMap::from([("events".to_owned(), url.clone())]);
            LinkBases::new(base)
                .map_err(|error| InvalidConfig::new("messages.events_url", error.to_string()))?;
        }
        self.describer().map(drop)
    }
}
