//! Relays behind relays, with real ones.

#![expect(clippy::disallowed_methods, reason = "tests read the files that they wrote")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod chains;
mod journals;
mod outages;
mod side_by_side;

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use laniakea_daemon::{Clock as _, SystemClock};
use laniakea_e2e::{
    Link, Module, Relay, RunningRelay, Signal, next_event, next_update, until, within,
};
use laniakea_event::{
    Digest, Draft, EventId, Limits, Object, Seq, SignedEvent, SignerId, SubmittedEvent,
};
use laniakea_wire::{
    Endpoint, Listen,
    publish::{Publication, PublishServer},
    replay::{Header, ReplayServer},
    subscription::{Believe, Start, Subscription, Update},
};

const ID: &str = "_lk.archive.package-build-success";
const EXCUSE: &str = "_lk.spears.new-excuse";

fn archive() -> Module {
    Module::new("archive-01")
}

/// A relay of that name which takes what the module emits.
fn relay(name: &str, module: &Module) -> Relay {
    Relay::new()
        .identity(&Module::new(name))
        .trust(module, &["_lk.archive."])
        .limit("rate_per_signer = 100000")
}

async fn next_digests(subscription: &mut Subscription, count: usize) -> Vec<Digest> {
    let mut digests = Vec::new();
    while digests.len() < count {
        digests.push(next_event(subscription).await.digest());
    }
    digests
}

/// Everything that is in a relay's journal, in its order.
async fn journal(relay: &RunningRelay) -> Vec<Digest> {
    let mut subscription = relay.subscribe(Start::After(Seq::START));
    let mut digests = Vec::new();
    loop {
        match next_update(&mut subscription).await {
            Update::Event(delivery) => digests.push(delivery.digest()),
            Update::CaughtUp(_) => return digests,
            Update::Lost { .. } | Update::Refused { .. } => panic!("the journal is broken"),
            _ => {}
        }
    }
}

/// Waits until a relay's journal has so many events.
fn has_events(relay: &RunningRelay, count: usize) {
    until("the events", || (relay.status().last.0 >= count as u64).then_some(()));
}

/// Submits new events, each once its predecessor has a reply.
async fn submit(relay: &RunningRelay, module: &Module, id: &str, count: usize) -> Vec<Digest> {
    let publisher = relay.publisher(64);
    let mut digests = Vec::new();
    for _ in 0..count {
        let event = module.event(id);
        digests.push(event.digest());
        within("a reply", publisher.submit(event.into_bytes())).await.unwrap();
    }
    digests
}

#[tokio::test]
async fn a_public_relay_takes_what_its_prefixes_say_and_adds_its_signature() {
    let (archive, spears) = (archive(), Module::new("spears-01"));
    let internal = relay("internal", &archive).trust(&spears, &["_lk.spears."]).run();
    let public = relay("public", &archive)
        .trust(&spears, &["_lk.spears."])
        .follow(&internal, "prefixes = [\"_lk.archive.\"]")
        .run();
    let mut sink = public.subscribe(Start::Now);
    let mut expected = Vec::new();
    for _ in 0..3 {
        submit(&internal, &spears, EXCUSE, 1).await;
        expected.extend(submit(&internal, &archive, ID, 1).await);
    }
    for (seq, digest) in (1..).zip(&expected) {
        let delivery = next_event(&mut sink).await;
        assert_eq!(delivery.digest(), *digest);
        let signers = delivery.signers().unwrap();
        let signers: Vec<&str> = signers.into_iter().map(SignerId::as_str).collect();
        assert_eq!(signers, ["archive-01", "internal", "public"]);
        let note = delivery.note().unwrap();
        assert_eq!((note.relay.as_str(), note.seq.0), ("public", seq));
    }
    let sinks = || internal.status().sinks.unwrap();
    let sink = until("the public relay among the sinks", || {
        sinks().into_iter().find(|sink| sink.name == "public" && sink.seq.0 >= 6)
    });
    assert_eq!(sink.journal, internal.status().journal);
    let counters = public.status().counters.unwrap();
    for (name, count) in [
        ("upstream_accepted", 3),
        ("upstream_refused", 0),
        ("upstream_internal_connected", 1),
        ("submitted", 0),
        ("accepted", 0),
        ("published", 3),
    ] {
        assert_eq!(counters[name], count, "{name}");
    }
    until("the position", || (public.counter("upstream_internal_seq") >= 6).then_some(()));
}

#[tokio::test]
async fn what_the_own_table_does_not_authorise_is_refused_and_the_stream_goes_on() {
    let (archive, spears) = (archive(), Module::new("spears-01"));
    let internal = relay("internal", &archive).trust(&spears, &["_lk.spears."]).run();
    // It knows spears and gives it no right.
    let mut public = relay("public", &archive).trust(&spears, &[]).follow(&internal, "").run();
    submit(&internal, &spears, EXCUSE, 2).await;
    let good = submit(&internal, &archive, ID, 1).await;
    has_events(&public, 1);
    assert_eq!(journal(&public).await, good);
    let counters = public.status().counters.unwrap();
    assert_eq!(counters["upstream_refused"], counters["upstream_refused_not_authorised"]);
    assert!(counters["upstream_refused"] >= 2);
    let line = public.process().line("an event of an upstream was refused");
    assert!(line.contains("may not emit _lk.spears.new-excuse"), "{line}");
    // The right that was missing, and the position forgotten: nothing had to be lost.
    let config = public.directory().join("lighthouse.toml");
    let text = fs::read_to_string(&config).unwrap();
    public.stop(Signal::TERM);
    fs::write(&config, text.replace("\"spears-01\" = []", "\"spears-01\" = [\"_lk.spears.\"]"))
        .unwrap();
    fs::remove_file(public.directory().join("data/upstream/internal.cursor")).unwrap();
    public.start();
    has_events(&public, 3);
    until("the duplicate", || (public.counter("upstream_duplicates") == 1).then_some(()));
}

#[tokio::test]
async fn an_event_without_the_upstreams_signature_is_refused() {
    let archive = archive();
    let internal = relay("internal", &archive).run();
    // Another relay stands where the upstream should be.
    let public = relay("public", &archive)
        .follow_at(
            &Module::new("somebody"),
            &internal.endpoints().publish,
            &format!("replay = {:?}", internal.endpoints().replay),
        )
        .run();
    submit(&internal, &archive, ID, 2).await;
    until("the refusals", || {
        (public.counter("upstream_refused_not_authorised") >= 2).then_some(())
    });
    assert_eq!(public.status().last.0, 0);
}

#[tokio::test]
async fn old_events_are_taken_from_an_upstream_and_not_from_a_source() {
    let archive = archive();
    let internal = relay("internal", &archive).limit("max_age = \"unlimited\"").run();
    let public = relay("public", &archive).follow(&internal, "").run();
    let long_ago = SystemClock.now() - Duration::from_hours(30 * 24);
    let draft = Draft::new(EventId::parse(ID).unwrap(), long_ago, Object::new());
    let event = draft.sign(archive.key()).unwrap();
    let error = public.publisher(1).submit(event.bytes().to_vec()).await.unwrap_err();
    assert!(error.to_string().contains("stale"), "{error}");
    internal.publisher(1).submit(event.bytes().to_vec()).await.unwrap();
    has_events(&public, 1);
    assert_eq!(journal(&public).await, [event.digest()]);
}

#[tokio::test]
async fn an_encrypted_upstream_is_followed_with_the_relays_own_key() {
    let archive = archive();
    let public_identity = Module::with_curve("public");
    let internal = Relay::new()
        .identity(&Module::new("internal"))
        .encrypted()
        .trust(&archive, &["_lk.archive."])
        .trust_relay(&public_identity)
        .run();
    let [_, publish, replay] = &internal.endpoints().curve[..] else { panic!("not encrypted") };
    let follow = |server_key: &str| {
        let more = format!("replay = {replay:?}\nserver_key = {server_key:?}");
        let setup = relay("public", &archive).identity(&public_identity);
        setup.follow_at(internal.identity(), publish, &more).run()
    };
    let public = follow(internal.curve_key().unwrap());
    let events = submit(&internal, &archive, ID, 3).await;
    has_events(&public, 3);
    assert_eq!(journal(&public).await, events);
    let stranger = Module::with_curve("stranger");
    let mut misled = follow(stranger.curve_key().unwrap());
    misled.process().line("does not let this relay connect");
    assert_eq!(misled.status().last.0, 0);
}

#[tokio::test]
async fn a_changed_upstream_takes_effect_with_a_restart_and_says_so() {
    let archive = archive();
    let internal = relay("internal", &archive).run();
    let mut public = relay("public", &archive).run();
    let events = submit(&internal, &archive, ID, 2).await;
    public.follow(&internal, "");
    public.process().signal(Signal::HUP);
    public.process().line("[[upstream]] has changed: that takes effect with a restart");
    assert_eq!(public.status().last.0, 0);
    assert!(public.stop(Signal::TERM).success());
    public.start();
    has_events(&public, 2);
    assert_eq!(journal(&public).await, events);
}

/// The publish socket of a relay that has no replay and notes nothing beside its events, as a
/// Python Lighthouse is.
fn publish_server() -> (PublishServer, String) {
    let listen = Listen::plain([Endpoint("tcp://127.0.0.1:*".to_owned())]);
    let server = PublishServer::bind(&listen).unwrap();
    let endpoint = server.endpoints()[0].0.clone();
    (server, endpoint)
}

#[tokio::test]
async fn an_upstream_without_replay_is_believed_for_the_ids_that_are_named() {
    let (archive, python) = (archive(), Module::new("python"));
    let (server, endpoint) = publish_server();
    let link = Link::to(&endpoint);
    let more = "emit = [\"_lk.jobs.\"]";
    let mut public = relay("public", &archive).follow_at(&python, link.endpoint(), more).run();
    until("the subscription", || {
        (server.subscriptions().load(Ordering::Relaxed) > 0).then_some(())
    });
    let publish = |event: SignedEvent| {
        let digest = event.digest();
        let id = event.id().as_str().into();
        let frame = event.into_bytes().into();
        server.publish(vec![Publication { id, frame }]);
        digest
    };
    let job = publish(python.event("_lk.jobs.done"));
    publish(python.event(ID));
    publish(archive.event(ID));
    let both = {
        let event = archive.event(ID);
        let limits = Limits::FROM_RELAY;
        let event = SubmittedEvent::parse(event.bytes(), &limits).unwrap();
        publish(event.sign(python.key()).unwrap())
    };
    has_events(&public, 2);
    assert_eq!(in_journal_unverified(&public).await, [job, both]);
    assert_eq!(public.counter("upstream_refused_not_authorised"), 2);
    assert_eq!(public.counter("upstream_python_unseen"), 1);
    link.cut();
    public.process().line("disconnected from an upstream");
    link.mend();
    until("the connection", || (public.counter("upstream_python_unseen") == 2).then_some(()));
}

#[tokio::test]
async fn an_upstream_that_answers_nonsense_is_asked_ever_more_seldom_and_harms_nobody() {
    let (archive, internal) = (archive(), Module::new("internal"));
    let (_server, publish) = publish_server();
    let listen = Listen::plain([Endpoint("tcp://127.0.0.1:*".to_owned())]);
    let replay = ReplayServer::bind(&listen).unwrap();
    let more = format!("replay = {:?}", replay.endpoints()[0].0);
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    std::thread::spawn(move || {
        let answers = replay.answers();
        while let Some(request) = replay.next() {
            count.fetch_add(1, Ordering::Relaxed);
            // No page: it does not say how to read on.
            answers.answer(request, &nonsense(), Vec::new());
        }
    });
    let mut public = relay("public", &archive).follow_at(&internal, &publish, &more).run();
    let complaints = |public: &mut RunningRelay| {
        let lines = public.process().output();
        lines.iter().filter(|line| line.contains("an upstream contradicts itself")).count()
    };
    let began = Instant::now();
    until("three attempts", || (asked.load(Ordering::Relaxed) >= 3).then_some(()));
    assert!(began.elapsed() >= Duration::from_secs(2), "a second, then two");
    assert_eq!(complaints(&mut public), 1, "once a minute");
    submit(&public, &archive, ID, 3).await;
    assert_eq!(public.status().last.0, 3);
    assert!(public.stop(Signal::TERM).success());
}

fn nonsense() -> Header {
    Header::new(uuid::Uuid::nil(), Seq(1), Seq(7))
}

/// For events that no source signed.
async fn in_journal_unverified(relay: &RunningRelay) -> Vec<Digest> {
    let mut subscription = relay.subscribe_with(|config| {
        config.start = Start::After(Seq::START);
        config.believe = Believe::Everything;
    });
    let count = usize::try_from(relay.status().last.0).unwrap();
    next_digests(&mut subscription, count).await
}
