//! The shared vectors: submissions of every kind, and the keys that signed them.

use std::path::{Path, PathBuf};

use laniakea_e2e::Module;
use laniakea_event::{Digest, decode_base64};
use serde_json::Value as Json;

/// Every submission, as bytes.
pub(crate) fn wires() -> Vec<Vec<u8>> {
    let wires: Vec<Vec<u8>> = cases()
        .iter()
        .map(|case| {
            let text = case["wire"].as_str().map(|text| text.as_bytes().to_vec());
            text.or_else(|| decode_base64(case["wire_base64"].as_str()?)).unwrap()
        })
        .filter(|wire| !wire.is_empty())
        .collect();
    assert!(wires.len() > 120, "only {} vectors were found", wires.len());
    wires
}

/// The digests of what the vectors' signers signed, as the vectors' makers computed them.
pub(crate) fn signed() -> Vec<Digest> {
    let signed = cases().into_iter().filter_map(|case| {
        let text = case["signed_bytes"].as_str()?;
        Some(Digest::of(text.as_bytes()))
    });
    signed.collect()
}

/// One of the vectors' signers, who all have secret keys for tests.
pub(crate) fn signer(name: &str) -> Module {
    Module::load(&directory().join(format!("keys/secret/{name}.key_secret")))
}

fn cases() -> Vec<Json> {
    let files = ["laniakea.json", "seed.json"].map(|name| {
        let text = std::fs::read(directory().join(name)).unwrap();
        serde_json::from_slice::<Json>(&text).unwrap()
    });
    files.iter().flat_map(|file| file["cases"].as_array().unwrap().clone()).collect()
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/events")
}
