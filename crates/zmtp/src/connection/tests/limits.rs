//! How much a peer may make a connection hold, at the limit and beyond it.

use super::pair::{GUARDS, Guard, LIMITS, Pair, frame, read_all, written};
use crate::{Connection, ConnectionError, LimitError, Role, connection::Stage, encode};

/// What a server says to these bytes.
fn read(guard: Guard, write: impl FnOnce(&mut Connection, &mut Vec<u8>)) -> Option<LimitError> {
    let mut pair = Pair::ready(guard, Role::Sub, Role::XPub);
    let sent = written(|out| write(&mut pair.client, out));
    match read_all(&mut pair.server, &sent) {
        Ok(_) => None,
        Err(ConnectionError::Limit(error)) => {
            assert!(!pair.server.has_output(), "the peer is told");
            Some(error)
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn the_bytes_of_a_message_are_limited() {
    let too_many = LimitError::MessageBytes(LIMITS.message_bytes);
    for guard in GUARDS {
        for (sizes, error) in [
            (&[1_000][..], None),
            (&[1_001], Some(too_many)),
            (&[500, 0, 500], None),
            (&[500, 501], Some(too_many)),
            (&[1_000, 1], Some(too_many)),
            (&[9_999, 0], Some(too_many)),
        ] {
            let frames: Vec<Vec<u8>> = sizes.iter().map(|size| vec![7; *size]).collect();
            let sent = read(guard, |client, out| client.seal(&frames, out).unwrap());
            assert_eq!(sent, error, "{guard:?} {sizes:?}");
        }
    }
}

#[test]
fn the_frames_of_a_message_are_limited() {
    for guard in GUARDS {
        for (count, error) in [(4, None), (5, Some(LimitError::MessageFrames(4)))] {
            let frames = vec![""; count];
            let sent = read(guard, |client, out| client.seal(&frames, out).unwrap());
            assert_eq!(sent, error, "{guard:?} {count}");
        }
    }
}

#[test]
fn commands_and_topics_are_limited() {
    let limit = LIMITS.command_bytes;
    let error = Some(LimitError::CommandBytes(limit));
    for guard in GUARDS {
        let subscribe = |size: usize| {
            read(guard, |client, out| client.subscribe(&vec![b'a'; size], out).unwrap())
        };
        assert_eq!(subscribe(limit - b"\x09SUBSCRIBE".len()), None);
        assert_eq!(subscribe(limit), error, "{guard:?}");
    }
}

#[test]
fn topics_in_messages_are_limited_by_both() {
    let mut pair = Pair::ready(Guard::Null, Role::XSub, Role::XPub);
    let topic = |size: usize| written(|out| encode(&[[&[1], &vec![b'a'; size][..]].concat()], out));
    assert!(read_all(&mut pair.server, &topic(100)).is_ok());
    let error = ConnectionError::Limit(LimitError::CommandBytes(100));
    assert_eq!(read_all(&mut pair.server, &topic(101)), Err(error));
}

#[test]
fn a_size_is_refused_before_its_bytes_come() {
    let mut pair = Pair::ready(Guard::Null, Role::Dealer, Role::Router);
    let head = [&[3][..], &1_001_u64.to_be_bytes()].concat();
    let error = ConnectionError::Limit(LimitError::MessageBytes(1_000));
    assert_eq!(read_all(&mut pair.server, &head), Err(error));
    assert_eq!(pair.server.held_bytes(), 0);
}

#[test]
fn a_handshake_is_limited() {
    for guard in GUARDS {
        let Pair { mut client, mut server, .. } = Pair::new(guard, Role::Dealer, Role::Router);
        read_all(&mut server, &client.take_output()).unwrap();
        server.take_output();
        let fits = LIMITS.handshake_bytes;
        let head = [&[6][..], &u64::try_from(fits).unwrap().to_be_bytes()].concat();
        assert_eq!(read_all(&mut server, &head), Ok(vec![]));
        assert_eq!(server.held_bytes(), 0);

        let Pair { mut client, mut server, .. } = Pair::new(guard, Role::Dealer, Role::Router);
        read_all(&mut server, &client.take_output()).unwrap();
        server.take_output();
        let head = [&[6][..], &u64::try_from(fits + 1).unwrap().to_be_bytes()].concat();
        let error = ConnectionError::Limit(LimitError::HandshakeBytes(fits));
        assert_eq!(read_all(&mut server, &head), Err(error));
        assert!(!server.has_output());
    }
}

#[test]
fn a_message_that_is_not_complete_holds_no_more_than_the_limits() {
    let mut pair = Pair::ready(Guard::Null, Role::Dealer, Role::Router);
    let most = [frame(1, &[7; 500]), frame(1, b""), frame(0, &[7; 500])].concat();
    for byte in &most[..most.len() - 1] {
        assert_eq!(read_all(&mut pair.server, &[*byte]), Ok(vec![]));
        assert!(pair.server.held_bytes() <= 2 * LIMITS.message_bytes + 64);
    }
    let Stage::Traffic(_) = &pair.server.stage else { panic!("it is over") };
    assert!(read_all(&mut pair.server, &[7]).is_ok());
    assert_eq!(pair.server.held_bytes(), 0);
}
