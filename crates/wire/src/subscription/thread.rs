//! The thread that owns a subscription's sockets and does what the follower says.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::mpsc::{self, error::TrySendError};

use super::{
    Handled, Position, SubscriptionConfig, SubscriptionError, Update,
    follower::{Follower, Step},
};
use crate::{
    Context, HandshakeFailure, WireError,
    client::ClientSocket,
    replay::{Contradiction, FailureReason, Pace, ReplayError, ReplaySocket, Request, SinkReport},
    socket::{Keepalive, Received, Report, Settings, poll, receive},
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

pub(super) struct SubscriptionThread {
    live: ClientSocket,
    replay: Option<ReplaySocket>,
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
    is_connected: bool,
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

impl From<zmq::Error> for Ended {
    fn from(error: zmq::Error) -> Self {
        tracing::error!(%error, "the subscription's socket failed");
        Self
    }
}

impl SubscriptionThread {
    pub(super) fn new(
        context: &Context,
        config: SubscriptionConfig,
        position: Option<Position>,
        updates: mpsc::Sender<Result<Update, SubscriptionError>>,
        handled: Arc<Handled>,
        waker: Waker,
    ) -> Result<Self, WireError> {
        let max_message_bytes = i64::try_from(config.max_frame_bytes).unwrap_or(i64::MAX);
        let settings = Settings {
            kind: zmq::SUB,
            max_message_bytes,
            receive_queue: 10_000,
            send_queue: 1_000,
            keepalive: Keepalive::CLIENT,
        };
        let live = ClientSocket::connect(context, &settings, &config.publish, &config.security)?;
        if config.prefixes.is_empty() {
            live.zmq().set_subscribe(b"")?;
        }
        for prefix in &config.prefixes {
            live.zmq().set_subscribe(prefix.as_str().as_bytes())?;
        }
        let replay = config.replay.as_ref();
        let replay = replay
            .map(|to| ReplaySocket::connect(context, to, &config.security, max_message_bytes));
        let replay = replay.transpose()?;
        let now = Instant::now();
        let endpoint = replay.as_ref().map_or(&*config.publish, ReplaySocket::endpoint).to_owned();
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
            is_connected: false,
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
        self.ask_anew()?;
        self.run_timers()?;
        self.ask()?;
        self.handled.tick();
        if !is_burst {
            self.sleep()?;
        }
        Ok(())
    }

    fn sleep(&self) -> Result<(), Ended> {
        let mut items = vec![
            self.waker.poll_item(),
            self.live.zmq().as_poll_item(zmq::POLLIN),
            self.live.monitor_item(),
        ];
        items.extend(self.replay.as_ref().map(ReplaySocket::poll_item));
        items.extend(self.replay.as_ref().map(ReplaySocket::monitor_item));
        let left = self.next_timer().saturating_duration_since(Instant::now());
        poll(&mut items, i64::try_from(left.as_millis()).unwrap_or(i64::MAX).saturating_add(1))?;
        Ok(())
    }

    fn next_timer(&self) -> Instant {
        let mut next = self.timers.check;
        let mut consider = |at: Instant| next = next.min(at);
        consider(self.live.next_look());
        let replay = self.replay.as_ref().map(ReplaySocket::next_look);
        let others = [replay, self.timers.settle, self.timers.unheard];
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
        while let Some(report) = self.live.report()? {
            match report {
                Report::Connected => {
                    self.handshake = None;
                    self.is_connected = true;
                    self.follower.look_again();
                    self.timers.settle = Some(Instant::now() + SETTLE);
                    self.timers.unheard = None;
                    self.tell(Update::Connected)?;
                }
                Report::Disconnected(_) if std::mem::take(&mut self.is_connected) => {
                    self.tell(Update::Disconnected)?;
                }
                // It is tried again, and fails again: that is told once.
                Report::Failed(failure) if self.handshake != Some(failure) => {
                    self.handshake = Some(failure);
                    self.tell(Update::HandshakeFailed(failure))?;
                }
                Report::Failed(_) | Report::Disconnected(_) | Report::Opened(_) => {}
            }
        }
        Ok(())
    }

    /// What was asked over a connection that broke is asked again: there will be no answer.
    fn ask_anew(&mut self) -> Result<(), Ended> {
        let broken = self.replay.as_mut().map(ReplaySocket::has_broken);
        match broken {
            Some(Ok(true)) if self.asked.take().is_some() => {
                let reconnected = self.replay.as_mut().map(ReplaySocket::reconnect);
                reconnected.unwrap_or(Ok(())).or_else(|error| self.fail(error.into()))
            }
            Some(Err(error)) => self.fail(error.into()),
            _ => Ok(()),
        }
    }

    /// Says whether there may be more.
    fn read_live(&mut self) -> Result<bool, Ended> {
        for _ in 0..MAX_BURST {
            let Some(Received { frames, count, .. }) = receive(self.live.zmq(), 2)? else {
                // Only now: what came while the consumer was slow was waiting here.
                if self.timers.unheard.take_if(|at| *at <= Instant::now()).is_some() {
                    tracing::info!("the journal goes on and nothing is published: connecting anew");
                    self.live.cut();
                }
                return Ok(false);
            };
            self.timers.unheard = None;
            if let ([topic, frame], 2) = (&frames[..], count) {
                self.follower.on_live(topic, frame);
                self.take_steps()?;
            }
        }
        Ok(true)
    }

    fn read_answer(&mut self) -> Result<(), Ended> {
        let Some(replay) = &self.replay else { return Ok(()) };
        let answer = match replay.receive() {
            Ok(None) => return Ok(()),
            Ok(Some(answer)) => answer,
            Err(error) => return self.fail(error.into()),
        };
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
        self.live.look(now)?;
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
            if let Some(Err(error)) = self.replay.as_mut().map(ReplaySocket::reconnect) {
                self.fail(error.into())?;
            }
            if !std::mem::replace(&mut self.is_silent, true) {
                self.tell(Update::ReplaySilent)?;
            }
        }
        Ok(())
    }

    fn ask(&mut self) -> Result<(), Ended> {
        let now = Instant::now();
        let is_report_due = self.next_report().is_some_and(|at| at <= now);
        let Some(replay) = self.replay.as_mut().filter(|_| self.asked.is_none()) else {
            return Ok(());
        };
        let (request, purpose) = match self.follower.wanted() {
            _ if is_report_due => (Request::Status(None), Purpose::Confirm),
            _ if self.pace.next() > now => return Ok(()),
            Some(request) => (request, Purpose::Follow),
            None if self.timers.confirm <= now => {
                let Some(position) = self.handled.ask() else { return Ok(()) };
                self.timers.confirm = now + PAUSE;
                (Follower::show(position.seq), Purpose::Confirm)
            }
            None => return Ok(()),
        };
        let request = match request {
            Request::Status(_) => {
                self.timers.report = (now, self.handled.position());
                Request::Status(report(self.name.as_ref(), &self.handled))
            }
            other => other,
        };
        let sent = replay.send(&request);
        self.asked = Some(Asked::new(request, purpose, now));
        sent.or_else(|error| self.fail(error.into()))
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

    /// Waits while the consumer is slow. Live events then queue in ZeroMQ; what is dropped there
    /// shows in `prev`.
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
            self.report_meanwhile()?;
            std::thread::park_timeout(SLOW_PAUSE);
        }
    }

    /// One that is slow is not silent. The answers do not matter here.
    fn report_meanwhile(&mut self) -> Result<(), Ended> {
        let now = Instant::now();
        let wants_report = self.next_report().is_some_and(|at| at <= now);
        let Some(replay) = &mut self.replay else { return Ok(()) };
        if self.asked.as_ref().is_some_and(|asked| asked.purpose == Purpose::Confirm) {
            match replay.receive() {
                Ok(None) => return Ok(()),
                Ok(Some(_)) => self.asked = None,
                Err(error) => return self.fail(error.into()),
            }
        }
        if self.asked.is_some() || !wants_report {
            return Ok(());
        }
        let request = Request::Status(report(self.name.as_ref(), &self.handled));
        self.timers.report = (now, self.handled.position());
        let sent = replay.send(&request);
        self.asked = Some(Asked::new(request, Purpose::Confirm, now));
        sent.or_else(|error| self.fail(error.into()))
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
