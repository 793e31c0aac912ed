//! Several relays that carry the same events, as one stream that has each event once.

mod unmatched;

use std::{future::poll_fn, task::Poll, time::Duration};

use self::unmatched::Unmatched;
use super::{CursorError, Position, Subscription, SubscriptionConfig, SubscriptionError, Update};

/// Follows several relays at once and delivers each event once, from whichever has it first.
///
/// Each relay has a position of its own, and a cursor if its configuration has one. While one is
/// away the others go on; when it is back, what it has and they had not is delivered.
///
/// Events that not every relay has delivered yet are remembered by digest, the last million of
/// them, and not beyond the end of the process: then an event may come again from a relay whose
/// cursor is behind.
pub struct MergedSubscription {
    relays: Vec<Relay>,
    unmatched: Unmatched,
    /// Whose turn it is, so that a busy relay does not keep the others waiting.
    turn: usize,
}

struct Relay {
    subscription: Subscription,
    has_ended: bool,
}

/// What there is to tell.
#[derive(Debug)]
pub enum Merged {
    /// A relay has this to tell.
    Update {
        /// Which one, in the order of the configurations.
        relay: usize,
        /// What.
        update: Update,
    },
    /// An event came again from another relay: everything up to here counts as handled, once what
    /// was delivered before this is.
    Passed {
        /// Whose journal it is.
        relay: usize,
        /// Where.
        position: Position,
    },
}

impl MergedSubscription {
    /// Begins to follow all of them.
    ///
    /// # Errors
    ///
    /// Those of [`Subscription::open`].
    pub fn open(configs: Vec<SubscriptionConfig>) -> Result<Self, SubscriptionError> {
        let open = |config| {
            let subscription = Subscription::open(config)?;
            Ok(Relay { subscription, has_ended: false })
        };
        let relays =
            configs.into_iter().map(open).collect::<Result<Vec<_>, SubscriptionError>>()?;
        Ok(Self { unmatched: Unmatched::of(relays.len()), relays, turn: 0 })
    }

    /// What comes next; `None` after an error of every relay. Nothing is lost if the future is
    /// dropped.
    pub async fn next(&mut self) -> Option<Result<Merged, SubscriptionError>> {
        loop {
            let (relay, update) = poll_fn(|context| {
                let count = self.relays.len();
                let mut is_over = true;
                for relay in (0..count).map(|offset| (self.turn + offset) % count) {
                    let Some(other) = self.relays.get_mut(relay).filter(|one| !one.has_ended)
                    else {
                        continue;
                    };
                    match other.subscription.poll_next(context) {
                        Poll::Ready(Some(update)) => {
                            self.turn = relay + 1;
                            return Poll::Ready(Some((relay, update)));
                        }
                        Poll::Ready(None) => other.has_ended = true,
                        Poll::Pending => is_over = false,
                    }
                }
                if is_over { Poll::Ready(None) } else { Poll::Pending }
            })
            .await?;
            match update {
                Err(error) => return Some(Err(error)),
                Ok(update) => {
                    if let Some(merged) = self.merge(relay, update) {
                        return Some(Ok(merged));
                    }
                }
            }
        }
    }

    fn merge(&mut self, relay: usize, update: Update) -> Option<Merged> {
        if let Update::Event(delivery) = &update
            && !self.unmatched.is_new(relay, delivery.digest())
        {
            let position = delivery.position()?;
            return Some(Merged::Passed { relay, position });
        }
        Some(Merged::Update { relay, update })
    }

    /// Notes that everything up to `position` of a relay's journal was handled, as
    /// [`Subscription::handled`] does. The relay counts, and not the journal that it names: one
    /// that borrows another's name moves no other position.
    ///
    /// # Errors
    ///
    /// The cursor could not be stored, now or since the last call.
    pub fn handled(&self, relay: usize, position: Position) -> Result<(), CursorError> {
        let relay = self.relays.get(relay);
        relay.map_or(Ok(()), |relay| relay.subscription.handled(position))
    }

    /// Waits until what was handled is stored, for at most `patience` a relay, and ends.
    ///
    /// # Errors
    ///
    /// A cursor could not be stored.
    pub async fn close(self, patience: Duration) -> Result<(), CursorError> {
        let mut outcome = Ok(());
        for relay in self.relays {
            outcome = relay.subscription.close(patience).await.and(outcome);
        }
        outcome
    }
}
