use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    thread,
    time::Instant,
};

use super::*;

/// Short, so that a test need not wait.
const BOUNDS: Bounds = Bounds { answer: Duration::from_millis(300), mail: LONGEST };
/// No test waits longer, whatever the machine does meanwhile.
const LONGEST: Duration = Duration::from_secs(20);

/// Hands a mail to a server that does as it likes with the connection; how that ends.
async fn send(
    tls: &str,
    bounds: Bounds,
    serve: impl FnOnce(TcpStream) + Send + 'static,
) -> (Ended, Duration) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || serve(listener.accept().unwrap().0));
    let config = format!(
        "server = \"127.0.0.1\"\nport = {port}\ntls = \"{tls}\"\nfrom = \"archive@example.org\"\n\
         allow = [\"*@lists.example.org\", \"ada@example.org\"]"
    );
    let mailer = Mailer::new(&toml::from_str(&config).unwrap()).unwrap().with_bounds(bounds);
    let mail = mail(RULE, &Arc::new(mailer)).unwrap();
    let begin = Instant::now();
    let ended = run(&mail, &good()).await;
    let took = begin.elapsed();
    server.join().unwrap();
    (ended, took)
}

fn problem(ended: &Ended) -> &str {
    match &ended.outcome {
        Outcome::Failed(problem) => problem,
        other => panic!("{other:?}"),
    }
}

/// Writes the same again and again until nobody takes it any more; how much that was.
fn flood(mut stream: &TcpStream, bytes: &[u8]) -> usize {
    let block = bytes.repeat(1 + (64 << 10) / bytes.len());
    let mut sent = 0;
    while let Ok(count) = stream.write(&block) {
        sent += count;
    }
    sent
}

/// A line, or what there is of it when nothing more comes.
fn read_line(mut stream: &TcpStream) -> String {
    let mut line = Vec::new();
    let mut byte = [0];
    while !line.ends_with(b"\n") && stream.read(&mut byte).is_ok_and(|count| count == 1) {
        line.push(byte[0]);
    }
    String::from_utf8(line).unwrap()
}

/// Answers each line, until one begins so: that is for the caller.
fn answer_until(mut stream: &TcpStream, last: &str) {
    stream.write_all(b"220 test\r\n").unwrap();
    loop {
        let line = read_line(stream);
        if line.starts_with(last) || line.is_empty() {
            return;
        }
        stream.write_all(b"250 ok\r\n").unwrap();
    }
}

/// Waits until the other side has gone.
fn hold(mut stream: &TcpStream) {
    while stream.read(&mut [0; 4096]).is_ok_and(|count| count > 0) {}
}

#[tokio::test]
async fn what_has_no_end_is_read_no_further_than_the_bound() {
    // What the sockets of both sides hold beyond what is read.
    const MOST: usize = 32 << 20;
    let (tell, told) = mpsc::sync_channel(1);
    for (phase, bytes) in [
        // A line without an end.
        ("", &b"2"[..]),
        ("", b"220-hello\r\n"),
        ("", b"220-\r\n"),
        ("EHLO", b"250-x\r\n"),
        ("MAIL", b"\0"),
        ("RCPT", b"250-"),
        ("DATA", b"354-\r\n"),
    ] {
        let tell = tell.clone();
        let bounds = Bounds { answer: LONGEST, mail: LONGEST };
        let (ended, took) = send("none", bounds, move |stream| {
            if !phase.is_empty() {
                answer_until(&stream, phase);
            }
            tell.send(flood(&stream, bytes)).unwrap();
        })
        .await;
        let problem = problem(&ended);
        let is_expected = |what: &&str| problem.contains(what);
        let expected = ["says too much", "too large", "too long", "invalid"];
        assert!(expected.iter().any(is_expected), "{phase} {bytes:?}: {problem}");
        assert!(took < LONGEST, "{phase} {bytes:?} took {took:?}");
        let sent = told.recv().unwrap();
        assert!(sent < MOST, "{phase} {bytes:?}: {sent} bytes went out");
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_ends_the_mail() {
    for phase in ["", "EHLO", "MAIL", "RCPT", "DATA"] {
        let (ended, took) = send("none", BOUNDS, move |stream| {
            if !phase.is_empty() {
                answer_until(&stream, phase);
            }
            hold(&stream);
        })
        .await;
        assert!(problem(&ended).contains("longer than 0.3 s"), "{phase}: {}", problem(&ended));
        assert!(took < LONGEST, "{phase}: {took:?}");
    }
}

#[tokio::test]
async fn an_answer_that_drips_ends_the_mail() {
    let (ended, _) = send("none", BOUNDS, |mut stream| {
        stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        // A byte each time that nothing came for a while.
        while stream.write_all(b"2").is_ok() {
            if stream.read(&mut [0; 64]).is_ok_and(|count| count == 0) {
                return;
            }
        }
    })
    .await;
    assert!(problem(&ended).contains("longer than 0.3 s"), "{}", problem(&ended));
}

#[tokio::test]
async fn answers_that_are_all_in_time_end_with_the_time_for_a_mail() {
    let bounds = Bounds { answer: LONGEST, mail: Duration::from_millis(700) };
    let (ended, _) = send("none", bounds, |mut stream| {
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        stream.write_all(b"220 test\r\n").unwrap();
        // The answer is due when nothing has come for a while.
        while !read_line(&stream).is_empty() || stream.write_all(b"250 ok\r\n").is_ok() {}
    })
    .await;
    assert_eq!(problem(&ended), "the server took longer than 0.7 s over the mail");
}

#[tokio::test]
async fn a_server_that_took_the_mail_and_says_nothing_more_has_the_mail() {
    let (ended, took) = send("none", BOUNDS, |mut stream| {
        answer_until(&stream, "DATA");
        stream.write_all(b"354 go on\r\n").unwrap();
        while read_line(&stream) != ".\r\n" {}
        stream.write_all(b"250 queued\r\n").unwrap();
        hold(&stream);
    })
    .await;
    assert_eq!(ended.outcome, Outcome::Succeeded);
    assert!(took < LONGEST, "{took:?}");
}

#[tokio::test]
async fn encryption_that_never_begins_ends_the_mail() {
    let (ended, _) = send("tls", BOUNDS, |stream| hold(&stream)).await;
    assert!(problem(&ended).contains("longer than 0.3 s"), "{}", problem(&ended));
    let (ended, took) = send("starttls", BOUNDS, |mut stream| {
        stream.write_all(b"220 test\r\n").unwrap();
        read_line(&stream);
        stream.write_all(b"250-test\r\n250 STARTTLS\r\n").unwrap();
        read_line(&stream);
        stream.write_all(b"220 go on\r\n").unwrap();
        // Records of a handshake that never has enough.
        flood(&stream, b"\x16\x03\x03\x00\x01\x02");
    })
    .await;
    assert!(!problem(&ended).is_empty());
    assert!(took < LONGEST, "{took:?}");
}
