//! The way in: a batch of frames from the stream becomes entries for rooms, in one transaction with
//! the position behind them.

use std::sync::Arc;

use jiff::Timestamp;
use laniakea_daemon::{Clock, TrustSource};
use laniakea_event::Trust;
use laniakea_wire::subscription::Position;
use tokio::sync::watch;

use crate::{
    settings::Settings,
    source::StreamEvent,
    store::{Arrival, Costly, SharedStore, Store, StoreError},
};

/// Takes events in.
#[derive(Clone)]
pub struct Intake {
    /// Where they go.
    pub store: SharedStore,
    /// Whom to believe.
    pub trust: Arc<TrustSource>,
    /// How they are told, and to whom.
    pub settings: watch::Receiver<Arc<Settings>>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Wakes the rooms.
    pub changes: watch::Sender<u64>,
}

impl Intake {
    /// Judges, describes and routes each event, and keeps them all with the position behind them.
    ///
    /// # Errors
    ///
    /// The database fails; then nothing was kept.
    pub async fn take(
        &self,
        frames: Vec<Vec<u8>>,
        position: Option<Position>,
    ) -> Result<(), StoreError> {
        let (trust, settings) = (self.trust.clone(), self.settings.borrow().clone());
        let now = self.clock.now();
        // Not with the store in hand: the rooms go on sending meanwhile.
        let arriving = tokio::task::spawn_blocking(move || {
            let trust = trust.current();
            let arrive = |frame| arrive(frame, &trust, &settings, now);
            let arrivals: Vec<Arrival> = frames.into_iter().filter_map(arrive).collect();
            let costly = settings.router.costly().into_iter();
            let costly = costly.map(|(rule, events)| Costly { rule, events, last: now });
            (arrivals, costly.collect::<Vec<_>>())
        });
        let (arrivals, costly) = arriving.await.map_err(|_| StoreError::Panicked)?;
        let keep = move |store: &mut Store| {
            if !costly.is_empty() {
                store.note_costly(&costly)?;
            }
            store.take(&arrivals, position, now)
        };
        let added = self.store.with(keep).await?;
        if added > 0 {
            self.changes.send_modify(|count| *count = count.wrapping_add(1));
        }
        Ok(())
    }
}

fn arrive(frame: Vec<u8>, trust: &Trust, settings: &Settings, now: Timestamp) -> Option<Arrival> {
    match StreamEvent::judge(frame, trust, now) {
        Ok(event) => Some(settings.arrive(&event)),
        Err(rejection) => {
            tracing::debug!(reason = %rejection.reason(), "the relay sent something else");
            None
        }
    }
}
