//! Inputs: a vector, or what somebody signed, with one to three things done to it.

use std::{ops::Range, sync::Arc};

use fastrand::Rng;
use laniakea_e2e::Module;
use laniakea_event::{Digest, KeyId, Limits, Object, SigningKey, Value, encode_base64};

use crate::{hostile, respell::respell, vectors};

/// The longest input; beyond twice an event's limit the relay cuts the connection.
const MAX_BYTES: usize = 2 << 20;

/// Makes inputs, and remembers what it signed with a trusted key.
pub(super) struct Mutator {
    originals: Arc<Vec<Vec<u8>>>,
    trusted: SigningKey,
    stranger: SigningKey,
    rng: Rng,
    /// What the relay may take beside what the vectors' signers signed.
    pub(super) signed: Vec<Digest>,
}

impl Mutator {
    pub(super) fn new(originals: Arc<Vec<Vec<u8>>>, rng: Rng) -> Self {
        let key = |module: &Module| module.key().clone();
        Self {
            originals,
            trusted: key(&vectors::signer("archive-01")),
            stranger: key(&vectors::signer("stranger-01")),
            rng,
            signed: Vec::new(),
        }
    }

    pub(super) fn next(&mut self) -> Vec<u8> {
        let mut bytes = self.original();
        for _ in 0..self.rng.u8(1..=3) {
            self.mutate(&mut bytes);
        }
        bytes.truncate(MAX_BYTES);
        if bytes.is_empty() {
            // An empty frame in front would be the envelope of a REQ socket.
            bytes.push(b' ');
        }
        bytes
    }

    fn original(&mut self) -> Vec<u8> {
        self.rng.choice(self.originals.iter()).unwrap().clone()
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        match self.rng.u8(..) {
            0..50 => self.flip_bits(bytes),
            50..80 => self.insert(bytes),
            80..100 => drop(bytes.drain(self.range(bytes, 24))),
            100..120 => self.splice(bytes),
            120..130 => bytes.truncate(self.rng.usize(..=bytes.len())),
            130..150 => self.duplicate_member(bytes),
            150..170 => self.swap_number(bytes),
            170..185 => self.nest(bytes),
            185..205 => self.sign_by(bytes, false),
            205..225 => self.sign_by(bytes, true),
            225..245 => self.spell_anew(bytes),
            245..254 => *bytes = self.rubbish(),
            _ => self.grow(bytes),
        }
    }

    fn range(&mut self, bytes: &[u8], longest: usize) -> Range<usize> {
        let start = self.rng.usize(..=bytes.len());
        start..(start + self.rng.usize(..longest)).min(bytes.len())
    }

    fn flip_bits(&mut self, bytes: &mut [u8]) {
        for _ in 0..self.rng.u8(1..=4) {
            if !bytes.is_empty() {
                let at = self.rng.usize(..bytes.len());
                bytes[at] ^= 1 << self.rng.u8(..8);
            }
        }
    }

    fn insert(&mut self, bytes: &mut Vec<u8>) {
        let at = self.rng.usize(..=bytes.len());
        let piece = match self.rng.u8(..3) {
            0 => (0..self.rng.u8(1..8)).map(|_| self.rng.u8(..)).collect(),
            1 => self.rng.choice(hostile::JSON).unwrap().as_bytes().to_vec(),
            _ => self.rng.choice(hostile::TEXT).unwrap().as_bytes().to_vec(),
        };
        bytes.splice(at..at, piece);
    }

    fn splice(&mut self, bytes: &mut Vec<u8>) {
        let other = self.original();
        let piece = other[self.range(&other, 200)].to_vec();
        let range = self.range(bytes, 200);
        bytes.splice(range, piece);
    }

    /// A second member of a name that is there already, at times in another spelling.
    fn duplicate_member(&mut self, bytes: &mut Vec<u8>) {
        let names =
            ["id", "tag", "time", "data", "format", "signatures", "unsigned", "\\u0069d", "uuid"];
        let name = self.rng.choice(names).unwrap();
        let value = self.rng.choice(hostile::JSON).unwrap();
        self.put_member(bytes, &format!("\"{name}\":{value},"));
    }

    fn nest(&mut self, bytes: &mut Vec<u8>) {
        let depth = self.rng.usize(1..200);
        let (open, close) = *self.rng.choice(&[("[", "]"), ("{\"a\":", "}")]).unwrap();
        let value = format!("{}1{}", open.repeat(depth), close.repeat(depth));
        self.put_member(bytes, &format!("\"nested\":{value},"));
    }

    /// Puts text behind one of the opening braces.
    fn put_member(&mut self, bytes: &mut Vec<u8>, member: &str) {
        let from = if self.rng.bool() { 0 } else { self.rng.usize(..=bytes.len()) };
        if let Some(at) = bytes[from..].iter().position(|byte| *byte == b'{') {
            let at = from + at + 1;
            bytes.splice(at..at, member.bytes());
        }
    }

    /// Another spelling in the place of some digits.
    fn swap_number(&mut self, bytes: &mut Vec<u8>) {
        let from = self.rng.usize(..=bytes.len());
        let Some(start) = bytes[from..].iter().position(u8::is_ascii_digit) else { return };
        let start = from + start;
        let is_part = |byte: &&u8| byte.is_ascii_digit() || b".eE+-".contains(byte);
        let length = bytes[start..].iter().take_while(is_part).count();
        let number = self.rng.choice(hostile::NUMBERS).unwrap();
        bytes.splice(start..start + length, number.bytes());
    }

    fn spell_anew(&mut self, bytes: &mut Vec<u8>) {
        if let Ok(value) = Value::parse(bytes, &Limits::SUBMISSION) {
            *bytes = respell(&value, &mut self.rng).into_bytes();
        }
    }

    /// Other data, signed in the name of a trusted signer: by that signer, or by a stranger.
    fn sign_by(&mut self, bytes: &mut Vec<u8>, is_trusted: bool) {
        let Ok(Value::Object(mut event)) = Value::parse(bytes, &Limits::SUBMISSION) else {
            return;
        };
        let mut data = Object::new();
        let (name, value) = (self.text(), self.text());
        data.insert(name, Value::from(value));
        data.insert("number".to_owned(), Value::from(self.rng.u64(..)));
        if self.rng.u8(..4) > 0 {
            event.insert("data".to_owned(), data.into());
        }
        event.remove("signatures");
        let unsigned = event.remove("unsigned");
        let signed = Value::Object(event.clone()).to_canonical();
        let key = if is_trusted { &self.trusted } else { &self.stranger };
        let signature = encode_base64(&key.sign(signed.as_bytes()));
        if is_trusted {
            self.signed.push(Digest::of(signed.as_bytes()));
        }
        let entry = Object::from([(key_name(self.trusted.key_id()), Value::from(signature))]);
        let name = self.trusted.signer().to_string();
        event.insert("signatures".to_owned(), Object::from([(name, entry.into())]).into());
        event.extend(unsigned.map(|unsigned| ("unsigned".to_owned(), unsigned)));
        *bytes = Value::Object(event).to_canonical().into_bytes();
    }

    fn text(&mut self) -> String {
        (*self.rng.choice(hostile::TEXT).unwrap()).to_owned()
    }

    fn rubbish(&mut self) -> Vec<u8> {
        match self.rng.u8(..3) {
            0 => self.rng.choice(hostile::JSON).unwrap().as_bytes().to_vec(),
            1 => (0..self.rng.usize(..2_000)).map(|_| self.rng.u8(..)).collect(),
            _ => (0..self.rng.usize(..200))
                .map(|_| *self.rng.choice(b"{}[]\",:0e-\\u ").unwrap())
                .collect(),
        }
    }

    /// Too many members or items; rarely so many bytes that only that counts.
    fn grow(&mut self, bytes: &mut Vec<u8>) {
        if self.rng.u8(..16) == 0 {
            let filler = self.rng.usize(900_000..1_200_000);
            self.put_member(bytes, &format!("\"long\":\"{}\",", "x".repeat(filler)));
        } else {
            let items = self.rng.usize(9_000..11_000);
            self.put_member(bytes, &format!("\"many\":[{}1],", "1,".repeat(items)));
        }
    }
}

fn key_name(key_id: &KeyId) -> String {
    format!("ed25519:{key_id}")
}
