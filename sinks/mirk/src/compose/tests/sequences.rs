//! Arbitrary arrivals: every event is told in exactly one message, in order, and soon.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// What comes, and how many seconds after the one before; a clock may be set back.
#[derive(Debug, Clone)]
struct Coming {
    after: i64,
    kind: u8,
    story: Option<u8>,
    is_doubtful: bool,
    is_held: bool,
}

fn coming() -> impl Strategy<Value = Coming> {
    let after = prop_oneof![5 => Just(0), 5 => 0..20_i64, 2 => 20..900_i64, 1 => -90_000..0_i64];
    let story = proptest::option::weighted(0.4, 0..3_u8);
    let is_held = proptest::bool::weighted(0.1);
    (after, 0..3_u8, story, any::<bool>(), is_held).prop_map(
        |(after, kind, story, is_doubtful, is_held)| Coming {
            after,
            kind,
            story,
            is_doubtful,
            is_held,
        },
    )
}

fn styles() -> impl Strategy<Value = Style> {
    let stories =
        prop_oneof![Just(StoryStyle::Edit), Just(StoryStyle::Thread), Just(StoryStyle::Off)];
    (stories, 1..5_u32, 1..60_u32, 0..120_i64, any::<bool>()).prop_map(
        |(stories, burst, per_minute, digest_after, digest)| Style {
            stories,
            limits: Limits {
                burst,
                per_minute,
                digest_after: SignedDuration::from_secs(digest_after),
                digest,
            },
            ..style()
        },
    )
}

/// A room as a store keeps it.
struct Room {
    style: Style,
    budget: Budget,
    waiting: Vec<Entry>,
    roots: BTreeMap<StoryKey, Root>,
    posted: Vec<(Timestamp, NewMessage)>,
}

impl Room {
    /// Posts what may be posted now; until when the rest waits.
    fn post(&mut self, now: Timestamp) -> Option<Timestamp> {
        loop {
            let root = |key: &StoryKey| Ok::<_, Infallible>(self.roots.get(key).cloned());
            match next(&self.style, &self.waiting, root, &mut self.budget, now).unwrap() {
                Next::Idle => return None,
                Next::Wait(until) => {
                    assert!(until > now, "it would be asked again at once");
                    return Some(until);
                }
                Next::Post(messages) => {
                    assert!(messages.iter().any(|it| !it.entries.is_empty()), "no progress");
                    for message in messages {
                        self.keep(now, message);
                    }
                }
            }
        }
    }

    fn keep(&mut self, now: Timestamp, message: NewMessage) {
        self.waiting.retain(|entry| !message.entries.contains(&entry.row));
        if let Some(key) = &message.begins {
            let root = Root { event_id: format!("${}", message.txn), ..root(false) };
            self.roots.insert(key.clone(), root);
        }
        self.posted.push((now, message));
    }
}

fn run(style: Style, all: &[Coming]) -> Vec<NewMessage> {
    run_in_time(style, all).into_iter().map(|(_, message)| message).collect()
}

fn run_in_time(style: Style, all: &[Coming]) -> Vec<(Timestamp, NewMessage)> {
    let mut room = Room {
        style,
        budget: Budget::default(),
        waiting: Vec::new(),
        roots: BTreeMap::new(),
        posted: Vec::new(),
    };
    let mut now = at(0);
    for (row, coming) in (1..).zip(all) {
        let arrives = now + SignedDuration::from_secs(coming.after);
        while let Some(until) = room.post(now).filter(|until| *until <= arrives) {
            now = until;
        }
        now = arrives;
        let key = coming.story.map(|story| StoryKey { name: "job".into(), key: story.to_string() });
        room.waiting.push(Entry {
            added: now,
            plural: phrase(&format!("kind {}", coming.kind)),
            stage: key.filter(|_| !coming.is_doubtful),
            is_held: coming.is_held,
            problem: coming.is_doubtful.then(|| "unknown signer".to_owned()),
            ..entry(row)
        });
    }
    let end = now;
    while let Some(until) = room.post(now) {
        now = until;
    }
    let limit = room.style.limits.longest_wait() * 2 + SignedDuration::from_mins(2);
    assert!(now.duration_since(end) <= limit, "something waited for {:?}", now - end);
    room.posted
}

proptest! {
    #[test]
    fn every_event_is_told_in_exactly_one_message(
        style in styles(),
        all in proptest::collection::vec(coming(), 0..60),
    ) {
        let posted = run(style.clone(), &all);
        let mut told: Vec<i64> = posted.iter().flat_map(|it| it.entries.clone()).collect();
        told.sort_unstable();
        prop_assert_eq!(told, (1..=i64::try_from(all.len()).unwrap()).collect::<Vec<_>>());

        let txns: BTreeSet<&str> = posted.iter().map(|it| it.txn.as_str()).collect();
        prop_assert_eq!(txns.len(), posted.len(), "transaction ids are distinct");
        for message in &posted {
            assert_bounded(&message.content);
            let rows = &message.entries;
            prop_assert!(rows.is_sorted(), "the order within a message: {:?}", rows);
            let marked = message.content[MARK]["events"].as_array().unwrap().len();
            prop_assert_eq!(marked, rows.len());
        }
        if !style.limits.digest {
            prop_assert!(posted.iter().all(|it| it.kind != MessageKind::Digest));
        }
    }

    #[test]
    fn single_messages_and_digests_keep_the_order_of_arrival(
        style in styles(),
        all in proptest::collection::vec(coming(), 0..60),
    ) {
        let posted = run(style, &all);
        let of = |kinds: &[MessageKind]| -> Vec<i64> {
            let of_kind = posted.iter().filter(|it| kinds.contains(&it.kind));
            of_kind.flat_map(|it| it.entries.clone()).collect()
        };
        let in_the_room = of(&[MessageKind::Single, MessageKind::Digest]);
        prop_assert!(in_the_room.is_sorted(), "{:?}", in_the_room);
        // What is not believed never continues a story.
        for row in of(&[MessageKind::Thread]) {
            let coming = &all[usize::try_from(row - 1).unwrap()];
            prop_assert!(!coming.is_doubtful && coming.story.is_some());
        }
    }

    #[test]
    fn no_room_gets_more_than_it_wants(
        mut style in styles(),
        all in proptest::collection::vec(coming(), 0..60),
    ) {
        style.limits.digest = true;
        let all: Vec<Coming> = all
            .into_iter()
            .map(|coming| Coming { after: coming.after.abs(), is_held: false, ..coming })
            .collect();
        let posted = run_in_time(style.clone(), &all);
        let in_the_room: Vec<Timestamp> = posted
            .iter()
            .filter(|(_, it)| matches!(it.kind, MessageKind::Single | MessageKind::Digest))
            .map(|(at, _)| *at)
            .collect();
        for (first, from) in in_the_room.iter().enumerate() {
            for (last, to) in in_the_room.iter().enumerate().skip(first) {
                let minutes = to.duration_since(*from).as_secs_f64() / 60.0;
                let allowed = f64::from(style.limits.burst)
                    + minutes * f64::from(style.limits.per_minute);
                let count = u32::try_from(last - first + 1).unwrap();
                prop_assert!(f64::from(count) <= allowed + 0.01, "{} in {} min", count, minutes);
            }
        }
    }
}
