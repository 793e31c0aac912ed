//! What the consumer has handled, and when that may be stored.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use laniakea_event::Seq;
use tokio::sync::Notify;

use super::{CursorError, CursorStore, Position};

/// A cursor is not stored more often than this while events come quickly.
const SAVE_INTERVAL: Duration = Duration::from_millis(20);

/// Shared by the consumer, which handles, and the subscription's thread, which hears from the relay
/// how far its journal goes.
pub(super) struct Handled {
    state: Mutex<State>,
    stored: Notify,
}

/// Guarded by `Handled::state`.
struct State {
    cursor: Option<Box<dyn CursorStore>>,
    handled: Option<Position>,
    /// Where the journal ends, as a header said.
    last: Option<Seq>,
    /// What the journal has shown that it holds.
    confirmed: Option<Position>,
    /// What was handled when the journal was asked to show it.
    asked: Option<Position>,
    saved: Option<Position>,
    saved_at: Option<Instant>,
    failure: Option<CursorError>,
    is_hurried: bool,
    is_stopped: bool,
    /// The consumer wants to hear when it has everything.
    wants_complete: bool,
}

impl Handled {
    pub(super) fn new(cursor: Option<Box<dyn CursorStore>>) -> Self {
        let state = State {
            cursor,
            handled: None,
            last: None,
            confirmed: None,
            asked: None,
            saved: None,
            saved_at: None,
            failure: None,
            is_hurried: false,
            is_stopped: false,
            wants_complete: false,
        };
        Self { state: Mutex::new(state), stored: Notify::new() }
    }

    pub(super) fn note(&self, position: Position) -> Result<(), CursorError> {
        let mut state = self.lock();
        state.handled = Some(position);
        self.save_if_due(&mut state);
        state.failure.take().map_or(Ok(()), Err)
    }

    /// A replay header said where the journal ends.
    pub(super) fn hear(&self, Position { journal, seq }: Position) {
        let mut state = self.lock();
        state.last = Some(seq);
        // It is shorter than it was: what it has shown counts no more.
        state.confirmed.take_if(|confirmed| confirmed.journal == journal && confirmed.seq > seq);
    }

    /// The journal has shown what stands there.
    pub(super) fn confirm(&self, position: Position) {
        let mut state = self.lock();
        if !state.is_confirmed(position) {
            state.confirmed = Some(position);
        }
        self.save_if_due(&mut state);
    }

    /// Called now and then by the thread, for saves that were put off.
    pub(super) fn tick(&self) {
        self.save_if_due(&mut self.lock());
    }

    pub(super) fn last(&self) -> Option<Seq> {
        self.lock().last
    }

    pub(super) fn is_confirmed(&self, position: Position) -> bool {
        self.lock().is_confirmed(position)
    }

    pub(super) fn position(&self) -> Option<Position> {
        self.lock().handled
    }

    /// Whether something was handled that the journal has not shown.
    pub(super) fn wants_confirmation(&self) -> bool {
        self.lock().unconfirmed().is_some()
    }

    /// What the journal shall show next.
    pub(super) fn ask(&self) -> Option<Position> {
        let mut state = self.lock();
        state.asked = state.unconfirmed();
        state.asked
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

    pub(super) fn wish_for_complete(&self) {
        self.lock().wants_complete = true;
    }

    pub(super) fn wants_complete(&self) -> bool {
        self.lock().wants_complete
    }

    pub(super) fn take_wish_for_complete(&self) -> bool {
        std::mem::take(&mut self.lock().wants_complete)
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

    fn unconfirmed(&self) -> Option<Position> {
        let handled = self.cursor.as_ref().and(self.handled)?;
        (!self.is_confirmed(handled)).then_some(handled)
    }

    /// Saves what was handled and is confirmed: the newest, or what it was when the journal was
    /// asked. Nothing between: who claimed to be further may have hidden what stands there.
    fn save(&mut self) {
        let handled = self.handled.into_iter().chain(self.asked);
        let Some(position) = handled.into_iter().find(|position| self.is_confirmed(*position))
        else {
            return;
        };
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

    use uuid::Uuid;

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
        handled.confirm(at(41));
        assert_eq!(memory.load().unwrap(), None, "what stands between was perhaps never delivered");
        handled.confirm(Position { journal: Uuid::from_u128(1), seq: Seq(2_000_000) });
        assert_eq!(memory.load().unwrap(), None);
        handled.confirm(at(2_000_000));
        assert_eq!(memory.load().unwrap(), Some(at(1_000_000)));
        assert!(handled.is_stored() && !handled.wants_confirmation());
    }

    #[test]
    fn what_was_handled_when_the_journal_was_asked_is_stored_though_more_was_handled_since() {
        let memory = Memory::default();
        let handled = Handled::new(Some(Box::new(memory.clone())));
        handled.hurry();
        handled.note(at(5)).unwrap();
        assert_eq!(handled.ask(), Some(at(5)));
        handled.note(at(9)).unwrap();
        handled.confirm(at(5));
        assert_eq!(memory.load().unwrap(), Some(at(5)));
        handled.confirm(at(3));
        assert!(handled.is_confirmed(at(5)) && handled.wants_confirmation());
    }
}
