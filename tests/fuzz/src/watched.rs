//! A subscription whose consumer handles each event at once, and what is to hold of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, LazyLock, Mutex},
};

use laniakea_event::{Digest, EventId, Prefix, Seq, VerifiedEvent};
use laniakea_wire::{
    replay::{Answer, Request},
    subscription::{
        Believe, CursorError, CursorStore, OtherJournal, Position, Start, SubscriptionConfig,
        Update, fuzzing::Rules,
    },
};
use uuid::Uuid;

use crate::world::{KEYRING, event};

pub(crate) const IDS: [&str; 4] = ["a.b.c", "a.b.cd", "a.x.y", "z.z.z"];
pub(crate) const PREFIXES: [&[&str]; 6] =
    [&[], &["a.b."], &["a.b.c"], &["a.b.", "a."], &["a.b.c", "z."], &["z.z.z"]];
/// More steps show nothing new and take long.
pub(crate) const MAX_STEPS: usize = 200;

/// Four of each id.
pub(crate) static EVENTS: LazyLock<Vec<VerifiedEvent>> =
    LazyLock::new(|| (0..16).map(|number| event(IDS[number % 4], number)).collect());

/// Remembers every position that was ever stored.
#[derive(Clone, Default)]
pub(crate) struct Stored(Arc<Mutex<Vec<Position>>>);

impl CursorStore for Stored {
    fn load(&self) -> Result<Option<Position>, CursorError> {
        Ok(self.0.lock().expect("nobody panicked").last().copied())
    }

    fn save(&mut self, position: Position) -> Result<(), CursorError> {
        self.0.lock().expect("nobody panicked").push(position);
        Ok(())
    }
}

/// A subscription and what is to hold of it.
pub(crate) struct Watched {
    pub(crate) rules: Rules,
    prefixes: Vec<Prefix>,
    stored: Stored,
    /// How far each journal goes, as headers said.
    confirmed: BTreeMap<Uuid, Seq>,
    pub(crate) delivered: BTreeSet<Digest>,
    /// What was told beside events.
    pub(crate) told: Vec<Update>,
    pub(crate) has_ended: bool,
}

impl Watched {
    pub(crate) fn new(
        prefixes: &[&str],
        start: Start,
        position: Option<Position>,
        other: OtherJournal,
    ) -> Self {
        let stored = Stored::default();
        stored.0.lock().expect("nobody panicked").extend(position);
        let prefixes: Vec<Prefix> =
            prefixes.iter().map(|prefix| Prefix::parse(prefix).expect("a prefix")).collect();
        let config = SubscriptionConfig {
            prefixes: prefixes.clone(),
            start,
            believe: Believe::Keys(KEYRING.clone()),
            other_journal: other,
            cursor: Some(Box::new(stored.clone())),
            ..SubscriptionConfig::new("tcp://x:1", Some("tcp://x:2".to_owned()))
        };
        let rules = Rules::new(config).expect("the cursor can be read");
        let confirmed = position.iter().map(|position| (position.journal, position.seq)).collect();
        let delivered = BTreeSet::new();
        Self { rules, prefixes, stored, confirmed, delivered, told: Vec::new(), has_ended: false }
    }

    /// A header came, believed or not.
    fn hear(&mut self, journal: Uuid, last: Seq) {
        let furthest = self.confirmed.entry(journal).or_default();
        *furthest = last.max(*furthest);
    }

    pub(crate) fn answer(&mut self, request: &Request, answer: Answer) {
        self.hear(answer.header.journal, answer.header.last);
        self.rules.on_answer(request, answer);
    }

    /// The answer to what the cursor wanted came.
    pub(crate) fn confirm(&mut self, request: &Request, answer: Answer) {
        self.hear(answer.header.journal, answer.header.last);
        self.rules.on_confirmation(request, answer);
    }

    /// Whether the consumer wants events of this id.
    pub(crate) fn means(&self, id: &EventId) -> bool {
        self.prefixes.is_empty() || self.prefixes.iter().any(|prefix| prefix.matches(id))
    }

    /// The position that was stored last.
    pub(crate) fn stored(&self) -> Option<Position> {
        self.stored.load().expect("it is in memory")
    }

    /// Takes the updates and looks whether they may be.
    pub(crate) fn look(&mut self) {
        let Ok(updates) = self.rules.updates() else {
            self.has_ended = true;
            return;
        };
        for update in updates {
            let Update::Event(delivery) = update else {
                self.told.push(update);
                continue;
            };
            assert!(delivery.signers().is_some(), "delivered unverified");
            assert!(EVENTS.iter().any(|event| event.digest() == delivery.digest()));
            assert!(self.means(delivery.id()));
            assert!(self.delivered.insert(delivery.digest()), "delivered twice: {delivery:?}");
        }
        for position in &*self.stored.0.lock().expect("nobody panicked") {
            let confirmed = self.confirmed.get(&position.journal);
            assert!(
                confirmed.is_some_and(|last| position.seq <= *last),
                "stored {position}, confirmed {confirmed:?}"
            );
        }
    }
}
