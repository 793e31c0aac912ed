//! Subscribers that read whatever comes and do nothing with it, in a process of their own.
//!
//! The process prints `ready` once each reader has had an event of type [`BEGIN`], and what it [`Read`]
//! once each has had all events or one of type [`END`].

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    thread,
    time::Duration,
};

use anyhow::Context as _;
use clap::Args;
use rustix::{
    buffer::spare_capacity,
    event::epoll::{self, CreateFlags, EventData, EventFlags},
    time::{ClockId, clock_gettime},
};

use crate::{
    load::ID,
    zmtp::{self, Seen, Walker},
};

/// What all readers subscribe to.
pub(crate) const PREFIX: &str = "_lk.archive.";
/// Tells the readers that they are heard. Types are told apart by their length alone.
pub(crate) const BEGIN: &str = "_lk.archive.begin";
/// Tells the readers that nothing more comes.
pub(crate) const END: &str = "_lk.archive.end";

/// Readers rest between two looks, so that they take much at once and leave the processors to the relay.
const REST: Duration = Duration::from_millis(1);

/// Arguments of the readers' process.
#[derive(Debug, Clone, Args)]
pub(crate) struct Readers {
    /// The relay's publish endpoint.
    pub(crate) endpoint: String,
    /// How many readers.
    pub(crate) count: usize,
    /// How many events each waits for.
    pub(crate) events: u64,
    /// For encrypted connections, in Z85: the relay's public CURVE key, then the pair of the readers.
    #[arg(num_args = 3)]
    pub(crate) curve: Vec<String>,
}

/// What the readers have read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Read {
    /// All readers' events.
    pub(crate) events: u64,
    /// When the last one came, by [`now`].
    pub(crate) last: Duration,
}

impl Read {
    fn line(&self) -> String {
        format!("read {} {}", self.events, self.last.as_micros())
    }

    pub(crate) fn parse(line: &str) -> Option<Self> {
        let (events, micros) = line.strip_prefix("read ")?.split_once(' ')?;
        let last = Duration::from_micros(micros.parse().ok()?);
        Some(Self { events: events.parse().ok()?, last })
    }
}

/// The time by a clock that all processes share.
pub(crate) fn now() -> Duration {
    let time = clock_gettime(ClockId::Monotonic);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

impl Readers {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let mut tally = Tally::new(self.count, self.events);
        if self.curve.is_empty() {
            self.read_plain(&mut tally)
        } else {
            self.read_curve(&mut tally)
        }
    }

    fn read_plain(&self, tally: &mut Tally) -> anyhow::Result<()> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let mut readers = Vec::new();
        for number in 0..self.count {
            let mut stream = zmtp::connect(&self.endpoint, "SUB")?;
            stream.write_all(&zmtp::subscription(PREFIX))?;
            stream.set_nonblocking(true)?;
            epoll::add(&epoll, &stream, EventData::new_u64(number as u64), EventFlags::IN)?;
            readers.push((stream, Walker::default()));
        }
        let mut ready = Vec::with_capacity(self.count);
        let mut buffer = vec![0; 1 << 18];
        while !tally.is_done() {
            epoll::wait(&epoll, spare_capacity(&mut ready), None)?;
            for event in ready.drain(..) {
                let number = usize::try_from(event.data.u64())?;
                let (stream, walker) = &mut readers[number];
                drain(stream, walker, &mut buffer, |length| tally.add(number, length))?;
            }
            tally.report();
            thread::sleep(REST);
        }
        Ok(())
    }

    fn read_curve(&self, tally: &mut Tally) -> anyhow::Result<()> {
        let context = zmq::Context::new();
        let keys =
            self.curve.iter().map(|key| zmq::z85_decode(key)).collect::<Result<Vec<_>, _>>()?;
        let [server, public, secret] = &keys[..] else { anyhow::bail!("three keys are needed") };
        let mut readers = Vec::new();
        for _ in 0..self.count {
            let socket = context.socket(zmq::SUB)?;
            socket.set_rcvhwm(0)?;
            socket.set_curve_serverkey(server)?;
            socket.set_curve_publickey(public)?;
            socket.set_curve_secretkey(secret)?;
            socket.set_subscribe(PREFIX.as_bytes())?;
            socket.connect(&self.endpoint)?;
            readers.push(socket);
        }
        while !tally.is_done() {
            let mut items: Vec<_> = readers.iter().map(|it| it.as_poll_item(zmq::POLLIN)).collect();
            zmq::poll(&mut items, -1)?;
            for (number, _) in items.iter().enumerate().filter(|(_, item)| item.is_readable()) {
                while let Ok(frames) = readers[number].recv_multipart(zmq::DONTWAIT) {
                    tally.add(number, frames[0].len() as u64);
                }
            }
            tally.report();
            thread::sleep(REST);
        }
        Ok(())
    }
}

fn drain(
    stream: &mut TcpStream,
    walker: &mut Walker,
    buffer: &mut [u8],
    mut on_message: impl FnMut(u64),
) -> anyhow::Result<()> {
    let length = match stream.read(buffer) {
        Ok(0) => anyhow::bail!("the relay closed the connection"),
        Ok(length) => length,
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
        Err(error) => return Err(error).context("could not read"),
    };
    let mut pongs = Vec::new();
    walker.walk(&buffer[..length], |seen| match seen {
        Seen::Message(topic_length) => on_message(topic_length),
        Seen::Pong(pong) => pongs.extend(pong),
    });
    // A few bytes every some seconds always fit.
    stream.write_all(&pongs).context("could not answer a PING")
}

/// What the readers have had.
struct Tally {
    expected: u64,
    readers: Vec<Reader>,
    waiting_to_begin: usize,
    waiting_to_end: usize,
    is_begun: bool,
    events: u64,
    last: Duration,
}

#[derive(Clone, Default)]
struct Reader {
    is_begun: bool,
    is_ended: bool,
    events: u64,
}

impl Tally {
    fn new(count: usize, expected: u64) -> Self {
        Self {
            expected,
            readers: vec![Reader::default(); count],
            waiting_to_begin: count,
            waiting_to_end: count,
            is_begun: false,
            events: 0,
            last: Duration::ZERO,
        }
    }

    fn add(&mut self, number: usize, topic_length: u64) {
        let reader = &mut self.readers[number];
        if topic_length == ID.len() as u64 {
            reader.events += 1;
            self.events += 1;
            self.last = now();
        } else if topic_length == BEGIN.len() as u64 && !reader.is_begun {
            reader.is_begun = true;
            self.waiting_to_begin -= 1;
        }
        let is_last = topic_length == END.len() as u64 || reader.events == self.expected;
        if is_last && !reader.is_ended {
            reader.is_ended = true;
            self.waiting_to_end -= 1;
        }
    }

    fn is_done(&self) -> bool {
        self.waiting_to_end == 0
    }

    /// Prints what there is to say now.
    fn report(&mut self) {
        if self.waiting_to_begin == 0 && !self.is_begun {
            self.is_begun = true;
            println!("ready");
        }
        if self.is_done() {
            println!("{}", self.read().line());
        }
    }

    fn read(&self) -> Read {
        Read { events: self.events, last: self.last }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_survives_its_line() {
        let read = Read { events: 1_000_000, last: Duration::from_micros(2_345_678) };
        assert_eq!(Read::parse(&read.line()), Some(read));
        for line in ["", "ready", "read", "read 5", "read 5 x", "read x 5"] {
            assert_eq!(Read::parse(line), None, "{line:?}");
        }
    }

    #[test]
    fn readers_are_done_when_each_has_everything_or_knows_that_nothing_more_comes() {
        let [event, begin, end] = [ID, BEGIN, END].map(|id| id.len() as u64);
        let mut tally = Tally::new(2, 2);
        tally.add(0, begin);
        tally.add(0, begin);
        assert_eq!(tally.waiting_to_begin, 1);
        for (number, what) in [(1, begin), (0, event), (0, event), (1, event)] {
            tally.add(number, what);
            assert!(!tally.is_done());
        }
        assert_eq!(tally.waiting_to_begin, 0);
        tally.add(1, end);
        tally.add(1, end);
        assert!(tally.is_done());
        assert_eq!(tally.read().events, 3);
    }

    #[test]
    fn types_differ_in_length() {
        assert!(BEGIN.len() != END.len() && BEGIN.len() != ID.len() && END.len() != ID.len());
    }
}
