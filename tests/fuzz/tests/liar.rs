//! Relays that lie at random: `LIAR_SESSIONS` of them, from `LIAR_SEED` on.

use std::{env, panic::catch_unwind};

use laniakea_fuzz::{Session, session};

/// A number that somebody gave, or this one.
fn given(name: &str, otherwise: u64) -> u64 {
    env::var(name).ok().map_or(otherwise, |text| text.parse().expect("a number"))
}

#[test]
fn a_lying_relay_makes_nobody_miss_anything_in_silence() {
    let (seed, sessions) = (given("LIAR_SEED", 1), given("LIAR_SESSIONS", 2_000));
    let mut sum = Session::default();
    for number in seed..seed + sessions {
        let mut random = fastrand::Rng::with_seed(number);
        let mut script = vec![0; random.usize(..400)];
        random.fill(&mut script);
        let Ok(session) = catch_unwind(|| session(&script)) else {
            panic!("session {number}: LIAR_SEED={number} LIAR_SESSIONS=1 shows it again");
        };
        sum = Session {
            lies: sum.lies + session.lies,
            contradictions: sum.contradictions + session.contradictions,
            lacking: sum.lacking + session.lacking,
            delivered: sum.delivered + session.delivered,
        };
    }
    assert!(sum.contradictions > 0 && sum.delivered > 0, "{sum:?}");
    println!("{sessions} sessions from seed {seed} on: {sum:?}");
}
