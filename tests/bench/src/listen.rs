//! What `lk listen` costs a consumer.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::sync_channel,
    thread,
    time::Duration,
};

use anyhow::Context as _;

use crate::{
    cpu::CpuTime,
    fan_out::{Pace, submit},
    load::Load,
    throughput::wait_for_subscriptions,
    zmtp,
};

/// What one consumer keeps up with easily.
pub(crate) const PACE: Pace = Pace { group: 25, rate: 2_500 };

/// The consumer ends with the measurement.
struct Listener(Child);

impl Drop for Listener {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// CPU time of `lk listen --json`, which verifies every event, in microseconds an event.
pub(crate) fn measure(
    lighthouse: &Path,
    lk: &Path,
    load: &Load,
    events: &[Vec<u8>],
) -> anyhow::Result<f64> {
    let relay = load.relay(lighthouse);
    let endpoints = relay.endpoints();
    let mut command = Command::new(lk);
    command.args(["listen", "--json", "--from", &endpoints.publish, "--replay", &endpoints.replay]);
    command.arg("--keys").arg(relay.directory().join("trusted"));
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut listener = Listener(command.spawn().context("could not start lk")?);
    let output = listener.0.stdout.take().context("lk has no output")?;
    wait_for_subscriptions(&relay, 1)?;
    let before = CpuTime::of(listener.0.id())?;
    let (done, is_done) = sync_channel(1);
    let count = events.len();
    thread::spawn(move || {
        let lines = BufReader::new(output).split(b'\n').map_while(Result::ok);
        // Nobody may be there any more to hear it.
        done.send(lines.take(count).count()).ok();
    });
    let mut source = zmtp::connect(&endpoints.submit, "DEALER")?;
    submit(&mut source, events, Some(PACE))?;
    let printed = is_done.recv_timeout(Duration::from_mins(1)).context("lk prints no more")?;
    anyhow::ensure!(printed == count, "lk ended after {printed} events");
    let cpu = CpuTime::of(listener.0.id())?.since(before);
    Ok(cpu.as_secs_f64() * 1e6 / count as f64)
}
