//! What the consumer has handled, and when that may be stored.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use laniakea_event::Seq;
use tokio::sync::Notify;
use uuid::Uuid;

use super::{CursorError, CursorStore, Position};

/// A cursor is not stored more often than this while events come quickly.
const SAVE_INTERVAL: Duration = Duration::from_millis(20);

/// Shared by the consumer, which handles, and the socket's thread, which hears from the relay
/// how far its journal goes.
pub(super) struct Handled {
    state: Mutex<State>,
    stored: Notify,
}

/// Guarded by `Handled::state`.
struct State {
    cursor: Option<Box<dyn CursorStore>>,
    handled: Option<Position>,
    /// The newest event of the journal, as a replay header said.
    confirmed: Option<Position>,
    saved: Option<Position>,
    saved_at: Option<Instant>,
    failure: Option<CursorError>,
    is_hurried: bool,
    is_stopped: bool,
    /// The consumer wants to hear when it has everything.
    is_asked: bool,
}

impl Handled {
    pub(super) fn new(cursor: Option<Box<dyn CursorStore>>) -> Self {
        let state = State {
            cursor,
            handled: None,
            confirmed: None,
            saved: None,
            saved_at: None,
            failure: None,
            is_hurried: false,
            is_stopped: false,
            is_asked: false,
        };
        Self { state: Mutex::new(state), stored: Notify::new() }
    }

    pub(super) fn note(&self, position: Position) -> Result<(), CursorError> {
        let mut state = self.lock();
        state.handled = Some(position);
        self.save_if_due(&mut state);
        state.failure.take().map_or(Ok(()), Err)
    }

    /// A replay header said how far the journal goes.
    pub(super) fn confirm(&self, journal: Uuid, last: Seq) {
        let mut state = self.lock();
        state.confirmed = Some(Position { journal, seq: last });
        self.save_if_due(&mut state);
    }

    /// Called now and then by the thread, for saves that were put off.
    pub(super) fn tick(&self) {
        self.save_if_due(&mut self.lock());
    }

    pub(super) fn confirmed(&self) -> Option<Position> {
        self.lock().confirmed
    }

    pub(super) fn position(&self) -> Option<Position> {
        self.lock().handled
    }

    /// Whether something was handled that no header has confirmed.
    pub(super) fn wants_confirmation(&self) -> bool {
        let state = self.lock();
        state.cursor.is_some() && state.handled.is_some_and(|handled| !state.is_confirmed(handled))
    }

    /// Whether a confirmed position waits to be saved.
    pub(super) fn wants_saving(&self) -> bool {
        let state = self.lock();
        state.cursor.is_some() && state.saved != state.handled
    }

    pub(super) fn hurry(&self) {
        let mut state = self.lock();
        state.is_hurried = true;
        self.save_if_due(&mut state);
    }

    pub(super) fn stop(&self) {
        self.lock().is_stopped = true;
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.lock().is_stopped
    }

    pub(super) fn ask(&self) {
        self.lock().is_asked = true;
    }

    pub(super) fn is_asked(&self) -> bool {
        self.lock().is_asked
    }

    pub(super) fn answer(&self) {
        self.lock().is_asked = false;
    }

    pub(super) fn is_stored(&self) -> bool {
        let state = self.lock();
        state.cursor.is_none() || state.saved == state.handled || state.failure.is_some()
    }

    pub(super) async fn stored(&self) {
        loop {
            let notified = self.stored.notified();
            if self.is_stored() {
                return;
            }
            notified.await;
        }
    }

    pub(super) fn outcome(&self) -> Result<(), CursorError> {
        self.lock().failure.take().map_or(Ok(()), Err)
    }

    fn save_if_due(&self, state: &mut State) {
        let is_early = state.saved_at.is_some_and(|at| at.elapsed() < SAVE_INTERVAL);
        if is_early && !state.is_hurried {
            return;
        }
        state.save();
        if state.saved == state.handled || state.failure.is_some() {
            self.stored.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_confirmed(&self, position: Position) -> bool {
        self.confirmed.is_some_and(|confirmed| {
            confirmed.journal == position.journal && confirmed.seq >= position.seq
        })
    }

    /// Saves what was handled, as far as it is confirmed.
    fn save(&mut self) {
        let (Some(handled), Some(confirmed)) = (self.handled, self.confirmed) else {
            return;
        };
        if handled.journal != confirmed.journal {
            return;
        }
        let position = Position { seq: handled.seq.min(confirmed.seq), ..handled };
        let is_new = self
            .saved
            .is_none_or(|saved| saved.journal != position.journal || saved.seq < position.seq);
        let Some(cursor) = self.cursor.as_mut().filter(|_| is_new) else {
            return;
        };
        match cursor.save(position) {
            Ok(()) => self.saved = Some(position),
            Err(error) => self.failure = Some(error),
        }
        self.saved_at = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<Position>>>);

    impl CursorStore for Memory {
        fn load(&self) -> Result<Option<Position>, CursorError> {
            Ok(self.0.lock().unwrap().last().copied())
        }

        fn save(&mut self, position: Position) -> Result<(), CursorError> {
            self.0.lock().unwrap().push(position);
            Ok(())
        }
    }

    fn at(seq: u64) -> Position {
        Position { journal: Uuid::nil(), seq: Seq(seq) }
    }

    #[test]
    fn a_position_is_never_stored_beyond_what_the_relay_confirmed() {
        let memory = Memory::default();
        let handled = Handled::new(Some(Box::new(memory.clone())));
        handled.hurry();
        handled.note(at(1_000_000)).unwrap();
        assert!(handled.wants_confirmation());
        assert_eq!(memory.load().unwrap(), None);
        handled.confirm(Uuid::nil(), Seq(41));
        assert_eq!(memory.load().unwrap(), Some(at(41)));
        handled.confirm(Uuid::from_u128(1), Seq(2_000_000));
        assert_eq!(memory.load().unwrap(), Some(at(41)));
        handled.confirm(Uuid::nil(), Seq(2_000_000));
        assert_eq!(memory.load().unwrap(), Some(at(1_000_000)));
        assert!(handled.is_stored() && !handled.wants_confirmation());
    }
}
