//! Strangers that send without pause at the real relay, and leave: the others notice little, the
//! relay holds little, and it ends when it is told to.

use std::time::{Duration, Instant};

use laniakea_e2e::{Module, Relay, RunningRelay, Signal, Stranger, next_event, next_update, until};
use laniakea_wire::subscription::{Start, Subscription, Update};

const ID: &str = "_lk.archive.package-build-success";
const EVENTS: usize = 5_000;

/// What a busy machine may add to what takes milliseconds.
const SOON: Duration = Duration::from_secs(2);

async fn filled_relay(archive: &Module) -> RunningRelay {
    let relay = Relay::new().trust(archive, &["_lk."]).run();
    relay.submit_all((0..EVENTS).map(|_| archive.event(ID))).await;
    relay
}

/// The dearest request: prefixes that match nothing, as many as may be.
fn dear_read() -> Vec<u8> {
    let prefixes: Vec<String> =
        (0..1_000).map(|number| format!("\"org.nothing{number}.\"")).collect();
    format!(r#"{{"op":"read","after":0,"prefixes":[{}],"limit":1000}}"#, prefixes.join(","))
        .into_bytes()
}

fn flood_replay(relay: &RunningRelay) -> Vec<Stranger> {
    let dear = dear_read();
    let cheap = br#"{"op":"status"}"#;
    let requests = [&dear[..], cheap].into_iter().cycle().take(20);
    requests
        .map(|body| Stranger::flood(&relay.endpoints().replay, "DEALER", &[b"id", body]))
        .collect()
}

fn took(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

async fn caught_up(subscription: &mut Subscription) {
    while !matches!(next_update(subscription).await, Update::CaughtUp(_)) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_reads_keeps_nobody_waiting_and_is_forgotten_with_those_who_sent_it() {
    let archive = Module::new("archive-01");
    let mut relay = filled_relay(&archive).await;
    let before = relay.process().memory();
    for _ in 0..3 {
        let strangers = flood_replay(&relay);
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(1) {
            let status = took(|| drop(relay.status()));
            assert!(status < SOON, "a status took {status:?}");
        }
        // Whoever reads on gets through.
        let mut sink = relay.subscribe(Start::After(laniakea_event::Seq::START));
        for _ in 0..EVENTS {
            next_event(&mut sink).await;
        }
        drop(strangers);
    }
    let served = until("the requests to be over", || {
        let served = relay.counter("replayed");
        std::thread::park_timeout(Duration::from_millis(200));
        // The two that ask.
        (relay.counter("replayed") <= served + 2).then_some(served)
    });
    assert!(served > 0);
    until("the connections to be forgotten", || {
        (relay.counter("replay_connections") <= 1).then_some(())
    });
    let peak = relay.process().memory().peak_kib;
    assert!(peak < before.resident_kib + (200 << 10), "{peak} KiB at its peak, {before:?} before");
}

#[tokio::test(flavor = "multi_thread")]
async fn junk_at_the_publish_port_is_cut_and_events_go_on() {
    let archive = Module::new("archive-01");
    let mut relay = Relay::new().trust(&archive, &["_lk."]).run();
    let mut sink = relay.subscribe(Start::Now);
    caught_up(&mut sink).await;
    let publisher = relay.publisher(1);
    for junk in [&b"\0never"[..], b"hello", b"", b"\x01_lk."] {
        let stranger = Stranger::flood(&relay.endpoints().publish, "SUB", &[junk]);
        let start = Instant::now();
        publisher.submit(archive.event(ID).into_bytes()).await.unwrap();
        next_event(&mut sink).await;
        assert!(start.elapsed() < SOON, "an event took {:?}", start.elapsed());
        until("the stranger to be cut", || stranger.is_cut().then_some(()));
    }
    assert_eq!(relay.counter("publish_cut_messages"), 4);
    relay.process().line("cut a connection");
    assert_eq!(relay.counter("subscriptions"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_under_a_flood_ends_when_it_is_told_to() {
    let archive = Module::new("archive-01");
    let mut relay = filled_relay(&archive).await;
    let mut strangers = flood_replay(&relay);
    let submit = relay.endpoints().submit.clone();
    strangers.extend((0..3).map(|_| Stranger::flood(&submit, "DEALER", &[b"{}", b"id"])));
    until("the flood", || (relay.counter("replayed") > 100).then_some(()));
    let start = Instant::now();
    assert!(relay.stop(Signal::TERM).success());
    assert!(start.elapsed() < Duration::from_secs(5), "it took {:?}", start.elapsed());
}
