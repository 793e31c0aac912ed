//! Our DEALER and SUB, which connect to libzmq.

use laniakea_zmtp::Role;

use crate::{
    servers::messages,
    sockets::{GUARDS, our_client},
};

#[test]
fn messages_pass_between_a_dealer_and_a_router() {
    for guard in GUARDS {
        let (mut dealer, router) = our_client(Role::Dealer, zmq::ROUTER, guard);
        assert_eq!(dealer.ready().role, Role::Router);
        for message in messages() {
            dealer.send(&message);
            let mut frames = router.recv_multipart(0).unwrap();
            assert_eq!(frames[1..], message, "{guard:?}");
            frames.truncate(1);
            frames.extend(message.clone());
            router.send_multipart(frames, 0).unwrap();
            assert!(dealer.message().frames().eq(&message), "{guard:?}");
        }
    }
}

#[test]
fn a_dealer_talks_to_a_rep_and_to_a_dealer() {
    for guard in GUARDS {
        let (mut dealer, rep) = our_client(Role::Dealer, zmq::REP, guard);
        assert_eq!(dealer.ready().role, Role::Rep);
        dealer.send(&["", "question"]);
        assert_eq!(rep.recv_bytes(0).unwrap(), b"question");
        rep.send("answer", 0).unwrap();
        assert!(dealer.message().frames().eq(["".as_bytes(), b"answer"]));

        let (mut dealer, other) = our_client(Role::Dealer, zmq::DEALER, guard);
        assert_eq!(dealer.ready().role, Role::Dealer);
        dealer.send(&["question"]);
        assert_eq!(other.recv_bytes(0).unwrap(), b"question");
    }
}

#[test]
fn a_sub_gets_what_it_wants_from_a_pub() {
    for guard in GUARDS {
        let (mut sub, publisher) = our_client(Role::Sub, zmq::XPUB, guard);
        assert_eq!(sub.ready().role, Role::XPub);
        sub.subscribe("a.");
        assert_eq!(publisher.recv_bytes(0).unwrap(), b"\x01a.");
        for message in messages() {
            let frames = [vec![b"a.b".to_vec()], message].concat();
            if frames.len() <= 16 {
                publisher.send("b.c", 0).unwrap();
                publisher.send_multipart(&frames, 0).unwrap();
                assert!(sub.message().frames().eq(&frames), "{guard:?}");
            }
        }
        sub.cancel("a.");
        assert_eq!(publisher.recv_bytes(0).unwrap(), b"\x00a.");
    }
}
