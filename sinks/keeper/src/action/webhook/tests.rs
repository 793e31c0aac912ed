mod hostile;

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    thread::JoinHandle,
};

use serde_json::json;

use super::*;

/// What came, and an answer for it: one connection each, and then no more.
struct Server {
    address: String,
    thread: JoinHandle<Vec<(String, Vec<u8>)>>,
}

impl Server {
    fn new(answers: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let answers: Vec<String> = answers.iter().map(|&answer| answer.to_owned()).collect();
        let thread = std::thread::spawn(move || {
            let serve = |answer: String| {
                let (stream, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(&stream);
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") {
                    assert_ne!(reader.read_line(&mut head).unwrap(), 0, "{head}");
                }
                let length = head.to_lowercase();
                let length = length.split_once("content-length: ").unwrap().1;
                let length = length.split_once("\r\n").unwrap().0.parse().unwrap();
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                (&stream).write_all(answer.as_bytes()).unwrap();
                (head, body)
            };
            answers.into_iter().map(serve).collect()
        });
        Self { address, thread }
    }

    fn requests(self) -> Vec<(String, Vec<u8>)> {
        self.thread.join().unwrap()
    }
}

fn webhook(text: &str) -> Result<Webhook, String> {
    let config: WebhookConfig = toml::from_str(text).map_err(|error| error.to_string())?;
    Webhook::new(&config).map_err(|error| error.to_string())
}

async fn run(webhook: &Webhook) -> Ended {
    let values = json!({
        "rule": "r", "run": 7, "attempt": 2, "count": 1, "key": "k",
        "data": {"x": "../../admin?a=b"},
    });
    webhook
        .run(Order {
            values,
            timeout: Duration::from_secs(20),
            data_dir: "/".into(),
            keeper: "/".into(),
        })
        .await
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\nthanks";

#[tokio::test]
async fn a_run_is_sent_signed_and_its_answer_kept() {
    let server = Server::new(&[OK]);
    let directory = tempfile::tempdir().unwrap();
    let secret = directory.path().join("secret");
    fs::write(&secret, "It is a secret to everybody\n").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let webhook = webhook(&format!(
        "url = \"http://{}/hooks/{{{{ data.x }}}}/now\"\nsecret_file = {secret:?}\n\
         headers = {{ X-Site = \"test\", Authorization = \"Bearer x\" }}",
        server.address
    ))
    .unwrap();
    let ended = run(&webhook).await;
    assert_eq!((ended.outcome, ended.output), (Outcome::Succeeded, b"thanks".to_vec()));
    let [(head, body)] = <[_; 1]>::try_from(server.requests()).unwrap();
    assert!(head.starts_with("POST /hooks/..%2F..%2Fadmin%3Fa%3Db/now HTTP/1.1\r\n"), "{head}");
    let sent: Json = serde_json::from_slice(&body).unwrap();
    assert_eq!(sent["data"]["x"], "../../admin?a=b");
    let signature = sign(b"It is a secret to everybody", &body).unwrap();
    for line in [
        "content-type: application/json",
        "x-laniakea-delivery: 7-2",
        "x-laniakea-rule: r",
        &format!("x-laniakea-signature: {signature}"),
        "x-site: test",
        "authorization: Bearer x",
    ] {
        assert!(head.lines().any(|found| found == line), "{line} in {head}");
    }
}

#[test]
fn signatures_are_hmac_sha_256_in_hex() {
    // RFC 4231, test case 2.
    assert_eq!(
        sign(b"Jefe", b"what do ya want for nothing?").unwrap(),
        "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
}

#[tokio::test]
async fn an_answer_decides_and_a_redirect_is_not_followed() {
    let server = Server::new(&[
        "HTTP/1.1 503 Busy\r\nretry-after: 7\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        "HTTP/1.1 404 Gone\r\ncontent-length: 4\r\nconnection: close\r\n\r\nnope",
        "HTTP/1.1 307 There\r\nlocation: /\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        // It breaks off, and has said enough.
        "HTTP/1.1 500 Oh\r\ncontent-length: 100\r\n\r\nhalf",
        "no HTTP at all\r\n\r\n",
        OK,
    ]);
    let webhook = webhook(&format!("url = \"http://{}\"", server.address)).unwrap();
    let ended = run(&webhook).await;
    let problem = "the answer is 503 Service Unavailable".to_owned();
    assert_eq!(ended.outcome, Outcome::Later { problem, pause: Duration::from_secs(7) });
    let ended = run(&webhook).await;
    assert_eq!(ended.outcome, Outcome::Refused("the answer is 404 Not Found".to_owned()));
    assert_eq!(ended.output, b"nope");
    let ended = run(&webhook).await;
    assert!(matches!(&ended.outcome, Outcome::Refused(why) if why.contains("redirects")));
    let ended = run(&webhook).await;
    assert!(matches!(&ended.outcome, Outcome::Failed(why) if why.contains("500")), "{ended:?}");
    let ended = run(&webhook).await;
    assert!(matches!(ended.outcome, Outcome::Failed(_)), "{ended:?}");
    assert_eq!(run(&webhook).await.outcome, Outcome::Succeeded);
    assert_eq!(server.requests().len(), 6);
    // Nobody listens any more.
    let ended = run(&webhook).await;
    assert!(matches!(&ended.outcome, Outcome::Failed(why) if why.contains("refused")), "{ended:?}");
}

#[tokio::test]
async fn without_its_secret_nothing_is_sent() {
    let text = "url = \"http://127.0.0.1:1/\"\nsecret_file = \"/no/such/secret\"";
    let ended = run(&webhook(text).unwrap()).await;
    assert!(matches!(&ended.outcome, Outcome::Failed(why) if why.contains("/no/such/secret")));
}

#[test]
fn what_cannot_be_sent_is_refused_when_the_rule_is_read() {
    for (line, what) in [
        ("headers = { Host = \"evil\" }", "Host"),
        ("headers = { X-Laniakea-Signature = \"x\" }", "Signature"),
        ("headers = { \"a b\" = \"x\" }", "a b"),
        ("headers = { A = \"x\\r\\nB: c\" }", "\"A\""),
        ("secret_file = \"a/b\"", "not an absolute path"),
        ("secret = \"x\"", "unknown field"),
    ] {
        let error = webhook(&format!("url = \"http://a/\"\n{line}")).unwrap_err();
        assert!(error.contains(what), "{line}: {error}");
    }
}
