//! The account at a homeserver that a test makes up.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use laniakea_daemon::{Clock as _, Lifecycle, SystemClock, TrustSource, new_key};
use laniakea_event::{KeyId, SignerId, keys::Metadata};
use laniakea_wire::curve::Security;
use tempfile::TempDir;

use super::*;
use crate::{
    chat::Chat,
    config::Config,
    control::Control,
    sink::{Homeserver as _, SendError},
    store::{SharedStore, Store},
    stream_status::StreamStatus,
};

const ROOM: &str = "!room:example.org";
const LONGEST: Duration = Duration::from_secs(30);

/// What a request is answered with.
enum Reply {
    /// A status and JSON.
    Json(u16, String),
    /// A JSON that has no end.
    Endless,
    /// A valid JSON of so many bytes, made to be many times as large in memory.
    Swelling(usize),
}

/// The crate has a `Sync` of its own.
trait Answer: Fn(&str) -> Reply + Send + std::marker::Sync + 'static {}

impl<F: Fn(&str) -> Reply + Send + std::marker::Sync + 'static> Answer for F {}

type Requests = Arc<Mutex<Vec<String>>>;

/// Serves; gives the address, and what was asked.
fn homeserver(answer: impl Answer) -> (String, Requests) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (requests, answer) = (Requests::default(), Arc::new(answer));
    let seen = requests.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (seen, answer) = (seen.clone(), answer.clone());
            thread::spawn(move || serve(&stream, &*answer, &seen));
        }
    });
    (url, requests)
}

fn serve(mut stream: &TcpStream, answer: &dyn Fn(&str) -> Reply, seen: &Requests) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let request = format!("{} {}", words.next()?, words.next()?.split('?').next()?);
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        if header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    reader.take(length).read_to_end(&mut Vec::new()).ok()?;
    seen.lock().unwrap().push(request.clone());
    match answer(&request) {
        Reply::Json(status, body) => write_json(stream, status, &body),
        Reply::Endless => {
            stream
                .write_all(b"HTTP/1.1 200 X\r\nConnection: close\r\n\r\n{\"next_batch\":\"")
                .ok()?;
            let block = vec![b'x'; 64 << 10];
            while stream.write_all(&block).is_ok() {}
            None
        }
        Reply::Swelling(length) => {
            let (begin, end) = ("{\"next_batch\":\"s1\",\"presence\":{\"events\":[0", "]}}");
            let body =
                format!("{begin}{}{end}", ",0".repeat((length - begin.len() - end.len()) / 2));
            write_json(stream, 200, &body)
        }
    }
}

fn write_json(mut stream: &TcpStream, status: u16, body: &str) -> Option<()> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body.as_bytes()).ok()
}

/// What an empty room at an empty homeserver says.
fn otherwise(request: &str) -> Reply {
    match request {
        "GET /_matrix/client/versions" => {
            Reply::Json(200, r#"{"versions":["v1.1","v1.11"]}"#.to_owned())
        }
        request if request.ends_with("/members") => Reply::Json(200, r#"{"chunk":[]}"#.to_owned()),
        request if request.contains("/state/") || request.contains("/account_data/") => {
            Reply::Json(404, r#"{"errcode":"M_NOT_FOUND","error":"no"}"#.to_owned())
        }
        request if request.ends_with("/keys/upload") => {
            Reply::Json(200, r#"{"one_time_key_counts":{"signed_curve25519":50}}"#.to_owned())
        }
        request if request.ends_with("/keys/query") => {
            Reply::Json(200, r#"{"device_keys":{},"failures":{}}"#.to_owned())
        }
        _ => Reply::Json(200, "{}".to_owned()),
    }
}

/// A `/sync` in which the account is in a room.
fn joined() -> Reply {
    let room = format!(
        r#"{{"next_batch":"s1","rooms":{{"join":{{"{ROOM}":{{"timeline":{{"events":[]}},"state":{{"events":[]}}}}}}}}}}"#
    );
    Reply::Json(200, room)
}

fn config(directory: &Path, homeserver: &str, more: &str) -> Config {
    let (data, keys) = (directory.display(), directory.join("keys"));
    std::fs::create_dir_all(&keys).unwrap();
    let (signer, key) = (SignerId::parse("relay").unwrap(), KeyId::parse("0").unwrap());
    let key = new_key(signer, key, Metadata::default(), None).unwrap();
    std::fs::write(keys.join("relay.key"), key.public_text()).unwrap();
    toml::from_str(&format!(
        "data_dir = \"{data}\"\n[matrix]\nhomeserver = \"{homeserver}\"\nuser = \"@m:example.org\"\n\
         {more}\n[trust]\nkeys_dir = \"{keys}\"\n\
         [stream]\npublish = \"tcp://127.0.0.1:1\"\nreplay = \"tcp://127.0.0.1:1\"\n",
        keys = keys.display()
    ))
    .unwrap()
}

async fn account(config: &Config) -> Account {
    let session = Session {
        user_id: "@m:example.org".try_into().unwrap(),
        device_id: "DEVICE".into(),
        access_token: "token".to_owned(),
    };
    client::read_or_make_key(&config.store_key_file()).unwrap();
    let store = SharedStore::new(Store::open(&config.database()).unwrap());
    Account::restore(config, &session, store).await.unwrap()
}

fn sync(account: Account, config: Config) -> Sync {
    let trust = Arc::new(TrustSource::load(&config.trust).unwrap());
    let stream = StreamStatus { replay: config.stream.replay.clone(), security: Security::Plain };
    let store = account.store.clone();
    let control = Control::new("/nowhere".into(), config, store, trust).unwrap();
    let clock = Arc::new(SystemClock);
    let not_before = clock.now();
    Sync { account: Arc::new(account), chat: Chat { control, clock, not_before, stream } }
}

fn count(requests: &Requests, what: &str) -> usize {
    requests.lock().unwrap().iter().filter(|request| request.contains(what)).count()
}

/// Hears the homeserver for so long, and whether it still lives afterwards.
async fn hear_for(time: Duration, sync: Sync) {
    let lifecycle = Lifecycle::new().unwrap();
    let hearing = tokio::time::timeout(time, sync.run(lifecycle.stopping())).await;
    assert!(hearing.is_err(), "it ended: {hearing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_answers_at_once_is_asked_once_a_second() {
    let (url, requests) = homeserver(|request| match request {
        request if request.ends_with("/sync") => {
            Reply::Json(200, r#"{"next_batch":"s1"}"#.to_owned())
        }
        request => otherwise(request),
    });
    let directory = TempDir::new().unwrap();
    let config = config(directory.path(), &url, "");
    hear_for(Duration::from_secs(4), sync(account(&config).await, config)).await;
    let syncs = count(&requests, "/sync");
    assert!((1..=5).contains(&syncs), "{syncs} requests in 4 s: {requests:?}");
    let all = requests.lock().unwrap().len();
    assert!(all <= 30, "{all} requests in 4 s: {requests:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_homeserver_that_wants_no_pause_is_asked_with_pauses_all_the_same() {
    for wanted in ["0", "-5", "99999999999999999999", "18446744073709551615", "\"soon\"", "null"] {
        let body =
            format!(r#"{{"errcode":"M_LIMIT_EXCEEDED","error":"wait","retry_after_ms":{wanted}}}"#);
        let (url, requests) = homeserver(move |_| Reply::Json(429, body.clone()));
        let directory = TempDir::new().unwrap();
        let config = config(directory.path(), &url, "");
        hear_for(Duration::from_secs(2), sync(account(&config).await, config)).await;
        let all = requests.lock().unwrap().len();
        assert!((1..=30).contains(&all), "{wanted}: {all} requests in 2 s: {requests:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_put_off_is_not_sent_again_at_once() {
    let (url, _) = homeserver(|request| match request {
        request if request.ends_with("/sync") => joined(),
        request if request.contains("/send/") => Reply::Json(
            429,
            r#"{"errcode":"M_LIMIT_EXCEEDED","error":"wait","retry_after_ms":0}"#.to_owned(),
        ),
        request => otherwise(request),
    });
    let directory = TempDir::new().unwrap();
    let config = config(directory.path(), &url, "");
    let account = account(&config).await;
    account.client.sync_once(sync::settings()).await.unwrap();
    let sent = account.send(ROOM, "t", r#"{"msgtype":"m.text","body":"x"}"#).await;
    let error = sent.unwrap_err();
    assert!(matches!(error, SendError::Limited(pause) if pause.is_zero()), "{error:?}");
    assert_eq!(error.pause(1), Duration::from_secs(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_asked_an_answer_without_an_end_is_an_error_in_time() {
    for endless in ["/versions", "/sync", "/send/", "/join", "/account_data/", "/directory/room/"] {
        let (url, _) = homeserver(move |request| match request {
            request if request.contains(endless) => Reply::Endless,
            request if request.ends_with("/sync") => joined(),
            request => otherwise(request),
        });
        let directory = TempDir::new().unwrap();
        let config = config(directory.path(), &url, "max_answer_mib = 1");
        let account = account(&config).await;
        let begin = Instant::now();
        let asked = async {
            account.client.sync_once(sync::settings()).await.map_err(failure::classify)?;
            account.send(ROOM, "t", r#"{"msgtype":"m.text","body":"x"}"#).await?;
            account
                .renew_seal(config.store_dir())
                .await
                .map_err(anyhow::Error::from)
                .map_err(SendError::Unavailable)?;
            account.enter("#alias:example.org").await
        };
        assert!(asked.await.is_err(), "{endless}");
        assert!(begin.elapsed() < LONGEST, "{endless}: {:?}", begin.elapsed());
    }
}

/// The most memory that this process ever had, in bytes.
fn peak_memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_swells_in_memory_stays_within_what_the_unit_may_have() {
    // A debug build takes a minute for one of the default, 8 MiB.
    const LENGTH: usize = 2 << 20;
    let (url, _) = homeserver(|request| match request {
        request if request.ends_with("/sync") => Reply::Swelling(LENGTH),
        request => otherwise(request),
    });
    let directory = TempDir::new().unwrap();
    let config = config(directory.path(), &url, "");
    let account = account(&config).await;
    let before = peak_memory();
    // What stands in there is no event; it is known too late.
    drop(account.client.sync_once(sync::settings()).await);
    let times = (peak_memory() - before) / LENGTH;
    // The unit has 512 MiB, and mirk needs a tenth of that for itself.
    assert!(times * usize::from(config.matrix.max_answer_mib) < 320, "{times} times its length");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_at_a_homeserver_without_an_end_fails_in_time() {
    for endless in ["/versions", "/login", "/keys/upload", "/sync"] {
        let (url, _) = homeserver(move |request| match request {
            request if request.contains(endless) => Reply::Endless,
            request if request.contains("/login") => Reply::Json(
                200,
                r#"{"user_id":"@m:example.org","device_id":"D","access_token":"t"}"#.to_owned(),
            ),
            request if request.contains("/keys/upload") => {
                Reply::Json(200, r#"{"one_time_key_counts":{}}"#.to_owned())
            }
            request => otherwise(request),
        });
        let directory = TempDir::new().unwrap();
        let config = config(directory.path(), &url, "max_answer_mib = 1");
        let store = SharedStore::new(Store::open(&config.database()).unwrap());
        let wanted = Login {
            config: &config,
            store: &store,
            proof: Proof::Password("secret".to_owned()),
            recovery: Recovery::Show,
            replace: false,
            now: SystemClock.now(),
        };
        let begin = Instant::now();
        assert!(login(wanted).await.is_err(), "{endless}");
        assert!(begin.elapsed() < LONGEST, "{endless}: {:?}", begin.elapsed());
        assert!(!config.session_file().exists());
    }
}
