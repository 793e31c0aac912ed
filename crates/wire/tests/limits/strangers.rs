//! Peers that speak something else, or leave in the worst moment.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use laniakea_wire::{
    Endpoint,
    submit::{Next, SubmitServer},
};

use crate::{
    PATIENCE, assert_answers, count, listen,
    raw::{connect, frame, is_cut, is_up},
    until, with_submit_server,
};

fn stranger(endpoint: &str) -> TcpStream {
    let stream = TcpStream::connect(endpoint.strip_prefix("tcp://").unwrap()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

#[test]
fn whoever_speaks_another_protocol_is_shown_out_at_once() {
    with_submit_server(&listen(500, 250), |server, endpoint| {
        let others: [&[u8]; 4] = [
            b"GET / HTTP/1.1\r\nHost: relay\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"SSH-2.0-OpenSSH_9.9\r\n",
            // ZMTP 1.0: an anonymous peer.
            b"\x01\x00\x05\x00hello",
        ];
        for (number, greeting) in (1..).zip(others) {
            let start = Instant::now();
            let mut stream = stranger(endpoint);
            stream.write_all(greeting).unwrap();
            assert!(is_cut(&mut stream));
            assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
            assert_eq!(count(&server.connections().snapshot(), "failed_handshakes"), number);
        }
    });
}

#[test]
fn sockets_that_have_no_business_here_are_told_so() {
    with_submit_server(&listen(500, 250), |server, endpoint| {
        for (number, kind) in (1..).zip(["SUB", "PUSH", "PULL", "PAIR", "XPUB"]) {
            // As a server greets: all of it, READY included, comes before the judgement.
            let mut stream = stranger(endpoint);
            let mut greeting = [0; 64];
            (greeting[0], greeting[9], greeting[10], greeting[11]) = (0xff, 0x7f, 3, 1);
            greeting[12..16].copy_from_slice(b"NULL");
            let length = u8::try_from(kind.len()).unwrap();
            let ready =
                [b"\x05READY\x0bSocket-Type\0\0\0", &[length][..], kind.as_bytes()].concat();
            stream.write_all(&[&greeting[..], &frame(4, &ready)].concat()).unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).unwrap();
            let text = String::from_utf8_lossy(&answer);
            assert!(text.contains("\x05ERROR"), "{kind}: {text:?}");
            assert_eq!(count(&server.connections().snapshot(), "failed_handshakes"), number);
        }
    });
}

#[test]
fn handshakes_that_trickle_in_are_given_up_and_keep_nobody_out() {
    with_submit_server(&listen(40, 250), |server, endpoint| {
        let start = Instant::now();
        let slow: Vec<TcpStream> = (0..60).map(|_| stranger(endpoint)).collect();
        let trickle = std::thread::spawn(move || {
            let greeting = [&[0xff][..], &[0; 8], &[0x7f, 3, 1], b"NULL"].concat();
            for byte in greeting {
                for mut stream in &slow {
                    // It may be cut by now.
                    drop(stream.write(&[byte]));
                }
                std::thread::park_timeout(Duration::from_millis(500));
            }
            slow
        });
        // Half of the places are for those who say who they are, and the newest of the others stay.
        assert_answers_while(&trickle, endpoint);
        let mut slow = trickle.join().unwrap();
        until("all to be given up", || {
            count(&server.connections().snapshot(), "failed_handshakes") == 60
        });
        assert!(slow.iter_mut().all(is_cut));
        assert!(start.elapsed() < PATIENCE);
    });
}

fn assert_answers_while<T>(thread: &std::thread::JoinHandle<T>, endpoint: &str) {
    while !thread.is_finished() {
        assert_answers(endpoint);
    }
}

#[test]
fn a_stranger_that_fills_the_queue_and_breaks_off_ends_nothing() {
    let server = SubmitServer::bind(&listen(500, 250), 64 << 10).unwrap();
    let Endpoint(endpoint) = server.endpoints()[0].clone();
    for _ in 0..10 {
        // Nobody takes what is read, so that reading stops in the middle.
        let mut stranger = connect(&endpoint, "DEALER");
        stranger.write_all(&frame(0, b"5").repeat(2_000)).unwrap();
        stranger.write_all(&frame(4, b"\x04PING\0\x0acontext")).unwrap();
        stranger.write_all(&frame(0, b"5").repeat(2_000)).unwrap();
        let linger = Some(Duration::ZERO);
        rustix::net::sockopt::set_socket_linger(&stranger, linger).unwrap();
        drop(stranger);
    }
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let replies = server.replies();
            while let Next::Batch(batch) = server.next(None) {
                let reply_to = batch.into_iter().filter_map(|submission| submission.reply_to);
                let digest = laniakea_event::Digest::of(b"");
                let reply = laniakea_wire::submit::Reply::accepted(&digest, laniakea_event::Seq(1));
                replies.send(reply_to.map(|to| (to, reply.clone())));
            }
        });
        assert_answers(&endpoint);
        let connections = || count(&server.connections().snapshot(), "connections");
        until("the strangers to be forgotten", || connections() <= 1);
        server.closer().close();
    });
}

#[test]
fn a_ping_is_answered_while_messages_wait() {
    with_submit_server(&listen(500, 250), |_, endpoint| {
        let mut peer = connect(endpoint, "DEALER");
        peer.write_all(&frame(4, b"\x04PING\0\x0acontext")).unwrap();
        let expected = frame(4, b"\x04PONGcontext");
        let mut pong = vec![0; expected.len()];
        peer.read_exact(&mut pong).unwrap();
        assert_eq!(pong, expected);
        // Whoever asks on and on and reads nothing costs no memory, and is not cut for it.
        let pings = frame(4, b"\x04PING\0\x0acontext").repeat(100_000);
        peer.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
        drop(peer.write_all(&pings));
        assert!(is_up(&peer));
    });
}

#[test]
fn a_message_of_a_hundred_thousand_frames_is_cut() {
    with_submit_server(&listen(500, 250), |server, endpoint| {
        let mut peer = connect(endpoint, "DEALER");
        let message = [frame(1, b"x").repeat(100_000), frame(0, b"x")].concat();
        drop(peer.write_all(&message));
        assert!(is_cut(&mut peer));
        assert_eq!(count(&server.connections().snapshot(), "cut_unfinished"), 1);
    });
}

/// The processor time of this process, in hundredths of a second.
fn processor_time() -> u64 {
    let stat = laniakea_files::read_text("/proc/self/stat".as_ref(), 1 << 12).unwrap();
    let fields = stat.rsplit_once(')').unwrap().1.split_whitespace();
    fields.skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}

#[test]
fn a_server_without_descriptors_waits_for_one() {
    with_submit_server(&listen(500, 250), |server, endpoint| {
        let connections = || count(&server.connections().snapshot(), "connections");
        let open = std::fs::read_dir("/proc/self/fd").unwrap().count() as u64 - 1;
        let resource = rustix::process::Resource::Nofile;
        let before = rustix::process::getrlimit(resource);
        // A peer, its other end, and another peer.
        let limit = rustix::process::Rlimit { current: Some(open + 3), ..before };
        let start = processor_time();
        rustix::process::setrlimit(resource, limit).unwrap();
        let first = stranger(endpoint);
        until("the first", || connections() == 1);
        let second = stranger(endpoint);
        std::thread::park_timeout(Duration::from_secs(1));
        rustix::process::setrlimit(resource, before).unwrap();
        let spent = processor_time() - start;
        assert!(spent < 50, "it spins: {spent} hundredths of a second");
        drop(first);
        until("the second", || connections() == 1);
        assert!(is_up(&second));
    });
}
