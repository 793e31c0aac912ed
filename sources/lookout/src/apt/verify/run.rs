//! Runs a verifier, which says no more and takes no longer than makes sense.

use std::{
    io::{self, Read},
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

/// A few lines for each signature.
const MAX_OUTPUT: u64 = 256 << 10;
const PATIENCE: Duration = Duration::from_mins(1);

/// Runs it; what it printed, on either way as much as is read.
pub(super) fn run(command: &mut Command) -> io::Result<Output> {
    run_within(command, PATIENCE)
}

fn run_within(command: &mut Command, patience: Duration) -> io::Result<Output> {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let outcome = hear(&mut child, patience);
    if outcome.is_err() {
        // It may have ended by itself meanwhile.
        drop(child.kill());
    }
    let status = child.wait()?;
    let [stdout, stderr] = outcome?;
    Ok(Output { status, stdout, stderr })
}

/// Reads both ways at once, so that it never waits for us.
fn hear(child: &mut Child, patience: Duration) -> io::Result<[Vec<u8>; 2]> {
    let (tell, told) = mpsc::sync_channel(2);
    let pipes: [Option<Box<dyn Read + Send>>; 2] = [
        child.stdout.take().map(|pipe| Box::new(pipe) as _),
        child.stderr.take().map(|pipe| Box::new(pipe) as _),
    ];
    for (number, pipe) in pipes.into_iter().enumerate() {
        let tell = tell.clone();
        let pipe = pipe.ok_or_else(|| io::Error::other("there is no pipe"))?;
        thread::Builder::new().spawn(move || tell.send((number, read(pipe))))?;
    }
    let mut heard = [Vec::new(), Vec::new()];
    for _ in 0..heard.len() {
        let timed_out = |_| io::Error::new(io::ErrorKind::TimedOut, "it does not come to an end");
        let (number, bytes) = told.recv_timeout(patience).map_err(timed_out)?;
        if let Some(place) = heard.get_mut(number) {
            *place = bytes?;
        }
    }
    Ok(heard)
}

fn read(pipe: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    pipe.take(MAX_OUTPUT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_OUTPUT {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it does not stop talking"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> io::Result<Output> {
        run_within(Command::new("sh").args(["-c", script]), Duration::from_secs(2))
    }

    #[test]
    fn what_a_program_says_on_both_ways_is_heard_with_its_exit_code() {
        let output = shell("echo out; echo err >&2; exit 3").unwrap();
        assert_eq!((&*output.stdout, &*output.stderr), (&b"out\n"[..], &b"err\n"[..]));
        assert_eq!(output.status.code(), Some(3));
    }

    #[test]
    fn a_program_that_does_not_stop_talking_is_ended() {
        for script in ["exec yes", "exec yes >&2"] {
            let error = shell(script).unwrap_err();
            assert_eq!(error.to_string(), "it does not stop talking");
        }
    }

    #[test]
    fn a_program_that_does_not_come_to_an_end_is_ended() {
        let error = shell("exec sleep 600").unwrap_err();
        assert_eq!(error.to_string(), "it does not come to an end");
    }
}
