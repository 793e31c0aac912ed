//! What a relay takes from a relay that it follows, and everything that it does not.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use jiff::Timestamp;
use laniakea_event::{
    EmitRule, KeyId, Keyring, Limits, Reason, Rejection, SignerId, SigningKey, SubmittedEvent,
    Trust, Upstream,
    keys::{TrustedKey, Validity},
};

const NOW: i64 = 1_000_000;
const ARCHIVE_ID: &str = "_lk.archive.x";
const JOB_ID: &str = "_lk.jobs.done";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn key(signer: &str, seed: u8) -> SigningKey {
    let key_id = KeyId::parse("0").unwrap();
    SigningKey::from_seed(SignerId::parse(signer).unwrap(), key_id, &[seed; 32])
}

fn source() -> SigningKey {
    key("archive-01", 1)
}

fn upstream_key() -> SigningKey {
    key("lighthouse-internal", 2)
}

fn other_relay() -> SigningKey {
    key("lighthouse-other", 3)
}

fn upstream(emit: &[&str]) -> Upstream {
    let emit = emit.iter().map(|rule| EmitRule::parse(rule).unwrap()).collect();
    Upstream { signer: upstream_key().signer().clone(), emit }
}

/// Trusts these keys; `archive-01` may emit `_lk.archive.`, and both lighthouses are relays.
fn trust(keys: &[(&SigningKey, Validity)]) -> Trust {
    let mut keyring = Keyring::default();
    for (key, validity) in keys {
        let trusted = TrustedKey { key: key.verifying_key(), validity: *validity };
        keyring.insert_with(key.signer().clone(), key.key_id().clone(), trusted).unwrap();
    }
    let rules = vec![EmitRule::parse("_lk.archive.").unwrap()];
    Trust::new(
        keyring,
        [upstream_key().signer().clone(), other_relay().signer().clone()].into(),
        BTreeMap::from([(source().signer().clone(), rules)]),
    )
}

fn everybody() -> Trust {
    trust(&[
        (&source(), Validity::ALWAYS),
        (&upstream_key(), Validity::ALWAYS),
        (&other_relay(), Validity::ALWAYS),
    ])
}

/// An event with these signatures.
fn event(id: &str, keys: &[&SigningKey]) -> Vec<u8> {
    let mut text =
        format!(r#"{{"data":{{}},"format":"1.0","id":"{id}","time":"2026-11-23T16:00:00Z"}}"#)
            .into_bytes();
    for key in keys {
        let event = SubmittedEvent::parse(&text, &Limits::FROM_RELAY).unwrap();
        text = event.sign(key).unwrap().into_bytes();
    }
    text
}

/// The same with a relay's note.
fn noted(event: &[u8], relay: &str, received: Timestamp) -> Vec<u8> {
    let note = format!(
        r#"{{"unsigned":{{"journal":"00000000-0000-0000-0000-000000000007","prev":{{}},"received":"{received}","relay":"{relay}","seq":7}},"#
    );
    String::from_utf8(event.to_vec()).unwrap().replacen('{', &note, 1).into_bytes()
}

fn verify(text: &[u8], trust: &Trust, upstream: &Upstream) -> Result<Vec<String>, Rejection> {
    let event = SubmittedEvent::parse(text, &Limits::FROM_RELAY)?;
    let (_, sources) = event.verify_from_upstream(trust, upstream, at(NOW))?;
    Ok(sources.iter().map(ToString::to_string).collect())
}

fn refusal(text: &[u8], trust: &Trust, upstream: &Upstream) -> (Reason, String) {
    let rejection = verify(text, trust, upstream).unwrap_err();
    (rejection.reason(), rejection.detail().to_owned())
}

/// A key of the same name with another secret: what it signs does not verify.
fn forged(key: &SigningKey) -> SigningKey {
    SigningKey::from_seed(key.signer().clone(), key.key_id().clone(), &[99; 32])
}

#[test]
fn an_authorised_source_and_the_upstream_are_enough() {
    let text = event(ARCHIVE_ID, &[&source(), &upstream_key()]);
    assert_eq!(verify(&text, &everybody(), &upstream(&[])).unwrap(), ["archive-01"]);
    let event = SubmittedEvent::parse(&text, &Limits::FROM_RELAY).unwrap();
    let (event, _) = event.verify_from_upstream(&everybody(), &upstream(&[]), at(NOW)).unwrap();
    let signers: Vec<String> = event.signatures().signers().map(ToString::to_string).collect();
    assert_eq!(signers, ["archive-01", "lighthouse-internal"], "the upstream's is kept");
}

#[test]
fn without_the_upstreams_signature_nothing_is_taken() {
    let trust = everybody();
    let (archive, other) = (source(), other_relay());
    for signers in [vec![&archive], vec![&archive, &other], vec![&other]] {
        let (reason, detail) = refusal(&event(ARCHIVE_ID, &signers), &trust, &upstream(&[]));
        assert_eq!(reason, Reason::NotAuthorised, "{detail}");
        assert!(detail.contains("lighthouse-internal passed it on"), "{detail}");
        // Not even what it could vouch for.
        let lenient = upstream(&["_lk.archive."]);
        assert_eq!(refusal(&event(ARCHIVE_ID, &signers), &trust, &lenient).0, reason);
    }
    let strangers = key("somebody", 9);
    let text = event(ARCHIVE_ID, &[&strangers]);
    assert_eq!(refusal(&text, &trust, &upstream(&[])).0, Reason::UnknownSigner);
    let bare = event(ARCHIVE_ID, &[]);
    assert_eq!(refusal(&bare, &trust, &upstream(&["_lk.archive."])).0, Reason::NotSigned);
}

#[test]
fn a_source_that_may_not_emit_the_id_is_not_enough() {
    let text = event("_lk.spears.x", &[&source(), &upstream_key()]);
    let (reason, detail) = refusal(&text, &everybody(), &upstream(&[]));
    assert_eq!(reason, Reason::NotAuthorised);
    assert!(detail.contains("may not emit _lk.spears.x"), "{detail}");
    let relays = event(ARCHIVE_ID, &[&upstream_key(), &other_relay()]);
    assert_eq!(refusal(&relays, &everybody(), &upstream(&[])).0, Reason::NotAuthorised);
}

#[test]
fn the_upstreams_word_counts_for_the_ids_that_are_named_and_no_others() {
    let emit = upstream(&["_lk.jobs.", "_lk.whole.id"]);
    let trust = everybody();
    for (id, is_taken) in [
        (JOB_ID, true),
        ("_lk.whole.id", true),
        ("_lk.whole.id-x", false),
        ("_lk.jobs2.done", false),
        (ARCHIVE_ID, false),
    ] {
        let outcome = verify(&event(id, &[&upstream_key()]), &trust, &emit);
        match outcome {
            Ok(sources) => {
                assert_eq!((sources, is_taken), (vec!["lighthouse-internal".into()], true));
            }
            Err(rejection) => {
                assert!(!is_taken, "{id}: {rejection}");
                assert_eq!(rejection.reason(), Reason::NotAuthorised);
            }
        }
    }
    // As a submission it is nothing: a relay is never a source.
    let submitted = SubmittedEvent::parse(&event(JOB_ID, &[&upstream_key()]), &Limits::SUBMISSION);
    let verified = submitted.unwrap().verify(trust.keyring(), at(NOW)).unwrap();
    assert_eq!(verified.authorise(&trust).unwrap_err().reason(), Reason::NotAuthorised);
}

#[test]
fn whoever_reads_from_that_relay_takes_the_same_word_and_no_other() {
    let reader = everybody().vouching([upstream(&["_lk.jobs."])]);
    let read = |id: &str, signers: &[&SigningKey], trust: &Trust| {
        let event = SubmittedEvent::parse(&event(id, signers), &Limits::FROM_RELAY).unwrap();
        let event = event.verify_received(trust, at(NOW)).map_err(|error| error.reason())?;
        let sources = event.authorise(trust).map_err(|error| error.reason())?;
        Ok(sources.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    let (internal, other) = (upstream_key(), other_relay());
    assert_eq!(read(JOB_ID, &[&internal, &other], &reader).unwrap(), ["lighthouse-internal"]);
    for (id, signers, trust) in [
        (JOB_ID, [&internal, &other], &everybody()),
        (ARCHIVE_ID, [&internal, &other], &reader),
        (JOB_ID, [&other, &other], &reader),
    ] {
        assert_eq!(read(id, &signers, trust), Err(Reason::NotAuthorised), "{id}");
    }
    // It is a relay nevertheless: its signature shows that it took others' events.
    assert!(reader.is_relay(internal.signer()));
}

#[test]
fn one_bad_signature_of_a_trusted_signer_spoils_the_event() {
    let trust = everybody();
    let lenient = upstream(&["_lk.archive."]);
    let (archive, internal, other) = (source(), upstream_key(), other_relay());
    for (bad, good) in [
        (forged(&archive), vec![&internal]),
        (forged(&internal), vec![&archive]),
        (forged(&other), vec![&archive, &internal]),
    ] {
        let mut signers = good.clone();
        signers.push(&bad);
        let text = event(ARCHIVE_ID, &signers);
        assert_eq!(refusal(&text, &trust, &lenient).0, Reason::BadSignature, "{}", bad.signer());
    }
    // Of a signer that is not trusted nothing can be said, nor is it passed on.
    let stranger = key("somebody", 9);
    let text = event(ARCHIVE_ID, &[&archive, &internal, &stranger]);
    assert!(verify(&text, &trust, &upstream(&[])).is_ok());
}

#[test]
fn a_sources_key_that_ended_counts_as_of_the_time_at_which_the_upstream_took_the_event() {
    let ended = Validity { revoked: Some(at(500)), ..Validity::ALWAYS };
    let trust = trust(&[
        (&source(), ended),
        (&upstream_key(), Validity::ALWAYS),
        (&other_relay(), Validity::ALWAYS),
    ]);
    let text = event(ARCHIVE_ID, &[&source(), &upstream_key()]);
    assert!(verify(&noted(&text, "lighthouse-internal", at(499)), &trust, &upstream(&[])).is_ok());
    for (text, what) in [
        (noted(&text, "lighthouse-internal", at(500)), "taken after the revocation"),
        (noted(&text, "lighthouse-other", at(499)), "another relay's note"),
        (text.clone(), "no note"),
        (
            noted(&event(ARCHIVE_ID, &[&source(), &other_relay()]), "lighthouse-internal", at(499)),
            "the upstream's note without its signature",
        ),
    ] {
        assert_eq!(refusal(&text, &trust, &upstream(&[])).0, Reason::NotAuthorised, "{what}");
    }
}

#[test]
fn an_upstream_whose_key_ended_is_believed_no_more() {
    let text = event(ARCHIVE_ID, &[&source(), &upstream_key()]);
    let text = noted(&text, "lighthouse-internal", at(400));
    for validity in [
        Validity { revoked: Some(at(500)), ..Validity::ALWAYS },
        Validity { until: Some(at(500)), ..Validity::ALWAYS },
        Validity { from: Some(at(NOW + 1)), ..Validity::ALWAYS },
    ] {
        let trust = trust(&[(&source(), Validity::ALWAYS), (&upstream_key(), validity)]);
        let (reason, detail) = refusal(&text, &trust, &upstream(&["_lk.archive."]));
        assert_eq!(reason, Reason::NotAuthorised, "{detail}");
    }
}

#[test]
fn sixteen_signatures_are_looked_at_and_seventeen_are_not() {
    let strangers: Vec<SigningKey> = (0..15).map(|n| key(&format!("s{n}"), 100 + n)).collect();
    let (archive, internal) = (source(), upstream_key());
    let mut signers = vec![&archive, &internal];
    signers.extend(&strangers[..14]);
    let text = event(ARCHIVE_ID, &signers);
    assert!(verify(&text, &everybody(), &upstream(&[])).is_ok());
    // `sign` itself makes no seventeenth.
    let seventeenth = format!(r#""signatures":{{"zz":{{"ed25519:0":"{}"}},"#, "A".repeat(86));
    let text = String::from_utf8(text).unwrap().replacen(r#""signatures":{"#, &seventeenth, 1);
    let reason = refusal(text.as_bytes(), &everybody(), &upstream(&[])).0;
    assert_eq!(reason, Reason::TooManySignatures);
}
