//! From a source through the relay to a sink, undisturbed and disturbed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeSet, fs, process::Command};

use laniakea_e2e::{
    Module, Process, Relay, RunningRelay, Signal, binary, next_event, next_update, until, within,
};
use laniakea_event::{Digest, Prefix, Seq};
use laniakea_wire::subscription::{CursorFile, Start, Subscription, Update};

const ID: &str = "_lk.archive.package-build-success";

fn archive() -> Module {
    Module::new("archive-01")
}

async fn caught_up(subscription: &mut Subscription) {
    while !matches!(next_update(subscription).await, Update::CaughtUp(_)) {}
}

/// Submits `count` events, and again those without a reply, until each has one.
async fn submit(relay: &RunningRelay, module: &Module, count: usize) -> Vec<Digest> {
    let publisher = relay.publisher(64);
    let mut digests = Vec::new();
    for _ in 0..count {
        let event = module.event(ID);
        digests.push(event.digest());
        within("a reply", publisher.submit(event.into_bytes())).await.unwrap();
    }
    digests
}

#[tokio::test]
async fn an_event_reaches_a_sink_with_both_signatures() {
    let archive = archive();
    let relay = Relay::new().trust(&archive, &["_lk.archive."]).run();
    let mut sink = relay.subscribe(Start::Now);
    caught_up(&mut sink).await;
    let event = archive.event(ID);
    let receipt = relay.publisher(1).submit(event.bytes().to_vec()).await.unwrap();
    assert_eq!((receipt.seq, receipt.duplicate), (Seq(1), false));
    let delivery = next_event(&mut sink).await;
    assert_eq!(delivery.digest(), event.digest());
    assert_eq!(delivery.digest().to_string(), receipt.digest);
    let signers: Vec<&str> =
        delivery.signers().unwrap().into_iter().map(laniakea_event::SignerId::as_str).collect();
    assert_eq!(signers, ["archive-01", relay.name()]);
    let again = relay.publisher(1).submit(event.into_bytes()).await.unwrap();
    assert_eq!((again.seq, again.duplicate), (Seq(1), true));
}

#[tokio::test]
async fn a_sink_that_was_away_reads_what_it_missed_and_goes_on() {
    let archive = archive();
    let relay = Relay::new().trust(&archive, &["_lk.archive."]).run();
    let directory = tempfile::tempdir().unwrap();
    let cursor = directory.path().join("cursor");
    let open = || {
        relay.subscribe_with(|config| {
            config.start = Start::After(Seq::START);
            config.cursor = Some(Box::new(CursorFile::new(&cursor)));
            config.prefixes = vec![Prefix::parse("_lk.archive.").unwrap()];
        })
    };
    let mut expected = submit(&relay, &archive, 5).await;
    let mut sink = open();
    let mut seen = Vec::new();
    for _ in 0..3 {
        let delivery = next_event(&mut sink).await;
        sink.handled(delivery.position().unwrap()).unwrap();
        seen.push(delivery.digest());
    }
    sink.close(std::time::Duration::from_secs(5)).await.unwrap();
    expected.extend(submit(&relay, &archive, 5).await);
    let mut sink = open();
    for _ in 0..7 {
        seen.push(next_event(&mut sink).await.digest());
    }
    assert_eq!(seen, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_does_not_read_loses_nothing() {
    let archive = archive();
    let relay =
        Relay::new().trust(&archive, &["_lk.archive."]).limit("rate_per_signer = 100000").run();
    let mut slow = relay.subscribe(Start::Now);
    caught_up(&mut slow).await;
    // Far more than every queue on the way to the sink holds. All fit into the window, since
    // events that wait for room in it may overtake each other.
    let publisher = relay.publisher(25_000);
    let events: Vec<_> = (0..25_000).map(|_| archive.event(ID)).collect();
    let digests: Vec<Digest> = events.iter().map(laniakea_event::SignedEvent::digest).collect();
    let submissions = events.into_iter().map(|event| publisher.submit(event.into_bytes()));
    for outcome in within("the replies", join_all(submissions)).await {
        outcome.unwrap();
    }
    let mut seen = Vec::new();
    while seen.len() < digests.len() {
        seen.push(next_event(&mut slow).await.digest());
    }
    let inversions = seen.iter().zip(&digests).filter(|(seen, sent)| seen != sent).count();
    assert_eq!(inversions, 0, "the journal's order is the order of the submissions");
}

#[expect(clippy::disallowed_methods, reason = "the test awaits the task itself")]
fn spawn<T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
) -> impl Future<Output = T> {
    let task = tokio::spawn(future);
    async { task.await.unwrap() }
}

/// Drives all futures at once, in order.
async fn join_all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.map(Box::pin).collect();
    let mut outputs: Vec<Option<F::Output>> = futures.iter().map(|_| None).collect();
    let mut done = 0;
    std::future::poll_fn(|context| {
        for (future, output) in futures.iter_mut().zip(&mut outputs) {
            if output.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                *output = Some(value);
                done += 1;
            }
        }
        if done == outputs.len() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    outputs.into_iter().map(Option::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_killed_under_load_loses_no_acknowledged_event() {
    let archive = archive();
    let mut relay = Relay::new().trust(&archive, &["_lk.archive."]).run();
    let mut sink = relay.subscribe(Start::After(Seq::START));
    let publisher = std::sync::Arc::new(relay.publisher(64));
    let mut acknowledged = BTreeSet::new();
    for _ in 0..5 {
        let events: Vec<_> = (0..600).map(|_| archive.event(ID)).collect();
        let load = {
            let publisher = publisher.clone();
            // A task, so that the load goes on while this test watches the sink.
            spawn(async move {
                let digests: Vec<Digest> =
                    events.iter().map(laniakea_event::SignedEvent::digest).collect();
                let submissions =
                    events.into_iter().map(|event| publisher.submit(event.into_bytes()));
                digests.into_iter().zip(join_all(submissions).await).collect::<Vec<_>>()
            })
        };
        // Some of the load is on disk by then, some on its way, some not sent yet.
        for _ in 0..50 {
            next_event(&mut sink).await;
        }
        relay.stop(Signal::KILL);
        relay.start();
        for (digest, outcome) in within("the replies", load).await {
            outcome.unwrap();
            acknowledged.insert(digest);
        }
    }
    assert_eq!(acknowledged.len(), 3_000);
    let mut reader = relay.subscribe(Start::After(Seq::START));
    let mut journaled = Vec::new();
    while journaled.len() < acknowledged.len() {
        journaled.push(next_event(&mut reader).await.digest());
    }
    assert_eq!(journaled.iter().copied().collect::<BTreeSet<_>>(), acknowledged);
    assert_eq!(journaled.len(), 3_000, "an event is in the journal twice");
    // The sink that was there all the time saw the rest too.
    for _ in 250..3_000 {
        next_event(&mut sink).await;
    }
}

#[tokio::test]
async fn events_of_those_who_may_not_are_rejected_by_name() {
    let (archive, spears) = (archive(), Module::new("spears-01"));
    let relay = Relay::new()
        .trust(&archive, &["_lk.archive."])
        .trust(&spears, &["_lk.spears.new-excuse"])
        .run();
    let publisher = relay.publisher(1);
    let stranger = Module::new("stranger-01");
    let impostor = Module::new("archive-01");
    for (module, id, reason) in [
        (&archive, "_lk.spears.new-excuse", "not_authorised"),
        (&spears, "_lk.spears.new-excuses", "not_authorised"),
        (&stranger, ID, "unknown_signer"),
        (&impostor, ID, "bad_signature"),
    ] {
        let error = publisher.submit(module.event(id).into_bytes()).await.unwrap_err();
        assert!(error.to_string().contains(&format!("rejected the event: {reason}:")), "{error}");
        assert!(!error.is_temporary());
    }
    assert!(publisher.submit(spears.event("_lk.spears.new-excuse").into_bytes()).await.is_ok());
}

#[tokio::test]
async fn a_relay_that_is_not_there_is_unreachable() {
    let relay = Relay::new().trust(&archive(), &["_lk.archive."]).run();
    let endpoint = relay.endpoints().submit.clone();
    drop(relay);
    let config = laniakea_wire::submit::PublisherConfig {
        timeout: std::time::Duration::from_millis(200),
        ..laniakea_wire::submit::PublisherConfig::new(endpoint)
    };
    let publisher = laniakea_wire::submit::Publisher::connect(config).unwrap();
    let error = publisher.submit(archive().event(ID).into_bytes()).await.unwrap_err();
    assert!(error.is_temporary());
    assert!(error.to_string().starts_with("no reply from tcp://127.0.0.1:"), "{error}");
}

#[tokio::test]
async fn a_terminated_relay_finishes_what_it_took_and_exits_well() {
    let archive = archive();
    let mut relay = Relay::new().trust(&archive, &["_lk.archive."]).run();
    submit(&relay, &archive, 10).await;
    assert!(relay.stop(Signal::TERM).success());
    relay.start();
    let mut sink = relay.subscribe(Start::After(Seq::START));
    for seq in 1..=10 {
        assert_eq!(next_event(&mut sink).await.note().unwrap().seq, Seq(seq));
    }
}

#[tokio::test]
async fn a_consumer_that_names_itself_is_listed_with_how_far_it_is() {
    let archive = archive();
    let relay = Relay::new().trust(&archive, &["_lk.archive."]).run();
    submit(&relay, &archive, 3).await;
    let cursor = relay.directory().join("cursor");
    let on = |name: &str, command: &str| {
        let mut on = Command::new(binary("lk"));
        on.args(["on", "_lk.archive.", "--name", name, "--from", &relay.endpoints().publish])
            .args(["--replay", &relay.endpoints().replay, "--cursor", cursor.to_str().unwrap()])
            .args(["--", command]);
        on
    };
    fs::write(&cursor, format!("{}:0\n", journal_of(&relay).await)).unwrap();
    let _consumer = Process::start(&mut on("mailer", "/bin/true"));
    let status = || {
        let mut status = Command::new(binary("lk"));
        let output = status.args(["status", "--replay", &relay.endpoints().replay]).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    let line = until("the consumer", || {
        status().lines().find(|line| line.contains("mailer  up to date")).map(str::to_owned)
    });
    assert!(line.contains(", at 3, seen 20"), "{line}");
    let refused = on("a\nb", "/bin/true").output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
}

async fn journal_of(relay: &RunningRelay) -> uuid::Uuid {
    let mut sink = relay.subscribe(Start::After(Seq::START));
    loop {
        if let Update::CaughtUp(position) = next_update(&mut sink).await {
            return position.journal;
        }
    }
}

#[tokio::test]
async fn a_consumer_that_is_slow_is_not_silent() {
    let archive = archive();
    let relay = Relay::new().trust(&archive, &["_lk.archive."]).run();
    submit(&relay, &archive, 50).await;
    let mut sink = relay.subscribe_with(|config| {
        config.name = Some("slow".to_owned());
        config.start = Start::After(Seq::START);
        config.cursor = Some(Box::new(CursorFile::new(relay.directory().join("cursor"))));
        config.queued_updates = 1;
        config.status_interval = std::time::Duration::from_millis(50);
    });
    let first = next_event(&mut sink).await;
    sink.handled(first.position().unwrap()).unwrap();
    // From here on nothing is taken: there is no room for the other events.
    let mut reports = BTreeSet::new();
    until("several reports", || {
        let sinks = relay.status().sinks.unwrap();
        reports.extend(sinks.into_iter().map(|sink| (sink.seen, sink.seq)));
        (reports.len() > 3).then_some(())
    });
    assert!(reports.iter().all(|(_, seq)| *seq == Seq(1)), "{reports:?}");
    for number in 2..=50 {
        assert_eq!(next_event(&mut sink).await.note().unwrap().seq, Seq(number));
    }
}
