//! Signed events for tests and measurements, the same in every run.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use laniakea_event::{
    EmitRule, KeyId, Keyring, Limits, Object, SignerId, SigningKey, SubmittedEvent, Trust, Value,
    encode_base64, write_utc,
};
use uuid::Uuid;

use crate::Entry;

/// Seconds of the first moment that [`at`] names: 2026-11-23T16:00:00Z.
const EPOCH: i64 = 1_795_449_600;

/// Who signs in these tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// One source.
    Archive,
    /// Another.
    Builder,
}

/// The name of the relay whose journal is tested.
pub fn relay() -> SignerId {
    SIGNERS.relay.signer().clone()
}

/// The moment so many seconds into the tests.
pub fn at(seconds: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(EPOCH + seconds).expect("a time of this age")
}

/// An event to be signed.
#[derive(Debug, Clone)]
pub struct Event {
    id: String,
    number: u64,
    uuid: Option<Uuid>,
    sources: Vec<Source>,
    emitted: jiff::Timestamp,
    received: jiff::Timestamp,
    padding: usize,
}

/// An event of this type; the number makes it different from others.
pub fn event(id: impl Into<String>, number: u64) -> Event {
    let sources = vec![Source::Archive];
    Event {
        id: id.into(),
        number,
        uuid: None,
        sources,
        emitted: at(0),
        received: at(0),
        padding: 0,
    }
}

impl Event {
    /// In the Laniakea dialect, with this `uuid`.
    #[must_use]
    pub fn uuid(self, uuid: u128) -> Self {
        Self { uuid: Some(Uuid::from_u128(uuid)), ..self }
    }

    /// Signed by these sources.
    #[must_use]
    pub fn by(self, sources: &[Source]) -> Self {
        Self { sources: sources.to_vec(), ..self }
    }

    /// Emitted at this moment.
    #[must_use]
    pub fn emitted(self, emitted: jiff::Timestamp) -> Self {
        Self { emitted, ..self }
    }

    /// Received at this moment.
    #[must_use]
    pub fn received(self, received: jiff::Timestamp) -> Self {
        Self { received, ..self }
    }

    /// So many bytes longer.
    #[must_use]
    pub fn padding(self, padding: usize) -> Self {
        Self { padding, ..self }
    }

    /// Signs, verifies and countersigns it.
    pub fn entry(&self) -> Entry {
        entry_of(self.members(), &self.sources, self.received)
    }

    /// The members that its sources sign.
    pub fn members(&self) -> Object {
        let data = [("number", self.number.into()), ("padding", "x".repeat(self.padding).into())];
        let members = [
            ("data", object(data).into()),
            ("format", "1.0".into()),
            ("origin", "archive.example.org".into()),
            ("time", write_utc(self.emitted).to_string().into()),
        ];
        let mut members = object(members);
        let name = if self.uuid.is_some() { "tag" } else { "id" };
        members.insert(name.to_owned(), self.id.as_str().into());
        members.extend(self.uuid.map(|uuid| ("uuid".to_owned(), uuid.to_string().into())));
        members
    }
}

/// Signs these members, verifies and countersigns the event.
pub fn entry_of(members: Object, sources: &[Source], received: jiff::Timestamp) -> Entry {
    let signed = Value::Object(members.clone()).to_canonical();
    let signatures = sources.iter().map(|&source| {
        let key = SIGNERS.source(source);
        let signature = encode_base64(&key.sign(signed.as_bytes()));
        let entry = object([("ed25519:0", signature.into())]);
        (key.signer().to_string(), entry.into())
    });
    let mut submitted = members;
    submitted.insert("signatures".to_owned(), Value::Object(signatures.collect()));
    let submitted = Value::Object(submitted).to_canonical();
    let submitted = SubmittedEvent::parse(submitted.as_bytes(), &Limits::SUBMISSION);
    let mut event = submitted
        .and_then(|event| event.verify(trust().keyring(), received))
        .expect("a good event");
    event.countersign(&SIGNERS.relay);
    // In the order in which the test names them, not in that of their names.
    Entry { event, sources: sources.iter().copied().map(signer).collect(), received }
}

fn object<const N: usize>(members: [(&str, Value); N]) -> Object {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The table that trusts everybody here.
pub fn trust() -> &'static Trust {
    &SIGNERS.trust
}

/// The name under which a source signs.
pub fn signer(source: Source) -> SignerId {
    SIGNERS.source(source).signer().clone()
}

static SIGNERS: LazyLock<Signers> = LazyLock::new(Signers::new);

struct Signers {
    archive: SigningKey,
    builder: SigningKey,
    relay: SigningKey,
    trust: Trust,
}

impl Signers {
    fn new() -> Self {
        let (archive, builder) = (new_key("archive", 1), new_key("builder", 2));
        let relay = new_key("lighthouse", 3);
        let mut keyring = Keyring::default();
        for key in [&archive, &builder, &relay] {
            keyring
                .insert(key.signer().clone(), key.key_id().clone(), key.verifying_key())
                .expect("each signer has one key");
        }
        let rules = ["_lk.", "org."].map(|rule| EmitRule::parse(rule).expect("a rule"));
        let emit = [&archive, &builder].map(|key| (key.signer().clone(), rules.to_vec()));
        let relays = BTreeSet::from([relay.signer().clone()]);
        let trust = Trust::new(keyring, relays, BTreeMap::from(emit));
        Self { archive, builder, relay, trust }
    }

    fn source(&self, source: Source) -> &SigningKey {
        match source {
            Source::Archive => &self.archive,
            Source::Builder => &self.builder,
        }
    }
}

fn new_key(name: &str, seed: u8) -> SigningKey {
    let signer = SignerId::parse(name).expect("a name");
    SigningKey::from_seed(signer, KeyId::parse("0").expect("a name"), &[seed; 32])
}
