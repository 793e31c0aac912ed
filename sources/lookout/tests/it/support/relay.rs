//! A relay that does what a test tells it: it takes events over the real wire, and remembers them.

use std::{
    sync::{Arc, Condvar, Mutex},
    thread::JoinHandle,
    time::Duration,
};

use laniakea_event::{Digest, Limits, Reason, Rejection, Seq, SubmittedEvent};
use laniakea_wire::{
    Endpoint, Listen,
    submit::{Closer, Next, Reply, SubmitServer},
};
use serde_json::Value;

/// What the relay does with a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Treatment {
    /// Takes it, or says that it has it.
    Take,
    /// Takes it and says nothing, as if it had died in between.
    TakeSilently,
    /// Says nothing.
    Ignore,
    /// Rejects it.
    Reject(Reason),
}

/// Given how many submissions came before.
type Policy = dyn Fn(usize) -> Treatment + Send;

#[derive(Default)]
struct Journal {
    submissions: usize,
    events: Vec<(Digest, Value)>,
}

/// A relay on a port of the system's choice.
pub(crate) struct Relay {
    pub(crate) endpoint: String,
    journal: Arc<(Mutex<Journal>, Condvar)>,
    policy: Arc<Mutex<Box<Policy>>>,
    closer: Closer,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Takes everything.
    pub(crate) fn new() -> Self {
        let endpoint = Endpoint("tcp://127.0.0.1:*".to_owned());
        let server = SubmitServer::bind(&Listen::plain([endpoint]), 1 << 20).unwrap();
        let endpoint = server.endpoints()[0].0.clone();
        let closer = server.closer();
        let journal = Arc::<(Mutex<Journal>, Condvar)>::default();
        let policy: Arc<Mutex<Box<Policy>>> = Arc::new(Mutex::new(Box::new(|_| Treatment::Take)));
        let (theirs, treat) = (journal.clone(), policy.clone());
        let thread = std::thread::spawn(move || serve(&server, &theirs, &treat));
        Self { endpoint, journal, policy, closer, thread: Some(thread) }
    }

    /// From now on submissions are treated so; they are counted from 0 again.
    pub(crate) fn treat(&self, policy: impl Fn(usize) -> Treatment + Send + 'static) {
        self.journal.0.lock().unwrap().submissions = 0;
        *self.policy.lock().unwrap() = Box::new(policy);
    }

    /// Waits until so many submissions have come since the last policy.
    #[track_caller]
    pub(crate) fn wait_for_submissions(&self, count: usize) {
        let (journal, changed) = &*self.journal;
        let few = |journal: &mut Journal| journal.submissions < count;
        let guard = journal.lock().unwrap();
        let waited = changed.wait_timeout_while(guard, Duration::from_secs(30), few).unwrap();
        assert!(!waited.1.timed_out(), "{} of {count} submissions came", waited.0.submissions);
    }

    /// The events that it took, each once, in the order in which they came.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.journal.0.lock().unwrap().events.iter().map(|(_, event)| event.clone()).collect()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.closer.close();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn serve(server: &SubmitServer, journal: &(Mutex<Journal>, Condvar), policy: &Mutex<Box<Policy>>) {
    let replies = server.replies();
    while let Next::Batch(batch) = server.next(None) {
        for submission in batch {
            let mut guard = journal.0.lock().unwrap();
            let treatment = policy.lock().unwrap()(guard.submissions);
            guard.submissions += 1;
            let reply = match treatment {
                Treatment::Ignore => None,
                Treatment::Reject(reason) => Some(Reply::rejected(&Rejection::new(reason, "no"))),
                Treatment::Take => Some(take(&mut guard, &submission.event)),
                Treatment::TakeSilently => {
                    take(&mut guard, &submission.event);
                    None
                }
            };
            drop(guard);
            journal.1.notify_all();
            replies.send(submission.reply_to.zip(reply));
        }
    }
}

fn take(journal: &mut Journal, event: &[u8]) -> Reply {
    let digest = SubmittedEvent::parse(event, &Limits::SUBMISSION).unwrap().digest();
    if let Some(position) = journal.events.iter().position(|(known, _)| *known == digest) {
        return Reply::duplicate(&digest, Seq(position as u64 + 1));
    }
    journal.events.push((digest, serde_json::from_slice(event).unwrap()));
    Reply::accepted(&digest, Seq(journal.events.len() as u64))
}
