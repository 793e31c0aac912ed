//! Keys that are trusted and keys that are not.

use std::net::TcpListener;

use laniakea_zmtp::{
    ConnectionError, Event, HandshakeError, Role, Security,
    curve::{CurveError, PublicKey},
};

use crate::{
    link::Link,
    sockets::{Guard, endpoint, our_server, own_pair, serve, socket},
};

#[test]
fn a_client_is_known_by_its_key() {
    let (mut router, dealer) = our_server(Role::Router, zmq::DEALER, Guard::Curve);
    let key: [u8; 32] = dealer.get_curve_publickey().unwrap().try_into().unwrap();
    assert_eq!(router.ready().key, Some(PublicKey::from_bytes(key)));
}

/// libzmq then does not try again, and says why.
#[test]
fn a_key_that_is_refused_is_told_so_as_libzmq_tells_it() {
    let context = zmq::Context::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = socket(&context, zmq::DEALER);
    let security = serve(Guard::Curve, &client);
    let events = i32::from(zmq::SocketEvent::HANDSHAKE_FAILED_AUTH.to_raw());
    client.monitor("inproc://monitor", events).unwrap();
    let monitor = socket(&context, zmq::PAIR);
    monitor.connect("inproc://monitor").unwrap();
    client.connect(&endpoint(&listener)).unwrap();

    let mut router = Link::accept(&listener, Role::Router, security);
    let Ok(Event::Authorise(key)) = router.next_or_key() else {
        panic!("nobody asked");
    };
    router.refuse();
    let refused = ConnectionError::Handshake(HandshakeError::KeyRefused(key));
    assert_eq!(router.next(), Err(refused));
    let event = monitor.recv_multipart(0).unwrap();
    assert_eq!(event[0][2..], 400_u32.to_ne_bytes());
}

#[test]
fn a_client_that_wants_another_server_is_not_served() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = socket(&zmq::Context::new(), zmq::DEALER);
    serve(Guard::Curve, &client);
    client.connect(&endpoint(&listener)).unwrap();
    let security = Security::CurveServer(own_pair());
    let error = Link::accept(&listener, Role::Router, security).next().unwrap_err();
    let wrong = HandshakeError::Curve(CurveError::CannotOpen("HELLO"));
    assert_eq!(error, ConnectionError::Handshake(wrong));
}

#[test]
fn one_in_the_clear_and_one_encrypted_say_so() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = socket(&zmq::Context::new(), zmq::DEALER);
    client.connect(&endpoint(&listener)).unwrap();
    let security = Security::CurveServer(own_pair());
    let error = Link::accept(&listener, Role::Router, security).next().unwrap_err();
    assert_eq!(error.to_string(), "the peer wants NULL, and here is CURVE");
}
