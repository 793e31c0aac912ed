//! The places behind a door: who has one, and whether there is one for the next.
//!
//! Those whose handshake is not done have places of their own, so that strangers never take those of
//! whom one knows. Among them there is one for every newcomer: the handshake ends that has taken the
//! longest, of those from the address that has most of them. So whoever opens many keeps out nobody else.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
};

use super::{connection::ConnectionId, limits::Cut, origin::Origin};
use crate::{curve::CurveKey, listen::ConnectionLimits};

/// Of the places of a door, one key has one in so many, unless somebody set a number: the modules of a
/// machine may share its key, and one that goes wrong leaves the others theirs.
const KEYS_SHARE: usize = 2;

pub(crate) struct Places {
    limits: ConnectionLimits,
    /// Those whose handshake is done, and those whose is not.
    established: usize,
    half_open: usize,
    origins: BTreeMap<Origin, Comers>,
    /// How many of those whose handshake is done have proved to have a key.
    keys: BTreeMap<CurveKey, usize>,
}

/// All connections from somewhere.
#[derive(Default)]
struct Comers {
    count: usize,
    /// In the order in which they came.
    half_open: BTreeSet<ConnectionId>,
}

impl Places {
    pub(super) fn new(limits: ConnectionLimits) -> Self {
        let (origins, keys) = (BTreeMap::new(), BTreeMap::new());
        Self { limits, established: 0, half_open: 0, origins, keys }
    }

    /// Whether there is room for one from there, and whose handshake has to end for it: an honest one
    /// is done in moments.
    pub(super) fn room_for(&self, from: Origin) -> Result<Option<(ConnectionId, Cut)>, Cut> {
        if self.established >= self.limits.connections {
            return Err(Cut::TooMany);
        }
        if let Some(same) = self.origins.get(&from)
            && same.count >= self.most_from(from)
        {
            let slowest = same.half_open.first().ok_or(Cut::Address)?;
            return Ok(Some((*slowest, Cut::Address)));
        }
        if self.half_open < self.limits.connections.div_ceil(2) {
            return Ok(None);
        }
        let crowd = self
            .origins
            .values()
            .max_by_key(|comers| (comers.half_open.len(), Reverse(comers.half_open.first())));
        let slowest = crowd.and_then(|crowd| crowd.half_open.first());
        Ok(slowest.map(|slowest| (*slowest, Cut::Handshake)))
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
        self.half_open += 1;
        let comers = self.origins.entry(from).or_default();
        comers.count += 1;
        comers.half_open.insert(id);
    }

    /// Its handshake is done, and it gets a place, if there is one.
    pub(super) fn establish(
        &mut self,
        id: ConnectionId,
        from: Origin,
        key: Option<CurveKey>,
    ) -> Result<(), Cut> {
        if self.established >= self.limits.connections {
            return Err(Cut::TooMany);
        }
        if let Some(key) = key {
            let same = self.keys.entry(key).or_default();
            let most = self.limits.per_key.unwrap_or(self.limits.connections.div_ceil(KEYS_SHARE));
            if *same >= most {
                return Err(Cut::Key);
            }
            *same += 1;
        }
        if self.forget_handshake(id, from) {
            self.established += 1;
        }
        Ok(())
    }

    /// It has gone. The key is one that it has proved to have.
    pub(super) fn leave(&mut self, id: ConnectionId, from: Origin, key: Option<CurveKey>) {
        if !self.forget_handshake(id, from) {
            self.established -= 1;
            if let Some(key) = key {
                forget_one(&mut self.keys, key, |same| same);
            }
        }
        forget_one(&mut self.origins, from, |same| &mut same.count);
    }

    /// Whether it was not done.
    fn forget_handshake(&mut self, id: ConnectionId, from: Origin) -> bool {
        let comers = self.origins.get_mut(&from);
        let was_half_open = comers.is_some_and(|comers| comers.half_open.remove(&id));
        self.half_open -= usize::from(was_half_open);
        was_half_open
    }

    pub(super) fn has_half_open(&self) -> bool {
        self.half_open > 0
    }
}

/// One less, and nothing is kept once there is none.
fn forget_one<K: Ord, V>(
    counts: &mut BTreeMap<K, V>,
    key: K,
    count: impl Fn(&mut V) -> &mut usize,
) {
    if let Entry::Occupied(mut entry) = counts.entry(key) {
        *count(entry.get_mut()) -= 1;
        if *count(entry.get_mut()) == 0 {
            entry.remove();
        }
    }
}

#[cfg(test)]
mod tests;
