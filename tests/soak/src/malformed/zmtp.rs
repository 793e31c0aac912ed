//! The bytes of ZMTP 3.1, right ones and ones that only look right.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    time::Duration,
};

/// The fixed size of a greeting.
pub(super) const GREETING_BYTES: usize = 64;

/// Flags of a frame.
pub(super) const MORE: u8 = 1;
pub(super) const LONG: u8 = 2;
pub(super) const COMMAND: u8 = 4;

/// A greeting; one of `(3, 1)`, `"NULL"` is a good one.
pub(super) fn greeting(version: (u8, u8), mechanism: &str, is_server: bool) -> Vec<u8> {
    let mut bytes = vec![0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, version.0, version.1];
    bytes.extend(mechanism.bytes().take(20));
    bytes.resize(32, 0);
    bytes.push(u8::from(is_server));
    bytes.resize(GREETING_BYTES, 0);
    bytes
}

/// A frame whose size is what it says.
pub(super) fn frame(flags: u8, body: &[u8]) -> Vec<u8> {
    announced(flags, body.len() as u64, body)
}

/// A frame that announces a size of its own.
pub(super) fn announced(flags: u8, size: u64, body: &[u8]) -> Vec<u8> {
    let mut bytes = match u8::try_from(size) {
        Ok(size) if flags & LONG == 0 => vec![flags, size],
        _ => [&[flags | LONG][..], &size.to_be_bytes()].concat(),
    };
    bytes.extend(body);
    bytes
}

/// A command of this name.
pub(super) fn command(name: &str, body: &[u8]) -> Vec<u8> {
    frame(COMMAND, &command_body(name, body))
}

pub(super) fn command_body(name: &str, body: &[u8]) -> Vec<u8> {
    let length = u8::try_from(name.len()).unwrap();
    [&[length][..], name.as_bytes(), body].concat()
}

/// One property of a READY.
pub(super) fn property(name: &[u8], value: &[u8]) -> Vec<u8> {
    let name_length = u8::try_from(name.len()).unwrap();
    let value_length = u32::try_from(value.len()).unwrap();
    [&[name_length][..], name, &value_length.to_be_bytes(), value].concat()
}

/// A good handshake of a socket of this kind.
pub(super) fn handshake(socket_type: &str) -> Vec<u8> {
    let ready = command("READY", &property(b"Socket-Type", socket_type.as_bytes()));
    [greeting((3, 1), "NULL", false), ready].concat()
}

/// The HELLO that libzmq sends to a CURVE server of this key.
pub(super) fn recorded_hello(server_key: &[u8]) -> Vec<u8> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = zmq::CurveKeyPair::new().unwrap();
    let socket = zmq::Context::new().socket(zmq::DEALER).unwrap();
    socket.set_linger(0).unwrap();
    socket.set_curve_serverkey(server_key).unwrap();
    socket.set_curve_publickey(&client.public_key).unwrap();
    socket.set_curve_secretkey(&client.secret_key).unwrap();
    socket.connect(&format!("tcp://{}", listener.local_addr().unwrap())).unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(&greeting((3, 1), "CURVE", true)).unwrap();
    let mut bytes = [0; GREETING_BYTES + 202];
    stream.read_exact(&mut bytes).unwrap();
    let hello = bytes[GREETING_BYTES..].to_vec();
    assert_eq!(&hello[..8], b"\x04\xc8\x05HELLO");
    hello
}
