//! Events that are on disk go to everybody who subscribed.

use std::sync::Arc;

use laniakea_journal::JournaledEvent;
use laniakea_wire::publish::PublishServer;

use crate::counters::Counters;

/// The publish socket. It takes journaled events and nothing else.
pub(crate) struct Publication {
    pub(crate) server: PublishServer,
    pub(crate) counters: Arc<Counters>,
}

impl Publication {
    /// Publishes a group in its order.
    pub(crate) fn fan_out(&self, group: Vec<JournaledEvent>) {
        if group.is_empty() {
            return;
        }
        self.counters.published.add(group.len());
        let publications = group.into_iter().map(|event| laniakea_wire::publish::Publication {
            id: event.id().as_str().into(),
            frame: event.frame().clone(),
        });
        self.server.publish(publications.collect());
    }
}
