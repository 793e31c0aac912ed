//! The shared vectors: submissions of every kind, and the keys that signed them.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use laniakea_e2e::Module;
use laniakea_event::{Digest, Limits, Value, decode_base64};
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

/// The digests of all that the vectors say, so that whatever else is taken was altered.
///
/// What a signer signed may stand in a vector that is refused: with a byte too much behind it,
/// with a member twice, beside junk that is not signed. A mutation can take that away again.
pub(crate) fn contents() -> BTreeSet<Digest> {
    let computed = wires().into_iter().flat_map(|wire| readings(&wire)).filter_map(|text| {
        let limits = Limits { max_depth: 500, max_members: 1_000_000, ..Limits::SUBMISSION };
        let Ok(Value::Object(mut event)) = Value::parse(&text, &limits) else { return None };
        event.remove("signatures");
        event.remove("unsigned");
        Some(Digest::of(Value::Object(event).to_canonical().as_bytes()))
    });
    let told = cases().into_iter().filter_map(|case| {
        let text = case["signed_bytes"].as_str()?;
        Some(Digest::of(text.as_bytes()))
    });
    computed.chain(told).collect()
}

/// What a lenient reader may take for the event: the whole, the first object in it, and that
/// with the last of two members of one name.
fn readings(wire: &[u8]) -> Vec<Vec<u8>> {
    let start = wire.iter().position(|byte| *byte == b'{').unwrap_or_default();
    let mut objects = serde_json::Deserializer::from_slice(&wire[start..]).into_iter::<Json>();
    let object = objects.next().and_then(Result::ok);
    let first = wire[start..start + objects.byte_offset()].to_vec();
    let last_wins = object.map(|object| object.to_string().into_bytes());
    [wire.to_vec(), first].into_iter().chain(last_wins).collect()
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
