//! Our ROUTER and XPUB, to which libzmq connects.

use laniakea_zmtp::{Event, Role, Version};

use crate::sockets::{GUARDS, our_server};

/// Frames of all sizes at which something changes on the wire.
pub(crate) fn messages() -> Vec<Vec<Vec<u8>>> {
    let sizes = [0, 1, 222, 223, 255, 256, 257, 8_192, 65_536, 1 << 20];
    let frame = |size: usize| (0..size).map(|at| u8::try_from(at % 251).unwrap()).collect();
    let mut messages: Vec<Vec<Vec<u8>>> = sizes.iter().map(|size| vec![frame(*size)]).collect();
    messages.push(sizes.iter().map(|size| frame(*size)).collect());
    messages.push(vec![Vec::new(); 16]);
    messages
}

#[test]
fn messages_pass_between_a_router_and_a_dealer() {
    for guard in GUARDS {
        let (mut router, dealer) = our_server(Role::Router, zmq::DEALER, guard);
        let peer = router.ready();
        assert_eq!((peer.role, peer.version), (Role::Dealer, Version::V3_1));
        for message in messages() {
            dealer.send_multipart(&message, 0).unwrap();
            assert!(router.message().frames().eq(&message), "{guard:?}");
            router.send(&message);
            assert_eq!(dealer.recv_multipart(0).unwrap(), message, "{guard:?}");
        }
    }
}

#[test]
fn a_req_gets_its_reply_behind_an_empty_frame() {
    for guard in GUARDS {
        let (mut router, req) = our_server(Role::Router, zmq::REQ, guard);
        assert_eq!(router.ready().role, Role::Req);
        for _ in 0..3 {
            req.send("event", 0).unwrap();
            assert!(router.message().frames().eq(["".as_bytes(), b"event"]));
            router.send(&["", "reply"]);
            assert_eq!(req.recv_multipart(0).unwrap(), [b"reply"]);
        }
    }
}

#[test]
fn a_router_may_connect_to_a_router() {
    for guard in GUARDS {
        let (mut ours, theirs) = our_server(Role::Router, zmq::ROUTER, guard);
        assert_eq!(ours.ready().role, Role::Router);
        ours.send(&["event"]);
        let mut frames = theirs.recv_multipart(0).unwrap();
        assert_eq!(frames[1], b"event");
        frames[1] = b"reply".to_vec();
        theirs.send_multipart(frames, 0).unwrap();
        assert!(ours.message().frames().eq([b"reply"]));
    }
}

#[test]
fn a_sub_says_what_it_wants_and_gets_it() {
    for guard in GUARDS {
        let (mut publisher, sub) = our_server(Role::XPub, zmq::SUB, guard);
        assert_eq!(publisher.ready().role, Role::Sub);
        sub.set_subscribe(b"a.").unwrap();
        assert_eq!(publisher.next(), Ok(Event::Subscribe(b"a.".to_vec())));
        for message in messages() {
            let frames = [vec![b"a.b".to_vec()], message].concat();
            if frames.len() <= 16 {
                publisher.send(&frames);
                assert_eq!(sub.recv_multipart(0).unwrap(), frames, "{guard:?}");
            }
        }
        sub.set_unsubscribe(b"a.").unwrap();
        assert_eq!(publisher.next(), Ok(Event::Cancel(b"a.".to_vec())));
        sub.set_subscribe(b"").unwrap();
        assert_eq!(publisher.next(), Ok(Event::Subscribe(Vec::new())));
    }
}

#[test]
fn an_xsub_subscribes_by_messages_and_may_send_others() {
    for guard in GUARDS {
        let (mut publisher, xsub) = our_server(Role::XPub, zmq::XSUB, guard);
        assert_eq!(publisher.ready().role, Role::XSub);
        xsub.send(&b"\x01a."[..], 0).unwrap();
        assert_eq!(publisher.next(), Ok(Event::Subscribe(b"a.".to_vec())));
        xsub.send(&b"user data"[..], 0).unwrap();
        assert!(publisher.message().frames().eq([b"user data"]));
        publisher.send(&["a.b", "event"]);
        assert_eq!(xsub.recv_multipart(0).unwrap(), [b"a.b".to_vec(), b"event".to_vec()]);
        xsub.send(&b"\x00a."[..], 0).unwrap();
        assert_eq!(publisher.next(), Ok(Event::Cancel(b"a.".to_vec())));
    }
}

#[test]
fn other_roles_are_refused_and_named() {
    for guard in GUARDS {
        for (ours, kind, theirs) in [
            (Role::Router, zmq::SUB, "SUB"),
            (Role::Router, zmq::PUSH, "PUSH"),
            (Role::Router, zmq::PAIR, "PAIR"),
            (Role::XPub, zmq::DEALER, "DEALER"),
            (Role::XPub, zmq::PULL, "PULL"),
        ] {
            let (mut server, _client) = our_server(ours, kind, guard);
            let line = format!("a {theirs} where {ours} is, which it does not talk to");
            assert_eq!(server.next().unwrap_err().to_string(), line, "{guard:?}");
        }
    }
}
