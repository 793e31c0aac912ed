//! libzmq's ends, and the keys of both.

use std::net::TcpListener;

use laniakea_zmtp::{
    Role, Security,
    curve::{KeyPair, PublicKey, SecretKey},
};

use crate::link::{Link, PATIENCE, random};

/// In the clear or encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guard {
    Null,
    Curve,
}

pub(crate) const GUARDS: [Guard; 2] = [Guard::Null, Guard::Curve];

/// A socket of libzmq.
pub(crate) fn socket(context: &zmq::Context, kind: zmq::SocketType) -> zmq::Socket {
    let socket = context.socket(kind).unwrap();
    socket.set_linger(0).unwrap();
    let patience = i32::try_from(PATIENCE.as_millis()).unwrap();
    socket.set_rcvtimeo(patience).unwrap();
    socket.set_sndtimeo(patience).unwrap();
    socket
}

/// One of our servers, and a socket of libzmq that connects to it.
pub(crate) fn our_server(role: Role, kind: zmq::SocketType, guard: Guard) -> (Link, zmq::Socket) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = socket(&zmq::Context::new(), kind);
    let security = serve(guard, &client);
    client.connect(&endpoint(&listener)).unwrap();
    (Link::accept(&listener, role, security), client)
}

/// One of our clients that is connected to a socket of libzmq.
pub(crate) fn our_client(role: Role, kind: zmq::SocketType, guard: Guard) -> (Link, zmq::Socket) {
    let server = socket(&zmq::Context::new(), kind);
    let security = match guard {
        Guard::Null => Security::NullClient,
        Guard::Curve => {
            let own = own_pair();
            server.set_curve_server(true).unwrap();
            server.set_curve_secretkey(own.secret().as_bytes()).unwrap();
            Security::CurveClient { own: own_pair(), server: own.public() }
        }
    };
    server.bind("tcp://127.0.0.1:*").unwrap();
    let endpoint = server.get_last_endpoint().unwrap().unwrap();
    (Link::connect(&endpoint, role, security), server)
}

/// How one of our servers is guarded; `client` is made fit for it.
pub(crate) fn serve(guard: Guard, client: &zmq::Socket) -> Security {
    match guard {
        Guard::Null => Security::NullServer,
        Guard::Curve => {
            let own = own_pair();
            client.set_curve_serverkey(own.public().as_bytes()).unwrap();
            let theirs = zmq::CurveKeyPair::new().unwrap();
            client.set_curve_publickey(&theirs.public_key).unwrap();
            client.set_curve_secretkey(&theirs.secret_key).unwrap();
            Security::CurveServer(own)
        }
    }
}

pub(crate) fn endpoint(listener: &TcpListener) -> String {
    format!("tcp://{}", listener.local_addr().unwrap())
}

/// A new pair: libzmq's and ours have to be the same.
pub(crate) fn own_pair() -> KeyPair {
    let theirs = zmq::CurveKeyPair::new().unwrap();
    let pair = KeyPair::of(SecretKey::from_bytes(theirs.secret_key));
    assert_eq!(pair.public(), PublicKey::from_bytes(theirs.public_key));
    assert_ne!(KeyPair::generate(&mut |bytes| random(bytes)).public(), pair.public());
    pair
}
