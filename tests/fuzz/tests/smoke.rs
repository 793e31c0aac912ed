//! Every target for some seconds: on its seeds, on what was ever found to break something, and on
//! damaged copies of them, always the same ones.

#![expect(clippy::disallowed_methods, reason = "tests read the files that they wrote")]

use std::{
    fs, io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use laniakea_fuzz::TARGETS;

/// How often a target is run, and for how long at most. Both are per target.
const MAX_RUNS: u32 = 20_000;
const MAX_TIME: Duration = Duration::from_secs(2);
/// Damaged copies are no longer than this, in bytes.
const MAX_BYTES: usize = 4_096;

/// What parsers stumble over.
const TOKENS: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b"(",
    b")",
    b"\"",
    b"\\",
    b",",
    b":",
    b"=",
    b"*",
    b"?",
    b".",
    b"-",
    b" ",
    b"\n",
    b"\n\n",
    b"\r",
    b"\t",
    b"\0",
    b"\x1b[2J",
    b"\xff",
    b"\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b"\xe2\x80\xae",
    b"\xe2\x80\xa8",
    b"\\u0000",
    b"\\ud800",
    b"<b>",
    b"&amp;",
    b"-0",
    b"1e400",
    b"18446744073709551615",
    b"9223372036854775808",
    b"null",
    b"[[[[[[[[",
];

macro_rules! smoke {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            run(stringify!($name));
        })*

        #[test]
        fn every_target_is_here() {
            let here = [$(stringify!($name)),*];
            assert_eq!(TARGETS.map(|(name, _)| name), here);
            let mut binaries: Vec<String> = fs::read_dir(root().join("fuzz_targets"))
                .expect("the folder is there")
                .map(|entry| entry.expect("it can be read").path())
                .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
                .collect();
            binaries.sort();
            assert_eq!(binaries, here);
        }
    };
}

smoke! {
    apt_settings
    base64
    curve_key
    event
    event_id
    event_line
    expression
    filtered_event
    follower
    follower_liar
    follower_link
    glob
    gpgv_status
    header
    index
    key_file
    keyring
    member
    number
    position
    relay_note
    release
    reply
    request
    rule
    signatures
    signed_release
    sources_list
    stored_block
    stored_row
    submission
    summary
    time
    unpack
    version
    zmtp_curve_client
    zmtp_curve_server
    zmtp_null_client
    zmtp_null_server
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn run(name: &str) {
    let (_, target) = TARGETS.iter().find(|(other, _)| *other == name).expect("a target");
    let artifacts = root().join("artifacts").join(name);
    let broken = inputs(&artifacts);
    let seeds = inputs(&root().join("seeds").join(name));
    assert!(!seeds.is_empty(), "{name} has no seeds: run scripts/fuzz-seeds.py");
    for input in broken.iter().chain(&seeds) {
        try_one(name, *target, input);
    }
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let end = Instant::now() + MAX_TIME;
    let mut runs = 0;
    while runs < MAX_RUNS && Instant::now() < end {
        try_one(name, *target, &damaged(&seeds, &mut random));
        runs += 1;
    }
    println!("{name}: {runs} damaged inputs, {} seeds", seeds.len());
}

/// The files in a folder, in the order of their names.
fn inputs(folder: &Path) -> Vec<Vec<u8>> {
    let mut paths: Vec<PathBuf> = match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| entry.expect("it can be read").path()).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => panic!("{}: {error}", folder.display()),
    };
    paths.sort();
    paths.iter().map(|path| fs::read(path).expect("it can be read")).collect()
}

fn try_one(name: &str, target: fn(&[u8]), input: &[u8]) {
    // Kept before it is tried: what overflows the stack leaves nobody to keep it.
    let running = root().join("artifacts").join(name).join("smoke");
    fs::create_dir_all(running.parent().expect("a folder")).expect("it can be made");
    fs::write(&running, input).expect("it can be written");
    let outcome = catch_unwind(AssertUnwindSafe(|| target(input)));
    assert!(
        outcome.is_ok(),
        "this broke {name}: {}\nit is kept in tests/fuzz/artifacts/{name}/smoke; replay it with\n\
         cargo fuzz run --fuzz-dir tests/fuzz --features libfuzzer {name} tests/fuzz/artifacts/{name}/smoke",
        input.escape_ascii()
    );
    fs::remove_file(&running).expect("it was just written");
}

/// A copy of a seed with some damage.
fn damaged(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut bytes = random.one_of(seeds).clone();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        let length = random.below(1 + (bytes.len() - at).min(64));
        let piece: Vec<u8> = bytes[at..at + length].to_vec();
        match random.below(8) {
            0 => drop(bytes.drain(at..at + length)),
            1 => bytes.truncate(at),
            2 => drop(bytes.splice(at..at, piece)),
            3 => {
                let to = random.below(bytes.len() + 1);
                drop(bytes.splice(to..to, piece));
            }
            4 => {
                let other = random.one_of(seeds);
                let from = random.below(other.len() + 1);
                bytes.truncate(at);
                bytes.extend(&other[from..]);
            }
            5 | 6 => drop(bytes.splice(at..at + length.min(1), random.one_of(TOKENS).to_vec())),
            _ => {
                let byte = random.below(256).to_le_bytes()[0];
                drop(bytes.splice(at..at + length.min(1), [byte]));
            }
        }
    }
    bytes.truncate(MAX_BYTES);
    bytes
}

/// SplitMix64: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).expect("it is below a usize")
    }

    fn one_of<'t, T>(&mut self, things: &'t [T]) -> &'t T {
        &things[self.below(things.len())]
    }
}
