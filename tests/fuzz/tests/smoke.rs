//! Every target for some seconds: on its seeds, on what was ever found to break something, and on
//! damaged copies of them, always the same ones. Or on `FUZZ_INPUTS` of them, however long that takes,
//! from number `FUZZ_FIRST` on.

#![expect(clippy::disallowed_methods, reason = "tests read the files that they wrote")]

use std::{
    env, fs, io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use laniakea_fuzz::TARGETS;

/// How often a target is run, and for how long at most. Both are per target.
const MAX_RUNS: u64 = 20_000;
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

/// A number that somebody gave.
fn given(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().expect("a number"))
}

fn run(name: &str) {
    let (_, target) = TARGETS.iter().find(|(other, _)| *other == name).expect("a target");
    let artifacts = root().join("artifacts").join(name);
    let broken = inputs(&artifacts);
    let seeds = inputs(&root().join("seeds").join(name));
    assert!(!seeds.is_empty(), "{name} has no seeds: run scripts/fuzz-seeds.py");
    for input in broken.iter().chain(&seeds) {
        try_one(name, *target, input, Keep::First);
    }
    let (first, many) = (given("FUZZ_FIRST").unwrap_or_default(), given("FUZZ_INPUTS"));
    let (most, keep) = many.map_or((MAX_RUNS, Keep::First), |many| (many, Keep::Broken));
    let begun = Instant::now();
    let mut runs = 0;
    while runs < most && (many.is_some() || begun.elapsed() < MAX_TIME) {
        // Each by itself: whatever number breaks the target does so alone, too.
        let mut random = Random::of(first + runs);
        try_one(name, *target, &damaged(&seeds, &mut random), keep);
        runs += 1;
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{name}: nothing broke it: {runs} damaged inputs from number {first} on, {} seeds, {seconds:.1} s",
        seeds.len()
    );
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

/// When an input is kept.
#[derive(Clone, Copy, PartialEq)]
enum Keep {
    /// Before it is tried: what overflows the stack leaves nobody to keep it.
    First,
    /// When it broke the target. Ten million files take too long.
    Broken,
}

fn try_one(name: &str, target: fn(&[u8]), input: &[u8], keep: Keep) {
    let file = root().join("artifacts").join(name).join("smoke");
    let write = || {
        fs::create_dir_all(file.parent().expect("a folder")).expect("it can be made");
        fs::write(&file, input).expect("it can be written");
    };
    if keep == Keep::First {
        write();
    }
    if catch_unwind(AssertUnwindSafe(|| target(input))).is_err() {
        write();
        panic!(
            "this broke {name}: {}\nit is kept in tests/fuzz/artifacts/{name}/smoke; replay it with\n\
             cargo fuzz run --fuzz-dir tests/fuzz --features libfuzzer {name} tests/fuzz/artifacts/{name}/smoke",
            input.escape_ascii()
        );
    }
    if keep == Keep::First {
        fs::remove_file(&file).expect("it was just written");
    }
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
    /// Neighbours have nothing in common.
    fn of(number: u64) -> Self {
        let mut random = Self(number);
        random.0 = random.next();
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("it is below a usize")
    }

    fn one_of<'t, T>(&mut self, things: &'t [T]) -> &'t T {
        &things[self.below(things.len())]
    }
}
