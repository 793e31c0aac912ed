//! The client's end of a connection: connected in the background, and again whenever it breaks.
//!
//! | module | what it is |
//! |---|---|
//! | `link` | what a DEALER or SUB owns: all of the following in its order |
//! | `endpoint`, `connect` | where to, and how one gets there without waiting |
//! | `stream`, `session` | the socket, and one connection over it |
//! | `ended`, `backoff` | why it ended, and when to try again |
//!
//! One thread owns some links, and sleeps until one of them or a [`Waker`] has something for it.

mod backoff;
mod connect;
mod ended;
mod endpoint;
mod link;
mod session;
mod stream;
#[cfg(test)]
mod tests;

use std::{io, os::fd::AsFd as _, time::Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

pub use ended::HandshakeFailure;
pub use endpoint::InvalidEndpoint;
pub(crate) use link::{Change, Link};

use crate::wake::Waker;

/// Waits for the waker, the links, or the time; a signal ends it too.
pub(crate) fn sleep(waker: &Waker, links: &[&Link], until: Instant) -> io::Result<()> {
    if links.iter().any(|link| link.has_changes()) {
        return Ok(());
    }
    let until = links.iter().filter_map(|link| link.next_timer()).fold(until, Instant::min);
    let left = until.saturating_duration_since(Instant::now());
    // Longer than anybody waits: then it is looked at again.
    let left = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 3_600, tv_nsec: 0 });
    let interests = links.iter().filter_map(|link| link.interest());
    let mut items = vec![PollFd::from_borrowed_fd(waker.as_fd(), PollFlags::IN)];
    items.extend(interests.map(|(socket, flags)| PollFd::from_borrowed_fd(socket, flags)));
    match poll(&mut items, Some(&left)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
