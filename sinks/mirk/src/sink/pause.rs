//! The homeserver's rate limit holds for the account: when one room is told to wait, all do.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// The next time at which anything may be sent.
#[derive(Debug, Clone, Default)]
pub struct Pause(Arc<Mutex<Option<Instant>>>);

impl Pause {
    /// Nothing is sent for this long.
    pub fn extend(&self, pause: Duration) {
        let until = Instant::now() + pause;
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *current = Some(current.map_or(until, |at| at.max(until)));
    }

    /// Waits until something may be sent.
    pub async fn wait(&self) {
        loop {
            let until = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match until.filter(|until| *until > Instant::now()) {
                Some(until) => tokio::time::sleep_until(until).await,
                None => return,
            }
        }
    }
}
