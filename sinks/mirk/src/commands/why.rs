//! `mirk why`

use std::{process::ExitCode, time::Duration};

use anyhow::{Context as _, anyhow};
use laniakea_daemon::{Clock as _, SystemClock, TrustSource, print_line};
use laniakea_event::{Digest, Trust};
use laniakea_wire::replay::{FailureReason, ReplayClient, ReplayError, Request};
use mirk::{
    config::Config,
    route::Verdict,
    settings::Settings,
    source::StreamEvent,
    store::{Fate, Store, StoreError, Subscription, Trail},
};
use serde::Serialize;

use super::{ConfigArgument, Failure, Outcome};

const PATIENCE: Duration = Duration::from_secs(5);

/// Arguments of `mirk why`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Print the facts as JSON.
    #[arg(long)]
    json: bool,
    /// The event's digest, as `lk listen --json` and the event's page have it.
    #[arg(value_parser = parse_digest)]
    digest: Digest,
}

fn parse_digest(text: &str) -> Result<Digest, String> {
    text.parse().map_err(|_| "a digest is 64 hexadecimal digits".to_owned())
}

/// What the bot's database knows: nothing, before its first start.
#[derive(Default)]
struct Known {
    trails: Vec<Trail>,
    subscriptions: Vec<Subscription>,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let config = Config::load(&arguments.config.config).map_err(Failure::usage)?;
    let trust = TrustSource::load(&config.trust).map_err(Failure::usage)?.current();
    let known = known(&config, &arguments.digest).map_err(Failure::usage)?;
    let mut facts: Vec<Fact> = known.trails.iter().map(Fact::of_trail).collect();
    match ask(&config, arguments.digest) {
        Ok(Some(frame)) => {
            facts.extend(explain(config, &known, frame, &trust)?);
        }
        Ok(None) if facts.is_empty() => {
            let error = anyhow!("neither the bot nor the relay has an event {}", arguments.digest);
            return Err(error.into());
        }
        Err(error) if facts.is_empty() => return Err(error.into()),
        Ok(None) | Err(_) => {}
    }
    if arguments.json {
        print_line!("{}", serde_json::to_string_pretty(&facts)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    for fact in &facts {
        print_line!("{}: {}", fact.room, fact.fate)?;
        if let Some(rule) = &fact.rule {
            print_line!("  by {rule}")?;
        }
        if let Some(signers) = &fact.signers {
            let signers = if signers.is_empty() { "nobody who is trusted" } else { signers };
            print_line!("  signed by {signers}")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What became of the event in one room.
#[derive(Serialize)]
struct Fact {
    room: String,
    fate: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signers: Option<String>,
    /// What the homeserver calls the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

impl Fact {
    fn of_trail(trail: &Trail) -> Self {
        let message = match &trail.fate {
            Fate::Sent { event_id, .. } => Some(event_id.clone()),
            _ => None,
        };
        Self {
            room: trail.room.clone(),
            fate: fate(&trail.fate),
            rule: Some(trail.rule.clone()),
            signers: Some(trail.event.signers.clone()),
            message,
        }
    }
}

fn known(config: &Config, digest: &Digest) -> Result<Known, StoreError> {
    match Store::open_to_read(&config.database()) {
        Ok(store) => {
            Ok(Known { trails: store.trails(digest)?, subscriptions: store.subscriptions()? })
        }
        Err(StoreError::Absent { .. }) => Ok(Known::default()),
        Err(error) => Err(error),
    }
}

fn fate(fate: &Fate) -> String {
    match fate {
        Fate::Waiting => "waits to be posted".to_owned(),
        Fate::Unsent(kind) => format!("part of a message ({kind}) that is not sent yet"),
        Fate::Sent { kind, event_id, at } => format!("posted {at} ({kind}), message {event_id}"),
        Fate::SetAside(problem) => format!("not posted: the homeserver refused it: {problem}"),
    }
}

/// The event as the relay has it.
fn ask(config: &Config, digest: Digest) -> anyhow::Result<Option<Vec<u8>>> {
    let replay = &config.stream.replay;
    let security = config.stream.security()?;
    let mut client = ReplayClient::connect(replay, &security, PATIENCE)?;
    match client.request(&Request::Get(digest)) {
        Ok(answer) => Ok(answer.events.into_iter().next()),
        Err(ReplayError::Failed(failure)) if failure.reason == FailureReason::NotFound => Ok(None),
        Err(error) => Err(error).context("could not ask the relay"),
    }
}

/// What each room that did not get the event has against it, by the rules of now.
fn explain(
    config: Config,
    known: &Known,
    frame: Vec<u8>,
    trust: &Trust,
) -> anyhow::Result<Vec<Fact>> {
    let settings = Settings::new(config.into(), &known.subscriptions)?;
    let event = StreamEvent::judge(frame, trust, SystemClock.now())
        .map_err(|rejection| anyhow!("the relay sent no event: {}", rejection.reason()))?;
    let (_, summary) = settings.describer.describe(&event);
    let told = |room: &str| known.trails.iter().any(|trail| trail.room == room);
    let verdicts = settings.router.explain(&event, &summary);
    let others = verdicts.into_iter().filter(|(room, _)| !told(room));
    Ok(others
        .map(|(room, verdict)| {
            let (fate, rule) = match verdict {
                Verdict::Posted(rule) => (MISSED.to_owned(), Some(rule)),
                Verdict::Passed(reason) => (format!("not posted: {reason}"), None),
            };
            Fact { room: room.to_owned(), fate, rule, signers: None, message: None }
        })
        .collect())
}

const MISSED: &str = "not posted, although it would be now: the bot has not come to it, or the rule \
    is newer than the event";
