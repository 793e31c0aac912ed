//! Sockets of libzmq as our peers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use laniakea_event::{Digest, Seq, SignerId};
use laniakea_wire::{
    Endpoint, Listen,
    curve::{Clients, CurveGate, CurveKey, CurvePair},
    publish::{Publication, PublishServer},
    submit::{Next, Reply, SubmitServer},
};

const PATIENCE_MS: i32 = 20_000;

/// One server in the clear and one encrypted, and what a client needs for either.
struct Relay {
    listen: Listen,
    key: CurveKey,
    own: zmq::CurveKeyPair,
}

impl Relay {
    fn new() -> Self {
        let any = || vec![Endpoint("tcp://127.0.0.1:*".to_owned())];
        let pair = CurvePair::generate();
        let (key, clients) = (pair.public, Clients::default());
        let own = zmq::CurveKeyPair::new().unwrap();
        let module = SignerId::parse("module").unwrap();
        clients.set([(CurveKey::from_bytes(own.public_key), module)].into());
        let gate = Arc::new(CurveGate::new(pair, clients));
        let listen = Listen { plain: any(), curve: any(), gate: Some(gate), ..Listen::default() };
        Self { listen, key, own }
    }

    /// A socket of libzmq that is connected, in the clear or encrypted.
    fn connect(
        &self,
        kind: zmq::SocketType,
        endpoints: &[Endpoint],
        is_curve: bool,
    ) -> zmq::Socket {
        let socket = zmq::Context::new().socket(kind).unwrap();
        socket.set_rcvtimeo(PATIENCE_MS).unwrap();
        socket.set_linger(0).unwrap();
        if is_curve {
            let server = zmq::z85_decode(&self.key.to_string()).unwrap();
            socket.set_curve_serverkey(&server).unwrap();
            socket.set_curve_publickey(&self.own.public_key).unwrap();
            socket.set_curve_secretkey(&self.own.secret_key).unwrap();
        }
        socket.connect(&endpoints[usize::from(is_curve)].0).unwrap();
        socket
    }
}

#[test]
fn req_and_dealer_submit_whatever_the_length() {
    let relay = Relay::new();
    let server = SubmitServer::bind(&relay.listen, 1 << 20).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let replies = server.replies();
            while let Next::Batch(batch) = server.next(None) {
                replies.send(batch.into_iter().filter_map(|submission| {
                    let length = submission.event.len() as u64;
                    let reply = Reply::accepted(&Digest::of(b""), Seq(length));
                    submission.reply_to.map(|to| (to, reply))
                }));
            }
        });
        let lengths = [1, 254, 255, 256, 65_535, 1 << 20, 2 << 20];
        for is_curve in [false, true] {
            let req = relay.connect(zmq::REQ, server.endpoints(), is_curve);
            let dealer = relay.connect(zmq::DEALER, server.endpoints(), is_curve);
            for length in lengths {
                let event = vec![b'x'; length];
                req.send(&event, 0).unwrap();
                dealer.send_multipart([&event[..], b"id"], 0).unwrap();
                let expected = format!("\"seq\":{length},");
                let reply = req.recv_string(0).unwrap().unwrap();
                assert!(reply.contains(&expected), "{reply}");
                let reply = dealer.recv_multipart(0).unwrap();
                assert_eq!((reply.len(), &reply[0][..]), (2, &b"id"[..]));
                assert!(String::from_utf8_lossy(&reply[1]).contains(&expected));
            }
            // Many on their way at once, each answered in order.
            for number in 0..5_000 {
                dealer.send_multipart([&b"event"[..], number.to_string().as_bytes()], 0).unwrap();
            }
            for number in 0..5_000 {
                let reply = dealer.recv_multipart(0).unwrap();
                assert_eq!(reply[0], number.to_string().as_bytes());
            }
        }
        server.closer().close();
    });
    assert_eq!(server.dropped_replies().load(Ordering::Relaxed), 0);
}

#[test]
fn sub_and_xsub_receive_every_event_and_change_what_they_want_meanwhile() {
    let relay = Relay::new();
    let server = PublishServer::bind(&relay.listen).unwrap();
    let subscriptions = server.subscriptions();
    let until = |count: i64| {
        let deadline = Instant::now() + Duration::from_secs(20);
        while subscriptions.load(Ordering::Relaxed) != count {
            assert!(Instant::now() < deadline, "not {count} subscriptions");
            std::thread::park_timeout(Duration::from_millis(2));
        }
    };
    let sockets: Vec<zmq::Socket> = [false, true]
        .into_iter()
        .flat_map(|is_curve| {
            let sub = relay.connect(zmq::SUB, server.endpoints(), is_curve);
            sub.set_subscribe(b"a.").unwrap();
            let xsub = relay.connect(zmq::XSUB, server.endpoints(), is_curve);
            xsub.send(&b"\x01a."[..], 0).unwrap();
            [sub, xsub]
        })
        .collect();
    until(4);
    let event = |id: &str, number: usize| Publication {
        id: id.into(),
        frame: number.to_string().into_bytes().into(),
    };
    for first in (0..3_000).step_by(100) {
        let group = (first..first + 100).flat_map(|number| [event("a.x", number), event("b.x", 0)]);
        server.publish(group.collect());
    }
    for socket in &sockets {
        for number in 0..3_000 {
            let received = socket.recv_multipart(0).unwrap();
            assert_eq!(received, [b"a.x".to_vec(), number.to_string().into_bytes()]);
        }
    }
    for socket in &sockets {
        if socket.get_socket_type() == Ok(zmq::SUB) {
            socket.set_subscribe(b"b.").unwrap();
            socket.set_unsubscribe(b"a.").unwrap();
        } else {
            socket.send(&b"\x01b."[..], 0).unwrap();
            socket.send(&b"\0a."[..], 0).unwrap();
        }
        // The new one and then the end of the old one, so that there is none more and none less.
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut waiting: Vec<&zmq::Socket> = sockets.iter().collect();
    for number in 0.. {
        assert!(Instant::now() < deadline, "{} do not hear of b", waiting.len());
        server.publish(vec![event("a.y", number), event("b.y", number)]);
        waiting.retain(|socket| {
            socket.set_rcvtimeo(10).unwrap();
            !socket.recv_multipart(0).is_ok_and(|frames| frames[0] == b"b.y")
        });
        if waiting.is_empty() {
            break;
        }
    }
}
