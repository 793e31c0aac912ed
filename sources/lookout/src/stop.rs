//! The end of the work, as those see it who wait for something else.

use tokio::sync::watch;

/// Becomes set once, when it is time to stop.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Is set when `receiver` holds true.
    pub fn new(receiver: watch::Receiver<bool>) -> Self {
        Self(receiver)
    }

    /// Whether it is time.
    pub fn is_set(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is time.
    pub async fn wait(&self) {
        // If whoever could say so is gone, it is time too.
        drop(self.0.clone().wait_for(|stop| *stop).await);
    }
}
