//! Our canonical form against what `CPython` writes, over generated objects and known doubles.

#![expect(clippy::disallowed_methods, reason = "tests read the files that they wrote")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fmt::Write as _,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use laniakea_event::{Limits, Number, Value};
use proptest::{
    collection::{btree_map, vec},
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

/// In each of the four parts, which run side by side.
const OBJECTS: usize = 25_000;

/// Reads a JSON text a line (its line feeds are escaped beforehand) and writes the signed form.
const PYTHON: &str = r#"
import json, sys
for line in sys.stdin.buffer:
    value = json.loads(line.decode("utf-8"))
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    sys.stdout.buffer.write(text.encode("utf-8") + b"\n")
    sys.stdout.buffer.flush()
"#;

struct Python {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Python {
    fn start() -> Self {
        let mut child = Command::new("python3")
            .args(["-c", PYTHON])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is needed for this test");
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, input, output }
    }

    fn canonical(&mut self, text: &str) -> String {
        writeln!(self.input, "{text}").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.pop();
        line
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A JSON value as some sender may spell it.
fn spelled() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|truth| truth.to_string()),
        any::<i64>().prop_map(|integer| integer.to_string()),
        "-?[1-9][0-9]{15,400}",
        Just("-0".to_owned()),
        any::<u64>().prop_filter_map("finite", spell_double),
        (any::<i32>(), -25_i32..25).prop_map(|(digits, exponent)| format!("{digits}E{exponent}")),
        "-?[1-9][0-9]{0,20}\\.[0-9]{1,25}([eE][+-]?[0-9]{1,2})?",
        string(),
    ];
    leaf.prop_recursive(12, 64, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(|items| format!("[ {} ]", items.join("\t, "))),
            btree_map(any::<String>(), inner, 0..6).prop_map(|members| {
                let members: Vec<String> = members
                    .iter()
                    .rev()
                    .map(|(name, value)| format!("{} :{value}", spell(name, 3)))
                    .collect();
                format!("{{{}}}", members.join(" ,"))
            }),
        ]
    })
}

fn spell_double(bits: u64) -> Option<String> {
    let double = f64::from_bits(bits);
    double.is_finite().then(|| match bits % 4 {
        0 => format!("{double:e}").replace('e', "E"),
        1 => format!("{double:.17e}"),
        2 if double.fract() != 0.0 => format!("{double}"),
        _ => format!("{double:.20e}"),
    })
}

fn string() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        any::<char>(),
        (0_u32..0x20).prop_map(|code| char::from_u32(code).unwrap()),
        Just('\u{7f}'),
        Just('"'),
        Just('\\'),
        Just('/'),
        Just('\u{2028}'),
        (0x1_0000_u32..0x11_0000).prop_map(|code| char::from_u32(code).unwrap()),
    ];
    (vec(character, 0..20), 1_usize..5)
        .prop_map(|(characters, every)| spell(&characters.into_iter().collect::<String>(), every))
}

/// Escapes what must be, and every few characters one that need not be.
fn spell(text: &str, escape_every: usize) -> String {
    let mut spelled = String::from("\"");
    for (index, character) in text.chars().enumerate() {
        let must = character < ' ' || character == '"' || character == '\\';
        if must || index % escape_every == 0 {
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(spelled, "\\u{unit:04X}").unwrap();
            }
        } else {
            spelled.push(character);
        }
    }
    spelled.push('"');
    spelled
}

#[test]
fn canonical_form_is_what_python_signs_part_1() {
    compare_generated_objects(1);
}

#[test]
fn canonical_form_is_what_python_signs_part_2() {
    compare_generated_objects(2);
}

#[test]
fn canonical_form_is_what_python_signs_part_3() {
    compare_generated_objects(3);
}

#[test]
fn canonical_form_is_what_python_signs_part_4() {
    compare_generated_objects(4);
}

/// The seed is fixed, so that every run sees the same objects.
fn compare_generated_objects(part: u8) {
    let mut python = Python::start();
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[part; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy =
        vec(spelled(), 0..4).prop_map(|items| format!("{{\"data\":[{}]}}", items.join(",")));
    for _ in 0..OBJECTS {
        let text = strategy.new_tree(&mut runner).unwrap().current();
        let ours = Value::parse(text.as_bytes(), &Limits::SUBMISSION).unwrap().to_canonical();
        assert_eq!(ours, python.canonical(&text), "for {text}");
        let again = Value::parse(ours.as_bytes(), &Limits::SUBMISSION).unwrap().to_canonical();
        assert_eq!(again, ours, "canonical form is not its own canonical form");
    }
}

#[test]
fn known_doubles_are_written_as_python_writes_them() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/json/float_repr.tsv");
    let table = std::fs::read_to_string(path).unwrap();
    let rows: Vec<&str> = table.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(rows.len(), 2_001);
    for row in rows {
        let mut columns = row.split('\t');
        let bits = u64::from_str_radix(columns.next().unwrap(), 16).unwrap();
        let python = columns.next().unwrap();
        assert_eq!(Number::double(f64::from_bits(bits)).unwrap().as_str(), python, "{bits:016x}");
        let parsed = Value::parse(python.as_bytes(), &Limits::SUBMISSION).unwrap();
        assert_eq!(parsed.to_canonical(), python);
    }
}
