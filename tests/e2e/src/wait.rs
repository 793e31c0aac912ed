//! Conditions with a deadline, in place of sleeps.

use std::{
    future::Future,
    time::{Duration, Instant},
};

/// Far longer than anything should take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Polls until `condition` gives something.
///
/// # Panics
///
/// After 30 seconds, naming what was waited for.
pub fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(result) = condition() {
            return result;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// Waits for a future.
///
/// # Panics
///
/// After 30 seconds, naming what was waited for.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let result = tokio::time::timeout(PATIENCE, future).await;
    result.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}
