use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::{conversation::Bounds, *};

/// Servers that never come to an end.
mod endless;

/// A mail server for one mail: it answers `RCPT` and the end of `DATA` as it is told, and has the
/// bytes that it was sent.
struct Server {
    port: u16,
    work: JoinHandle<Vec<u8>>,
}

impl Server {
    async fn start(rcpt: &'static str, data: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        #[expect(clippy::disallowed_methods, reason = "a test has no lifecycle")]
        let work = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            serve(stream, rcpt, data).await
        });
        Self { port, work }
    }

    async fn received(self) -> Vec<u8> {
        self.work.await.unwrap()
    }
}

async fn serve(stream: TcpStream, rcpt: &str, data: &str) -> Vec<u8> {
    let mut stream = BufReader::new(stream);
    let mut received = Vec::new();
    stream.write_all(b"220 test\r\n").await.unwrap();
    let mut line = String::new();
    while stream.read_line(&mut line).await.unwrap_or_default() > 0 {
        let command = line.to_ascii_uppercase();
        let reply = if command.starts_with("EHLO") {
            "250 test"
        } else if command.starts_with("RCPT") {
            rcpt
        } else if command.starts_with("DATA") {
            stream.write_all(b"354 go on\r\n").await.unwrap();
            while !received.ends_with(b"\r\n.\r\n") {
                received.push(stream.read_u8().await.unwrap());
            }
            if data.is_empty() {
                // The connection breaks before anybody knows.
                return received;
            }
            data
        } else {
            "250 ok"
        };
        stream.write_all(format!("{reply}\r\n").as_bytes()).await.unwrap();
        line.clear();
    }
    received
}

fn mailer(port: u16, templates: Option<&TempDir>) -> Arc<Mailer> {
    let templates = templates
        .map_or(String::new(), |directory| format!("templates_dir = {:?}", directory.path()));
    let config = format!(
        "server = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\n\
         from = \"Архив <archive@example.org>\"\n\
         allow = [\"*@lists.example.org\", \"{{ada,bob}}@Example.org\"]\n{templates}"
    );
    Arc::new(Mailer::new(&toml::from_str(&config).unwrap()).unwrap())
}

fn mail(text: &str, mailer: &Arc<Mailer>) -> Result<Mail, InvalidMail> {
    Mail::new(&toml::from_str(text).unwrap(), Some(mailer))
}

const RULE: &str = r#"
to = ["changes@lists.example.org", "{{ data.email }}"]
subject = "Accepted {{ data.name }} (source)"
text = "{{ data.changes }}"
"#;

fn values(data: &Json) -> Json {
    json!({
        "rule": "changes", "run": 7, "attempt": 1, "count": 1, "key": "k", "data": data,
        "events": [{"digest": "d", "id": "x", "time": "t", "summary": "s & t", "data": data}],
    })
}

fn good() -> Json {
    json!({"name": "hello", "email": "ada@example.org", "changes": "text\n"})
}

async fn run(mail: &Mail, data: &Json) -> Ended {
    mail.run(Order {
        values: values(data),
        timeout: Duration::from_secs(20),
        data_dir: "/".into(),
        keeper: "/".into(),
    })
    .await
}

#[tokio::test]
async fn a_mail_arrives_as_subscribers_and_programs_expect_it() {
    let server = Server::start("250 ok", "250 queued as 5").await;
    let rule = format!(
        "{RULE}list_id = \"New <changes.lists.example.org>\"\nthread = \"{{{{ data.name }}}}\"\n\
         html = \"<b>{{{{ data.changes }}}}</b>\"\nheaders = {{ X-Laniakea-Repo = \"{{{{ data.name }}}}\" }}"
    );
    let mail = mail(&rule, &mailer(server.port, None)).unwrap();
    let ended = run(
        &mail,
        &json!({"name": "hellö", "email": "ada@example.org", "changes": "<i>&\n.\nend"}),
    )
    .await;
    assert_eq!(ended.outcome, Outcome::Succeeded);
    let said = String::from_utf8(ended.output).unwrap();
    assert!(said.contains("to changes@lists.example.org, ada@example.org, <keeper-"), "{said}");
    assert!(said.ends_with("250 queued as 5"), "{said}");
    let received = String::from_utf8(server.received().await).unwrap();
    for header in [
        "From: =?utf-8?",
        "To: changes@lists.example.org, ada@example.org\r\n",
        "Subject: Accepted =?utf-8?b?aGVsbMO2?= (source)\r\n",
        "Message-ID: <keeper-",
        "In-Reply-To: <keeper-",
        "References: <keeper-",
        "List-Id: New <changes.lists.example.org>\r\n",
        "Precedence: list\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "X-Keeper-Rule: changes\r\n",
        "X-Laniakea-Repo: =?utf-8?",
        "Content-Type: multipart/alternative;",
        "<b>&lt;i&gt;&amp;\r\n",
    ] {
        assert!(received.contains(header), "{header} in {received}");
    }
    // A line with a dot alone is doubled on the wire; it does not end the mail.
    assert!(received.contains("<i>&\r\n..\r\nend"), "{received}");
}

#[tokio::test]
async fn every_attempt_and_run_sends_the_same_message_id() {
    let mut ids = Vec::new();
    for (run, attempt) in [(7, 1), (7, 2), (9, 1)] {
        let server = Server::start("250 ok", "250 ok").await;
        let mail = mail(RULE, &mailer(server.port, None)).unwrap();
        let mut values = values(&good());
        values["run"] = run.into();
        values["attempt"] = attempt.into();
        mail.run(Order {
            values,
            timeout: Duration::from_secs(20),
            data_dir: "/".into(),
            keeper: "/".into(),
        })
        .await;
        let received = String::from_utf8(server.received().await).unwrap();
        let id = received.lines().find(|line| line.starts_with("Message-ID")).unwrap().to_owned();
        ids.push(id);
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
}

#[tokio::test]
async fn what_the_server_says_decides_whether_it_is_tried_again() {
    let outcome = async |rcpt, data| {
        let server = Server::start(rcpt, data).await;
        let mail = mail(RULE, &mailer(server.port, None)).unwrap();
        run(&mail, &good()).await.outcome
    };
    let failed = |outcome: &Outcome| matches!(outcome, Outcome::Failed(_));
    let refused = |outcome: &Outcome| matches!(outcome, Outcome::Refused(_));
    for (rcpt, data, is_expected) in [
        ("450 greylisted", "250 ok", failed as fn(&Outcome) -> bool),
        ("550 no such user", "250 ok", refused),
        ("250 ok", "452 disk full", failed),
        ("250 ok", "554 spam", refused),
        // Nobody knows whether it went out.
        ("250 ok", "", failed),
    ] {
        let outcome = outcome(rcpt, data).await;
        assert!(is_expected(&outcome), "{rcpt}, {data}: {outcome:?}");
        let (Outcome::Failed(reason) | Outcome::Refused(reason)) = &outcome else { panic!() };
        let said = if rcpt.starts_with("250") { data } else { rcpt };
        let said = said.split_once(' ').map_or("", |(_, words)| words);
        assert!(reason.contains(said), "{reason}");
    }
    // Nobody listens there.
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let mail = mail(RULE, &mailer(port, None)).unwrap();
    let outcome = run(&mail, &good()).await.outcome;
    assert!(failed(&outcome), "{outcome:?}");
}

#[tokio::test]
async fn hostile_data_never_reaches_a_header_or_a_stranger() {
    // Nothing is sent, so no server is needed.
    let mail = mail(RULE, &mailer(1, None)).unwrap();
    let refused = |name: &str, email: &str| {
        let data = json!({"name": name, "email": email, "changes": ""});
        mail.letter(&values(&data)).unwrap_err()
    };
    for name in ["x\nBcc: evil@example.net", "x\r\n\r\nbody", "x\r", "x\0", "=?utf-8?q?=0ABcc:_a?="]
    {
        let reason = refused(name, "ada@example.org");
        assert!(reason.contains("subject") || reason.contains("NUL"), "{name:?}: {reason}");
    }
    for email in [
        "ada@example.org\nBcc: evil@example.net",
        "ada@example.org\r\nRCPT TO:<evil@example.net>",
        "ada@example.org\0",
        "ada@example.org, evil@example.net",
        "Ada <ada@example.org>",
        "<ada@example.org>",
        " ada@example.org",
        "ada@example.org ",
        "\"ada evil\"@lists.example.org",
        "evil@example.net!x@lists.example.org",
        "evil@example.net@lists.example.org",
        "evil@[127.0.0.1]",
        "adä@example.org",
        "ada",
        "@example.org",
        "evil@example.net",
        "ada@example.org.evil.net",
        "carl@example.org",
        "--@-",
    ] {
        let reason = refused("x", email);
        assert!(
            reason.contains("address") || reason.contains("allow") || reason.contains("NUL"),
            "{email:?}: {reason}"
        );
    }
    let missing = mail.letter(&values(&json!({"name": "x"}))).unwrap_err();
    assert!(missing.contains("undefined"), "{missing}");
    // Case is no difference, and who stands there twice gets it once.
    let data = json!({"name": "x", "email": "ADA@Example.ORG", "changes": ""});
    assert!(mail.letter(&values(&data)).unwrap().describe().contains("ADA@Example.ORG"));
}

#[tokio::test]
async fn any_text_becomes_lines_that_every_server_takes() {
    let long = "x".repeat(5_000);
    for changes in [
        &*long,
        &"é".repeat(3_000),
        "a\r\nb\rc\nd",
        "\u{1b}[31mred\u{202e}",
        ".\r\n.\n..\r.\r\nMAIL FROM:<evil@example.net>\r\n",
        "From the start\n.",
        "",
    ] {
        let server = Server::start("250 ok", "250 ok").await;
        let mail = mail(RULE, &mailer(server.port, None)).unwrap();
        let mut data = good();
        data["changes"] = changes.into();
        assert_eq!(run(&mail, &data).await.outcome, Outcome::Succeeded);
        let received = server.received().await;
        assert!(received.is_ascii());
        let text = String::from_utf8(received).unwrap();
        assert!(text.split("\r\n").all(|line| line.len() <= 998 && !line.contains(['\r', '\n'])));
        assert!(!text.contains('\u{1b}'));
        assert_eq!(text.matches("\r\n.\r\n").count(), 1, "only the last one ends the mail");
    }
}

#[test]
fn what_is_too_long_or_endless_is_no_mail() {
    let over =
        |rule: &str| mail(rule, &mailer(1, None)).unwrap().letter(&values(&good())).unwrap_err();
    let with_text = |text: &str| RULE.replace("{{ data.changes }}", text);
    let reason = over(&with_text(
        "{% for a in range(9000) %}{% for b in range(9000) %}x{% endfor %}{% endfor %}",
    ));
    assert!(reason.contains("fuel") || reason.contains("longer"), "{reason}");
    let reason = over(&with_text("{% for a in range(9000) %}{{ 'x' * 9000 }}{% endfor %}"));
    assert!(reason.contains("longer than 1048576"), "{reason}");
    // A subject is cut.
    let long = RULE.replace("{{ data.name }}", "{{ 'x' * 5000 }}");
    let letter = mail(&long, &mailer(1, None)).unwrap().letter(&values(&good())).unwrap();
    assert!(letter.describe().len() < 500);
}

#[test]
fn what_a_rule_says_wrong_is_told_when_it_is_read() {
    let directory = TempDir::new().unwrap();
    std::fs::write(directory.path().join("x.txt"), "{{ data.name }}\n").unwrap();
    std::fs::write(directory.path().join("broken.txt"), "{{ data.name").unwrap();
    let mailer = mailer(1, Some(&directory));
    assert_eq!(Mail::new(&toml::from_str(RULE).unwrap(), None).unwrap_err(), InvalidMail::NoServer);
    let with = |line: &str| mail(&format!("{}{line}", RULE.replace("text = ", "#")), &mailer);
    assert!(with("text_file = \"x.txt\"").is_ok() && with("").is_ok());
    for (line, what) in [
        ("text_file = \"absent.txt\"", "absent.txt"),
        ("text_file = \"broken.txt\"", "template is wrong"),
        ("text_file = \"../x.txt\"", "no file below"),
        ("text_file = \"/etc/passwd\"", "no file below"),
        ("text_file = \"\"", "no file below"),
        ("text_file = \"x.txt\"\ntext = \"y\"", "which one"),
        ("html = \"{{\"", "mail.html"),
        ("list_id = \"changes\"", "mail.list_id"),
        ("headers = { Bcc = \"x\" }", "X-"),
        ("thread = \"{{\"", "template"),
    ] {
        let error = with(line).unwrap_err().to_string();
        assert!(error.contains(what), "{line}: {error}");
    }
    for (to, what) in [
        ("[]", "empty"),
        ("[\"evil@example.net\"]", "mail.allow"),
        ("[\"no address\"]", "no plain address"),
    ] {
        let error = mail(&format!("to = {to}\nsubject = \"x\""), &mailer).unwrap_err().to_string();
        assert!(error.contains(what), "{to}: {error}");
    }
}

#[test]
fn a_mail_is_told_without_being_sent() {
    let mail = mail(&RULE.replace("text = ", "#"), &mailer(1, None)).unwrap();
    let told = mail.describe(&values(&good()));
    assert!(
        told.starts_with("mail: \"Accepted hello (source)\" to changes@lists.example.org, ada"),
        "{told}"
    );
    let letter = mail.letter(&values(&good())).unwrap();
    let text = String::from_utf8(letter.message.formatted()).unwrap();
    assert!(text.contains("\r\n\r\nt  s & t\r\n"), "{text}");
    assert!(mail.describe(&values(&json!({}))).starts_with("refused: "));
}

#[test]
fn a_password_is_read_only_where_nobody_else_reads_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("password");
    std::fs::write(&file, "secret\n").unwrap();
    let config = format!(
        "server = \"localhost\"\ntls = \"none\"\nusername = \"u\"\npassword_file = {file:?}\n\
         from = \"a@example.org\"\nallow = [\"*\"]"
    );
    for (mode, is_read) in [(0o600, true), (0o640, false), (0o604, false), (0o400, true)] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let mailer = Mailer::new(&toml::from_str(&config).unwrap()).unwrap();
        assert_eq!(mailer.check().is_ok(), is_read, "{mode:o}");
        assert!(!format!("{mailer:?}").contains("secret"));
    }
    std::fs::remove_file(&file).unwrap();
    let mailer = Mailer::new(&toml::from_str(&config).unwrap()).unwrap();
    assert!(mailer.check().unwrap_err().to_string().contains("password"));
    for from in ["", "x", "a@example.org\nBcc: b@example.org", "a@exämple.org"] {
        let config = config.replace("\"a@example.org\"", &format!("{from:?}"));
        assert!(Mailer::new(&toml::from_str(&config).unwrap()).is_err(), "{from:?}");
    }
}
