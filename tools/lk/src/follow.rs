//! Following the stream: what `listen` and `on` share.

mod contact;
mod contacts;
mod filter;
mod printer;
mod refusals;
mod selection;
mod signals;
mod sink_name;

use std::{future, time::Duration};

use anyhow::Context as _;
use laniakea_filter::Expression;
use laniakea_wire::subscription::{
    CursorError, Delivery, Merged, MergedSubscription, Position, SubscriptionConfig, Update,
};

use self::contacts::Contacts;
pub(crate) use self::{
    filter::Filter,
    printer::Printer,
    refusals::Refusals,
    selection::Selection,
    signals::StopSignals,
    sink_name::{SINK_NAME_HELP, parse_sink_name},
};
use crate::{output::Progress, session::Session};

/// How long the end may wait for the cursor to be stored.
const CLOSING: Duration = Duration::from_secs(5);

/// The stream; what there is to say about it is said on stderr.
pub(crate) struct Follow {
    subscription: MergedSubscription,
    filter: Filter,
    contacts: Contacts,
    refusals: Refusals,
    progress: Progress,
    stop: StopSignals,
    /// Whether [`Happening::Idle`] was the last thing returned.
    is_idle: bool,
    /// What makes something to say: it must not overtake events that are still in a buffer.
    waiting: Option<Merged>,
}

/// A position, and which relay's it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) relay: usize,
    pub(crate) position: Position,
}

impl Place {
    /// Where an event of that relay stands.
    pub(crate) fn of(relay: usize, delivery: &Delivery) -> Option<Self> {
        delivery.position().map(|position| Self { relay, position })
    }
}

/// What a command has to act upon.
pub(crate) enum Happening {
    /// An event that the filter matches, of this relay.
    Event(usize, Box<Delivery>),
    /// Everything up to here is done, as soon as what came before is.
    Passed(Place),
    /// Nothing waits: time to write what is buffered.
    Idle,
    /// The user has had enough.
    Stop,
}

impl Follow {
    /// Begins to follow. To be called inside the runtime.
    pub(crate) fn open(
        config: SubscriptionConfig,
        filter: Option<Expression>,
        session: &Session<'_>,
    ) -> anyhow::Result<Self> {
        Self::open_several(vec![config], filter, session)
    }

    /// The same for relays that carry the same events.
    pub(crate) fn open_several(
        configs: Vec<SubscriptionConfig>,
        filter: Option<Expression>,
        session: &Session<'_>,
    ) -> anyhow::Result<Self> {
        let notices = session.notices;
        let contacts = Contacts::new(&configs, notices);
        Ok(Self {
            stop: StopSignals::new()?,
            subscription: MergedSubscription::open(configs)?,
            filter: Filter::new(filter, notices),
            contacts,
            refusals: Refusals::new(notices),
            progress: Progress::new(notices),
            is_idle: false,
            waiting: None,
        })
    }

    /// What happens next.
    ///
    /// # Errors
    ///
    /// The relay is not there at all, or the subscription cannot go on.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Happening> {
        loop {
            let merged = tokio::select! {
                biased;
                () = self.stop.wait() => return Ok(Happening::Stop),
                update = next_update(&mut self.waiting, &mut self.subscription) => update?,
                () = future::ready(()), if !self.is_idle => return Ok(self.idle()),
                () = self.contacts.patience() => {
                    self.contacts.check()?;
                    continue;
                }
            };
            if is_told(&merged) && !self.is_idle {
                self.waiting = Some(merged);
                return Ok(self.idle());
            }
            self.is_idle = false;
            let happening = match merged {
                Merged::Passed { relay, position } => {
                    Some(Happening::Passed(Place { relay, position }))
                }
                Merged::Update { relay, update } => self.on_update(relay, update)?,
            };
            if let Some(happening) = happening {
                return Ok(happening);
            }
        }
    }

    fn idle(&mut self) -> Happening {
        self.is_idle = true;
        self.refusals.sum_up();
        Happening::Idle
    }

    fn on_update(&mut self, relay: usize, update: Update) -> anyhow::Result<Option<Happening>> {
        match update {
            Update::Event(delivery) => {
                self.contacts.heard(relay);
                if self.filter.matches(&delivery) {
                    return Ok(Some(Happening::Event(relay, delivery)));
                }
                return Ok(Place::of(relay, &delivery).map(Happening::Passed));
            }
            Update::CaughtUp(position) => {
                self.progress.finish();
                self.contacts.caught_up(relay, position.seq);
                return Ok(Some(Happening::Passed(Place { relay, position })));
            }
            Update::Progress { at, last } => {
                self.contacts.heard(relay);
                // Of several journals there is no one bar.
                if self.contacts.is_of_one() {
                    self.progress.reach(at, last);
                }
            }
            Update::Refused { seq, reason } => self.aside(|| self.refusals.tell(seq, &reason)),
            change => self.progress.aside(|| self.contacts.on_change(relay, &change))?,
        }
        Ok(None)
    }

    /// Does something to the terminal that must not mix with the progress bar.
    pub(crate) fn aside<T>(&self, action: impl FnOnce() -> T) -> T {
        self.progress.aside(action)
    }

    /// Everything up to here was handled.
    pub(crate) fn handled(&self, Place { relay, position }: Place) -> Result<(), CursorError> {
        self.subscription.handled(relay, position)
    }

    /// Waits until the user has had enough.
    pub(crate) async fn stopped(&mut self) {
        self.stop.wait().await;
    }

    /// Stores the cursor and ends.
    pub(crate) async fn close(mut self) -> Result<(), CursorError> {
        self.progress.finish();
        self.refusals.sum_up();
        self.subscription.close(CLOSING).await
    }
}

/// The next update, first of all the one that waits.
async fn next_update(
    waiting: &mut Option<Merged>,
    subscription: &mut MergedSubscription,
) -> anyhow::Result<Merged> {
    match waiting.take() {
        Some(update) => Ok(update),
        None => Ok(subscription.next().await.context("the subscription ended")??),
    }
}

/// Whether something will be said about it.
fn is_told(merged: &Merged) -> bool {
    match merged {
        Merged::Passed { .. } => false,
        Merged::Update { update, .. } => {
            !matches!(update, Update::Event(_) | Update::Progress { .. })
        }
    }
}
