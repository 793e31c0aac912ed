//! The places behind a door: who has one, and whether there is one for the next.

use std::collections::{BTreeMap, BTreeSet};

use super::{connection::ConnectionId, limits::Cut, origin::Origin};
use crate::listen::ConnectionLimits;

pub(crate) struct Places {
    limits: ConnectionLimits,
    open: usize,
    /// Of these, those who have not said who they are, in the order in which they came.
    half_open: BTreeSet<ConnectionId>,
    origins: BTreeMap<Origin, Comers>,
}

/// All connections from somewhere.
#[derive(Default)]
struct Comers {
    count: usize,
    half_open: BTreeSet<ConnectionId>,
}

impl Places {
    pub(super) fn new(limits: ConnectionLimits) -> Self {
        Self { limits, open: 0, half_open: BTreeSet::new(), origins: BTreeMap::new() }
    }

    /// Whether there is room for one from there, and whose handshake has to end for it.
    ///
    /// It is the one that has taken the longest, since an honest one is done in moments: of those from
    /// the same address if these are too many, or of all.
    pub(super) fn room_for(&self, from: Origin) -> Result<Option<(ConnectionId, Cut)>, Cut> {
        if let Some(same) = self.origins.get(&from)
            && same.count >= self.most_from(from)
        {
            let slowest = same.half_open.first().ok_or(Cut::Address)?;
            return Ok(Some((*slowest, Cut::Address)));
        }
        if self.half_open.len() >= self.limits.connections.div_ceil(2) {
            return Ok(self.half_open.first().map(|slowest| (*slowest, Cut::Handshake)));
        }
        if self.open < self.limits.connections { Ok(None) } else { Err(Cut::TooMany) }
    }

    fn most_from(&self, from: Origin) -> usize {
        match (from, self.limits.per_address) {
            (Origin::Local, _) | (Origin::Loopback(_), None) => usize::MAX,
            (_, Some(most)) => most,
            (Origin::Remote(_), None) => self.limits.connections.div_ceil(2),
        }
    }

    /// One has come.
    pub(super) fn come(&mut self, id: ConnectionId, from: Origin) {
        self.open += 1;
        self.half_open.insert(id);
        let comers = self.origins.entry(from).or_default();
        comers.count += 1;
        comers.half_open.insert(id);
    }

    /// Its handshake is done.
    pub(super) fn is_ready(&mut self, id: ConnectionId, from: Origin) {
        self.half_open.remove(&id);
        if let Some(comers) = self.origins.get_mut(&from) {
            comers.half_open.remove(&id);
        }
    }

    /// It has gone.
    pub(super) fn leave(&mut self, id: ConnectionId, from: Origin) {
        self.is_ready(id, from);
        self.open -= 1;
        if let Some(comers) = self.origins.get_mut(&from) {
            comers.count -= 1;
            if comers.count == 0 {
                self.origins.remove(&from);
            }
        }
    }

    pub(super) fn has_half_open(&self) -> bool {
        !self.half_open.is_empty()
    }
}

#[cfg(test)]
mod tests;
