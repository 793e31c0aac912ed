//! What one round came to, and the file that has those of a run that was interrupted.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write as _,
    path::PathBuf,
};

use laniakea_e2e::binary;
use serde::{Deserialize, Serialize};

use crate::Scale;

/// The figures of one round.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Round {
    pub(super) what: String,
    /// Such as `publish`.
    pub(super) endpoint: String,
    pub(super) is_encrypted: bool,
    /// What the peers sent: messages, connections or handshakes.
    pub(super) inputs: u64,
    /// How long each good reply took.
    pub(super) times_us: Vec<u64>,
    pub(super) refused: u64,
    pub(super) unanswered: u64,
    /// Good events that a good consumer did not get, or got again, and what else it was told.
    pub(super) missing: u64,
    pub(super) repeated: u64,
    pub(super) complaints: u64,
    /// How long somebody waited at most who came meanwhile and asked how the relay is.
    pub(super) newcomer_us: u64,
    /// After the end: until the CPU was idle, and the connections that were still there.
    pub(super) idle_ms: u64,
    pub(super) left: u64,
    /// Anonymous memory: at its most meanwhile, and afterwards, beyond that before the first round.
    pub(super) peak_kib: u64,
    pub(super) kept_kib: u64,
    /// What the relay counted.
    pub(super) counted: BTreeMap<String, u64>,
}

/// Where the rounds of a run are kept until it is done.
pub(super) struct Rounds {
    pub(super) done: Vec<Round>,
    file: Option<(PathBuf, File)>,
}

impl Rounds {
    /// Goes on with what is there of a run of this size and seed with this very relay.
    pub(super) fn open(scale: &Scale) -> Self {
        if !scale.is_kept() {
            return Self { done: Vec::new(), file: None };
        }
        let relay = fs::metadata(binary("lighthouse")).unwrap();
        let run = format!("{scale:?} {} {:?}", relay.len(), relay.modified().unwrap());
        let path = std::env::current_exe().unwrap().with_extension("attacks");
        let text = fs::read_to_string(&path).unwrap_or_default();
        let mut lines = text.lines();
        let done: Vec<Round> = match lines.next() {
            // A last line that was cut off is no round.
            Some(first) if first == run => {
                lines.map_while(|it| serde_json::from_str(it).ok()).collect()
            }
            _ => Vec::new(),
        };
        let mut file = File::create(&path).unwrap();
        writeln!(file, "{run}").unwrap();
        let mut rounds = Self { done: Vec::new(), file: Some((path, file)) };
        for round in done {
            rounds.push(round);
        }
        rounds
    }

    pub(super) fn push(&mut self, round: Round) {
        if let Some((_, file)) = &mut self.file {
            writeln!(file, "{}", serde_json::to_string(&round).unwrap()).unwrap();
        }
        self.done.push(round);
    }

    /// The run is over: the next one begins anew.
    pub(super) fn close(self) {
        if let Some((path, _)) = self.file {
            fs::remove_file(path).unwrap_or_default();
        }
    }
}
