//! While a program runs: what it is told, what it says, and when it has to end.

use std::{process::ExitStatus, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::{ChildStderr, ChildStdin},
    sync::oneshot,
    time::{Instant, timeout_at},
};

use super::ended;
use crate::{
    action::{Ended, Order, Outcome, Output},
    supervise::{Pipes, Supervised},
};

/// How much of what a program says is kept.
pub(super) const MAX_OUTPUT: usize = 64 << 10;
/// How long a descriptor that it gave to somebody else holds up a run that has ended.
const LEFTOVER: Duration = Duration::from_secs(1);

/// Waits until a program, and all that it started, is gone.
pub(super) async fn attend(supervised: Supervised, pipes: Pipes, order: &Order) -> Ended {
    let mut input = serde_json::to_vec(&order.values).unwrap_or_default();
    input.push(b'\n');
    let mut output = Output::new(MAX_OUTPUT);
    let (is_gone, going) = oneshot::channel::<()>();
    let work = async {
        let outcome = outcome(supervised, order.timeout).await;
        drop(is_gone);
        outcome
    };
    let talk = async {
        let talking =
            async { tokio::join!(feed(pipes.input, &input), read(pipes.output, &mut output)) };
        let leftover = async {
            drop(going.await);
            tokio::time::sleep(LEFTOVER).await;
        };
        tokio::select! { _ = talking => {}, () = leftover => {} }
    };
    let (outcome, ()) = tokio::join!(work, talk);
    ended(outcome, output.finish())
}

async fn outcome(mut supervised: Supervised, limit: Duration) -> Outcome {
    let deadline = Instant::now() + limit.min(Duration::from_hours(24 * 365));
    let outcome = match timeout_at(deadline, supervised.ended()).await {
        Ok(Ok(status)) => judge(status),
        Ok(Err(error)) => Outcome::Failed(error.to_string()),
        Err(_) => {
            supervised.ask_to_end().await;
            let seconds = limit.as_secs_f32();
            Outcome::Failed(format!("it was ended: it took longer than {seconds} s"))
        }
    };
    supervised.gone().await;
    outcome
}

async fn feed(stdin: Option<ChildStdin>, input: &[u8]) {
    if let Some(mut stdin) = stdin {
        // A program may well know enough without reading its stdin.
        drop(stdin.write_all(input).await);
    }
}

/// All that it says, until nobody can say more.
async fn read(stream: Option<ChildStderr>, output: &mut Output) {
    let Some(mut stream) = stream else { return };
    let mut buffer = vec![0; 4096];
    // A stream that fails is at its end.
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        output.add(buffer.get(..count).unwrap_or_default());
    }
}

fn judge(status: ExitStatus) -> Outcome {
    if status.success() {
        return Outcome::Succeeded;
    }
    Outcome::Failed(status.to_string())
}
