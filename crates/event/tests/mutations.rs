//! Damaged events and key files: nothing panics, and what is accepted still holds together.
//!
//! The fuzz targets of `tests/fuzz` look at the same invariants, for as long as one lets them.

#![expect(clippy::disallowed_methods, reason = "tests read the files that they wrote")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/invariants.rs"]
mod invariants;

use std::path::PathBuf;

use laniakea_event::{Limits, SubmittedEvent};
use proptest::{
    prelude::RngExt,
    test_runner::{RngAlgorithm, TestRng},
};

/// In each of the four parts, which run side by side.
const EVENTS: usize = 50_000;

/// What parsers stumble over.
const TOKENS: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"\\",
    b",",
    b":",
    b" ",
    b"\n",
    b"\0",
    b"\x7f",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b"\\u0000",
    b"\\ud800",
    b"\\udc00",
    b"\\ud83d\\ude00",
    b"-0",
    b"-0.0",
    b"0",
    b"1.0",
    b"1e16",
    b"1E-7",
    b"1e400",
    b"-1e-400",
    b"9007199254740993",
    b"18446744073709551616",
    b"0.1",
    b"2.2250738585072014e-308",
    b"null",
    b"true",
    b"NaN",
    b"\"id\":",
    b"\"tag\":",
    b"\"data\":{}",
    b"\"unsigned\":{}",
    b"\"signatures\":{}",
    b"{\"a\":1}",
    b"ed25519:0",
    b"=",
    b"==",
    b"-",
    b"_",
    b"#",
    b"    ",
    b"ed\n",
    b"key-id = \"1\"\n",
];

/// Values that are right and rare.
const VALUES: &[&str] = &[
    "-0",
    "-0.0",
    "1e16",
    "123456789012345678901234567890",
    "-2.2250738585072014E-308",
    "4.35e-05",
    "0.1",
    "-1e-400",
    "[]",
    "[{},[1.0,1]]",
    r#""\u0000\u001f\u007f""#,
    r#""\ud83d\ude00\/\b\f""#,
    "\"\u{2028}\u{10ffff}\"",
    r#"{"\u00e9":1,"é ":2,"":3}"#,
];

#[test]
fn damaged_events_are_refused_or_hold_together_part_1() {
    damage_events(1);
}

#[test]
fn damaged_events_are_refused_or_hold_together_part_2() {
    damage_events(2);
}

#[test]
fn damaged_events_are_refused_or_hold_together_part_3() {
    damage_events(3);
}

#[test]
fn damaged_events_are_refused_or_hold_together_part_4() {
    damage_events(4);
}

fn damage_events(part: u8) {
    let events = events();
    for event in &events {
        invariants::check_event(event);
    }
    let mut rng = rng(part);
    let mut accepted = 0;
    for _ in 0..EVENTS {
        let damaged = damage(&events, &mut rng);
        accepted += usize::from(SubmittedEvent::parse(&damaged, &Limits::SUBMISSION).is_ok());
        report(&damaged, invariants::check_event);
    }
    // Damage that is always refused would say little about what is accepted.
    assert!((EVENTS / 10..EVENTS / 2).contains(&accepted), "{accepted} were accepted");
}

#[test]
fn damaged_key_files_are_refused_or_hold_together() {
    let files = key_files();
    for file in &files {
        invariants::check_key_file(file);
    }
    let mut rng = rng(5);
    for _ in 0..20_000 {
        let damaged = damage(&files, &mut rng);
        report(&damaged, invariants::check_key_file);
    }
}

#[test]
fn base64_is_read_in_its_four_spellings_only() {
    const CHARACTERS: &[u8] = b"ABZaz019+/-_==== \n.";
    let mut rng = rng(6);
    for _ in 0..100_000 {
        let length = rng.random_range(0..12);
        let text = (0..length).map(|_| CHARACTERS[rng.random_range(0..CHARACTERS.len())]);
        report(&text.collect::<Vec<u8>>(), invariants::check_base64);
    }
}

/// Runs a check and, where it panics, says on what.
fn report(bytes: &[u8], check: impl Fn(&[u8]) + std::panic::RefUnwindSafe) {
    if std::panic::catch_unwind(|| check(bytes)).is_err() {
        let text = String::from_utf8_lossy(bytes);
        let base64 = laniakea_event::encode_base64(bytes);
        panic!("the invariant above does not hold for {text:?} (base64 {base64})");
    }
}

/// The same damage in every run.
fn rng(part: u8) -> TestRng {
    TestRng::from_seed(RngAlgorithm::ChaCha, &[part; 32])
}

/// One of the originals with one to three things done to it.
fn damage(originals: &[Vec<u8>], rng: &mut TestRng) -> Vec<u8> {
    let mut bytes = originals[rng.random_range(0..originals.len())].clone();
    for _ in 0..rng.random_range(1..4) {
        damage_once(&mut bytes, originals, rng);
    }
    bytes
}

fn damage_once(bytes: &mut Vec<u8>, originals: &[Vec<u8>], rng: &mut TestRng) {
    let at = rng.random_range(0..=bytes.len());
    let range = at..(at + rng.random_range(0_usize..24)).min(bytes.len());
    match rng.random_range(0..12) {
        0 if at < bytes.len() => bytes[at] ^= 1 << rng.random_range(0..8),
        1 if at < bytes.len() => bytes[at] = rng.random_range(0..=255),
        2 => drop(bytes.drain(range)),
        3 => {
            let again = bytes[range].to_vec();
            bytes.splice(at..at, again);
        }
        4 => {
            let other = &originals[rng.random_range(0..originals.len())];
            let from = rng.random_range(0..=other.len());
            let piece = &other[from..(from + 40).min(other.len())];
            bytes.splice(range, piece.iter().copied());
        }
        5 => bytes.truncate(at),
        6..10 => add_member(bytes, at, rng),
        _ => {
            let token = TOKENS[rng.random_range(0..TOKENS.len())];
            bytes.splice(at..at, token.iter().copied());
        }
    }
}

/// Puts a member into the first object that begins behind `from`.
fn add_member(bytes: &mut Vec<u8>, from: usize, rng: &mut TestRng) {
    let Some(at) = bytes[from..].iter().position(|byte| *byte == b'{') else {
        return;
    };
    let name = char::from(rng.random_range(b'a'..=b'z'));
    let value = VALUES[rng.random_range(0..VALUES.len())];
    let at = from + at + 1;
    bytes.splice(at..at, format!("\"{name}\":{value},").into_bytes());
}

fn vectors() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/events")
}

fn events() -> Vec<Vec<u8>> {
    let mut events = Vec::new();
    for file in ["laniakea.json", "seed.json"] {
        let text = std::fs::read(vectors().join(file)).unwrap();
        let vectors: serde_json::Value = serde_json::from_slice(&text).unwrap();
        for case in vectors["cases"].as_array().unwrap() {
            let base64 = || laniakea_event::decode_base64(case["wire_base64"].as_str()?);
            let text = case["wire"].as_str().map(|text| text.as_bytes().to_vec());
            events.push(text.or_else(base64).unwrap());
        }
    }
    assert_eq!(events.len(), 132);
    events
}

fn key_files() -> Vec<Vec<u8>> {
    let folders =
        ["trusted", "not_trusted", "secret"].map(|name| vectors().join("keys").join(name));
    let entries = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let files: Vec<Vec<u8>> =
        entries.map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect();
    assert_eq!(files.len(), 8);
    files
}
