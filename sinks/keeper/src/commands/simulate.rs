//! `keeper simulate`

use std::{process::ExitCode, time::Duration};

use anyhow::{Context as _, ensure};
use jiff::{SignedDuration, Timestamp};
use keeper::{
    batch::KeptEvent,
    chain::Chain,
    config::Config,
    match_rules::{Believed, believe, key_of, part, why_not},
    rules::Rule,
    simulate::{SimulatedRun, Simulation},
    watch::{Change, Kept, Step, Watch},
};
use laniakea_catalog::visible;
use laniakea_daemon::{Age, Clock as _, SystemClock, TrustSource, print_line};
use laniakea_event::{InvalidMoment, parse_moment, write_utc};
use laniakea_wire::replay::{From, Read, ReplayClient};
use serde::Serialize;

use super::{
    ConfigArgument, Outcome, load_rules,
    show::{counted, lines_of, moment},
};

const PATIENCE: Duration = Duration::from_secs(10);
const PAGE: usize = 1_000;

/// Arguments of `keeper simulate`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The rule.
    rule: String,
    /// From when on: a time (RFC 3339), or how long ago, such as 30d.
    #[arg(long, value_parser = parse_since)]
    since: Since,
    /// How long a run takes.
    #[arg(long, value_parser = parse_span, default_value = "1m")]
    takes: Duration,
    #[command(flatten)]
    config: ConfigArgument,
    /// Print the runs as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy)]
enum Since {
    At(Timestamp),
    Ago(Duration),
}

fn parse_span(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(Age::Limited(duration)) => Ok(duration),
        _ => Err("write a number and s, m, h or d, such as 90s".to_owned()),
    }
}

fn parse_since(text: &str) -> Result<Since, String> {
    match parse_moment(text) {
        Ok(at) => Ok(Since::At(at)),
        Err(InvalidMoment::Form) => parse_span(text).map(Since::Ago).map_err(|_| {
            "write a time such as 2026-11-01T00:00:00Z, or how long ago, such as 30d".to_owned()
        }),
        Err(error) => Err(error.to_string()),
    }
}

/// What came of it.
#[derive(Debug, Default, Serialize)]
struct Facts {
    rule: String,
    seen: u64,
    /// Of those that the rule may mean.
    not_believed: u64,
    /// For the first of them.
    why_not_believed: Option<String>,
    wanted: u64,
    runs: Vec<SimulatedRun>,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let facts = simulate(arguments)?;
    if arguments.json {
        print_line!("{}", serde_json::to_string_pretty(&facts)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let Facts { rule, seen, not_believed, why_not_believed, wanted, runs } = facts;
    let (times, of) = (counted(runs.len() as u64, "time"), counted(seen, "event"));
    print_line!("{rule} would have run {times}, for {wanted} of {of}")?;
    if let Some(reason) = why_not_believed {
        let events = counted(not_believed, "event");
        print_line!("not believed: {events} that it may mean; the first: {}", lines_of(&reason))?;
    }
    for SimulatedRun { began, key, events, first } in runs {
        let (began, key) = (moment(began), visible(&key));
        let events = counted(events as u64, "event");
        match first {
            Some(first) => print_line!("{began}  {key:?}  {events} since {}", moment(first))?,
            None => print_line!("{began}  {key:?}  without events")?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn simulate(arguments: &Arguments) -> anyhow::Result<Facts> {
    let config = Config::load(&arguments.config.config)?;
    let rules = load_rules(&config)?;
    let rule = rules
        .get(&arguments.rule)
        .with_context(|| format!("there is no rule {:?}", arguments.rule))?;
    let trust = TrustSource::load(&config.trust)?.current();
    let now = SystemClock.now();
    let since = match arguments.since {
        Since::At(time) => time,
        Since::Ago(ago) => {
            now.checked_sub(SignedDuration::try_from(ago)?).context("that is before all time")?
        }
    };
    let mut simulation = Simulation::new(rule.timing.clone(), since, arguments.takes);
    let mut facts = Facts { rule: rule.name.clone(), ..Facts::default() };
    let mut waiting = Waiting::new(rule, since);
    // As for `keeper test`: where the key cannot be read, the chain's length alone counts.
    let link = config.herald().ok().flatten().map(|herald| herald.link(&rule.name));
    read_history(&config, since, |event| {
        facts.seen += 1;
        let candidates = rules.candidates(&event.subject(Vec::new()), event.summary());
        if !candidates.iter().any(|candidate| candidate.name == rule.name) {
            return;
        }
        match believe(event, &trust, now) {
            Ok(believed) => {
                let is_circle = Chain::of(event).forbids(link.as_deref()).is_some();
                let event = (event, &believed, is_circle);
                consider(event, rule, &mut facts, (&mut simulation, waiting.as_mut()));
            }
            Err(reason) => {
                facts.not_believed += 1;
                facts.why_not_believed.get_or_insert(reason);
            }
        }
    })?;
    if let Some(waiting) = &mut waiting {
        waiting.pass(now, &mut simulation);
    }
    facts.runs = simulation.finish(now);
    Ok(facts)
}

fn consider(
    (event, believed, is_circle): (&KeptEvent, &Believed, bool),
    rule: &Rule,
    facts: &mut Facts,
    (simulation, waiting): (&mut Simulation, Option<&mut Waiting>),
) {
    if let Some(waiting) = waiting {
        facts.wanted += u64::from(waiting.see(rule, (event, believed, is_circle), simulation));
        return;
    }
    if is_circle || why_not(rule, event, believed).is_some() {
        return;
    }
    if let (Some(key), Some(received)) = (key_of(rule, event), event.received) {
        facts.wanted += 1;
        simulation.event(&key, received);
    }
}

/// A rule that does not run on each event.
struct Waiting {
    watch: Watch,
    within: Duration,
}

impl Waiting {
    fn new(rule: &Rule, since: Timestamp) -> Option<Self> {
        let pattern = rule.waits.as_ref()?.pattern;
        let kept = Kept { rule: rule.name.clone(), key: String::new(), chain: 1, since, events: 0 };
        let kept = rule.known().begins_at_once.then_some(kept);
        let watch = Watch::new([(rule.name.clone(), pattern)], kept);
        Some(Self { watch, within: pattern.within })
    }

    /// Says whether the event is anything to the rule.
    fn see(
        &mut self,
        rule: &Rule,
        (event, believed, is_circle): (&KeptEvent, &Believed, bool),
        simulation: &mut Simulation,
    ) -> bool {
        let Some(received) = event.received else { return false };
        self.pass(received, simulation);
        let Some(mut part) = part(rule, event, believed) else { return false };
        if is_circle {
            part.keep_answers();
        }
        if part.roles.is_empty() {
            return false;
        }
        let steps = self.watch.see(&rule.name, &part.key, &part.roles, received);
        self.run(steps, received, simulation);
        true
    }

    fn pass(&mut self, now: Timestamp, simulation: &mut Simulation) {
        let steps = self.watch.overdue(now);
        self.run(steps, now, simulation);
    }

    fn run(&self, steps: Vec<Step>, now: Timestamp, simulation: &mut Simulation) {
        for Step { key, change, .. } in steps {
            if let Change::Fire { events, missed, .. } = change {
                let over = missed.and_then(|since| since.checked_add(self.within).ok());
                simulation.events(&key, over.unwrap_or(now), events);
            }
        }
    }
}

fn read_history(
    config: &Config,
    since: Timestamp,
    mut each: impl FnMut(&KeptEvent),
) -> anyhow::Result<()> {
    let security = config.stream.security()?;
    let mut client = ReplayClient::connect(&config.stream.replay, &security, PATIENCE)?;
    let mut from = From::Since(write_utc(since).to_string());
    let (mut journal, mut end) = (None, None);
    loop {
        let read = Read { from, prefixes: Vec::new(), limit: PAGE };
        let page = client.read(&read)?;
        ensure!(
            *journal.get_or_insert(page.journal) == page.journal,
            "the relay began another journal meanwhile"
        );
        // A stream that flows on would keep this going for ever.
        let end = *end.get_or_insert(page.last);
        for event in page.events {
            if let Ok(event) = KeptEvent::parse(event.frame) {
                each(&event);
            }
        }
        if page.next >= end.min(page.last) {
            return Ok(());
        }
        from = From::After(page.next);
    }
}
