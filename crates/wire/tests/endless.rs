//! A relay that sends without end what nobody asked for.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    thread,
    time::Duration,
};

use laniakea_wire::{
    curve::Security,
    replay::{ReplayClient, ReplayError, Request},
    submit::{Publisher, PublisherConfig, SubmitError},
};
use laniakea_zmtp::{Connection, Limits, Role, Setup, encode};

const TIMEOUT: Duration = Duration::from_millis(300);
const PATIENCE: Duration = Duration::from_mins(1);

/// Floods whoever connects, faster than anybody reads. The threads end with the test.
fn relay() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            // Whoever was enough of it has left.
            thread::spawn(move || flood(stream.unwrap()).unwrap_err());
        }
    });
    endpoint
}

fn flood(mut stream: TcpStream) -> Result<(), std::io::Error> {
    let limits = Limits::of_messages(1 << 10, 4);
    let setup = Setup { role: Role::Router, security: laniakea_zmtp::Security::NullServer, limits };
    let mut connection = Connection::new(&setup, &mut |_| {});
    let mut buffer = [0; 1 << 10];
    while connection.peer().is_none() {
        stream.write_all(&connection.take_output())?;
        let length = stream.read(&mut buffer)?;
        connection.read(&mut &buffer[..length]).unwrap();
    }
    stream.write_all(&connection.take_output())?;
    let mut block = Vec::new();
    while block.len() < 1 << 20 {
        encode(&["nobody's", "{}"], &mut block);
    }
    loop {
        stream.write_all(&block)?;
    }
}

/// What `act` comes to, in time.
fn in_time<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::spawn(move || sender.send(act()));
    receiver.recv_timeout(PATIENCE).unwrap()
}

#[test]
fn a_request_is_given_up_in_time() {
    let endpoint = relay();
    let outcome = in_time(move || {
        let mut client = ReplayClient::connect(&endpoint, &Security::Plain, TIMEOUT).unwrap();
        client.request(&Request::Status(None))
    });
    assert!(matches!(outcome, Err(ReplayError::Unreachable { .. })), "{outcome:?}");
}

#[test]
fn a_submission_is_given_up_in_time_and_the_publisher_ends() {
    let endpoint = relay();
    let outcome = in_time(move || {
        let config = PublisherConfig { timeout: TIMEOUT, ..PublisherConfig::new(&endpoint) };
        let publisher = Publisher::connect(config).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(publisher.submit(b"event".to_vec()))
    });
    assert!(matches!(outcome, Err(SubmitError::Unreachable { .. })), "{outcome:?}");
}
