//! The link against small servers that say what they like.

mod encrypted;
mod ends;
pub(super) mod peer;
mod talks;

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use laniakea_zmtp::{Limits, Message, Role};

use super::{Change, Link, sleep};
use crate::{curve::Security, wake::Waker};

const PATIENCE: Duration = Duration::from_secs(20);
const LIMITS: Limits = Limits::of_messages(1_000, 4);

/// A link and the thread that owns it.
struct Owner {
    waker: Waker,
    link: Link,
}

impl Owner {
    fn open(endpoint: &str, role: Role) -> Self {
        Self::open_with(endpoint, role, &Security::Plain)
    }

    fn open_with(endpoint: &str, role: Role, security: &Security) -> Self {
        let waker = Waker::new().unwrap();
        let link = Link::open(endpoint, (role, LIMITS), security, &waker).unwrap();
        Self { waker, link }
    }

    fn dealer(listener: &TcpListener) -> Self {
        Self::open(&endpoint(listener), Role::Dealer)
    }

    fn change(&mut self) -> Change {
        self.until("a change", Link::change)
    }

    fn message(&mut self) -> Message {
        self.until("a message", Link::receive)
    }

    /// Looks whenever there may be something new.
    fn until<T>(&mut self, what: &str, mut look: impl FnMut(&mut Link) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.waker.reset();
            if let Some(found) = look(&mut self.link) {
                return found;
            }
            assert!(Instant::now() < deadline, "waited in vain for {what}");
            sleep(&self.waker, &[&self.link], deadline).unwrap();
        }
    }
}

fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn endpoint(listener: &TcpListener) -> String {
    format!("tcp://{}", listener.local_addr().unwrap())
}
