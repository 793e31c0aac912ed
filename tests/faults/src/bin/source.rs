//! A source that can be killed: it submits the events of a file in their order, and keeps in another what
//! became of each. What has an answer there is not submitted again.

#![expect(clippy::disallowed_methods, reason = "tests read the files that they wrote")]

use std::{
    collections::{BTreeSet, VecDeque},
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use clap::Parser;
use laniakea_faults::lines::Lines;
use laniakea_wire::submit::{Publisher, PublisherConfig, SubmitError};
use tokio::task::JoinSet;

/// Submits what somebody appends to a file.
#[derive(Debug, Parser)]
struct Arguments {
    /// Lines of a digest, a space and the event.
    #[arg(long)]
    events: PathBuf,
    /// Where the answers go: lines of a digest, what was answered, and a seq or a reason.
    #[arg(long)]
    answers: PathBuf,
    /// The relay's submit endpoint.
    #[arg(long)]
    submit: String,
}

/// Events that wait for an answer at once.
const WINDOW: usize = 512;
/// How often the file is looked at, and how soon a refused event is submitted again.
const INTERVAL: Duration = Duration::from_millis(5);
const PAUSE: Duration = Duration::from_millis(100);

type Outcome = (String, Vec<u8>, Result<String, SubmitError>);

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(&arguments))
}

async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut answers = Answers::open(&arguments.answers)?;
    let mut events = Lines::open(&arguments.events)?;
    // What is given up and submitted again would stand behind what was submitted meanwhile.
    let timeout = Duration::from_hours(1);
    let config =
        PublisherConfig { window: WINDOW, timeout, ..PublisherConfig::new(&arguments.submit) };
    let publisher = Arc::new(Publisher::connect(config)?);
    let mut new = VecDeque::new();
    let mut waiting = JoinSet::new();
    let mut ticks = tokio::time::interval(INTERVAL);
    loop {
        if new.is_empty() {
            new.extend(events.read()?);
        }
        while waiting.len() < WINDOW
            && let Some(line) = new.pop_front()
        {
            let (digest, event) =
                line.split_once(' ').context("a line of a digest and an event")?;
            if !answers.known.contains(digest) {
                let (digest, event) = (digest.to_owned(), event.as_bytes().to_vec());
                waiting.spawn(submit(publisher.clone(), digest, event, Duration::ZERO));
            }
        }
        tokio::select! {
            Some(outcome) = waiting.join_next() => {
                let mut outcomes = vec![outcome?];
                while let Some(more) = waiting.try_join_next() {
                    outcomes.push(more?);
                }
                for (digest, event, _) in answers.write(outcomes)? {
                    waiting.spawn(submit(publisher.clone(), digest, event, PAUSE));
                }
            }
            _ = ticks.tick() => {}
        }
    }
}

async fn submit(
    publisher: Arc<Publisher>,
    digest: String,
    event: Vec<u8>,
    pause: Duration,
) -> Outcome {
    if !pause.is_zero() {
        tokio::time::sleep(pause).await;
    }
    let outcome = publisher.submit(event.clone()).await.map(|receipt| {
        let word = if receipt.duplicate { "duplicate" } else { "accepted" };
        format!("{word} {}", receipt.seq)
    });
    (digest, event, outcome)
}

/// The file of answers: the source's durable position.
struct Answers {
    file: File,
    known: BTreeSet<String>,
}

impl Answers {
    fn open(path: &Path) -> anyhow::Result<Self> {
        let file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let mut known = BTreeSet::new();
        let mut reader = BufReader::new(&file);
        let (mut line, mut whole) = (String::new(), 0);
        while reader.read_line(&mut line)? > 0 && line.ends_with('\n') {
            whole += line.len() as u64;
            if let Some((digest, rest)) = line.split_once(' ')
                && !rest.starts_with("refused")
            {
                known.insert(digest.to_owned());
            }
            line.clear();
        }
        // A crash may have cut the last line off.
        file.set_len(whole)?;
        Ok(Self { file, known })
    }

    /// Notes what was answered, durably, and gives back what is to be submitted again.
    fn write(&mut self, outcomes: Vec<Outcome>) -> anyhow::Result<Vec<Outcome>> {
        let mut lines = Vec::new();
        let mut again = Vec::new();
        for (digest, event, outcome) in outcomes {
            match &outcome {
                Ok(answer) => {
                    writeln!(lines, "{digest} {answer}")?;
                    self.known.insert(digest);
                }
                Err(SubmitError::Rejected { reason, .. }) => {
                    writeln!(lines, "{digest} refused {reason}")?;
                    again.push((digest, event, outcome));
                }
                Err(_) => again.push((digest, event, outcome)),
            }
        }
        self.file.write_all(&lines)?;
        self.file.sync_data()?;
        Ok(again)
    }
}
