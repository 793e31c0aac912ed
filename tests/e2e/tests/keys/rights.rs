//! Each kind of key with each kind of id.

use std::{collections::BTreeMap, fs};

use laniakea_e2e::{Module, Relay, RunningRelay, Signal};
use laniakea_event::{KeyId, Limits, SignerId, SigningKey, SubmittedEvent};

use crate::{becomes, believed, event, submit, trust_with, write_config};

const IDS: [&str; 6] = [
    "_lk.archive.build",
    "_lk.archive.build.deep",
    "_lk.archive.build-x",
    "_lk.archive.other",
    "_lk.archive2.build",
    "org.example.archive.build",
];
// One line a key, one letter an id: taken (+), not authorised (-), or another reason.
const TABLE: [(&str, &str, &str); 11] = [
    ("prefix", "++++--", ""),
    ("whole", "+-----", ""),
    ("nothing", "------", ""),
    ("another-relay", "------", ""),
    ("relay", "------", ""),
    ("revoked", "xxxxxx", "unknown_key_id"),
    ("expired", "xxxxxx", "unknown_key_id"),
    ("early", "xxxxxx", "unknown_key_id"),
    ("other key id", "xxxxxx", "unknown_key_id"),
    ("stranger", "xxxxxx", "unknown_signer"),
    ("forged", "xxxxxx", "bad_signature"),
];

#[tokio::test]
async fn every_key_may_emit_what_it_may_and_nothing_else() {
    let names = ["prefix", "whole", "nothing", "another-relay", "revoked", "expired", "early"];
    let modules: BTreeMap<&str, Module> =
        names.into_iter().map(|name| (name, Module::new(name))).collect();
    let mut relay = Relay::new()
        .trust(&modules["prefix"], &["_lk.archive."])
        .trust(&modules["whole"], &["_lk.archive.build"])
        .trust(&modules["nothing"], &[])
        .trust(&modules["revoked"], &["_lk.archive."])
        .trust(&modules["expired"], &["_lk.archive."])
        .trust(&modules["early"], &["_lk.archive."])
        .run();
    let config = relay.directory().join("lighthouse.toml");
    let text = fs::read_to_string(&config).unwrap();
    write_config(
        &config,
        &text.replacen("[trust]\n", "[trust]\nrelays = [\"another-relay\"]\n", 1),
    );
    modules["another-relay"].publish_key(&relay.directory().join("trusted"));
    trust_with(&relay, &modules["revoked"], "    revoked = \"2026-01-01T00:00:00Z\"\n");
    trust_with(&relay, &modules["expired"], "    valid-until = \"2026-01-01T00:00:00Z\"\n");
    trust_with(&relay, &modules["early"], "    valid-from = \"2999-01-01T00:00:00Z\"\n");
    relay.process().signal(Signal::HUP);
    let publisher = relay.publisher(1);
    for name in ["revoked", "expired", "early"] {
        becomes(&publisher, modules[name].key(), "unknown_key_id").await;
    }

    let keys = keys(&relay, &modules);
    assert_eq!(TABLE.len(), keys.len());
    let mut taken = 0;
    for (name, row, other) in TABLE {
        for (id, letter) in IDS.into_iter().zip(row.chars()) {
            let expected = match letter {
                '+' => "ok",
                '-' => "not_authorised",
                _ => other,
            };
            let found = submit(&publisher, event(&keys[name], id)).await;
            assert_eq!(found, expected, "{name} emits {id}");
            taken += usize::from(letter == '+');
            // The same signed by a relay as well, and by a source that may not: it helps nobody.
            let bytes = event(&keys[name], id);
            let beside = ["relay", "another-relay", "nothing"].map(|beside| &keys[beside]);
            let bytes = beside.into_iter().fold(bytes, |bytes, key| sign_too(&bytes, key));
            let found = submit(&publisher, bytes).await;
            // Somebody's key is known now, so that nothing is unknown any more.
            let expected = if other.starts_with("unknown") { "not_authorised" } else { expected };
            assert_eq!(found, expected, "{name} emits {id}, with others");
            taken += usize::from(letter == '+');
        }
    }
    assert_eq!(taken, 10);
    // Consumers judge by the same table. The modules whose keys end were believed for a moment.
    let filter = "('prefix' in signers) || ('whole' in signers)";
    assert_eq!(believed(&relay, filter), taken);
}

/// Those of the modules, and those that nobody trusts or that never may emit.
fn keys<'a>(
    relay: &RunningRelay,
    modules: &BTreeMap<&'a str, Module>,
) -> BTreeMap<&'a str, SigningKey> {
    let key = |signer: &str, key_id: &str, seed: u8| {
        let key_id = KeyId::parse(key_id).unwrap();
        SigningKey::from_seed(SignerId::parse(signer).unwrap(), key_id, &[seed; 32])
    };
    let mut keys: BTreeMap<&str, SigningKey> =
        modules.iter().map(|(name, module)| (*name, module.key().clone())).collect();
    let own = relay.directory().join("relay.key_secret");
    keys.insert("relay", SigningKey::load(&own).unwrap());
    keys.insert("stranger", key("stranger", "0", 1));
    keys.insert("other key id", key("prefix", "1", 2));
    keys.insert("forged", key("prefix", "0", 3));
    keys
}

fn sign_too(event: &[u8], key: &SigningKey) -> Vec<u8> {
    let event = SubmittedEvent::parse(event, &Limits::SUBMISSION);
    event.unwrap().sign(key).unwrap().into_bytes()
}
