//! Relays in circles, in rows and side by side.

use laniakea_e2e::{Module, RunningRelay, Signal, next_event, until};
use laniakea_event::SignerId;
use laniakea_wire::subscription::Start;

use crate::{ID, archive, has_events, journal, relay, submit};

/// Restarts a relay that follows another one since its configuration was changed.
fn follow(relay: &mut RunningRelay, upstream: &RunningRelay) {
    relay.follow(upstream, "");
    assert!(relay.stop(Signal::TERM).success());
    relay.start();
}

/// Nothing goes round any more: every relay has read the others' journals to the end.
fn are_quiet(relays: &[(&RunningRelay, &RunningRelay)]) {
    until("everything to be read", || {
        let is_read = |(relay, upstream): &(&RunningRelay, &RunningRelay)| {
            let seq = relay.counter(&format!("upstream_{}_seq", upstream.name()));
            seq == upstream.status().last.0
        };
        relays.iter().all(is_read).then_some(())
    });
}

#[tokio::test]
async fn two_relays_that_follow_each_other_have_every_event_once() {
    let archive = archive();
    let mut first = relay("first", &archive).run();
    let second = relay("second", &archive).follow(&first, "").run();
    follow(&mut first, &second);
    let mut events = submit(&first, &archive, ID, 20).await;
    has_events(&second, 20);
    events.extend(submit(&second, &archive, ID, 20).await);
    has_events(&first, 40);
    are_quiet(&[(&first, &second), (&second, &first)]);
    assert_eq!(journal(&first).await, events);
    assert_eq!(journal(&second).await, events);
    assert_eq!((first.status().last.0, second.status().last.0), (40, 40));
    until("the echo", || (first.counter("upstream_duplicates") >= 20).then_some(()));
}

#[tokio::test]
async fn a_circle_of_three_ends_at_the_digest_and_keeps_each_signature() {
    let archive = archive();
    let identities = ["first", "second", "third"].map(Module::new);
    let all = |at: usize| {
        let setup = relay("x", &archive).identity(&identities[at]);
        identities.iter().enumerate().fold(setup, |setup, (other, identity)| {
            if other == at { setup } else { setup.trust_relay(identity) }
        })
    };
    let mut first = all(0).run();
    let second = all(1).follow(&first, "").run();
    let third = all(2).follow(&second, "").run();
    follow(&mut first, &third);
    let mut sink = third.subscribe(Start::Now);
    let mut events = submit(&first, &archive, ID, 10).await;
    let delivery = next_event(&mut sink).await;
    let signers = delivery.signers().unwrap();
    let signers: Vec<&str> = signers.into_iter().map(SignerId::as_str).collect();
    assert_eq!(signers, ["archive-01", "first", "second", "third"]);
    has_events(&third, 10);
    events.extend(submit(&second, &archive, ID, 10).await);
    has_events(&first, 20);
    are_quiet(&[(&first, &third), (&second, &first), (&third, &second)]);
    for relay in [&first, &second, &third] {
        assert_eq!(relay.status().last.0, 20, "{}", relay.name());
        assert_eq!(journal(relay).await, events, "{}", relay.name());
    }
}

#[tokio::test]
async fn of_two_upstreams_either_may_fail() {
    let archive = archive();
    let mut left = relay("left", &archive).run();
    let mut right = relay("right", &archive).run();
    let public = relay("public", &archive).follow(&left, "").follow(&right, "").run();
    let both = |relays: [&RunningRelay; 2], count: usize| {
        let events: Vec<_> = (0..count).map(|_| archive.event(ID)).collect();
        let publishers = relays.map(|relay| relay.publisher(64));
        async move {
            for event in events {
                for publisher in &publishers {
                    publisher.submit(event.bytes().to_vec()).await.unwrap();
                }
            }
        }
    };
    both([&left, &right], 50).await;
    has_events(&public, 50);
    left.stop(Signal::KILL);
    submit(&right, &archive, ID, 50).await;
    has_events(&public, 100);
    left.start();
    right.stop(Signal::KILL);
    submit(&left, &archive, ID, 50).await;
    has_events(&public, 150);
    right.start();
    both([&left, &right], 50).await;
    has_events(&public, 200);
    are_quiet(&[(&public, &left), (&public, &right)]);
    assert_eq!(public.status().last.0, 200);
    let mut taken = journal(&public).await;
    taken.sort();
    taken.dedup();
    assert_eq!(taken.len(), 200);
}
