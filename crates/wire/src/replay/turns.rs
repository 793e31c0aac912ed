//! Whose turn it is. Each peer has one request here at most, which waits or is served, and they are
//! served in the order in which they came: whoever sends many stands in front of nobody.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

use super::{Failure, FailureReason};

/// Requests that wait, and the bytes of all of them.
const MAX_WAITING: usize = 1_000;
const MAX_WAITING_BYTES: usize = 16 << 20;

/// A request that waits for its turn.
pub(super) trait Waiting {
    /// Who asks.
    type Peer: Ord + Clone;

    fn peer(&self) -> &Self::Peer;

    fn bytes(&self) -> usize;
}

/// The requests of all peers.
pub(super) struct Turns<W: Waiting> {
    state: Mutex<State<W>>,
    changed: Condvar,
}

struct State<W: Waiting> {
    waiting: VecDeque<W>,
    /// Of those that wait.
    bytes: usize,
    /// Peers with a request that waits or is served.
    engaged: BTreeSet<W::Peer>,
    is_closed: bool,
}

impl<W: Waiting> Turns<W> {
    pub(super) fn new() -> Self {
        let state = State {
            waiting: VecDeque::new(),
            bytes: 0,
            engaged: BTreeSet::new(),
            is_closed: false,
        };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Puts a request at the end of the line, or gives it back with the reason why not.
    pub(super) fn queue(&self, request: W) -> Result<(), (W, Failure)> {
        let mut state = self.state();
        let busy = |detail| Failure::new(FailureReason::Busy, detail);
        if state.engaged.contains(request.peer()) {
            return Err((request, busy("one request at a time: wait for the answer")));
        }
        if !state.has_room(request.bytes()) {
            return Err((request, busy("too many requests wait: ask again later")));
        }
        state.bytes += request.bytes();
        state.engaged.insert(request.peer().clone());
        state.waiting.push_back(request);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// The next request, whose peer is engaged until [`Self::finish`]. It waits for one; `None`
    /// once the line is closed and empty.
    pub(super) fn next(&self) -> Option<W> {
        let mut state = self.state();
        loop {
            if let Some(request) = state.waiting.pop_front() {
                state.bytes -= request.bytes();
                return Some(request);
            }
            if state.is_closed {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The peer may ask again.
    pub(super) fn finish(&self, peer: &W::Peer) {
        self.state().engaged.remove(peer);
    }

    /// The peer is gone: nothing is done for it any more.
    pub(super) fn forget(&self, peer: &W::Peer) {
        let mut state = self.state();
        if state.engaged.remove(peer) {
            let State { waiting, bytes, .. } = &mut *state;
            waiting.retain(|request| {
                let is_its = request.peer() == peer;
                *bytes -= if is_its { request.bytes() } else { 0 };
                !is_its
            });
        }
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.state().waiting.len()
    }

    /// Nothing comes any more.
    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.changed.notify_all();
    }

    // Nothing that could panic stands between two changes that belong together.
    fn state(&self) -> MutexGuard<'_, State<W>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W: Waiting> State<W> {
    fn has_room(&self, bytes: usize) -> bool {
        self.waiting.len() < MAX_WAITING && self.bytes + bytes <= MAX_WAITING_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Request {
        peer: usize,
        number: usize,
        bytes: usize,
    }

    impl Waiting for Request {
        type Peer = usize;

        fn peer(&self) -> &usize {
            &self.peer
        }

        fn bytes(&self) -> usize {
            self.bytes
        }
    }

    fn request(peer: usize, number: usize) -> Request {
        Request { peer, number, bytes: 100 }
    }

    #[test]
    fn a_peer_with_many_requests_has_one_turn_like_everybody() {
        let turns = Turns::new();
        turns.queue(request(1, 1)).unwrap();
        for number in 2..100 {
            let (_, failure) = turns.queue(request(1, number)).unwrap_err();
            assert_eq!(failure.reason, FailureReason::Busy);
        }
        turns.queue(request(2, 1)).unwrap();
        assert_eq!(turns.len(), 2);
        let first = turns.next().unwrap();
        assert_eq!((first.peer, first.number), (1, 1));
        // Also while it is served.
        turns.queue(request(1, 100)).unwrap_err();
        turns.finish(&1);
        turns.queue(request(1, 101)).unwrap();
        assert_eq!(turns.next().unwrap().peer, 2);
        assert_eq!(turns.next().unwrap().number, 101);
    }

    #[test]
    fn requests_of_those_who_are_gone_are_forgotten() {
        let turns = Turns::new();
        for peer in 0..5 {
            turns.queue(request(peer, 0)).unwrap();
        }
        assert_eq!(turns.next().unwrap().peer, 0);
        for peer in [0, 1, 2, 4] {
            turns.forget(&peer);
        }
        assert_eq!(turns.len(), 1);
        turns.finish(&0);
        turns.close();
        assert_eq!(turns.next().unwrap().peer, 3);
        assert!(turns.next().is_none());
    }

    #[test]
    fn the_line_is_bounded_and_those_who_are_gone_make_room() {
        let turns = Turns::new();
        for peer in 0..MAX_WAITING {
            turns.queue(request(peer, 0)).unwrap();
        }
        turns.queue(request(MAX_WAITING, 0)).unwrap_err();
        (0..MAX_WAITING).for_each(|peer| turns.forget(&peer));
        let large = Request { bytes: MAX_WAITING_BYTES - 100, ..request(MAX_WAITING, 0) };
        turns.queue(large).unwrap();
        turns.queue(request(1, 0)).unwrap();
        turns.queue(request(2, 0)).unwrap_err();
        assert_eq!(turns.len(), 2);
    }
}
