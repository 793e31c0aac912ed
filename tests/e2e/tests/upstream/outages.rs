//! Links that are cut, and processes that are killed.

use std::collections::BTreeSet;

use laniakea_e2e::{Link, Module, RunningRelay, Signal, until};
use laniakea_event::Digest;

use crate::{ID, archive, has_events, journal, relay, submit};

/// Submits events from a thread of its own, many at once.
fn load(
    relay: &RunningRelay,
    module: &Module,
    count: usize,
) -> std::thread::JoinHandle<Vec<Digest>> {
    let (publisher, module) = (relay.publisher(64), module.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    std::thread::spawn(move || {
        runtime.block_on(async {
            let events: Vec<_> = (0..count).map(|_| module.event(ID)).collect();
            let digests = events.iter().map(laniakea_event::SignedEvent::digest).collect();
            for group in events.chunks(64) {
                let submit =
                    |event: &laniakea_event::SignedEvent| publisher.submit(event.bytes().to_vec());
                let submissions: Vec<_> = group.iter().map(submit).map(Box::pin).collect();
                for submission in submissions {
                    submission.await.unwrap();
                }
            }
            digests
        })
    })
}

#[tokio::test]
async fn an_outage_of_the_link_leaves_no_hole() {
    let archive = archive();
    let internal = relay("internal", &archive).run();
    let publish = Link::to(&internal.endpoints().publish);
    let replay = Link::to(&internal.endpoints().replay);
    let more = format!("replay = {:?}", replay.endpoint());
    let mut public =
        relay("public", &archive).follow_at(internal.identity(), publish.endpoint(), &more).run();
    let mut expected = submit(&internal, &archive, ID, 10).await;
    has_events(&public, 10);
    // Cut while events come, and for some thousand of them.
    let first = load(&internal, &archive, 1_000);
    has_events(&public, 100);
    publish.cut();
    replay.cut();
    expected.extend(first.join().unwrap());
    public.process().line("disconnected from an upstream");
    expected.extend(load(&internal, &archive, 3_000).join().unwrap());
    assert!(public.status().last.0 < 4_010);
    assert_eq!(public.counter("upstream_internal_connected"), 0);
    replay.mend();
    publish.mend();
    has_events(&public, 4_010);
    assert_eq!(journal(&public).await, journal(&internal).await, "the same order");
    let taken: BTreeSet<Digest> = journal(&public).await.into_iter().collect();
    assert_eq!(taken, expected.into_iter().collect());
    until("nothing behind", || (public.counter("upstream_internal_behind") == 0).then_some(()));
    assert_eq!(public.counter("upstream_internal_connected"), 1);
}

#[tokio::test]
async fn a_relay_that_is_killed_while_it_takes_events_has_no_hole_and_no_event_twice() {
    let archive = archive();
    let internal = relay("internal", &archive).run();
    let mut public = relay("public", &archive).follow(&internal, "").run();
    let load = load(&internal, &archive, 4_000);
    let mut kills = 0;
    for at_least in [50, 400, 800, 1_300, 1_900, 2_600, 3_300] {
        until("some events", || (public.status().last.0 >= at_least).then_some(()));
        public.stop(Signal::KILL);
        public.start();
        kills += 1;
    }
    let expected = load.join().unwrap();
    has_events(&public, expected.len());
    let taken = journal(&public).await;
    assert_eq!(taken.len(), expected.len(), "after {kills} kills");
    assert_eq!(taken, journal(&internal).await);
    let distinct: BTreeSet<Digest> = taken.into_iter().collect();
    assert_eq!(distinct, expected.into_iter().collect());
}

#[tokio::test]
async fn an_upstream_that_is_killed_again_and_again_is_followed_without_a_hole() {
    let archive = archive();
    let mut internal = relay("internal", &archive).run();
    let public = relay("public", &archive).follow(&internal, "").run();
    let load = load(&internal, &archive, 2_000);
    for at_least in [100, 700, 1_300] {
        until("some events", || (public.status().last.0 >= at_least).then_some(()));
        internal.stop(Signal::KILL);
        internal.start();
    }
    load.join().unwrap();
    has_events(&public, 2_000);
    assert_eq!(journal(&public).await, journal(&internal).await);
    assert_eq!(public.counter("upstream_internal_lost"), 0);
    assert_eq!(public.counter("upstream_refused"), 0);
}

#[tokio::test]
async fn a_relay_that_was_stopped_for_long_reads_what_it_missed() {
    let archive = archive();
    let internal = relay("internal", &archive).run();
    let mut public = relay("public", &archive).follow(&internal, "").run();
    submit(&internal, &archive, ID, 5).await;
    has_events(&public, 5);
    assert!(public.stop(Signal::TERM).success());
    load(&internal, &archive, 3_000).join().unwrap();
    public.start();
    has_events(&public, 3_005);
    assert_eq!(journal(&public).await, journal(&internal).await);
    // The position was stored when it was stopped: nothing was read twice.
    assert_eq!(public.counter("upstream_duplicates"), 0);
}
