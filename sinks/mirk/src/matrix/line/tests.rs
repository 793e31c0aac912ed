//! Homeservers that never come to an end, as the SDK's client hears them.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::{
        Mutex,
        mpsc::{self, Receiver},
    },
    thread,
    time::Instant,
};

use super::*;

const MAX_ANSWER: usize = 1 << 20;
/// What the sockets on the way hold beyond what is read.
const MOST: usize = MAX_ANSWER + (32 << 20);
const LONGEST: Duration = Duration::from_secs(20);
const OK: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";

/// A homeserver that writes this, and then the same again and again; how much of that went out.
struct Endless {
    url: String,
    sent: Receiver<usize>,
}

impl Endless {
    fn new(head: &[u8], body: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (tell, sent) = mpsc::sync_channel(1);
        let head = head.to_vec();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            assert_ne!(stream.read(&mut [0; 4096]).unwrap(), 0);
            let block = body.repeat(1 + (64 << 10) / body.len());
            let mut count = 0;
            if stream.write_all(&head).is_ok() {
                while let Ok(more) = stream.write(&block) {
                    count += more;
                }
            }
            tell.send(count).unwrap();
        });
        Self { url, sent }
    }
}

async fn get(line: &Line, url: &str) -> reqwest::Result<Vec<u8>> {
    let response = line.client().get(url).timeout(LONGEST).send().await?;
    Ok(response.bytes().await?.to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_has_no_end_is_cut_at_the_bound() {
    for (head, body) in [
        ("", &b"H"[..]),
        ("HTTP/1.1 200 ", b"X"),
        ("HTTP/1.1 200 OK\r\nX-A: ", b"X"),
        ("HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
        ("HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1;a\r\nx\r\n"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X-A: b\r\n"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", b"x"),
    ] {
        let endless = Endless::new(head.as_bytes(), body);
        let line = Line::open(&endless.url, MAX_ANSWER).unwrap();
        let begin = Instant::now();
        assert!(get(&line, &endless.url).await.is_err(), "{head:?}");
        assert!(begin.elapsed() < LONGEST, "{head:?}");
        let sent = endless.sent.recv_timeout(LONGEST).unwrap();
        assert!(sent < MOST, "{head:?}: {sent} bytes went out");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_an_end_is_no_longer_than_the_bound() {
    let endless = Endless::new(OK.as_bytes(), b"{\"a\":[1,");
    let line = Line::open(&endless.url, MAX_ANSWER).unwrap();
    // Its end is that of the connection; cut, it is no JSON.
    let body = get(&line, &endless.url).await.unwrap_or_default();
    assert!(body.len() <= MAX_ANSWER, "{}", body.len());
    assert!(serde_json::from_slice::<serde_json::Value>(&body).is_err());
    let sent = endless.sent.recv_timeout(LONGEST).unwrap();
    assert!(sent < MOST, "{sent} bytes went out");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_packed_is_not_unpacked() {
    // The beginning of any gzip.
    let packed = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xed\xc1\x01\r\0\0\0";
    let head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 17\r\n\r\n";
    let endless = Endless::new(&[head.as_bytes(), packed].concat(), b"x");
    let line = Line::open(&endless.url, MAX_ANSWER).unwrap();
    assert_eq!(get(&line, &endless.url).await.unwrap(), packed);
}

/// A homeserver that answers each request on its own thread with what `answer` says, and keeps the
/// connection; the requests that it got, by connection.
fn serve(
    answer: impl Fn(&str) -> String + Send + Sync + 'static,
) -> (String, Arc<Mutex<Vec<usize>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let requests: Arc<Mutex<Vec<usize>>> = Arc::default();
    let (counts, answer) = (requests.clone(), Arc::new(answer));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let place = {
                let mut counts = counts.lock().unwrap();
                counts.push(0);
                counts.len() - 1
            };
            let (counts, answer, mut stream) = (counts.clone(), answer.clone(), stream);
            thread::spawn(move || {
                let mut request = [0; 4096];
                while let Ok(count) = stream.read(&mut request)
                    && count > 0
                {
                    counts.lock().unwrap()[place] += 1;
                    let text = String::from_utf8_lossy(&request[..count]);
                    stream.write_all(answer(&text).as_bytes()).unwrap();
                }
            });
        }
    });
    (url, requests)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_has_a_connection_of_its_own() {
    let (url, requests) = serve(|_| "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}".to_owned());
    let line = Line::open(&url, MAX_ANSWER).unwrap();
    for _ in 0..5 {
        assert_eq!(get(&line, &url).await.unwrap(), b"{}");
    }
    assert_eq!(*requests.lock().unwrap(), [1; 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_come_together_share_a_bound() {
    const LENGTH: usize = MAX_ANSWER * 3 / 4;
    // Each says that it is longer than it is, so that its connection stays.
    let (url, _) = serve(|_| {
        let body = "x".repeat(LENGTH);
        format!("HTTP/1.1 200 OK\r\nContent-Length: {MAX_ANSWER}\r\n\r\n{body}")
    });
    let line = Line::open(&url, MAX_ANSWER).unwrap();
    for (count, is_too_much) in [(1, false), (3, true)] {
        let mut asking = JoinSet::new();
        for _ in 0..count {
            let request = line.client().get(&url).timeout(Duration::from_secs(4));
            asking.spawn(async move {
                let mut length = 0;
                let Ok(mut response) = request.send().await else { return length };
                while let Ok(Some(chunk)) = response.chunk().await {
                    length += chunk.len();
                }
                length
            });
        }
        let lengths = asking.join_all().await;
        let is_cut = lengths.iter().any(|length| *length < LENGTH);
        assert_eq!(is_cut, is_too_much, "{lengths:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_sends_us_elsewhere_is_not_followed() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let address = elsewhere.local_addr().unwrap();
    let (url, requests) = serve(move |_| {
        format!("HTTP/1.1 307 X\r\nLocation: http://{address}/\r\nContent-Length: 0\r\n\r\n")
    });
    let line = Line::open(&url, MAX_ANSWER).unwrap();
    let response = line.client().get(&url).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 307);
    assert_eq!(*requests.lock().unwrap(), [1]);
    assert!(elsewhere.accept().is_err(), "somebody came");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_more_often_than_is_allowed() {
    let (url, requests) = serve(|_| "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}".to_owned());
    let line = Line::open(&url, MAX_ANSWER).unwrap();
    let begin = Instant::now();
    for _ in 0..allowance::BURST + 25 {
        get(&line, &url).await.unwrap();
    }
    assert!(begin.elapsed() >= allowance::INTERVAL * 25, "{:?}", begin.elapsed());
    assert_eq!(requests.lock().unwrap().len(), allowance::BURST as usize + 25);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_listens_a_request_fails_at_once() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for host in ["127.0.0.1", "localhost", "[::1]"] {
        let url = format!("http://{host}:{port}");
        let line = Line::open(&url, MAX_ANSWER).unwrap();
        let begin = Instant::now();
        assert!(get(&line, &url).await.is_err());
        assert!(begin.elapsed() < LONGEST);
    }
    assert!(matches!(Line::open("mailto:a@b", 1), Err(LineError::Address(_))));
}
