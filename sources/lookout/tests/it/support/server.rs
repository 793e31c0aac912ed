//! A small HTTP server for a directory, as mirrors are: with `ETag`, `Last-Modified` and "not
//! modified"; and a proxy, since the request line may hold a whole address.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use lookout::apt::checksum::Checksum;

use super::wait_until;

/// Answers that are not the file.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// This status, and nothing else.
    Status(u16),
    /// Other bytes.
    Bytes(Vec<u8>),
    /// The file, cut off after so many bytes.
    CutOff(usize),
    /// This, and then the same again and again for as long as somebody takes it.
    Endless(Vec<u8>, &'static [u8]),
    /// The same, a byte each 20 milliseconds.
    Dripping(&'static [u8], &'static [u8]),
}

/// A server on a port of the system's choice.
#[derive(Clone)]
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    directory: PathBuf,
    validators: bool,
    requests: Mutex<Vec<String>>,
    answers: Mutex<BTreeMap<String, Answer>>,
    /// After how many requests no answer comes any more, and whether one is waiting for it.
    hold: Mutex<(Option<usize>, bool)>,
    /// How many bytes of endless answers went out.
    endless: AtomicUsize,
}

impl Server {
    /// Serves a directory.
    pub(crate) fn new(directory: impl Into<PathBuf>) -> Self {
        Self::start(directory.into(), true)
    }

    /// Serves a directory without saying how to ask whether a file has changed.
    pub(crate) fn without_validators(directory: impl Into<PathBuf>) -> Self {
        Self::start(directory.into(), false)
    }

    fn start(directory: PathBuf, validators: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            shared: Arc::new(Shared {
                directory,
                validators,
                requests: Mutex::default(),
                answers: Mutex::default(),
                hold: Mutex::default(),
                endless: AtomicUsize::default(),
            }),
        };
        let shared = server.shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = shared.clone();
                thread::spawn(move || shared.serve(&stream));
            }
        });
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers requests for `path` with something else than the file.
    pub(crate) fn answer(&self, path: &str, answer: Answer) {
        self.shared.answers.lock().unwrap().insert(path.to_owned(), answer);
    }

    /// How many bytes of endless answers were taken so far.
    pub(crate) fn endless_bytes(&self) -> usize {
        self.shared.endless.load(Ordering::SeqCst)
    }

    /// Answers with the files again.
    pub(crate) fn heal(&self) {
        self.shared.answers.lock().unwrap().clear();
        *self.shared.hold.lock().unwrap() = (None, false);
    }

    /// Answers so many more requests, and leaves those that follow without an answer.
    pub(crate) fn hold_after(&self, requests: usize) {
        *self.shared.hold.lock().unwrap() = (Some(requests), false);
    }

    /// Waits until a request has been left without an answer.
    #[track_caller]
    pub(crate) fn wait_until_holding(&self) {
        wait_until("a request is waiting", || self.shared.hold.lock().unwrap().1);
    }

    /// The requests since the last time, as `target status`.
    pub(crate) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.requests.lock().unwrap())
    }
}

impl Shared {
    /// One request a connection.
    fn serve(&self, stream: &TcpStream) -> Option<()> {
        let mut lines = BufReader::new(stream).lines();
        let request = lines.next()?.ok()?;
        let headers: Vec<String> =
            lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
        let target = request.split(' ').nth(1)?;
        if self.is_holding() {
            // Until the other side has gone.
            return stream.peek(&mut [0]).map(drop).ok();
        }
        // A proxy is asked for the whole address.
        let path = match target.strip_prefix("http://") {
            Some(rest) => &rest[rest.find('/')?..],
            None => target,
        };
        let answer = self.answers.lock().unwrap().get(path).cloned();
        if let Some(Answer::Endless(..) | Answer::Dripping(..)) = answer {
            self.requests.lock().unwrap().push(format!("{target} endless"));
        }
        match answer {
            Some(Answer::Endless(head, body)) => return self.flood(stream, &head, body),
            Some(Answer::Dripping(head, body)) => return drip(stream, head, body),
            _ => {}
        }
        let (status, head, body) = self.respond(path, &headers);
        self.requests.lock().unwrap().push(format!("{target} {status}"));
        let mut stream = stream;
        write!(stream, "HTTP/1.1 {status} X\r\nConnection: close\r\n{head}\r\n").ok()?;
        stream.write_all(&body).ok()
    }

    fn flood(&self, mut stream: &TcpStream, head: &[u8], body: &[u8]) -> Option<()> {
        stream.write_all(head).ok()?;
        let block = body.repeat(1 + (64 << 10) / body.len());
        loop {
            self.endless.fetch_add(stream.write(&block).ok()?, Ordering::SeqCst);
        }
    }

    fn is_holding(&self) -> bool {
        let mut hold = self.hold.lock().unwrap();
        match &mut hold.0 {
            None => false,
            Some(0) => {
                hold.1 = true;
                true
            }
            Some(left) => {
                *left -= 1;
                false
            }
        }
    }

    fn respond(&self, path: &str, headers: &[String]) -> (u16, String, Vec<u8>) {
        let file = fs::read(self.directory.join(path.trim_start_matches('/')));
        let answer = self.answers.lock().unwrap().get(path).cloned();
        let (body, length) = match (answer, file) {
            (Some(Answer::Status(status)), _) => {
                return (status, "Content-Length: 0\r\n".to_owned(), Vec::new());
            }
            (Some(Answer::Bytes(bytes)), _) | (None, Ok(bytes)) => (bytes.clone(), bytes.len()),
            (Some(Answer::CutOff(at)), Ok(bytes)) => (bytes[..at].to_vec(), bytes.len()),
            (Some(Answer::Endless(..) | Answer::Dripping(..)), Ok(_)) => {
                unreachable!("it was answered before")
            }
            (_, Err(_)) => {
                return (404, "Content-Length: 0\r\n".to_owned(), Vec::new());
            }
        };
        let tag = format!("\"{}\"", Checksum::of(&body).hex());
        let has = |header: &str| headers.iter().any(|line| line.eq_ignore_ascii_case(header));
        if self.validators && has(&format!("if-none-match: {tag}")) {
            return (304, String::new(), Vec::new());
        }
        let etag = if self.validators { format!("ETag: {tag}\r\n") } else { String::new() };
        (200, format!("Content-Length: {length}\r\n{etag}"), body)
    }
}

fn drip(mut stream: &TcpStream, head: &[u8], body: &[u8]) -> Option<()> {
    stream.set_read_timeout(Some(Duration::from_millis(20))).ok()?;
    for byte in head.iter().chain(body.iter().cycle()) {
        stream.write_all(&[*byte]).ok()?;
        // Nothing comes; when the other side has gone, that is known at once.
        if stream.read(&mut [0]).is_ok_and(|count| count == 0) {
            return None;
        }
    }
    Some(())
}
