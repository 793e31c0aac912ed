//! A relay in this process, with its journal in memory.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
};

use laniakea_daemon::{Clock as _, SystemClock, load_directory};
use laniakea_event::{
    Draft, EmitRule, EventId, Limits, Object, Reason, Rejection, SignedEvent, SignerId, SigningKey,
    SubmittedEvent, Trust, Value,
};
use laniakea_journal::{Appended, Budget, Entry, Journal, MemoryJournal, Query};
use laniakea_wire::{
    Endpoint, Listen,
    publish::{Publication, PublishServer},
    replay::{
        Closer, Failure, FailureReason, From, Header, Read, ReplayRequest, ReplayServer, Request,
        SinkStanding, SinkState,
    },
    submit::{Next, Reply, SubmitServer},
};
use uuid::Uuid;

use crate::program::{Directory, Run, lk, trusted_keys};

/// A running relay, until it is dropped. It trusts `archive-01` of the vectors.
pub(crate) struct Relay {
    core: Arc<Core>,
    submit: String,
    publish: String,
    replay: String,
    closers: Vec<Closer>,
    threads: Vec<JoinHandle<()>>,
    directory: Directory,
}

/// What a relay does to its answers to requests.
pub(crate) type Lie = fn(&Request, &mut Header, &mut Vec<Vec<u8>>);

struct Core {
    journal: MemoryJournal,
    key: SigningKey,
    trust: Trust,
    publisher: Mutex<Option<PublishServer>>,
    lie: Mutex<Option<Lie>>,
    /// Requests so far.
    asked: AtomicUsize,
}

impl Relay {
    /// A relay with an empty journal.
    pub(crate) fn new() -> Self {
        Self::with_journal(Uuid::from_u128(1))
    }

    /// A relay with this empty journal.
    pub(crate) fn with_journal(id: Uuid) -> Self {
        let any = Listen::plain([Endpoint("tcp://127.0.0.1:*".to_owned())]);
        let submit = Arc::new(SubmitServer::bind(&any, 1 << 20).unwrap());
        let replay = Arc::new(ReplayServer::bind(&any).unwrap());
        let publish = PublishServer::bind(&any).unwrap();
        let endpoint = |endpoints: &[Endpoint]| endpoints[0].0.clone();
        let (submit_at, publish_at, replay_at) = (
            endpoint(submit.endpoints()),
            endpoint(publish.endpoints()),
            endpoint(replay.endpoints()),
        );
        let directory = Directory::new();
        let key = directory.secret("lighthouse-01");
        let key = SigningKey::load(key.as_ref()).unwrap();
        let core = Arc::new(Core {
            journal: MemoryJournal::new(key.signer().clone(), id),
            key,
            trust: trust(),
            publisher: Mutex::new(Some(publish)),
            lie: Mutex::new(None),
            asked: AtomicUsize::new(0),
        });
        let closers = vec![submit.closer(), replay.closer()];
        let threads = vec![
            std::thread::spawn({
                let core = core.clone();
                move || core.take_submissions(&submit)
            }),
            std::thread::spawn({
                let core = core.clone();
                move || core.answer_requests(&replay)
            }),
        ];
        Self {
            core,
            submit: submit_at,
            publish: publish_at,
            replay: replay_at,
            closers,
            threads,
            directory,
        }
    }

    /// A file of the test.
    pub(crate) fn file(&self, name: &str) -> String {
        self.directory.text(name)
    }

    /// The secret key of this module.
    pub(crate) fn secret(&self, signer: &str) -> String {
        self.directory.secret(signer)
    }

    /// Puts an event of `archive-01` into the journal and publishes it.
    pub(crate) fn emit(&self, id: &str, data: &str) {
        assert!(matches!(self.core.accept(self.event(id, data).bytes()), Reply::Accepted { .. }));
    }

    /// Does something without publishing it.
    pub(crate) fn in_silence(&self, act: impl FnOnce()) {
        let publisher = self.core.publisher.lock().unwrap().take();
        act();
        *self.core.publisher.lock().unwrap() = publisher;
    }

    /// Puts so many pings into the journal, with the numbers from `first` on as their messages.
    pub(crate) fn ping(&self, first: u64, count: u64) {
        for number in first..first + count {
            self.emit("_lk.core.ping", &format!(r#"{{"node":"here","message":"{number}"}}"#));
        }
    }

    fn event(&self, id: &str, data: &str) -> SignedEvent {
        let Value::Object(data) = Value::parse(data.as_bytes(), &Limits::SUBMISSION).unwrap()
        else {
            panic!("no object");
        };
        self.sign(id, data)
    }

    fn sign(&self, id: &str, data: Object) -> SignedEvent {
        let key = SigningKey::load(self.secret("archive-01").as_ref()).unwrap();
        Draft::new(EventId::parse(id).unwrap(), SystemClock.now(), data).sign(&key).unwrap()
    }

    /// From now on this is done to each answer, or nothing any more.
    pub(crate) fn lie(&self, lie: Option<Lie>) {
        *self.core.lie.lock().unwrap() = lie;
    }

    /// How many requests came.
    pub(crate) fn asked(&self) -> usize {
        self.core.asked.load(Ordering::Relaxed)
    }

    /// Publishes what no honest relay would.
    pub(crate) fn publish(&self, id: &str, frame: Vec<u8>) {
        self.core.publish(id, frame.into());
    }

    /// The last frame of the journal.
    pub(crate) fn last_frame(&self) -> String {
        let bounds = self.core.journal.bounds().unwrap();
        let query = Query {
            after: laniakea_event::Seq(bounds.last.0 - 1),
            prefixes: Vec::new(),
            limit: 1,
            max_bytes: usize::MAX,
            budget: Budget::UNLIMITED,
        };
        let page = self.core.journal.read(&query).unwrap();
        String::from_utf8(page.events[0].frame.clone()).unwrap()
    }

    /// The arguments that lead a consumer here.
    pub(crate) fn stream<'a>(&'a self, command: &'a str) -> Vec<&'a str> {
        vec![command, "--from", &self.publish, "--replay", &self.replay]
    }

    /// Runs a consumer.
    pub(crate) fn follow(&self, command: &str, arguments: &[&str]) -> Run {
        lk(&[&self.stream(command)[..], arguments].concat())
    }

    /// Runs a command that asks the replay endpoint.
    pub(crate) fn ask(&self, command: &str, arguments: &[&str]) -> Run {
        lk(&[&[command, "--replay", &self.replay], arguments].concat())
    }

    /// Runs `lk emit` with the key of this module.
    pub(crate) fn submit(&self, signer: &str, arguments: &[&str]) -> Run {
        let key = self.secret(signer);
        lk(&[&["emit", "--to", &self.submit, "--key", &key], arguments].concat())
    }

    pub(crate) fn replay_endpoint(&self) -> &str {
        &self.replay
    }

    pub(crate) fn submit_endpoint(&self) -> &str {
        &self.submit
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.closers.iter().for_each(Closer::close);
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

fn trust() -> Trust {
    let keyring = load_directory(trusted_keys().as_ref()).unwrap().keyring();
    let emit = [("archive-01", "_lk.")];
    let emit: BTreeMap<_, _> = emit
        .iter()
        .map(|(signer, rule)| {
            (SignerId::parse(signer).unwrap(), vec![EmitRule::parse(rule).unwrap()])
        })
        .collect();
    Trust::new(keyring, [SignerId::parse("lighthouse-01").unwrap()].into(), emit)
}

impl Core {
    fn take_submissions(&self, server: &SubmitServer) {
        let replies = server.replies();
        while let Next::Batch(batch) = server.next(None) {
            for submission in batch {
                let reply = self.accept(&submission.event);
                replies.send(submission.reply_to.map(|to| (to, reply)));
            }
        }
    }

    fn accept(&self, event: &[u8]) -> Reply {
        self.try_accept(event).unwrap_or_else(|rejection| Reply::rejected(&rejection))
    }

    fn try_accept(&self, event: &[u8]) -> Result<Reply, Rejection> {
        let mut event = SubmittedEvent::parse(event, &Limits::SUBMISSION)?
            .verify(self.trust.keyring(), SystemClock.now())?;
        let sources = event.authorise(&self.trust)?;
        event.countersign(&self.key);
        let (id, digest) = (event.id().clone(), event.digest());
        let entry = Entry { event, sources, received: SystemClock.now() };
        match self.journal.append(vec![entry]).unwrap().remove(0) {
            Appended::Journaled(journaled) => {
                self.publish(id.as_str(), journaled.frame().clone());
                Ok(Reply::accepted(&digest, journaled.seq()))
            }
            Appended::Duplicate { seq } => Ok(Reply::duplicate(&digest, seq)),
            Appended::Conflict { .. } => Err(Rejection::new(Reason::Conflict, "seen")),
        }
    }

    fn publish(&self, id: &str, frame: Arc<[u8]>) {
        let publisher = self.publisher.lock().unwrap();
        let Some(publisher) = publisher.as_ref() else { return };
        publisher.publish(vec![Publication { id: id.into(), frame }]);
    }

    fn answer_requests(&self, server: &ReplayServer) {
        let answers = server.answers();
        while let Some(request) = server.next() {
            self.asked.fetch_add(1, Ordering::Relaxed);
            let lie = *self.lie.lock().unwrap();
            match self.answer(&request) {
                Ok((mut header, mut events)) => {
                    if let Some(lie) = lie {
                        lie(&request.request, &mut header, &mut events);
                    }
                    answers.answer(request, &header, events);
                }
                Err(failure) => answers.fail(request, &failure),
            }
        }
    }

    fn answer(&self, request: &ReplayRequest) -> Result<(Header, Vec<Vec<u8>>), Failure> {
        let bounds = self.journal.bounds().unwrap();
        let mut header = Header::new(self.journal.id(), bounds.first, bounds.last);
        let Request::Read(Read { from, prefixes, limit }) = &request.request else {
            header.relay = Some("lighthouse-01".to_owned());
            header.time = Some("2026-11-23T16:00:00Z".to_owned());
            header.counters = Some([("accepted".to_owned(), bounds.last.0)].into());
            header.sinks = Some(sinks(self.journal.id()));
            return Ok((header, Vec::new()));
        };
        let after = match from {
            From::After(seq) => *seq,
            From::Since(time) => {
                let time =
                    time.parse().map_err(|_| Failure::new(FailureReason::BadRequest, "since"))?;
                self.journal.position_at(time, Budget::UNLIMITED).unwrap()
            }
        };
        let query = Query {
            after,
            prefixes: prefixes.clone(),
            limit: *limit,
            max_bytes: 1 << 20,
            budget: self.budget(bounds.last),
        };
        let page = self.journal.read(&query).unwrap();
        (header.first, header.last) = (page.first, page.last);
        (header.count, header.next) = (Some(page.events.len()), Some(page.next));
        Ok((header, page.events.into_iter().map(|event| event.frame).collect()))
    }

    /// Pages are short and often empty, so that every command is seen to ask on. Lies are about whole
    /// ones.
    fn budget(&self, last: laniakea_event::Seq) -> Budget {
        let is_long = last.0 > 1_000;
        match *self.lie.lock().unwrap() {
            Some(_) => Budget::UNLIMITED,
            None => Budget::of_rows(if is_long { 1_000 } else { 2 }),
        }
    }
}

/// Consumers of every standing: one that stalls, with a name that a terminal would obey, one that
/// is silent, one elsewhere of which an older relay says no more.
fn sinks(journal: Uuid) -> Vec<SinkState> {
    let sink = |name: &str, journal, standing, idle| SinkState {
        name: name.to_owned(),
        journal,
        seq: laniakea_event::Seq(1),
        seen: "2026-11-23T16:00:00Z".to_owned(),
        standing,
        idle,
    };
    vec![
        sink("mirk\u{1b}[2J", journal, Some(SinkStanding::Stalled), Some(180)),
        sink("web", journal, Some(SinkStanding::Silent), Some(7_200)),
        sink("mailer", journal, Some(SinkStanding::Following), Some(0)),
        sink("keeper", Uuid::nil(), None, None),
    ]
}
