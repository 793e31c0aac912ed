//! Peers that speak ZMTP 3.1 by hand.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    time::Instant,
};

use crate::PATIENCE;

/// A connection with a finished handshake, as a socket of this kind.
pub(crate) fn connect(endpoint: &str, kind: &str) -> TcpStream {
    let stream = TcpStream::connect(endpoint.strip_prefix("tcp://").unwrap()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    greet(stream, kind)
}

/// The handshake alone.
pub(crate) fn greet(mut stream: TcpStream, kind: &str) -> TcpStream {
    let mut greeting = [0; 64];
    (greeting[0], greeting[9], greeting[10], greeting[11]) = (0xff, 0x7f, 3, 1);
    greeting[12..16].copy_from_slice(b"NULL");
    stream.write_all(&greeting).unwrap();
    let kind_len = u8::try_from(kind.len()).unwrap();
    let ready = [b"\x05READY\x0bSocket-Type\0\0\0".as_slice(), &[kind_len], kind.as_bytes()];
    let ready = ready.concat();
    stream.write_all(&[4, u8::try_from(ready.len()).unwrap()]).unwrap();
    stream.write_all(&ready).unwrap();
    stream.read_exact(&mut greeting).unwrap();
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    stream.read_exact(&mut vec![0; length[1].into()]).unwrap();
    stream
}

/// Whether the other end hung up, now or within the time that there is patience.
pub(crate) fn is_cut(stream: &mut TcpStream) -> bool {
    let deadline = Instant::now() + PATIENCE;
    let mut buffer = [0; 4_096];
    while Instant::now() < deadline {
        match stream.read(&mut buffer) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => {
                return !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
            }
        }
    }
    false
}

pub(crate) fn is_up(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let outcome = stream.peek(&mut [0; 1]);
    stream.set_nonblocking(false).unwrap();
    !matches!(outcome, Ok(0)) && !outcome.is_err_and(|error| error.kind() != ErrorKind::WouldBlock)
}

/// A frame of up to 255 bytes; with `flags` 1 another one follows, with 4 it is a command.
pub(crate) fn frame(flags: u8, body: &[u8]) -> Vec<u8> {
    [&[flags, u8::try_from(body.len()).unwrap()], body].concat()
}
