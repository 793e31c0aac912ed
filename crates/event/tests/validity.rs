//! Whose signatures count when keys begin, expire and are revoked.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use jiff::Timestamp;
use laniakea_event::{
    EmitRule, KeyId, Keyring, Limits, Reason, SignerId, SigningKey, SubmittedEvent, Trust,
    keys::{TrustedKey, Validity},
};
use proptest::prelude::*;

const NOW: i64 = 1_000_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn key(signer: &str, key_id: &str, seed: u8) -> SigningKey {
    let key_id = KeyId::parse(key_id).unwrap();
    SigningKey::from_seed(SignerId::parse(signer).unwrap(), key_id, &[seed; 32])
}

fn source() -> SigningKey {
    key("archive-01", "0", 1)
}

fn relay() -> SigningKey {
    key("lighthouse-01", "0", 2)
}

/// What the keyring says of a key of this signer.
fn ring(keys: &[(&SigningKey, Validity)]) -> Keyring {
    let mut keyring = Keyring::default();
    for (key, validity) in keys {
        let trusted = TrustedKey { key: key.verifying_key(), validity: *validity };
        keyring.insert_with(key.signer().clone(), key.key_id().clone(), trusted).unwrap();
    }
    keyring
}

fn trust(keyring: Keyring) -> Trust {
    let rules = vec![EmitRule::parse("_lk.archive.").unwrap()];
    Trust::new(
        keyring,
        [SignerId::parse("lighthouse-01").unwrap()].into(),
        BTreeMap::from([(SignerId::parse("archive-01").unwrap(), rules)]),
    )
}

/// An event with these signatures, and a relay's note that says when it was taken.
fn event(keys: &[&SigningKey], received: Option<&str>) -> SubmittedEvent {
    let mut text =
        br#"{"data":{},"format":"1.0","id":"_lk.archive.x","time":"2026-11-23T16:00:00Z"}"#
            .to_vec();
    for key in keys {
        let event = SubmittedEvent::parse(&text, &Limits::FROM_RELAY).unwrap();
        text = event.sign(key).unwrap().into_bytes();
    }
    let Some(received) = received else { return parse(&text) };
    let note = format!(
        r#"{{"unsigned":{{"journal":"00000000-0000-0000-0000-000000000007","prev":{{}},"received":"{received}","relay":"lighthouse-01","seq":7}},"#
    );
    parse(String::from_utf8(text).unwrap().replacen('{', &note, 1).as_bytes())
}

fn parse(text: &[u8]) -> SubmittedEvent {
    SubmittedEvent::parse(text, &Limits::FROM_RELAY).unwrap()
}

/// The signature of a key whose secret is another: it does not verify.
fn forged(key: &SigningKey) -> SigningKey {
    SigningKey::from_seed(key.signer().clone(), key.key_id().clone(), &[99; 32])
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Valid,
    Expired,
    Revoked,
    NotYet,
}

impl Key {
    const ALL: [Self; 4] = [Self::Valid, Self::Expired, Self::Revoked, Self::NotYet];

    /// All but the last begin at 100 and none but the first counts at `NOW`.
    fn validity(self) -> Validity {
        let from = Some(at(100));
        match self {
            Self::Valid => Validity { from, ..Validity::ALWAYS },
            Self::Expired => Validity { from, until: Some(at(200)), revoked: None },
            Self::Revoked => Validity { from, until: Some(at(NOW + 5)), revoked: Some(at(200)) },
            Self::NotYet => Validity { from: Some(at(NOW + 1)), ..Validity::ALWAYS },
        }
    }
}

/// The relay's signature beside the source's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relay {
    None,
    Valid,
    Retired,
    NotYet,
    Forged,
    /// By a signer that is trusted and is no relay.
    AnotherSource,
    Stranger,
}

impl Relay {
    const ALL: [Self; 7] = [
        Self::None,
        Self::Valid,
        Self::Retired,
        Self::NotYet,
        Self::Forged,
        Self::AnotherSource,
        Self::Stranger,
    ];
}

/// When the relay says that it took the event.
const RECEIVED: [(Option<&str>, bool); 7] = [
    (None, false),
    (Some("not a time"), false),
    (Some("1970-01-01T00:02:30"), false),
    (Some("1970-01-01T00:01:39.999999Z"), false),
    (Some("1970-01-01T00:01:40.000000Z"), true),
    (Some("1970-01-01T01:03:19.999999+01:00"), true),
    (Some("1970-01-01T00:03:20.000000Z"), false),
];

#[test]
fn signatures_count_as_of_the_time_at_which_a_trusted_relay_took_the_event() {
    let (spears, stranger) = (key("spears-01", "0", 3), key("stranger", "0", 4));
    let mut verdicts = BTreeMap::new();
    for state in Key::ALL {
        for relayed in Relay::ALL {
            for (received, is_within) in RECEIVED {
                for is_forged in [false, true] {
                    let relay_validity = match relayed {
                        Relay::Retired => Key::Expired.validity(),
                        Relay::NotYet => Key::NotYet.validity(),
                        _ => Validity::ALWAYS,
                    };
                    let trust = trust(ring(&[
                        (&source(), state.validity()),
                        (&relay(), relay_validity),
                        (&spears, Validity::ALWAYS),
                    ]));
                    let mut keys = vec![if is_forged { forged(&source()) } else { source() }];
                    keys.extend(match relayed {
                        Relay::None => None,
                        Relay::Valid | Relay::Retired | Relay::NotYet => Some(relay()),
                        Relay::Forged => Some(forged(&relay())),
                        Relay::AnotherSource => Some(spears.clone()),
                        Relay::Stranger => Some(stranger.clone()),
                    });
                    let keys: Vec<&SigningKey> = keys.iter().collect();
                    let verdict = event(&keys, received).verify_received(&trust, at(NOW));
                    // By the words of `docs/protocol.md`, section 1.2.
                    let is_refused_outright =
                        relayed == Relay::Forged || (is_forged && state == Key::Valid);
                    let counts = !is_forged
                        && match state {
                            Key::Valid => true,
                            Key::Expired | Key::Revoked => relayed == Relay::Valid && is_within,
                            Key::NotYet => false,
                        };
                    let is_something_good =
                        counts || matches!(relayed, Relay::Valid | Relay::AnotherSource);
                    let expected = match () {
                        () if is_refused_outright => Some(Reason::BadSignature),
                        () if counts => None,
                        () if is_something_good => Some(Reason::NotAuthorised),
                        () => Some(Reason::UnknownKeyId),
                    };
                    let found = verdict.as_ref().err().map(laniakea_event::Rejection::reason);
                    assert_eq!(
                        found, expected,
                        "{state:?} {relayed:?} {received:?} forged: {is_forged}: {verdict:?}"
                    );
                    *verdicts.entry(found).or_insert(0) += 1;
                }
            }
        }
    }
    // 4 x 7 x 7 x 2, of which these are to be believed: 42 by a valid key, 2 x 2 as of before.
    assert_eq!(verdicts.values().sum::<usize>(), 392);
    assert_eq!(verdicts[&None], 42 + 4);
}

#[test]
fn a_relay_counts_keys_that_are_valid_now_and_names_the_others() {
    for (state, words) in [
        (Key::Valid, None),
        (Key::Expired, Some("key 0 of archive-01 expired at 1970-01-01T00:03:20Z")),
        (Key::Revoked, Some("key 0 of archive-01 was revoked at 1970-01-01T00:03:20Z")),
        (Key::NotYet, Some("key 0 of archive-01 is not valid before 1970-01-12T13:46:41Z")),
    ] {
        let keyring = ring(&[(&source(), state.validity())]);
        // Neither a note nor a signature of a relay helps with a submission.
        let submitted = event(&[&source(), &relay()], Some("1970-01-01T00:02:30Z"));
        match (submitted.verify(&keyring, at(NOW)), words) {
            (Ok(_), None) => {}
            (Err(rejection), Some(words)) => {
                assert_eq!(rejection.reason(), Reason::UnknownKeyId);
                assert_eq!(rejection.detail(), words);
            }
            (verdict, _) => panic!("{state:?}: {verdict:?}"),
        }
        // A signature that would be bad is not looked at, unless the key is valid.
        let bad = event(&[&forged(&source())], None).verify(&keyring, at(NOW)).unwrap_err();
        let expected = if words.is_none() { Reason::BadSignature } else { Reason::UnknownKeyId };
        assert_eq!(bad.reason(), expected, "{state:?}");
    }
}

#[test]
fn a_retired_key_beside_a_valid_one_of_the_same_signer_is_not_passed_on() {
    let (old, new) = (source(), key("archive-01", "1", 5));
    let keyring = ring(&[(&old, Key::Revoked.validity()), (&new, Validity::ALWAYS)]);
    for old in [old.clone(), forged(&old)] {
        let verified = event(&[&old, &new], None).verify(&keyring, at(NOW)).unwrap();
        let keys: Vec<&str> = verified.signatures().iter().map(|(_, id, _)| id.as_str()).collect();
        assert_eq!(keys, ["1"]);
    }
}

#[test]
fn a_relays_key_does_not_count_as_of_before() {
    let old = key("lighthouse-01", "old", 6);
    let ended = Key::Expired.validity();
    let trust = trust(ring(&[(&source(), ended), (&relay(), Validity::ALWAYS), (&old, ended)]));
    let event = event(&[&source(), &relay(), &old], Some("1970-01-01T00:02:30Z"));
    let verified = event.verify_received(&trust, at(NOW)).unwrap();
    let keys: Vec<(&str, &str)> = verified
        .signatures()
        .iter()
        .map(|(signer, id, _)| (signer.as_str(), id.as_str()))
        .collect();
    assert_eq!(keys, [("archive-01", "0"), ("lighthouse-01", "0")]);
}

#[test]
fn what_keeps_an_old_signature_from_counting_is_said() {
    let trust = trust(ring(&[(&source(), Key::Revoked.validity()), (&relay(), Validity::ALWAYS)]));
    let detail = |keys: &[&SigningKey], received| {
        let rejection = event(keys, received).verify_received(&trust, at(NOW)).unwrap_err();
        rejection.detail().to_owned()
    };
    let revoked = "key 0 of archive-01 was revoked at 1970-01-01T00:03:20Z";
    let within = Some("1970-01-01T00:02:30Z");
    assert_eq!(
        detail(&[&source()], within),
        format!("{revoked}, and no trusted relay signed the event")
    );
    assert_eq!(
        detail(&[&source()], None),
        format!("{revoked}, and no relay says when it took the event")
    );
    assert_eq!(
        detail(&[&source(), &relay()], Some("1970-01-01T00:04:00Z")),
        format!(
            "lighthouse-01 may not emit _lk.archive.x; {revoked}, and the event was taken at \
             1970-01-01T00:04:00Z"
        )
    );
    assert!(detail(&[&forged(&source()), &relay()], within).ends_with("does not verify"));
}

prop_compose! {
    fn any_validity()(
        from in prop::option::of(-50_i64..50),
        until in prop::option::of(-50_i64..50),
        revoked in prop::option::of(-50_i64..50),
    ) -> Validity {
        let time = |second: Option<i64>| second.map(|second| at(NOW + second));
        Validity { from: time(from), until: time(until), revoked: time(revoked) }
    }
}

proptest! {
    /// Whatever its marks and whatever the note says: a key that is not valid now does not suffice,
    /// and neither do several of them.
    #[test]
    fn retired_keys_alone_never_suffice(
        validities in prop::collection::vec(any_validity(), 1..4),
        received in -60_i64..60,
        also_relay in any::<bool>(),
    ) {
        let keys: Vec<SigningKey> = (0..).zip(&validities)
            .map(|(number, _)| key("archive-01", &number.to_string(), 10 + number))
            .collect();
        let mut entries: Vec<(&SigningKey, Validity)> =
            keys.iter().zip(validities.iter().copied()).collect();
        prop_assume!(validities.iter().all(|validity| !counts(validity, NOW)));
        let relay = relay();
        let mut signers: Vec<&SigningKey> = keys.iter().collect();
        if also_relay {
            // Signed by a relay whose own key is over.
            entries.push((&relay, Validity { until: Some(at(NOW)), ..Validity::ALWAYS }));
            signers.push(&relay);
        }
        let trust = trust(ring(&entries));
        let received = at(NOW + received).to_string();
        let event = event(&signers, Some(&received));
        prop_assert_eq!(
            event.clone().verify(trust.keyring(), at(NOW)).unwrap_err().reason(),
            Reason::UnknownKeyId
        );
        prop_assert_eq!(
            event.verify_received(&trust, at(NOW)).unwrap_err().reason(),
            Reason::UnknownKeyId
        );
    }

    /// With a relay's signature it is the note that decides, and a key that never was valid before
    /// never counts.
    #[test]
    fn with_a_relay_the_time_of_receipt_decides(
        validity in any_validity(),
        received in -60_i64..60,
    ) {
        let trust = trust(ring(&[(&source(), validity), (&relay(), Validity::ALWAYS)]));
        let note = at(NOW + received).to_string();
        let verdict =
            event(&[&source(), &relay()], Some(&note)).verify_received(&trust, at(NOW));
        let ended = [validity.until, validity.revoked].iter().flatten().any(|end| *end <= at(NOW));
        let expected = counts(&validity, NOW) || (ended && counts(&validity, NOW + received));
        prop_assert_eq!(verdict.is_ok(), expected, "{:?}", verdict);
    }
}

/// Half-open at both ends, said once more in other words.
fn counts(validity: &Validity, second: i64) -> bool {
    let second = at(second);
    let has_begun = validity.from.is_none_or(|from| from <= second);
    let has_not_ended = |end: Option<Timestamp>| end.is_none_or(|end| second < end);
    has_begun && has_not_ended(validity.until) && has_not_ended(validity.revoked)
}
