//! Events on their way to subscribers, in the server's thread.
//!
//! A chunk of events is encoded once for all connections that want the same of it, and put where it
//! waits for each; only encrypted connections have it sealed for themselves, on several cores where that
//! takes long. Nobody is waited for: a subscriber for which too much waits loses whole events.

use std::{
    collections::BTreeMap,
    num::NonZero,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::Receiver;
use laniakea_zmtp::Message;

use super::{
    Publication,
    allowance::Allowance,
    topics::{Mask, TopicId, Topics},
};
use crate::{
    listen::ConnectionLimits,
    server::{
        Block, Connection, ConnectionCounters, ConnectionId, Connections, Cut, Pool, Service,
    },
};

/// Bytes of events that wait for one subscriber: 2,500 of them and more, unless they are long.
const MAX_WAITING: usize = 8 << 20;
/// Events that are encoded together, a bit of [`Mask`] each, and about how many bytes.
const CHUNK: usize = Mask::BITS as usize;
const CHUNK_BYTES: usize = 256 << 10;
/// Bytes to be sealed that are worth a thread: about half a millisecond.
const BYTES_A_THREAD: usize = 256 << 10;
const MAX_THREADS: usize = 8;
/// Groups that are sent before connections are read again. What has gathered is written together: a
/// write costs more than what it writes.
const GROUPS: usize = 16;
/// To send costs far more than to send more at once. Where it took so long, for many subscribers, what
/// comes next gathers for as long again, and for the longest at most.
const DEAR: Duration = Duration::from_micros(500);
const LONGEST_REST: Duration = Duration::from_millis(2);
/// No event's id is longer, nor is what can begin one.
const MAX_TOPIC_BYTES: usize = 128;

pub(super) struct FanOut {
    groups: Receiver<Arc<[Publication]>>,
    subscribers: BTreeMap<ConnectionId, Subscriber>,
    topics: Topics,
    limits: ConnectionLimits,
    counters: Arc<ConnectionCounters>,
    /// Until then groups gather, unless there are many.
    gathers_until: Instant,
    /// Threads that may seal at once.
    threads: usize,
}

struct Subscriber {
    /// A set, as for ZeroMQ: to subscribe again to the same changes nothing.
    topics: Vec<TopicId>,
    allowance: Allowance,
    /// It loses events at present.
    is_behind: bool,
}

impl FanOut {
    pub(super) fn new(
        groups: Receiver<Arc<[Publication]>>,
        limits: ConnectionLimits,
        counters: Arc<ConnectionCounters>,
    ) -> Self {
        let (subscribers, topics) = (BTreeMap::new(), Topics::default());
        let gathers_until = Instant::now();
        let threads = thread::available_parallelism().map_or(1, NonZero::get).min(MAX_THREADS);
        Self { groups, subscribers, topics, limits, counters, gathers_until, threads }
    }

    fn send_events(&mut self, mut events: &[&Publication], connections: &mut Connections) {
        while !events.is_empty() {
            let (chunk, rest) = events.split_at(chunk_length(events));
            events = rest;
            self.send_chunk(chunk, connections);
            connections.flush(|_| {});
        }
    }

    fn send_chunk(&mut self, chunk: &[&Publication], connections: &mut Connections) {
        let Self { subscribers, topics, counters, threads, .. } = self;
        topics.mark(chunk.iter().map(|event| event.id.as_bytes()));
        let bytes = chunk.iter().copied().map(size).sum::<usize>();
        let mut encoded: BTreeMap<Mask, Arc<Block>> = BTreeMap::new();
        let mut to_seal = Vec::new();
        // What is sealed for each counts before it is.
        let mut sealed = 0;
        for (id, subscriber) in subscribers {
            let wanted = topics.wanted(&subscriber.topics);
            if wanted == 0 {
                continue;
            }
            let most = MAX_WAITING.min(connections.pool.share().saturating_sub(sealed));
            let Some(connection) = connections.get(*id) else { continue };
            let waiting = connection.unsent();
            if waiting > 0 && waiting + bytes > most {
                counters.lost(wanted.count_ones().into());
                subscriber.falls_behind(connection);
                continue;
            }
            subscriber.is_behind &= waiting > 0;
            if connection.zmtp.is_encrypted() {
                to_seal.push((*id, wanted));
                sealed += bytes;
                continue;
            }
            let block = encoded
                .entry(wanted)
                .or_insert_with(|| connections.pool.block(encode(chunk, wanted)));
            connections.push(*id, block.clone());
        }
        let threads = (to_seal.len() * bytes / BYTES_A_THREAD).clamp(1, *threads);
        connections.seal(&to_seal, threads, |connection, wanted, pool| {
            connection.send(wanted_of(chunk, wanted), pool);
        });
    }

    fn spend(&mut self, peer: &Connection, messages: usize) -> Result<&mut Subscriber, Cut> {
        let subscriber = self.subscribers.get_mut(&peer.id).ok_or(Cut::Malformed)?;
        subscriber.allowance.take(messages).then_some(subscriber).ok_or(Cut::Messages)
    }

    fn count(&self, subscriptions: usize, sign: i64) {
        self.counters.count_subscriptions(subscriptions, sign);
    }
}

impl Subscriber {
    fn falls_behind(&mut self, connection: &Connection) {
        if !std::mem::replace(&mut self.is_behind, true) {
            let address = connection.address;
            tracing::info!(%address, "a subscriber is too slow and loses events");
        }
    }
}

/// How long what comes next gathers.
fn rest_after(cost: Duration) -> Duration {
    if cost < DEAR { Duration::ZERO } else { cost.min(LONGEST_REST) }
}

/// How many events to encode together.
fn chunk_length(events: &[&Publication]) -> usize {
    let mut bytes = 0;
    let fits = |event: &&&Publication| {
        bytes += size(event);
        bytes <= CHUNK_BYTES
    };
    events.iter().take(CHUNK).take_while(fits).count().max(1)
}

/// What an event takes on the wire at most.
fn size(Publication { id, frame }: &Publication) -> usize {
    const OVERHEAD: usize = 2 * 64;
    id.len() + frame.len() + OVERHEAD
}

fn wanted_of<'a>(chunk: &[&'a Publication], wanted: Mask) -> impl Iterator<Item = [&'a [u8]; 2]> {
    let is_wanted = move |number: &usize| wanted >> number & 1 == 1;
    let events = (0..chunk.len()).filter(is_wanted).map(|number| chunk[number]);
    events.map(|event| [event.id.as_bytes(), &event.frame[..]])
}

fn encode(chunk: &[&Publication], wanted: Mask) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(chunk.iter().copied().map(size).sum());
    wanted_of(chunk, wanted).for_each(|event| laniakea_zmtp::encode(&event, &mut bytes));
    bytes.shrink_to_fit();
    bytes
}

impl Service for FanOut {
    const TURN: usize = 32;
    const MAX_UNSENT: usize = usize::MAX;

    fn ready(&mut self, peer: &Connection) {
        let allowance = Allowance::new(self.limits.subscriptions, peer.opened_at);
        let subscriber = Subscriber { topics: Vec::new(), allowance, is_behind: false };
        self.subscribers.insert(peer.id, subscriber);
    }

    /// A subscriber has nothing to say but what it wants.
    fn message(
        &mut self,
        peer: &mut Connection,
        message: Message,
        _pool: &Pool,
    ) -> Result<(), Cut> {
        self.spend(peer, message.frame_count()).map(drop)
    }

    fn subscribe(&mut self, peer: &Connection, topic: &[u8]) -> Result<(), Cut> {
        let most = self.limits.subscriptions;
        let known = self.topics.find(topic);
        let subscriber = self.spend(peer, 1)?;
        if known.is_some_and(|known| subscriber.topics.contains(&known)) {
            return Ok(());
        }
        if topic.len() > MAX_TOPIC_BYTES {
            return Ok(());
        }
        if subscriber.topics.len() >= most {
            return Err(Cut::Subscriptions);
        }
        let id = self.topics.join(topic);
        if let Some(subscriber) = self.subscribers.get_mut(&peer.id) {
            subscriber.topics.push(id);
        }
        self.count(1, 1);
        Ok(())
    }

    fn cancel(&mut self, peer: &Connection, topic: &[u8]) -> Result<(), Cut> {
        let known = self.topics.find(topic);
        let subscriber = self.spend(peer, 1)?;
        let place = subscriber.topics.iter().position(|topic| Some(*topic) == known);
        if let Some(place) = place {
            let id = subscriber.topics.swap_remove(place);
            self.topics.leave(&[id]);
            self.count(1, -1);
        }
        Ok(())
    }

    fn heard(&mut self, peer: &Connection, bytes: usize) -> Result<(), Cut> {
        // Before it is ready it has its handshake alone, which is bounded.
        let Some(subscriber) = self.subscribers.get_mut(&peer.id) else { return Ok(()) };
        subscriber.allowance.take_bytes(bytes).then_some(()).ok_or(Cut::Messages)
    }

    fn gone(&mut self, peer: ConnectionId) {
        if let Some(subscriber) = self.subscribers.remove(&peer) {
            self.topics.leave(&subscriber.topics);
            self.count(subscriber.topics.len(), -1);
        }
    }

    fn send(&mut self, connections: &mut Connections) -> Option<Duration> {
        let started = Instant::now();
        let rest = self.gathers_until.saturating_duration_since(started).min(LONGEST_REST);
        if !rest.is_zero() && self.groups.len() < GROUPS {
            return (!self.groups.is_empty()).then_some(rest);
        }
        let groups: Vec<_> = self.groups.try_iter().take(GROUPS).collect();
        let events: Vec<_> = groups.iter().flat_map(|group| &**group).collect();
        self.send_events(&events, connections);
        let cost = started.elapsed();
        let rest = rest_after(cost);
        self.gathers_until = started + cost + rest;
        (groups.len() == GROUPS).then_some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dear_gathers_and_what_is_cheap_goes_at_once() {
        let rests = [0, 499, 500, 1_500, 50_000].map(Duration::from_micros).map(rest_after);
        assert_eq!(rests, [0, 0, 500, 1_500, 2_000].map(Duration::from_micros));
    }
}
