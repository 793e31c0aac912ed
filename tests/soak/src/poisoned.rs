//! Attempts to poison dedupe: nobody keeps another's event out, and what was rejected leaves no
//! trace.

use laniakea_daemon::{Clock as _, SystemClock};
use laniakea_e2e::{Module, Relay};
use laniakea_event::{
    Dialect, Draft, EventId, KeyId, Limits, Object, SignerId, SigningKey, Value, encode_base64,
};
use laniakea_wire::submit::Reply;
use uuid::Uuid;

use crate::{
    Outcome, Scale,
    submitter::Submitter,
    trial::{Attack, Trial, last, without_rates},
};

const SHARED: &str = "_lk.shared.thing-done";
const OF_A: &str = "_lk.a.thing-done";
const OF_B: &str = "_lk.b.thing-done";
/// Rounds at full size; each submits some 40 events.
const ROUNDS: u64 = 2_000;

/// Runs the trial.
pub fn run(scale: &Scale) -> Outcome {
    let (a, b) = (Module::new("module-a"), Module::new("module-b"));
    let relay =
        Relay::new().trust(&a, &["_lk.a.", "_lk.shared."]).trust(&b, &["_lk.b.", "_lk.shared."]);
    let trial = Trial::begin(without_rates(relay));
    let mut poisoner = Poisoner {
        submitter: Submitter::connect(&trial.relay.endpoints().submit),
        a: a.key().clone(),
        b: b.key().clone(),
        relay: trial.relay.identity().key().clone(),
        rng: scale.rng(0),
        inputs: 0,
        taken: 0,
        wrong: 0,
        faults: Vec::new(),
    };
    let start = last(&trial.relay);
    for _ in 0..scale.of(ROUNDS).max(20) {
        poisoner.share_a_uuid();
        poisoner.copy_a_uuid_first();
        poisoner.let_the_relay_vouch();
        poisoner.come_first_with_junk();
        poisoner.come_first_with_other_unsigned();
        poisoner.sign_what_one_may_not_emit();
        poisoner.contradict_oneself();
        poisoner.be_too_early();
    }
    let journaled = last(&trial.relay).0 - start.0;
    let heard = trial.heard();
    let attack = Attack {
        inputs: poisoner.inputs,
        zeros: vec![
            ("answered wrongly", poisoner.wrong),
            ("journaled too few or too many", journaled.abs_diff(poisoner.taken)),
            ("republished", heard.repeated()),
            ("published and not verifiable", heard.unverified),
        ],
        notes: vec![format!("{} events were to be taken and were", poisoner.taken)],
        faults: poisoner.faults,
        crashes: 0,
    };
    trial.end("poisoned", attack)
}

struct Poisoner {
    submitter: Submitter<()>,
    a: SigningKey,
    b: SigningKey,
    relay: SigningKey,
    rng: fastrand::Rng,
    inputs: u64,
    taken: u64,
    wrong: u64,
    faults: Vec<String>,
}

impl Poisoner {
    /// Two signers with one uuid have nothing to do with each other.
    fn share_a_uuid(&mut self) {
        let uuid = self.uuid();
        let of_a = self.unsigned(SHARED, Some(uuid)).signed(&self.a);
        let of_b = self.unsigned(SHARED, Some(uuid)).signed(&self.b);
        self.expect(&of_a, "accepted", "A's event");
        self.expect(&of_b, "accepted", "B's event with A's uuid");
        self.expect(&of_a, "duplicate", "A's event again");
        self.expect(&of_b, "duplicate", "B's event again");
    }

    /// B sees A's uuid before the relay does, and is quicker.
    fn copy_a_uuid_first(&mut self) {
        let uuid = self.uuid();
        let copy = self.unsigned(OF_B, Some(uuid)).signed(&self.b);
        let good = self.unsigned(OF_A, Some(uuid)).signed(&self.a);
        self.expect(&copy, "accepted", "B's event with the uuid of A's");
        self.expect(&good, "accepted", "A's event after B used its uuid");
    }

    /// A relay is never a source, and does not become one beside a source.
    fn let_the_relay_vouch(&mut self) {
        let uuid = self.uuid();
        let event = self.unsigned(OF_A, Some(uuid));
        let alone = event.clone().signed(&self.relay);
        self.expect(&alone, "not_authorised", "an event that the relay alone signed");
        let forbidden = event.clone().signed(&self.b).signed(&self.relay);
        self.expect(&forbidden, "not_authorised", "an event of A's by B and the relay");
        let both = event.clone().signed(&self.a).signed(&self.relay);
        self.expect(&both, "accepted", "the event by A and the relay");
        self.expect(&event.signed(&self.a), "duplicate", "the event by A alone");
        // Were the relay a source, this uuid of its would be used.
        let other = self.unsigned(OF_B, Some(uuid)).signed(&self.b).signed(&self.relay);
        self.expect(&other, "accepted", "another event beside the relay's signature");
    }

    /// B's event with signatures that are worth nothing, sent before B sends it.
    fn come_first_with_junk(&mut self) {
        for uuid in [None, Some(self.uuid())] {
            let event = self.unsigned(OF_B, uuid);
            let good = event.clone().signed(&self.b);
            let stranger = self.stranger("stranger-01");
            let imposter = self.stranger("module-b");
            let other_key = SigningKey::from_seed(
                self.b.signer().clone(),
                KeyId::parse("7").unwrap(),
                &self.seed(),
            );
            let by_stranger = event.clone().signed(&stranger);
            self.expect(&by_stranger, "unknown_signer", "B's event by a stranger");
            self.expect(
                &event.clone().signed(&imposter),
                "bad_signature",
                "B's event by an imposter",
            );
            self.expect(
                &event.clone().signed(&other_key),
                "unknown_key_id",
                "B's event by another key",
            );
            self.expect(&event.clone().signed(&self.a), "not_authorised", "B's event by A");
            let spoilt = good.clone().signed(&imposter);
            self.expect(&spoilt, "bad_signature", "B's event with B's signature replaced");
            let beside = good.clone().with_signature(self.a.signer(), "ed25519:0", "AAAA");
            self.expect(&beside, "bad_signature", "B's event with a bad one of A's beside");
            let not_base64 = event.clone().with_signature(self.b.signer(), "ed25519:0", "!");
            self.expect(&not_base64, "bad_base64", "B's event with a signature that is none");
            self.expect(&event, "not_signed", "B's event without signatures");
            self.expect(&good, "accepted", "B's event at last");
            self.expect(&by_stranger, "unknown_signer", "B's event by a stranger afterwards");
            self.expect(&good, "duplicate", "B's event again");
        }
    }

    /// `unsigned` is nobody's word, so it names no event.
    fn come_first_with_other_unsigned(&mut self) {
        let event = self.unsigned(OF_B, None);
        let forged = event.clone().signed(&self.a).with_unsigned("forged");
        self.expect(&forged, "not_authorised", "B's event by A with `unsigned`");
        let good = event.signed(&self.b);
        let carried = good.clone().with_unsigned("carried along");
        self.expect(&carried, "accepted", "B's own event with `unsigned`");
        self.expect(&good, "duplicate", "the event without");
        self.expect(&good.with_unsigned("other"), "duplicate", "the event with another");
    }

    /// A trusted signer beside the source, who may not emit this, uses no uuid of its own.
    fn sign_what_one_may_not_emit(&mut self) {
        let uuid = self.uuid();
        let by_both = self.unsigned(OF_A, Some(uuid)).signed(&self.a).signed(&self.b);
        self.expect(&by_both, "accepted", "A's event that B signed too");
        let of_b = self.unsigned(OF_B, Some(uuid)).signed(&self.b);
        self.expect(&of_b, "accepted", "B's event with the uuid that B only signed beside A");
    }

    /// A conflict is the signer's own, and leaves nothing behind.
    fn contradict_oneself(&mut self) {
        let uuid = self.uuid();
        let first = self.unsigned(SHARED, Some(uuid)).signed(&self.a);
        let second = self.unsigned(SHARED, Some(uuid));
        self.expect(&first, "accepted", "the first event of this uuid");
        self.expect(&second.clone().signed(&self.a), "conflict", "the second event of this uuid");
        self.expect(&second.clone().signed(&self.b), "accepted", "the same bytes by B");
        self.expect(&second.signed(&self.b), "duplicate", "the same bytes by B again");
        self.expect(&first, "duplicate", "the first event again");
    }

    /// Events that are refused for another reason than a signature leave no trace either.
    fn be_too_early(&mut self) {
        let uuid = self.uuid();
        let event = self.unsigned(OF_A, Some(uuid)).signed(&self.a);
        let text = event.text();
        // So much white space takes its time.
        if self.rng.u8(..16) == 0 {
            let large = format!("{}{}", " ".repeat(1 << 20), text);
            self.expect_text(large.into_bytes(), "too_large", "an event in much white space");
        }
        let twice = text.replacen('{', "{\"format\":\"1.0\",", 1);
        self.expect_text(twice.into_bytes(), "duplicate_key", "an event with a member twice");
        self.expect(&event, "accepted", "the same event in good form");
        let stale = SystemClock.now() - jiff::SignedDuration::from_hours(24 * 8);
        let uuid = self.uuid();
        let old = self.unsigned_at(OF_A, Some(uuid), stale).signed(&self.a);
        self.expect(&old, "stale", "an old event");
        let new = self.unsigned(OF_A, Some(uuid)).signed(&self.a);
        self.expect(&new, "accepted", "an event with the old one's uuid");
    }

    fn expect(&mut self, event: &Event, expected: &str, what: &str) {
        self.expect_text(event.text().into_bytes(), expected, what);
    }

    fn expect_text(&mut self, event: Vec<u8>, expected: &str, what: &str) {
        self.inputs += 1;
        self.taken += u64::from(expected == "accepted");
        let got = match self.submitter.submit(event, ()).reply {
            Reply::Accepted { duplicate: false, .. } => "accepted".to_owned(),
            Reply::Accepted { .. } => "duplicate".to_owned(),
            Reply::Rejected { reason, .. } => reason,
        };
        if got != expected {
            self.wrong += 1;
            if self.faults.len() < 5 {
                self.faults.push(format!("{what}: {expected} was expected and {got} came"));
            }
        }
    }

    fn uuid(&mut self) -> Uuid {
        uuid::Builder::from_random_bytes(self.rng.u128(..).to_be_bytes()).into_uuid()
    }

    fn seed(&mut self) -> [u8; 32] {
        std::array::from_fn(|_| self.rng.u8(..))
    }

    fn stranger(&mut self, name: &str) -> SigningKey {
        let (signer, key_id) = (SignerId::parse(name).unwrap(), KeyId::parse("0").unwrap());
        SigningKey::from_seed(signer, key_id, &self.seed())
    }

    /// An event that differs from every other.
    fn unsigned(&mut self, id: &str, uuid: Option<Uuid>) -> Event {
        self.unsigned_at(id, uuid, SystemClock.now())
    }

    fn unsigned_at(&mut self, id: &str, uuid: Option<Uuid>, time: jiff::Timestamp) -> Event {
        let data = Object::from([("number".to_owned(), self.rng.u64(..).into())]);
        let draft = Draft::new(EventId::parse(id).unwrap(), time, data);
        let draft = match uuid {
            None => draft,
            Some(uuid) => draft.dialect(Dialect::Laniakea, uuid),
        };
        let signed = draft.sign(&self.a).unwrap();
        let Ok(Value::Object(mut members)) = Value::parse(signed.bytes(), &Limits::SUBMISSION)
        else {
            panic!("a draft is an object");
        };
        members.remove("signatures");
        Event(members)
    }
}

/// An event that anybody may put signatures on.
#[derive(Clone)]
struct Event(Object);

impl Event {
    fn signed(self, key: &SigningKey) -> Self {
        let mut covered = self.0.clone();
        covered.remove("signatures");
        covered.remove("unsigned");
        let signed = Value::Object(covered).to_canonical();
        let signature = encode_base64(&key.sign(signed.as_bytes()));
        self.with_signature(key.signer(), &format!("ed25519:{}", key.key_id()), &signature)
    }

    /// In the place of an older one of this signer.
    fn with_signature(mut self, signer: &SignerId, name: &str, signature: &str) -> Self {
        let signatures =
            self.0.entry("signatures".to_owned()).or_insert_with(|| Object::new().into());
        let Value::Object(signatures) = signatures else { panic!("an object") };
        let entry = Object::from([(name.to_owned(), Value::from(signature))]);
        signatures.insert(signer.to_string(), entry.into());
        self
    }

    fn with_unsigned(mut self, text: &str) -> Self {
        let unsigned = Object::from([("note".to_owned(), Value::from(text))]);
        self.0.insert("unsigned".to_owned(), unsigned.into());
        self
    }

    fn text(&self) -> String {
        Value::Object(self.0.clone()).to_canonical()
    }
}
