//! Somebody who connects, speaks ZMTP by hand and behaves as no honest peer does.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// One connection that sends the same message again and again, and reads nothing, until it is cut
/// or dropped.
pub struct Stranger {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// The first part of a ZMTP 3.1 connection without security.
const GREETING: &[u8; 64] = &{
    let mut greeting = [0; 64];
    (greeting[0], greeting[9], greeting[10], greeting[11]) = (0xff, 0x7f, 3, 1);
    (greeting[12], greeting[13], greeting[14], greeting[15]) = (b'N', b'U', b'L', b'L');
    greeting
};

impl Stranger {
    /// Floods `tcp://HOST:PORT` as a socket of this kind, with a message of these frames.
    pub fn flood(endpoint: &str, kind: &str, frames: &[&[u8]]) -> Self {
        let mut stream = TcpStream::connect(endpoint.strip_prefix("tcp://").unwrap()).unwrap();
        stream.write_all(GREETING).unwrap();
        let ready =
            [&b"\x05READY\x0bSocket-Type\0\0\0"[..], &[length(kind.as_bytes())], kind.as_bytes()];
        let ready = ready.concat();
        stream.write_all(&[&[4, length(&ready)], &ready[..]].concat()).unwrap();
        // The other end's greeting and the length of its READY: it has accepted.
        stream.read_exact(&mut [0; 66]).unwrap();
        let last = frames.len().saturating_sub(1);
        let message: Vec<u8> =
            frames.iter().enumerate().flat_map(|(at, body)| frame(body, at < last)).collect();
        let block = message.repeat((256 << 10) / message.len() + 1);
        stream.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let is_over = is_over.clone();
            move || send(&mut stream, &block, &is_over)
        });
        Self { is_over, thread: Some(thread) }
    }

    /// Whether it was cut.
    pub fn is_cut(&self) -> bool {
        self.thread.as_ref().is_some_and(JoinHandle::is_finished)
    }
}

/// Leaves at once, whatever was not sent or not read.
impl Drop for Stranger {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn send(stream: &mut TcpStream, block: &[u8], is_over: &AtomicBool) {
    let mut sent = 0;
    while !is_over.load(Ordering::Relaxed) {
        match stream.write(&block[sent..]) {
            Ok(0) => return,
            Ok(more) => sent = (sent + more) % block.len(),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}

fn length(body: &[u8]) -> u8 {
    u8::try_from(body.len()).unwrap()
}

fn frame(body: &[u8], has_more: bool) -> Vec<u8> {
    let flags = u8::from(has_more);
    match u8::try_from(body.len()) {
        Ok(length) => [&[flags, length], body].concat(),
        Err(_) => [&[flags | 2], &(body.len() as u64).to_be_bytes()[..], body].concat(),
    }
}
