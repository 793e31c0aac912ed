//! What a server may do to whoever calls it.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    iter::{self, repeat},
    net::{Shutdown, TcpListener, TcpStream},
    thread::JoinHandle,
    time::Instant,
};

use serde_json::json;

use super::super::{answer::MAX_OUTPUT, *};

/// What an answer is made of.
type Pieces = Box<dyn Iterator<Item = String> + Send>;

/// How an answer ends whose pieces have been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Closed,
    /// The server says nothing more, and does not go either.
    Held,
}

/// What the kernel takes of what nobody reads, beside what is read.
const BUFFERED: usize = 16 << 20;
const OK: &str = "HTTP/1.1 200 OK\r\n";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

fn pieces(pieces: &[&str]) -> Pieces {
    let pieces: Vec<String> = pieces.iter().map(|&piece| piece.to_owned()).collect();
    Box::new(pieces.into_iter())
}

fn endless(beginning: &str, piece: &str) -> Pieces {
    let piece = piece.repeat(4096 / piece.len().min(4096));
    Box::new(iter::once(beginning.to_owned()).chain(repeat(piece)))
}

/// Answers once, and says how many bytes went out until it was done or nobody took more.
fn serve(answer: Pieces, end: End) -> (String, JoinHandle<(String, usize)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let head = read_request(&stream);
        let mut sent = 0;
        for piece in answer {
            if stream.write_all(piece.as_bytes()).is_err() {
                return (head, sent);
            }
            sent += piece.len();
        }
        if end == End::Closed {
            drop(stream.shutdown(Shutdown::Write));
        }
        // Until the other one goes.
        drop(stream.read_to_end(&mut Vec::new()));
        (head, sent)
    });
    (format!("http://{address}/"), thread)
}

fn read_request(stream: &TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut head).unwrap(), 0, "{head}");
    }
    let length = head.split_once("content-length: ").unwrap().1.split_once('\r').unwrap().0;
    reader.read_exact(&mut vec![0; length.parse().unwrap()]).unwrap();
    head
}

/// What keeper makes of an answer: the run, how many bytes were sent, and how long it took.
async fn call(answer: Pieces, end: End, timeout: Duration) -> (Ended, usize, Duration) {
    let (url, server) = serve(answer, end);
    let config: WebhookConfig = toml::from_str(&format!("url = {url:?}")).unwrap();
    let webhook = Webhook::new(&config).unwrap();
    let began = Instant::now();
    let values = json!({"rule": "r", "run": 1, "attempt": 1});
    let order = Order { values, timeout, data_dir: "/".into(), keeper: "/".into() };
    let ended = webhook.run(order).await;
    let took = began.elapsed();
    drop(webhook);
    let (head, sent) = server.join().unwrap();
    assert!(!head.contains("accept-encoding"), "{head}");
    (ended, sent, took)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_answer_is_a_success() {
    let long = format!("{OK}content-length: 1048576\r\n\r\n{}", "x".repeat(1 << 20));
    // Nobody asked for it to be packed, and nobody unpacks it.
    let packed = format!("{OK}content-encoding: gzip\r\ncontent-length: 4\r\n\r\n\x1f...");
    for (answer, end, output) in [
        (pieces(&[OK, "content-length: 4\r\n\r\n", "done"]), End::Held, "done"),
        (pieces(&[CHUNKED, "4\r\ndo", "ne\r\n0\r\n\r\n"]), End::Held, "done"),
        (pieces(&[CHUNKED, "4\r\ndone\r\n0\r\nsum: 7\r\n\r\n"]), End::Held, "done"),
        (pieces(&["HTTP/1.0 200 OK\r\n\r\ndone"]), End::Closed, "done"),
        (pieces(&["HTTP/1.1 204 Nothing\r\n\r\n"]), End::Held, ""),
        (
            pieces(&["HTTP/1.1 100 Continue\r\n\r\n", OK, "content-length: 0\r\n\r\n"]),
            End::Held,
            "",
        ),
        (pieces(&[&packed]), End::Held, "\x1f..."),
    ] {
        let (ended, ..) = call(answer, end, Duration::from_secs(20)).await;
        assert_eq!(ended.outcome, Outcome::Succeeded, "{output:?}");
        assert_eq!(ended.output, output.as_bytes());
    }
    let (ended, ..) = call(pieces(&[&long]), End::Held, Duration::from_secs(20)).await;
    assert_eq!(ended.outcome, Outcome::Succeeded);
    assert!(ended.output.len() < MAX_OUTPUT + 100, "{}", ended.output.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_off_is_no_success() {
    for answer in [
        pieces(&[OK, "content-length: 100\r\n\r\nhalf"]),
        pieces(&[OK, "content-length: 1\r\n\r\n"]),
        pieces(&[CHUNKED]),
        pieces(&[CHUNKED, "4\r\nhalf\r\n"]),
        pieces(&[CHUNKED, "4\r\nha"]),
        pieces(&[CHUNKED, "4\r\nhalf\r\nmore\r\n"]),
        pieces(&[CHUNKED, "4\r\nhalf\r\n0\r\nsum: 7\r\n"]),
    ] {
        let (ended, ..) = call(answer, End::Closed, Duration::from_secs(20)).await;
        let Outcome::Failed(why) = &ended.outcome else { panic!("{ended:?}") };
        assert!(why.starts_with("the answer is 200 OK, but its body breaks off: "), "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_an_end_is_cut_off() {
    let filled = "x".repeat(4096);
    let chunk = format!("1000\r\n{filled}\r\n");
    let refused = "HTTP/1.1 404 No\r\ncontent-length: 99999999999\r\n\r\n";
    for (what, answer, why) in [
        (
            "a long body",
            endless(&format!("{OK}content-length: 99999999999\r\n\r\n"), "x"),
            "more than 1048576 bytes",
        ),
        ("chunks", endless(CHUNKED, &chunk), "more than 1048576 bytes"),
        ("small chunks", endless(CHUNKED, "1\r\nx\r\n"), "more than 1048576 bytes"),
        (
            "no length",
            endless(&format!("{OK}connection: close\r\n\r\n"), "x"),
            "more than 1048576 bytes",
        ),
        ("an explanation", endless(refused, "x"), "the answer is 404 Not Found"),
        ("preliminary answers", endless("", "HTTP/1.1 102 Wait\r\n\r\n"), "closed before"),
        ("a chunk's size", endless(CHUNKED, "0"), "breaks off"),
        ("a chunk's extension", endless(&format!("{CHUNKED}1;"), "x"), "breaks off"),
        ("a trailer", endless(&format!("{CHUNKED}0\r\n"), "x"), "breaks off"),
        ("trailers", endless(&format!("{CHUNKED}0\r\n"), "a: b\r\n"), "breaks off"),
        ("a status line", endless("HTTP/1.1 200 ", "x"), "too large"),
        ("a version", endless("HTTP/", "1"), "invalid HTTP version"),
        ("a header", endless(&format!("{OK}a: "), "x"), "too large"),
        ("a header's name", endless(OK, "x"), "too large"),
        ("headers", endless(OK, "a: b\r\n"), "too large"),
        ("no HTTP", endless("", "x"), "invalid HTTP version"),
        ("line breaks", endless("", "\r\n"), "too large"),
    ] {
        let (ended, sent, took) = call(answer, End::Held, Duration::from_mins(1)).await;
        let (Outcome::Failed(found) | Outcome::Refused(found)) = &ended.outcome else {
            panic!("{what}: {:?}", ended.outcome);
        };
        assert!(found.contains(why), "{what}: {found}");
        assert!(ended.output.len() < MAX_OUTPUT + 100, "{what}: {}", ended.output.len());
        assert!(sent < BUFFERED, "{what}: {sent} bytes");
        assert!(took < Duration::from_secs(30), "{what}: {took:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_takes_too_long_is_given_up() {
    let timeout = Duration::from_millis(500);
    let late = "it took longer than 0.5 s";
    let slow = "the answer is 200 OK, but its body had no end in time";
    for (what, answer, why) in [
        ("nothing", pieces(&[]), late),
        ("half a head", pieces(&[OK, "a: b\r\n"]), late),
        ("half a body", pieces(&[OK, "content-length: 100\r\n\r\nhalf"]), slow),
        ("chunks that stop", pieces(&[CHUNKED, "4\r\nhalf\r\n"]), slow),
        ("half a trailer", pieces(&[CHUNKED, "0\r\nsum: "]), slow),
    ] {
        let (ended, _, took) = call(answer, End::Held, timeout).await;
        assert_eq!(ended.outcome, Outcome::Failed(why.to_owned()), "{what}");
        assert!(took < Duration::from_secs(10), "{what}: {took:?}");
    }
    // Nothing that comes can change what this means.
    let refused = pieces(&["HTTP/1.1 404 No\r\ncontent-length: 100\r\n\r\nhalf"]);
    let (ended, ..) = call(refused, End::Held, timeout).await;
    assert_eq!(ended.outcome, Outcome::Refused("the answer is 404 Not Found".to_owned()));
    assert_eq!(ended.output, b"half");
}
