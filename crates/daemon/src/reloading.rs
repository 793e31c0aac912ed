//! Reading things again beside the work that goes on.
//!
//! What is read may lie on a disk or a server that does not answer. So it is read on a thread of
//! its own, which neither the work nor the stop waits for, and it is told when it takes too long.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

/// Something that is read again whenever somebody asks for it.
#[derive(Debug)]
pub struct Reloading {
    what: &'static str,
    ask: SyncSender<()>,
    /// Since when it has been read, while it is.
    since: Arc<Mutex<Option<Instant>>>,
    is_told: bool,
}

impl Reloading {
    /// How long it may take until somebody should look after it.
    pub const PATIENCE: Duration = Duration::from_secs(5);

    /// Starts the thread. `read` is called once for each time somebody [asks](Self::ask).
    ///
    /// # Errors
    ///
    /// The system gives no thread.
    pub fn start(what: &'static str, read: impl FnMut() + Send + 'static) -> io::Result<Self> {
        let (ask, asked) = sync_channel(1);
        let since = Arc::new(Mutex::new(None));
        let set = {
            let since = since.clone();
            move |now| *since.lock().unwrap_or_else(PoisonError::into_inner) = now
        };
        // What is read again, and dropped with the thread, may belong to the runtime.
        let runtime = tokio::runtime::Handle::try_current().ok();
        // Whoever drops this leaves the thread behind: it ends when it next looks, or with the
        // process.
        thread::Builder::new().name("reloading".to_owned()).spawn(move || {
            let runtime = runtime;
            let _entered = runtime.as_ref().map(tokio::runtime::Handle::enter);
            // Dropped before the runtime is left.
            let mut read = read;
            while asked.recv().is_ok() {
                set(Some(Instant::now()));
                read();
                set(None);
            }
        })?;
        Ok(Self { what, ask, since, is_told: false })
    }

    /// Has it read again, from the beginning if it is being read just now. Waits for nothing.
    pub fn ask(&self) {
        // A full queue says that it will be read once more anyway.
        self.ask.try_send(()).unwrap_or_default();
    }

    /// Tells, once each time, that it takes too long. To be called every second or so.
    pub fn watch(&mut self) {
        let is_late = self.is_late(Instant::now());
        if is_late && !self.is_told {
            tracing::error!(
                what = self.what,
                seconds = Self::PATIENCE.as_secs(),
                "reading again takes long; what was read before stays in force"
            );
        } else if self.is_told && !is_late {
            tracing::info!(what = self.what, "reading again has ended");
        }
        self.is_told = is_late;
    }

    fn is_late(&self, now: Instant) -> bool {
        let since = *self.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| now.duration_since(since) >= Self::PATIENCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_never_read_to_its_end_holds_nobody_up_and_is_late() {
        let (begun, has_begun) = sync_channel(1);
        let (_open, never) = sync_channel::<()>(1);
        let reloading = Reloading::start("it", move || {
            begun.send(()).unwrap_or_default();
            never.recv().unwrap_or_default();
        })
        .unwrap();
        assert!(!reloading.is_late(Instant::now() + Duration::from_hours(1)), "nobody asked");
        reloading.ask();
        has_begun.recv().unwrap();
        for _ in 0..100 {
            reloading.ask();
        }
        assert!(!reloading.is_late(Instant::now()));
        assert!(reloading.is_late(Instant::now() + Reloading::PATIENCE));
    }

    #[test]
    fn whoever_asks_while_it_is_read_has_it_read_once_more() {
        let (begun, has_begun) = sync_channel(9);
        let (go, may_go) = sync_channel(9);
        let reloading = Reloading::start("it", move || {
            begun.send(()).unwrap_or_default();
            may_go.recv().unwrap_or_default();
        })
        .unwrap();
        reloading.ask();
        has_begun.recv().unwrap();
        reloading.ask();
        reloading.ask();
        for _ in 0..2 {
            go.send(()).unwrap();
        }
        has_begun.recv().unwrap();
        drop(reloading);
        assert!(has_begun.recv().is_err(), "once more, and then the thread ends");
    }
}
