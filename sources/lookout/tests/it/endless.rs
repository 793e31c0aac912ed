//! Archives that never come to an end.

use std::time::{Duration, Instant};

use crate::support::{Answer, Archive, Lookout, Server, binary};

/// What is read of a `Release` at most, and what the sockets of both sides hold beyond that.
const MOST_BYTES: usize = 32 << 20;
const LONGEST: Duration = Duration::from_secs(20);
/// An answer whose body lasts until the connection ends.
const OK: &str = "HTTP/1.1 200 X\r\nConnection: close\r\n\r\n";
const RELEASE: &str = "/dists/x/InRelease";

fn served(more: &str) -> (Archive, Server, Lookout) {
    let mut archive = Archive::new();
    archive.packages(&[binary("hello", "1.0", "amd64", "hello")]);
    archive.fields = archive.fields.replace("Acquire-By-Hash: yes\n", "");
    archive.publish("2026-11-01T06:00:00Z");
    let server = Server::new(archive.root());
    let lookout = Lookout::with(&server.url(), &archive.gpg.keyring(), more);
    (archive, server, lookout)
}

/// Looks, which must fail in time, and says why.
fn fail(lookout: &Lookout, server: &Server, what: &str) -> String {
    let begin = Instant::now();
    let error = lookout.look().unwrap_err();
    assert!(begin.elapsed() < LONGEST, "{what} took {:?}", begin.elapsed());
    let sent = server.endless_bytes();
    assert!(sent < MOST_BYTES, "{what}: {sent} bytes went out");
    error
}

#[test]
fn whatever_has_no_end_is_read_no_further_than_the_bound() {
    for (head, body, why) in [
        // A status line, a header, headers and a chunk's length without an end.
        ("", &b"H"[..], "could not fetch"),
        ("HTTP/1.1 200 ", b"X", "could not fetch"),
        ("HTTP/1.1 200 X\r\nX-A: ", b"X", "could not fetch"),
        ("HTTP/1.1 200 X\r\n", b"X-A: b\r\n", "could not fetch"),
        ("HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n", b"1", "could not read"),
        ("HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n", b"1;a\r\nx\r\n", "could not read"),
        (OK, b"x", "larger than 4194304 bytes"),
        (OK, b"\n", "larger than 4194304 bytes"),
        // It says how long it is.
        ("HTTP/1.1 200 X\r\nContent-Length: 99999999999\r\n\r\n", b"x", "larger than 4194304"),
    ] {
        let (_archive, server, lookout) = served("fetch_timeout = \"10s\"");
        server.answer(RELEASE, Answer::Endless(head.into(), body));
        let what = format!("{head:?} {:?}", String::from_utf8_lossy(body));
        let error = fail(&lookout, &server, &what);
        assert!(error.contains(why), "{what}: {error}");
    }
}

#[test]
fn a_signature_without_an_end_is_read_no_further_than_the_bound() {
    let (_archive, server, lookout) = served("");
    server.answer(RELEASE, Answer::Status(404));
    server.answer("/dists/x/Release", Answer::Bytes(b"Suite: x\n".to_vec()));
    server.answer("/dists/x/Release.gpg", Answer::Endless(OK.into(), b"x"));
    let error = fail(&lookout, &server, "Release.gpg");
    assert!(error.contains("could not read Release.gpg"), "{error}");
    server.answer("/dists/x/Release.gpg", Answer::Bytes(vec![b'x'; 1 << 20]));
    let error = fail(&lookout, &server, "Release.gpg");
    assert!(error.contains("1048576 bytes of signatures"), "{error}");
}

#[test]
fn an_index_without_an_end_is_read_no_further_than_the_release_says() {
    let (_archive, server, lookout) = served("");
    let index = "/dists/x/main/binary-amd64/Packages.xz";
    for body in [&b"x"[..], b"\xfd7zXZ\0"] {
        server.answer(index, Answer::Endless(OK.into(), body));
        let error = fail(&lookout, &server, "Packages.xz");
        assert!(error.contains("could not use main/binary-amd64/Packages.xz"), "{error}");
    }
}

#[test]
fn what_is_packed_for_the_way_is_not_unpacked() {
    let (archive, server, lookout) = served("");
    let packed = crate::support::pack(".gz", &archive.read("InRelease"));
    let length = packed.len();
    let head =
        format!("HTTP/1.1 200 X\r\nContent-Encoding: gzip\r\nContent-Length: {length}\r\n\r\n");
    server.answer(RELEASE, Answer::Endless([head.as_bytes(), &packed].concat(), b"x"));
    let error = fail(&lookout, &server, "gzip");
    assert!(error.contains("makes no sense"), "{error}");
}

#[test]
fn what_drips_is_given_up_in_time() {
    let index = "/dists/x/main/binary-amd64/Packages.xz";
    for (path, head) in
        [(RELEASE, &b"HTTP/1.1 200 "[..]), (RELEASE, OK.as_bytes()), (index, OK.as_bytes())]
    {
        let (_archive, server, lookout) = served("fetch_timeout = \"1s\"");
        server.answer(path, Answer::Dripping(head, b"x"));
        let error = fail(&lookout, &server, path);
        assert!(error.contains("the file took longer than 1 s"), "{path}: {error}");
    }
}

#[test]
fn who_always_says_that_more_is_to_come_is_given_up_in_time() {
    // Long ones, since a debug build takes its time over each.
    let wait = format!("HTTP/1.1 100 Continue\r\nX-A: {}\r\n\r\n", "a".repeat(8_000));
    let wait: &[u8] = wait.into_bytes().leak();
    let (_archive, server, lookout) = served("fetch_timeout = \"1s\"");
    server.answer(RELEASE, Answer::Endless(wait.into(), wait));
    // Nothing of it is kept, so that only the time counts.
    let begin = Instant::now();
    let error = lookout.look().unwrap_err();
    assert!(error.contains("the file took longer than 1 s"), "{error}");
    assert!(begin.elapsed() < LONGEST, "{:?}", begin.elapsed());
}

#[test]
fn whoever_sends_us_on_for_ever_is_not_followed_for_ever() {
    let (_archive, server, lookout) = served("");
    let head = "HTTP/1.1 302 X\r\nLocation: /dists/x/InRelease\r\nContent-Length: 99999999\r\n\r\n";
    server.answer(RELEASE, Answer::Endless(head.into(), b"x"));
    let error = fail(&lookout, &server, "redirects");
    assert!(error.contains("could not fetch"), "{error}");
    let requests = server.requests();
    assert!((2..=6).contains(&requests.len()), "{requests:?}");
}
