//! The thread that owns a subscription's sockets and does what the follower says.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use laniakea_zmtp::{Limits, Role};
use tokio::sync::mpsc::{self, error::TrySendError};

use super::{
    Handled, Position, SubscriptionConfig, SubscriptionError, Update,
    follower::{Follower, Step},
};
use crate::{
    HandshakeFailure, WireError,
    client::{Change, Link, sleep},
    replay::{Contradiction, FailureReason, Pace, ReplayError, Request, Requester, SinkReport},
    wake::Waker,
};

/// How long an answer may take before the request is sent anew.
const PATIENCE: Duration = Duration::from_secs(10);
/// A subscription takes effect a little after the connection: look once more then.
const SETTLE: Duration = Duration::from_millis(300);
/// Between requests that only confirm how far the journal goes, and before a busy relay is
/// asked again.
const PAUSE: Duration = Duration::from_millis(200);
/// How often a consumer with a name reports that it has got on.
const REPORT_PAUSE: Duration = Duration::from_secs(2);
/// How often a consumer that is slow is looked after, if it has a name to report by.
const SLOW_PAUSE: Duration = Duration::from_millis(20);
/// An event that the journal has was published at the same time. If none has come so long after one
/// was found there, none comes over this connection.
const UNHEARD: Duration = Duration::from_secs(3);
/// Live frames that are read in one go.
const MAX_BURST: usize = 256;
/// What is published is a topic and an event; of more frames nothing is known here.
const MAX_FRAMES: usize = 16;
/// No event's id is longer.
const MAX_TOPIC_BYTES: usize = 128;

pub(super) struct SubscriptionThread {
    live: Link,
    replay: Option<Requester>,
    follower: Follower,
    updates: mpsc::Sender<Result<Update, SubscriptionError>>,
    handled: Arc<Handled>,
    waker: Waker,
    name: Option<String>,
    status_interval: Duration,
    asked: Option<Asked>,
    timers: Timers,
    pace: Pace,
    /// Where the relay is, for what is told of it.
    endpoint: String,
    is_silent: bool,
    /// Why there is no connection, if that was told.
    handshake: Option<HandshakeFailure>,
}

struct Asked {
    request: Request,
    purpose: Purpose,
    at: Instant,
    deadline: Instant,
}

impl Asked {
    fn new(request: Request, purpose: Purpose, at: Instant) -> Self {
        Self { request, purpose, at, deadline: at + PATIENCE }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// The follower wants to get on.
    Follow,
    /// The cursor waits for the relay's word, and nothing else follows from the answer.
    Confirm,
}

struct Timers {
    check: Instant,
    settle: Option<Instant>,
    confirm: Instant,
    /// When the live connection is given up unless something comes over it.
    unheard: Option<Instant>,
    /// When a consumer with a name last reported, and how far it was.
    report: (Instant, Option<Position>),
}

/// The consumer is gone, or was told of an error: the thread ends.
struct Ended;

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        tracing::error!(%error, "the subscription cannot wait for its sockets");
        Self
    }
}

impl SubscriptionThread {
    pub(super) fn new(
        config: SubscriptionConfig,
        position: Option<Position>,
        updates: mpsc::Sender<Result<Update, SubscriptionError>>,
        handled: Arc<Handled>,
        waker: Waker,
    ) -> Result<Self, WireError> {
        let max_bytes = config.max_frame_bytes.saturating_add(MAX_TOPIC_BYTES);
        let sub = (Role::Sub, Limits::of_messages(max_bytes, MAX_FRAMES));
        let prefixes = config.prefixes.iter().map(|prefix| prefix.as_str().as_bytes().to_vec());
        let everything = config.prefixes.is_empty().then(Vec::new);
        let live = Link::open(&config.publish, sub, &config.security, &waker)?
            .with_topics(prefixes.chain(everything).collect());
        let replay = config
            .replay
            .as_ref()
            .map(|to| Requester::connect(to, &config.security, config.max_frame_bytes, &waker));
        let replay = replay.transpose()?;
        let now = Instant::now();
        let endpoint = replay.as_ref().map_or(&*config.publish, Requester::endpoint).to_owned();
        Ok(Self {
            live,
            replay,
            pace: Pace::new(now),
            endpoint,
            follower: Follower::new(&config, position),
            updates,
            handled,
            waker,
            name: config.name,
            status_interval: config.status_interval,
            asked: None,
            timers: Timers {
                check: now + config.status_interval,
                settle: None,
                confirm: now,
                unheard: None,
                report: (now, None),
            },
            is_silent: false,
            handshake: None,
        })
    }

    pub(super) fn run(mut self) {
        while self.turn().is_ok() {}
    }

    fn turn(&mut self) -> Result<(), Ended> {
        self.waker.reset();
        if self.handled.is_stopped() {
            return Err(Ended);
        }
        self.read_changes()?;
        let is_burst = self.read_live()?;
        self.read_answer()?;
        self.ask_anew();
        self.run_timers()?;
        self.ask();
        self.handled.tick();
        if !is_burst {
            self.sleep()?;
        }
        Ok(())
    }

    fn sleep(&self) -> Result<(), Ended> {
        let links = [Some(&self.live), self.replay.as_ref().map(Requester::link)];
        let links: Vec<&Link> = links.into_iter().flatten().collect();
        Ok(sleep(&self.waker, &links, self.next_timer())?)
    }

    fn next_timer(&self) -> Instant {
        let mut next = self.timers.check;
        let mut consider = |at: Instant| next = next.min(at);
        let others = [self.timers.settle, self.timers.unheard];
        others.into_iter().flatten().for_each(&mut consider);
        if self.asked.is_none() {
            self.next_report().into_iter().for_each(&mut consider);
        }
        match &self.asked {
            Some(asked) => consider(asked.deadline),
            None if self.follower.wanted().is_some() => consider(self.pace.next()),
            None if self.handled.wants_confirmation() => {
                consider(self.timers.confirm.max(self.pace.next()));
            }
            None => {}
        }
        if self.handled.wants_saving() {
            consider(Instant::now() + PAUSE / 10);
        }
        next
    }

    fn read_changes(&mut self) -> Result<(), Ended> {
        while let Some(change) = self.live.change() {
            match change {
                Change::Connected => {
                    self.handshake = None;
                    self.follower.look_again();
                    self.timers.settle = Some(Instant::now() + SETTLE);
                    self.timers.unheard = None;
                    self.tell(Update::Connected)?;
                }
                Change::Disconnected => self.tell(Update::Disconnected)?,
                // It is tried again, and fails again: that is told once.
                Change::Failed(failure) if self.handshake != Some(failure) => {
                    self.handshake = Some(failure);
                    self.tell(Update::HandshakeFailed(failure))?;
                }
                Change::Failed(_) => {}
            }
        }
        Ok(())
    }

    /// What was asked over a connection that broke is asked again: there will be no answer.
    fn ask_anew(&mut self) {
        if self.replay.as_mut().is_some_and(Requester::has_broken) {
            self.asked = None;
        }
    }

    /// Says whether there may be more.
    fn read_live(&mut self) -> Result<bool, Ended> {
        for _ in 0..MAX_BURST {
            let Some(message) = self.live.receive() else {
                // Only now: what came while the consumer was slow was waiting here.
                if self.timers.unheard.take_if(|at| *at <= Instant::now()).is_some() {
                    tracing::info!("the journal goes on and nothing is published: connecting anew");
                    self.live.cut();
                }
                return Ok(false);
            };
            self.timers.unheard = None;
            let mut frames = message.frames();
            if let (Some(topic), Some(frame), None) = (frames.next(), frames.next(), frames.next())
            {
                self.follower.on_live(topic, frame);
                self.take_steps()?;
            }
        }
        Ok(true)
    }

    fn read_answer(&mut self) -> Result<(), Ended> {
        let answer = self.replay.as_mut().and_then(Requester::receive);
        let Some(answer) = answer else { return Ok(()) };
        let Some(Asked { request, purpose, at, .. }) = self.asked.take() else { return Ok(()) };
        self.is_silent = false;
        let mut last = None;
        match (answer, purpose) {
            (Ok(answer), Purpose::Follow) => {
                last = Some(answer.header.last);
                let gain = self.follower.on_answer(&request, answer);
                self.pace.answered(Instant::now(), at.elapsed(), gain);
            }
            (Ok(answer), Purpose::Confirm) => self.follower.on_confirmation(&request, answer),
            (Err(error), _) => self.on_failure(error)?,
        }
        self.take_steps()?;
        if last.is_some_and(|last| self.follower.is_complete(last))
            && self.handled.take_wish_for_complete()
        {
            self.tell(Update::Complete { as_of: at })?;
        }
        Ok(())
    }

    fn on_failure(&mut self, error: ReplayError) -> Result<(), Ended> {
        match error {
            ReplayError::Failed(failure)
                if matches!(failure.reason, FailureReason::Busy | FailureReason::Unavailable) =>
            {
                self.pace.wait(Instant::now() + PAUSE);
                Ok(())
            }
            ReplayError::Contradiction { said, .. } => self.contradict(said),
            // It was a relay before.
            ReplayError::Failed(_) | ReplayError::NotARelay { .. }
                if self.follower.has_answered() =>
            {
                self.contradict(Contradiction(error.to_string()))
            }
            ReplayError::Failed(failure) => self.fail(SubscriptionError::Replay(failure)),
            ReplayError::Wire(error) => self.fail(error.into()),
            ReplayError::NotARelay { endpoint, .. } | ReplayError::Unreachable { endpoint, .. } => {
                self.fail(SubscriptionError::NotARelay { endpoint })
            }
        }
    }

    fn run_timers(&mut self) -> Result<(), Ended> {
        let now = Instant::now();
        if self.timers.settle.is_some_and(|at| at <= now) {
            self.timers.settle = None;
            self.follower.look_again();
        }
        if self.timers.check <= now {
            self.timers.check = now + self.status_interval;
            self.follower.check();
        }
        if self.handled.wants_complete() {
            self.follower.check();
        }
        if self.asked.as_ref().is_some_and(|asked| asked.deadline <= now) {
            self.asked = None;
            self.replay.iter_mut().for_each(Requester::reconnect);
            if !std::mem::replace(&mut self.is_silent, true) {
                self.tell(Update::ReplaySilent)?;
            }
        }
        Ok(())
    }

    fn ask(&mut self) {
        let now = Instant::now();
        let is_report_due = self.next_report().is_some_and(|at| at <= now);
        let Some(replay) = self.replay.as_mut().filter(|_| self.asked.is_none()) else {
            return;
        };
        let (request, purpose) = match self.follower.wanted() {
            _ if is_report_due => (Request::Status(None), Purpose::Confirm),
            _ if self.pace.next() > now => return,
            Some(request) => (request, Purpose::Follow),
            None if self.timers.confirm <= now => {
                let Some(position) = self.handled.ask() else { return };
                self.timers.confirm = now + PAUSE;
                (Follower::show(position.seq), Purpose::Confirm)
            }
            None => return,
        };
        let request = match request {
            Request::Status(_) => {
                self.timers.report = (now, self.handled.position());
                Request::Status(report(self.name.as_ref(), &self.handled))
            }
            other => other,
        };
        replay.send(&request);
        self.asked = Some(Asked::new(request, purpose, now));
    }

    fn take_steps(&mut self) -> Result<(), Ended> {
        for step in self.follower.take_steps() {
            match step {
                Step::Tell(update) => self.tell(update)?,
                Step::Hear(last) => self.handled.hear(last),
                Step::Confirm(position) => self.handled.confirm(position),
                Step::Contradict(said) => self.contradict(said)?,
                Step::Unheard => {
                    self.timers.unheard.get_or_insert(Instant::now() + UNHEARD);
                }
                Step::Fail(error) => self.fail(error)?,
            }
        }
        Ok(())
    }

    /// When to report, if there is a position and a name to do it by: soon after it has moved, and
    /// now and then in any case, so that nobody thinks that it is gone.
    fn next_report(&self) -> Option<Instant> {
        let position = self.name.as_ref().and(self.handled.position())?;
        let (at, reported) = self.timers.report;
        let pause = if reported == Some(position) { self.status_interval } else { REPORT_PAUSE };
        Some(at + pause.min(self.status_interval))
    }

    /// Waits while the consumer is slow. Nothing is read then: live events wait in the kernel and at
    /// the relay's, and what is dropped there shows in `prev`.
    fn tell(&mut self, update: Update) -> Result<(), Ended> {
        if self.name.is_none() {
            return self.updates.blocking_send(Ok(update)).map_err(|_| Ended);
        }
        let mut update = Ok(update);
        loop {
            update = match self.updates.try_send(update) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(update)) => update,
                Err(TrySendError::Closed(_)) => return Err(Ended),
            };
            if self.handled.is_stopped() {
                return Err(Ended);
            }
            self.report_meanwhile();
            std::thread::park_timeout(SLOW_PAUSE);
        }
    }

    /// One that is slow is not silent. The answers do not matter here.
    fn report_meanwhile(&mut self) {
        let now = Instant::now();
        let wants_report = self.next_report().is_some_and(|at| at <= now);
        self.ask_anew();
        let Some(replay) = &mut self.replay else { return };
        if self.asked.as_ref().is_some_and(|asked| asked.purpose == Purpose::Confirm) {
            match replay.receive() {
                None => return,
                Some(_) => self.asked = None,
            }
        }
        if self.asked.is_some() || !wants_report {
            return;
        }
        let request = Request::Status(report(self.name.as_ref(), &self.handled));
        self.timers.report = (now, self.handled.position());
        replay.send(&request);
        self.asked = Some(Asked::new(request, Purpose::Confirm, now));
    }

    /// Tells it, unless another one was told within the last minute.
    fn contradict(&mut self, said: Contradiction) -> Result<(), Ended> {
        if !self.pace.contradicted(Instant::now()) {
            return Ok(());
        }
        self.tell(Update::Contradiction { endpoint: self.endpoint.clone(), said })
    }

    fn fail(&self, error: SubscriptionError) -> Result<(), Ended> {
        drop(self.updates.blocking_send(Err(error)));
        Err(Ended)
    }
}

fn report(name: Option<&String>, handled: &Handled) -> Option<SinkReport> {
    let Position { journal, seq } = handled.position()?;
    Some(SinkReport { name: name?.clone(), journal, seq })
}
