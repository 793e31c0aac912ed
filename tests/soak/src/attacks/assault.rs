//! The peers of one round, in a thread that has one core.

use std::{
    collections::VecDeque,
    io::Write as _,
    net::TcpStream,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use fastrand::Rng;
use laniakea_e2e::Module;
use laniakea_zmtp::{Connection, Security, Setup, curve::KeyPair};
use rustix::{
    net::sockopt::{set_socket_linger, set_socket_recv_buffer_size},
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};

use super::kinds::{BLOCK, Dose, Fill, Way};
use crate::{
    peer::{Peer, Target},
    submitter::Submitter,
};

/// Who attacks, where and how.
pub(super) struct Assault {
    pub(super) target: Target,
    pub(super) endpoint: usize,
    pub(super) way: Way,
    pub(super) peers: usize,
    pub(super) lasts: Duration,
    pub(super) rng: Rng,
    /// Somebody who emits much, and where, so that there is something to read.
    pub(super) loud: (Module, String),
}

/// What readers take before they stop: the beginning, and no whole event or answer.
const TASTE: usize = 3_000;
/// Bytes of what is then to be read.
const LOUD: usize = 100_000;
/// Between two of them, so that nobody is kept waiting by their own weight.
const LOUD_PAUSE: Duration = Duration::from_millis(15);
/// How long a session that is cut at each byte may take at most, whatever the load.
const LONGEST: Duration = Duration::from_secs(20);
/// Of those who flood, so many shake hands at a time: they want to get in.
const MOST_HALF_OPEN: usize = 50;
/// Between two looks where nothing could be done.
const PAUSE: Duration = Duration::from_millis(1);

/// Holds this thread, and those that it starts, to one core.
fn pin() {
    let Ok(may) = sched_getaffinity(None) else { return };
    let mut one = CpuSet::new();
    if let Some(last) = (0..CpuSet::MAX_CPU).rev().find(|core| may.is_set(*core)) {
        one.set(last);
        sched_setaffinity(None, &one).unwrap_or_default();
    }
}

impl Assault {
    /// Begins. What comes back is what was sent: messages, connections or handshakes.
    pub(super) fn start(mut self) -> JoinHandle<u64> {
        std::thread::spawn(move || {
            pin();
            let until = Instant::now() + self.lasts;
            match self.way {
                Way::Nothing => rest(until),
                Way::Flood(fill) => self.flood(fill, until),
                Way::Slowly => self.shake_slowly(until),
                Way::Stop => self.stop_midway(until),
                Way::WithWrongKeys => self.use_wrong_keys(until),
                Way::Hello => self.say_hello(until),
                Way::Cut => self.cut_everywhere(until),
                Way::Connect => self.connect(until),
            }
        })
    }

    fn open(&mut self) -> Option<Peer> {
        Peer::open(&self.target, &mut self.rng).ok()
    }

    fn flood(&mut self, fill: Fill, until: Instant) -> u64 {
        let mut peers: Vec<(Option<Peer>, Dose)> =
            (0..self.peers).map(|peer| (None, Dose { peer, number: 0 })).collect();
        let (mut sent, mut half_open) = (0, 0);
        while Instant::now() < until {
            let (mut has_done, mut still) = (false, 0);
            for (peer, dose) in &mut peers {
                let before = dose.number;
                match peer.as_mut().map(|peer| send(peer, dose, fill)) {
                    Some(Ok(bytes)) => has_done |= bytes > 0,
                    Some(Err(_)) => (*peer, dose.number) = (None, 0),
                    None if half_open + still < MOST_HALF_OPEN => *peer = self.open(),
                    None => {}
                }
                still += usize::from(peer.as_ref().is_some_and(|peer| !peer.is_ready()));
                sent += dose.number.saturating_sub(before);
            }
            half_open = still;
            if !has_done {
                std::thread::park_timeout(PAUSE);
            }
        }
        // Some leave with RST, some with FIN.
        for peer in peers.into_iter().filter_map(|(peer, _)| peer).step_by(2) {
            peer.finish();
        }
        sent
    }

    fn shake_slowly(&mut self, until: Instant) -> u64 {
        let mut peers: Vec<Option<(Peer, Instant)>> = (0..self.peers).map(|_| None).collect();
        let mut begun = 0;
        while Instant::now() < until {
            for peer in &mut peers {
                let outcome = peer.as_mut().map(|(peer, since)| {
                    peer.most = usize::try_from(since.elapsed().as_secs()).unwrap_or(0) + 1;
                    peer.shake()
                });
                if !matches!(outcome, Some(Ok(_))) {
                    *peer = self.open().map(|peer| (peer, Instant::now()));
                    begun += 1;
                }
            }
            std::thread::park_timeout(20 * PAUSE);
        }
        begun
    }

    /// Those of publish want all events, those of replay the whole journal.
    fn stop_midway(&mut self, until: Instant) -> u64 {
        let mut peers: Vec<(Peer, usize)> = (0..self.peers)
            .filter_map(|_| {
                let mut peer = self.open()?;
                // What they do not take is to wait for them, and not in their kernel.
                set_socket_recv_buffer_size(&peer.stream, TASTE).ok()?;
                peer.wait().ok()?;
                let (zmtp, out) = peer.out();
                if self.endpoint == 1 {
                    zmtp.subscribe(b"", out).ok()?;
                } else {
                    let read = br#"{"op":"read","after":0,"prefixes":[],"limit":1000}"#;
                    (0..64).try_for_each(|_| zmtp.seal(&[&b"id"[..], read], out)).ok()?;
                }
                Some((peer, 0))
            })
            .collect();
        let (loud, endpoint) = &self.loud;
        let mut submitter: Submitter<()> = Submitter::connect(endpoint);
        let text = "x".repeat(LOUD);
        let mut due = Instant::now();
        while Instant::now() < until {
            for (peer, taken) in &mut peers {
                peer.flush().unwrap_or_default();
                while *taken < TASTE
                    && let Ok(Some(bytes)) = peer.read()
                {
                    *taken += bytes.len();
                }
            }
            if self.endpoint == 1 && submitter.waiting() < 4 && Instant::now() >= due {
                due += LOUD_PAUSE;
                let data = [("text".to_owned(), text.clone().into())].into();
                submitter.send(loud.event_with("_lk.member.loud", data).into_bytes(), ());
            }
            submitter.receive(PAUSE);
        }
        while submitter.waiting() > 0 && submitter.receive(crate::submitter::PATIENCE).is_some() {}
        peers.len() as u64
    }

    fn use_wrong_keys(&mut self, until: Instant) -> u64 {
        self.target.with_new_key();
        let mut peers: Vec<Option<Peer>> = (0..self.peers).map(|_| self.open()).collect();
        let mut sent = 0;
        while Instant::now() < until {
            for peer in &mut peers {
                if !matches!(peer.as_mut().map(Peer::shake), Some(Ok(_))) {
                    *peer = self.open();
                    sent += 1;
                }
            }
        }
        sent
    }

    /// For the relay each is a key to be agreed on; for whoever says it, so many bytes.
    fn say_hello(&mut self, until: Instant) -> u64 {
        let hello = record_hello(&self.target.setup);
        let mut open: VecDeque<TcpStream> = VecDeque::new();
        let mut sent = 0;
        while Instant::now() < until {
            if open.len() >= self.peers {
                open.pop_front();
            }
            let Ok(mut stream) = self.target.connect(&mut self.rng) else { continue };
            sent += u64::from(stream.write_all(&hello).is_ok());
            open.push_back(stream);
        }
        sent
    }

    fn connect(&mut self, until: Instant) -> u64 {
        let mut sent = 0;
        while Instant::now() < until {
            let Ok(stream) = self.target.connect(&mut self.rng) else { continue };
            if sent % 2 == 0 {
                set_socket_linger(&stream, None).unwrap_or_default();
            }
            sent += 1;
        }
        sent
    }

    /// The whole session once at each byte with FIN and with RST.
    fn cut_everywhere(&mut self, enough: Instant) -> u64 {
        let until = Instant::now() + LONGEST;
        let Some(length) = self.session(usize::MAX).and_then(|mut whole| {
            while whole.step(self.endpoint).is_ok_and(|is_over| !is_over) && Instant::now() < until
            {
                std::thread::park_timeout(PAUSE);
            }
            whole.has_spoken.then_some(whole.peer.sent)
        }) else {
            return 0;
        };
        let once = (0..=length).flat_map(|at| [(at, false), (at, true)]);
        let mut cuts = once.clone().chain(once.cycle().take_while(|_| Instant::now() < enough));
        let mut sessions: Vec<Option<(Session, bool)>> = (0..self.peers).map(|_| None).collect();
        let (mut done, mut is_over) = (0, false);
        while !is_over && Instant::now() < until {
            is_over = true;
            for slot in &mut sessions {
                if slot.as_mut().is_some_and(|(it, _)| matches!(it.step(self.endpoint), Ok(false)))
                {
                    is_over = false;
                    continue;
                }
                if let Some((session, is_fin)) = slot.take() {
                    done += 1;
                    if is_fin {
                        session.peer.finish();
                    }
                }
                if let Some((at, is_fin)) = cuts.next() {
                    *slot = self.session(at).map(|session| (session, is_fin));
                    is_over = false;
                }
            }
        }
        done
    }

    fn session(&mut self, most: usize) -> Option<Session> {
        let peer = Peer::open_for(&self.target, most, &mut self.rng).ok()?;
        Some(Session { peer, has_spoken: false })
    }
}

fn rest(until: Instant) -> u64 {
    std::thread::park_timeout(until.saturating_duration_since(Instant::now()));
    0
}

/// What one connection writes at a time.
fn send(peer: &mut Peer, dose: &mut Dose, fill: Fill) -> std::io::Result<usize> {
    if !peer.is_ready() {
        return peer.shake().map(usize::from);
    }
    let mut sent = 0;
    for _ in 0..4 {
        if peer.unsent() < BLOCK / 2 {
            let (zmtp, out) = peer.out();
            fill(zmtp, dose, out);
        }
        let bytes = peer.flush()?;
        sent += bytes;
        if bytes == 0 {
            break;
        }
    }
    Ok(sent)
}

/// A short visit as an honest peer pays it, as far as it gets.
struct Session {
    peer: Peer,
    has_spoken: bool,
}

impl Session {
    /// Goes on; says whether it is over.
    fn step(&mut self, endpoint: usize) -> std::io::Result<bool> {
        let is_ready = self.peer.shake()?;
        if is_ready && !self.has_spoken {
            let (zmtp, out) = self.peer.out();
            let said = match endpoint {
                0 => zmtp.seal(&[&b"{\"id\":5}"[..], b"id"], out),
                1 => zmtp.subscribe(b"org.", out).and_then(|()| zmtp.cancel(b"org.", out)),
                _ => zmtp.seal(&[&b"id"[..], br#"{"op":"status"}"#], out),
            };
            said.map_err(std::io::Error::other)?;
            self.has_spoken = true;
        }
        self.peer.flush()?;
        Ok(self.peer.is_at_its_end() || (self.has_spoken && self.peer.unsent() == 0))
    }
}

/// A greeting and the HELLO after it, which is the same for every connection.
fn record_hello(client: &Setup) -> Vec<u8> {
    let random = &mut |bytes: &mut [u8]| fastrand::fill(bytes);
    let security = Security::CurveServer(KeyPair::generate(random));
    let mut server = Connection::new(&Setup { security, ..client.clone() }, random);
    let mut client = Connection::new(client, random);
    let mut said = client.take_output();
    // The server says the second half of its greeting once it has the first of the client's.
    server.read(&mut &said[..]).unwrap();
    client.read(&mut &server.take_output()[..]).unwrap();
    said.extend(client.take_output());
    said
}
