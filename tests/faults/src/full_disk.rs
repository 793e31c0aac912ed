//! The disk is full for a while: by failing writes, and really.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use laniakea_e2e::Relay;
use laniakea_event::Seq;
use laniakea_wire::{
    curve::Security,
    replay::{From, Read, ReplayClient, Request},
};

use crate::{
    Outcome, Scale, strace,
    stream::{Place, Stream, pass},
};

/// Events a second.
const RATE: u32 = 100;
/// The real disk.
const DISK: &str = "size=8m";
/// How long it stays full.
const FULL: Duration = Duration::from_secs(4);
/// How often it is filled at full size.
const FILLINGS: u64 = 12;
/// More would fill it with nothing but the journal.
const FILLINGS_A_DISK: u64 = 4;
/// How long events may take to be taken again once there is room.
const MAX_RECOVERY: Duration = Duration::from_secs(5);

/// Runs the trial.
pub fn run(scale: &Scale) -> Outcome {
    let mut outcome =
        Outcome { name: "full_disk", max_recovery: Some(MAX_RECOVERY), ..Outcome::default() };
    let mut skipped = Vec::new();
    match strace::missing() {
        Some(why) => skipped.push(why),
        None => failing_writes(&mut outcome),
    }
    let mut left = scale.of(FILLINGS);
    if let Some(why) = no_own_mounts() {
        skipped.push(why);
        left = 0;
    }
    while left > 0 {
        let fillings = left.min(FILLINGS_A_DISK);
        small_disk(fillings, &mut outcome);
        left -= fillings;
    }
    outcome.skipped = (!skipped.is_empty()).then(|| skipped.join("; "));
    outcome
}

/// Why nothing may be mounted here.
fn no_own_mounts() -> Option<String> {
    let script = "mount -t tmpfs -o size=1m none /mnt";
    let output = Command::new("unshare").args(["-Urm", "sh", "-c", script]).output();
    match output {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(format!(
            "no tmpfs in a namespace of one's own: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
        Err(error) => Some(format!("unshare cannot be run: {error}")),
    }
}

/// Some hundred writes of the journal find no space.
fn failing_writes(outcome: &mut Outcome) {
    let trace = tempfile::NamedTempFile::new().unwrap();
    let wrapper = strace::failing("pwrite64", "ENOSPC", "200..600", trace.path());
    let wrapper: Vec<&str> = wrapper.iter().map(String::as_str).collect();
    let stream =
        Stream::begin(Relay::new().under(&wrapper), RATE, Place::default(), &Place::default());
    let deadline = Instant::now() + Duration::from_mins(1);
    // Each write that fails is one group that is refused.
    let failed = || strace::calls(trace.path()).iter().filter(|(_, it)| *it).count();
    while failed() < 401 && Instant::now() < deadline {
        pass(Duration::from_millis(200));
    }
    stream.fault();
    outcome.faults += failed() as u64;
    finish(stream, "failing writes", outcome, || {});
}

/// A disk of eight megabytes that something else fills.
fn small_disk(fillings: u64, outcome: &mut Outcome) {
    let script = format!("mount -t tmpfs -o {DISK} none \"$0\" && exec \"$@\"");
    let relay = Relay::new().under(&["unshare", "-Urm", "sh", "-c", &script, "{data}"]);
    let mut stream = Stream::begin(relay, RATE, Place::default(), &Place::default());
    // The relay's own view of its disk.
    let data = stream.relay.directory().join("data");
    let root = PathBuf::from(format!("/proc/{}/root", stream.relay.process().id()));
    let filler = root.join(data.strip_prefix("/").unwrap()).join("filler");
    for number in 0..fillings {
        stream.fault();
        if !stream.flows(MAX_RECOVERY * 2) {
            outcome.wrong.push(format!("no events before filling {number}"));
        }
        fill(&filler);
        let refused = refusals(&stream);
        pass(FULL / 2);
        if refusals(&stream) == refused {
            outcome.wrong.push(format!("filling {number} made the relay refuse nothing"));
        }
        // Reading goes on.
        let read = read_some(&stream);
        if read == 0 {
            outcome.wrong.push("nothing could be read while the disk was full".to_owned());
        }
        pass(FULL / 2);
        std::fs::remove_file(&filler).unwrap();
        stream.fault();
        outcome.faults += 1;
    }
    let copy_out = || {
        for name in ["journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm"] {
            std::fs::copy(filler.with_file_name(name), data.join(name)).unwrap();
        }
    };
    finish(stream, "an 8 MiB disk", outcome, copy_out);
}

fn refusals(stream: &Stream) -> u64 {
    stream.refused().get("unavailable").copied().unwrap_or_default()
}

/// Leaves not a byte.
fn fill(path: &Path) {
    File::create(path).unwrap();
    let mut file = OpenOptions::new().append(true).open(path).unwrap();
    for size in [64 << 10, 4096, 1] {
        while file.write_all(&vec![b'x'; size]).is_ok() {}
    }
}

fn read_some(stream: &Stream) -> usize {
    let endpoint = &stream.relay.endpoints().replay;
    let patience = Duration::from_secs(5);
    let mut client = ReplayClient::connect(endpoint, &Security::Plain, patience).unwrap();
    let read = Read { from: From::After(Seq::START), prefixes: Vec::new(), limit: 100 };
    client.request(&Request::Read(read)).map_or(0, |answer| answer.events.len())
}

/// Waits until all is through; what the relay has then is kept before it ends, and its disk with it.
fn finish(mut stream: Stream, name: &str, outcome: &mut Outcome, keep: impl FnOnce()) {
    let flows = stream.flows(MAX_RECOVERY * 4);
    outcome.recovered(stream.longest());
    if !flows {
        outcome.wrong.push(format!("{name}: events did not flow again"));
    }
    stream.settle();
    let process = stream.relay.process();
    if !process.is_running() {
        outcome.wrong.push(format!("{name}: the relay ended: {:?}", process.output()));
    }
    let refused = stream.refused();
    let unavailable = refused.get("unavailable").copied().unwrap_or_default();
    if unavailable == 0 {
        outcome.wrong.push(format!("{name}: nothing was refused"));
    }
    outcome.notes.push(format!("{name}: {unavailable} refusals, all of them sent again and taken"));
    if refused.len() > 1 {
        outcome.wrong.push(format!("{name}: refused for other reasons: {refused:?}"));
    }
    keep();
    let findings = stream.end();
    if findings.unacknowledged > 0 {
        outcome.wrong.push(format!("{name}: {} were never taken", findings.unacknowledged));
    }
    outcome.findings.add(findings);
}
