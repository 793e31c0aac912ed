//! The relay's side of publish, from outside its thread.

use std::sync::{Arc, atomic::AtomicI64};

use crossbeam_channel::{Sender, bounded};
use laniakea_zmtp::{Limits, Role};

use super::fan_out::FanOut;
use crate::{
    Endpoint, Listen, WireError,
    server::{BoundServer, ConnectionCounters, Server, Settings},
};

/// What a subscriber says is a subscription, and none that matters is longer.
const MAX_MESSAGE_BYTES: usize = 1 << 10;
const MAX_FRAMES: usize = 100;
/// Groups that wait for the server's thread, which never waits for a subscriber.
const QUEUED_GROUPS: usize = 64;
/// Bytes of events that wait for all subscribers.
const MAX_WAITING: usize = 256 << 20;

/// One event on its way out: the two frames of section 3.
#[derive(Clone)]
pub struct Publication {
    /// The event's id.
    pub id: Arc<str>,
    /// The event in canonical form.
    pub frame: Arc<[u8]>,
}

/// Publishes events.
///
/// It waits for no subscriber. For one that is slower than the events some MiB are kept; then it
/// loses events, so that it harms nobody else, and finds out from `prev`.
pub struct PublishServer {
    server: Server,
    groups: Sender<Arc<[Publication]>>,
}

impl PublishServer {
    /// Binds the endpoints.
    pub fn bind(listen: &Listen) -> Result<Self, WireError> {
        let settings = Settings {
            name: "publish",
            role: Role::XPub,
            messages: Limits::of_messages(MAX_MESSAGE_BYTES, MAX_FRAMES),
            max_unsent: MAX_WAITING,
        };
        let bound = BoundServer::bind(listen, &settings)?;
        let (groups, receiver) = bounded(QUEUED_GROUPS);
        let fan_out = FanOut::new(receiver, listen.limits, bound.counters());
        Ok(Self { server: bound.start(fan_out)?, groups })
    }

    /// Where the server listens.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.server.endpoints
    }

    /// Sends events to everybody who subscribed to their ids, in this order.
    pub fn publish(&self, group: Vec<Publication>) {
        if self.groups.send(group.into()).is_ok() {
            self.server.control.wake();
        }
    }

    /// Subscriptions at present, each connection's counted.
    pub fn subscriptions(&self) -> Arc<AtomicI64> {
        self.server.counters.subscribed()
    }

    /// What became of the connections.
    pub fn connections(&self) -> Arc<ConnectionCounters> {
        self.server.counters.clone()
    }
}
