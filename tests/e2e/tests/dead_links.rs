//! Connections that are dead, or were told rubbish: consumers and sources find a new one.

use std::time::Duration;

use laniakea_e2e::{Link, Module, Relay, RunningRelay, next_event, next_update, within};
use laniakea_wire::{
    submit::{Publisher, PublisherConfig},
    subscription::{Start, Subscription, Update},
};

const ID: &str = "_lk.archive.package-build-success";

fn archive() -> Module {
    Module::new("archive-01")
}

/// Follows the relay through the link, and asks each second whether something was missed.
fn follow(relay: &RunningRelay, link: &Link) -> Subscription {
    relay.subscribe_with(|config| {
        link.endpoint().clone_into(&mut config.publish);
        config.status_interval = Duration::from_secs(1);
        config.start = Start::After(laniakea_event::Seq::START);
    })
}

async fn submit(relay: &RunningRelay, module: &Module) {
    relay.submit_all([module.event(ID)]).await;
}

async fn connected(subscription: &mut Subscription) {
    while !matches!(next_update(subscription).await, Update::Connected) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_behind_a_link_that_swallows_everything_connects_anew() {
    let archive = archive();
    let relay = Relay::new().trust(&archive, &["_lk.archive."]).run();
    let link = Link::to(&relay.endpoints().publish);
    let mut sink = follow(&relay, &link);
    connected(&mut sink).await;
    submit(&relay, &archive).await;
    next_event(&mut sink).await;
    link.swallow();
    let mut is_connected = false;
    // Events come by replay meanwhile. What the first look at the journal finds may have been there
    // before the connection was.
    while !is_connected {
        submit(&relay, &archive).await;
        loop {
            match next_update(&mut sink).await {
                Update::Event(_) => break,
                other => is_connected |= matches!(other, Update::Connected),
            }
        }
    }
    assert_eq!(link.connections(), 2);
}

/// What ends a session of ZMTP: a frame that is too long, its header alone, and commands that are
/// cut short.
fn rubbish() -> Vec<Vec<u8>> {
    let mut long = vec![2];
    long.extend(5_000_000_u64.to_be_bytes());
    let header = long.clone();
    long.resize(long.len() + 5_000_000, b'x');
    vec![long, header, b"\x04\xff".to_vec(), b"\x04\x05\x04PING\xff".to_vec()]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_is_told_rubbish_connects_anew() {
    let archive = archive();
    let relay = Relay::new().trust(&archive, &["_lk.archive."]).run();
    for bytes in rubbish() {
        let link = Link::to(&relay.endpoints().publish);
        let mut sink = follow(&relay, &link);
        connected(&mut sink).await;
        link.forge(&bytes);
        // The subscription may not have reached the relay when the first one is published.
        while !link.has_forged() {
            submit(&relay, &archive).await;
            next_event(&mut sink).await;
        }
        connected(&mut sink).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_is_told_rubbish_in_the_handshake_connects_anew() {
    let archive = archive();
    let relay = Relay::new().trust(&archive, &["_lk.archive."]).run();
    for bytes in rubbish() {
        let link = Link::to(&relay.endpoints().publish);
        link.forge(&bytes);
        connected(&mut follow(&relay, &link)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_whose_replies_are_rubbish_asks_anew() {
    let archive = archive();
    let relay = Relay::new().trust(&archive, &["_lk.archive."]).run();
    submit(&relay, &archive).await;
    for bytes in rubbish() {
        let link = Link::to(&relay.endpoints().replay);
        link.forge(&bytes);
        let mut sink = relay.subscribe_with(|config| {
            config.replay = Some(link.endpoint().to_owned());
            config.start = Start::After(laniakea_event::Seq::START);
        });
        next_event(&mut sink).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_finds_a_new_connection_after_each() {
    let archive = archive();
    let relay = Relay::new().trust(&archive, &["_lk.archive."]).run();
    let link = Link::to(&relay.endpoints().submit);
    let publisher = Publisher::connect(PublisherConfig {
        timeout: Duration::from_secs(2),
        ..PublisherConfig::new(link.endpoint())
    })
    .unwrap();
    within("a reply", publisher.submit(archive.event(ID).into_bytes())).await.unwrap();
    link.swallow();
    publisher.submit(archive.event(ID).into_bytes()).await.unwrap_err();
    within("a reply", submit_again(&publisher, &archive)).await;
    for bytes in rubbish() {
        link.forge(&bytes);
        within("a reply", submit_again(&publisher, &archive)).await;
        assert!(link.has_forged());
    }
}

/// As sources do, until it is there.
async fn submit_again(publisher: &Publisher, module: &Module) {
    let event = module.event(ID);
    while publisher.submit(event.bytes().to_vec()).await.is_err() {}
}
