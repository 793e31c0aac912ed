//! An eventfd that wakes a thread which waits for sockets.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::Arc,
};

use rustix::event::{EventfdFlags, eventfd};

/// Both ends of a wake-up: clone it to the wakers, poll its descriptor in the sleeper.
#[derive(Debug, Clone)]
pub(crate) struct Waker(Arc<OwnedFd>);

impl Waker {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?)))
    }

    /// Wakes the sleeper, now or when it next sleeps.
    pub(crate) fn wake(&self) {
        // It fails only when the counter is full, and then the sleeper is awake already.
        rustix::io::write(&*self.0, &1_u64.to_ne_bytes()).unwrap_or_default();
    }

    /// Forgets the wake-ups so far; to be called before looking for what they announced.
    pub(crate) fn reset(&self) {
        rustix::io::read(&*self.0, &mut [0; 8]).unwrap_or_default();
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
