//! Mutated submissions: each is answered once, and nothing is taken that nobody signed.

mod mutate;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use laniakea_daemon::{Clock as _, SystemClock};
use laniakea_e2e::Relay;
use laniakea_event::{Digest, Limits, Reason, Rejection, SubmittedEvent, Trust};
use laniakea_wire::{
    submit::Reply,
    subscription::{Believe, Delivery},
};

use self::mutate::Mutator;
use crate::{
    Outcome, Scale,
    submitter::{Answer, Submitter},
    trial::{Attack, Trial, journal_after, without_rates},
    vectors,
};

const CONNECTIONS: u64 = 4;
const WINDOW: usize = 256;

/// Whether a uuid was used before, and fits its time, only the relay knows.
const OF_THE_UUID: [&str; 3] = ["conflict", "stale", "from_the_future"];

/// Runs the trial.
pub fn run(scale: &Scale) -> Outcome {
    let relay = Relay::new()
        .identity(&vectors::signer("lighthouse-01"))
        .trust(&vectors::signer("archive-01"), &["_lk.archive."])
        .trust(&vectors::signer("spears-01"), &["_lk.spears."])
        .limit("max_age = \"unlimited\"")
        .limit("max_future = \"unlimited\"");
    let mut trial = Trial::begin(without_rates(relay));
    let trust = Arc::new(trial.relay.trust());
    let inputs = scale.of(1_000_000);
    let mut tally = Tally::default();
    tally.signed.extend(vectors::contents());
    // The first inputs fill the allocator's pools for large ones; memory is measured from then on.
    attack_from_all(&trial, inputs / 50, scale, CONNECTIONS, &mut tally, &trust);
    trial.measure();
    attack_from_all(&trial, inputs, scale, 0, &mut tally, &trust);
    if !trial.is_alive() {
        return trial.end("mutated", Attack { inputs, ..Attack::default() });
    }
    let attack = conclude(&trial, inputs, tally, &trust);
    trial.end("mutated", attack)
}

/// Spreads the inputs over the connections.
fn attack_from_all(
    trial: &Trial,
    inputs: u64,
    scale: &Scale,
    first: u64,
    tally: &mut Tally,
    trust: &Arc<Trust>,
) {
    let originals = Arc::new(vectors::wires());
    let connections: Vec<_> = (0..CONNECTIONS)
        .map(|number| {
            let endpoint = trial.relay.endpoints().submit.clone();
            let mutator = Mutator::new(originals.clone(), scale.rng(first + number));
            let count = inputs / CONNECTIONS + u64::from(number < inputs % CONNECTIONS);
            let trust = trust.clone();
            std::thread::spawn(move || attack(&endpoint, mutator, count, &trust))
        })
        .collect();
    for connection in connections {
        tally.add(connection.join().unwrap());
    }
}

fn attack(endpoint: &str, mut mutator: Mutator, count: u64, trust: &Trust) -> Tally {
    let mut submitter = Submitter::connect(endpoint);
    let mut tally = Tally::default();
    let inputs = (0..count).map(|_| {
        let input = mutator.next();
        let expected = expect(&input, trust);
        (input, expected)
    });
    submitter.submit_all(inputs, WINDOW, |answer| tally.note(answer));
    tally.unanswered = submitter.waiting();
    tally.surplus = submitter.surplus();
    tally.signed.extend(mutator.signed);
    tally
}

/// What the event's own rules say of an input.
struct Expected {
    verdict: Result<Digest, Reason>,
    has_uuid: bool,
}

fn expect(input: &[u8], trust: &Trust) -> Expected {
    let judge = || -> Result<(Digest, bool), Rejection> {
        let event = SubmittedEvent::parse(input, &Limits::SUBMISSION)?
            .verify(trust.keyring(), SystemClock.now())?;
        event.authorise(trust)?;
        Ok((event.digest(), event.uuid().is_some()))
    };
    match judge() {
        Ok((digest, has_uuid)) => Expected { verdict: Ok(digest), has_uuid },
        Err(rejection) => Expected { verdict: Err(rejection.reason()), has_uuid: false },
    }
}

/// What was answered.
#[derive(Default)]
struct Tally {
    /// What some trusted key did sign.
    signed: BTreeSet<Digest>,
    taken: BTreeSet<Digest>,
    taken_twice: u64,
    duplicates: u64,
    reasons: BTreeMap<String, u64>,
    unanswered: u64,
    surplus: u64,
    unknown_reason: u64,
    wrongly_accepted: u64,
    wrongly_rejected: u64,
    other_reason: u64,
    other_digest: u64,
    /// Some of the inputs that were answered wrongly, for whoever has to look into it.
    examples: Vec<String>,
}

impl Tally {
    fn note(&mut self, Answer { event, about: expected, reply, .. }: Answer<Expected>) {
        let is_wrong = match &reply {
            Reply::Accepted { digest, duplicate, .. } => {
                self.accepted(digest, *duplicate, &expected)
            }
            Reply::Rejected { reason, .. } => self.rejected(reason, &expected),
        };
        if is_wrong && self.examples.len() < 3 {
            let expected = expected.verdict.map(|digest| digest.to_string());
            let event = excerpt(&event);
            self.examples.push(format!("{expected:?} expected, {reply:?} came for {event}"));
        }
    }

    fn accepted(&mut self, digest: &str, is_duplicate: bool, expected: &Expected) -> bool {
        let Ok(digest) = digest.parse::<Digest>() else {
            self.other_digest += 1;
            return true;
        };
        if is_duplicate {
            self.duplicates += 1;
        } else if !self.taken.insert(digest) {
            self.taken_twice += 1;
        }
        let is_ours = expected.verdict == Ok(digest);
        match expected.verdict {
            Ok(_) => self.other_digest += u64::from(!is_ours),
            Err(_) => self.wrongly_accepted += 1,
        }
        !is_ours
    }

    fn rejected(&mut self, reason: &str, expected: &Expected) -> bool {
        *self.reasons.entry(reason.to_owned()).or_default() += 1;
        if !Reason::ALL.iter().any(|known| known.as_str() == reason) {
            self.unknown_reason += 1;
            return true;
        }
        let is_right = match expected.verdict {
            Ok(_) => expected.has_uuid && OF_THE_UUID.contains(&reason),
            Err(ours) => ours.as_str() == reason,
        };
        match expected.verdict {
            Ok(_) => self.wrongly_rejected += u64::from(!is_right),
            Err(_) => self.other_reason += u64::from(!is_right),
        }
        !is_right
    }

    fn add(&mut self, other: Self) {
        self.signed.extend(other.signed);
        for digest in other.taken {
            self.taken_twice += u64::from(!self.taken.insert(digest));
        }
        for (reason, count) in other.reasons {
            *self.reasons.entry(reason).or_default() += count;
        }
        self.taken_twice += other.taken_twice;
        self.duplicates += other.duplicates;
        self.unanswered += other.unanswered;
        self.surplus += other.surplus;
        self.unknown_reason += other.unknown_reason;
        self.wrongly_accepted += other.wrongly_accepted;
        self.wrongly_rejected += other.wrongly_rejected;
        self.other_reason += other.other_reason;
        self.other_digest += other.other_digest;
        self.examples.extend(other.examples);
    }
}

/// Reads the journal: it holds what was answered as taken, and all of it was signed.
fn conclude(trial: &Trial, inputs: u64, tally: Tally, trust: &Arc<Trust>) -> Attack {
    let believe = Believe::Sources(trust.clone());
    let mut journaled = BTreeSet::new();
    let (mut unverified, mut journaled_twice) = (0, 0);
    let mut faults = tally.examples;
    for frame in journal_after(&trial.relay, trial.start) {
        match Delivery::open(frame, &believe, SystemClock.now()) {
            Ok(delivery) => {
                if !tally.signed.contains(&delivery.digest()) {
                    faults.push(format!("nobody signed {}", excerpt(delivery.frame())));
                }
                journaled_twice += u64::from(!journaled.insert(delivery.digest()));
            }
            Err(_) => unverified += 1,
        }
    }
    let heard = trial.heard();
    let zeros = vec![
        ("unanswered", tally.unanswered),
        ("answered twice", tally.surplus),
        ("reasons unknown to the protocol", tally.unknown_reason),
        ("wrongly accepted", tally.wrongly_accepted),
        ("wrongly rejected", tally.wrongly_rejected),
        ("rejected for another reason", tally.other_reason),
        ("answered with another digest", tally.other_digest),
        ("journaled and never signed", journaled.difference(&tally.signed).count() as u64),
        (
            "journaled and not acknowledged",
            journaled.symmetric_difference(&tally.taken).count() as u64,
        ),
        ("journaled twice", tally.taken_twice + journaled_twice),
        ("journaled and not verifiable", unverified),
        ("published twice", heard.repeated()),
        ("published and not verifiable", heard.unverified),
    ];
    let reasons: Vec<String> =
        tally.reasons.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
    let notes = vec![
        format!("taken {}, duplicates {}", tally.taken.len(), tally.duplicates),
        format!("rejected: {}", reasons.join(", ")),
    ];
    // A trial that takes or refuses all says nothing.
    if tally.taken.is_empty() || tally.reasons.len() < 10 {
        faults.push("the inputs are not of all kinds".to_owned());
    }
    Attack { inputs, zeros, notes, faults, crashes: 0 }
}

fn excerpt(event: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(event).chars().take(600).collect();
    format!("{text:?}")
}
