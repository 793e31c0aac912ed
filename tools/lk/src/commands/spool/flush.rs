//! `lk spool flush`: send what waits, in order.

use std::{path::PathBuf, time::Duration};

use anyhow::anyhow;
use clap::Args;
use laniakea_event::Seq;
use laniakea_spool::{SendError, Spool, Step, Turn, send};
use laniakea_wire::submit::{Publisher, PublisherConfig, SubmitError};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::{
    commands::{
        named::{events, wait},
        runtime,
    },
    endpoints::{Encryption, SubmitEndpoint},
    failure::{Explain as _, hinted},
    output::{Facts, Notices, Progress, print_json},
    session::Session,
    when::parse_duration,
};

/// How long to wait after the relay said that it cannot take an event now.
const PAUSE: Duration = Duration::from_millis(200);

/// Arguments of `lk spool flush`.
#[derive(Debug, Args)]
pub(crate) struct Flush {
    /// The spool's directory.
    #[arg(value_name = "DIR", env = "LK_SPOOL", hide_env_values = true)]
    dir: PathBuf,
    #[command(flatten)]
    submit: SubmitEndpoint,
    #[command(flatten)]
    encryption: Encryption,
    /// Send also again what the relay rejected, each where it stood.
    #[arg(long)]
    rejected: bool,
    /// How long to wait for each reply.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_duration)]
    timeout: Duration,
    /// Print the figures as JSON.
    #[arg(long)]
    json: bool,
}

impl Flush {
    pub(crate) fn run(self, session: &Session<'_>) -> anyhow::Result<()> {
        let spool = Spool::open_existing(&self.dir).or_usage()?;
        let security = self.encryption.security()?;
        let config = PublisherConfig {
            security,
            timeout: self.timeout,
            ..PublisherConfig::new(self.submit.to.clone())
        };
        let publisher = Publisher::connect(config)?;
        let mut flushing = Flushing::new(spool.waiting()?.len(), session.notices);
        let outcome = runtime()?.block_on(async {
            let until = Instant::now() + self.timeout;
            let Some(turn) = spool.wait_for_turn(until, || true).await? else {
                let error = anyhow!("another process is sending the events of this spool");
                return Err(hinted(error, "wait until it is done, or see which `lk` runs"));
            };
            if self.rejected {
                spool.readmit()?;
            }
            flushing.send(&spool, &turn, &publisher, self.timeout).await
        });
        flushing.progress.finish();
        let left = spool.waiting()?.len().saturating_sub(flushing.damaged);
        flushing.print(left, self.json)?;
        if let Err(error) = outcome {
            return Err(error.context(format!("{} in {}", wait(left), self.dir.display())));
        }
        flushing.complain(&self.dir)
    }
}

/// What was done so far.
struct Flushing {
    notices: Notices,
    progress: Progress,
    expected: usize,
    sent: usize,
    duplicate: usize,
    rejected: usize,
    damaged: usize,
    first_rejection: Option<SubmitError>,
}

impl Flushing {
    fn new(expected: usize, notices: Notices) -> Self {
        let mut progress = Progress::of("sending", notices);
        progress.begin(Seq(0));
        Self {
            notices,
            progress,
            expected,
            sent: 0,
            duplicate: 0,
            rejected: 0,
            damaged: 0,
            first_rejection: None,
        }
    }

    /// Sends everything. A relay that is busy is waited for, as long as a reply.
    async fn send(
        &mut self,
        spool: &Spool,
        turn: &Turn,
        publisher: &Publisher,
        patience: Duration,
    ) -> anyhow::Result<()> {
        let mut last_step = Instant::now();
        loop {
            self.damaged = 0;
            let outcome = send(spool, turn, publisher, u64::MAX, |step| {
                last_step = Instant::now();
                self.note(&step);
            });
            match outcome.await {
                Err(SendError::Submit(SubmitError::Rejected { .. }))
                    if last_step.elapsed() < patience =>
                {
                    sleep(PAUSE).await;
                }
                Err(SendError::Submit(error)) => return Err(error.into()),
                Err(SendError::Spool(error)) => return Err(error.into()),
                outcome => return Ok(outcome?),
            }
        }
    }

    fn note(&mut self, step: &Step) {
        match step {
            Step::Sent(_, receipt) => {
                self.sent += 1;
                self.duplicate += usize::from(receipt.duplicate);
            }
            Step::Rejected(_, _, reason) => {
                self.rejected += 1;
                let (reason, detail) = (reason.reason.clone(), reason.detail.clone());
                self.first_rejection.get_or_insert(SubmitError::Rejected { reason, detail });
            }
            Step::Damaged(_) => self.damaged += 1,
        }
        self.progress.aside(|| tell(step, self.notices));
        let done = self.sent + self.rejected + self.damaged;
        let seq = |count: usize| Seq(count as u64);
        self.progress.reach(seq(done), seq(self.expected.max(done)));
    }

    fn print(&self, left: usize, json: bool) -> anyhow::Result<()> {
        if json {
            return print_json(&json!({
                "sent": self.sent,
                "duplicate": self.duplicate,
                "rejected": self.rejected,
                "damaged": self.damaged,
                "waiting": left,
            }));
        }
        let mut facts = Facts::default().and("sent", self.sent);
        if self.duplicate > 0 {
            facts.push("duplicate", format_args!("{}: the relay had them already", self.duplicate));
        }
        for (name, count) in [("rejected", self.rejected), ("damaged", self.damaged)] {
            if count > 0 {
                facts.push(name, count);
            }
        }
        Ok(facts.and("waiting", left).print(0)?)
    }

    /// What the relay rejected makes the command fail.
    fn complain(self, dir: &std::path::Path) -> anyhow::Result<()> {
        let Some(rejection) = self.first_rejection else { return Ok(()) };
        let error = anyhow::Error::from(rejection).context(format!(
            "{} set aside in {}, the first one",
            events(self.rejected),
            dir.display()
        ));
        let dir = dir.display();
        Err(hinted(
            error,
            format!(
                "`lk spool list {dir}` shows them. When what was missing is mended, \
                 `lk spool flush {dir} --rejected` sends them again"
            ),
        ))
    }
}

/// Says what may be wrong.
pub(in crate::commands) fn tell(step: &Step, notices: Notices) {
    match step {
        Step::Sent(..) => {}
        Step::Rejected(name, id, reason) => notices.warning(&format!(
            "event {} of the spool ({id}, {}) was rejected: {}: {}",
            name.number, name.digest, reason.reason, reason.detail
        )),
        Step::Damaged(damaged) => notices.warning(&format!(
            "{} is damaged and was passed over: {}",
            damaged.path.display(),
            damaged.problem
        )),
    }
}
