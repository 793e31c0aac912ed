//! `keeper test`

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context as _, anyhow};
use keeper::{
    batch::{self, KeptEvent},
    chain::Chain,
    config::Config,
    match_rules::{Believed, believe, key_of, part, why_not},
    rules::Rule,
    watch::{Change, Role, Step, Watch},
};
use laniakea_daemon::{Clock as _, SystemClock, TrustSource, print_line};
use laniakea_event::Digest;

use super::{
    ConfigArgument, Failure, Outcome, load_rules,
    show::{counted, lines_of},
};

/// Arguments of `keeper test`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The rule.
    rule: String,
    /// Files of events, one JSON object a line, as `lk history --json` writes them; `-` is stdin.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    config: ConfigArgument,
    /// Take the events as if their sources were believed, whoever signed them.
    #[arg(long)]
    unverified: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    for line in test(arguments).map_err(Failure::usage)? {
        print_line!("{line}")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn test(arguments: &Arguments) -> anyhow::Result<Vec<String>> {
    let config = Config::load(&arguments.config.config)?;
    let rules = load_rules(&config)?;
    let rule = rules.get(&arguments.rule).with_context(|| {
        let names: Vec<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
        format!("there is no rule {:?}, only {}", arguments.rule, names.join(", "))
    })?;
    let trust = TrustSource::load(&config.trust)?.current();
    let now = SystemClock.now();
    // Where the key cannot be read, as by somebody who only tries a rule, the chain's length counts.
    let link = config.herald().ok().flatten().map(|herald| herald.link(&rule.name));
    let mut lines = Vec::new();
    let mut taken = BTreeSet::new();
    let mut watch =
        rule.waits.as_ref().map(|waits| Watch::new([(rule.name.clone(), waits.pattern)], []));
    let mut batches: BTreeMap<String, Vec<KeptEvent>> = BTreeMap::new();
    for event in events(&arguments.files)? {
        let believed = match believe(&event, &trust, now) {
            Ok(believed) => Ok(believed),
            Err(_) if arguments.unverified => Ok(Believed { sources: claimed(&event) }),
            Err(reason) => Err(format!("not believed: {reason}")),
        };
        if let (Some(watch), Ok(believed)) = (&mut watch, &believed) {
            let at = event.received.unwrap_or(now);
            let circle = Chain::of(&event).forbids(link.as_deref());
            lines.extend(waiting(rule, watch, (&event, believed, at), circle, &mut taken));
            continue;
        }
        let verdict = believed.and_then(|believed| match why_not(rule, &event, &believed) {
            Some(reason) => Err(format!("not meant: {reason}")),
            None => key_of(rule, &event).ok_or_else(|| "it has no key".to_owned()),
        });
        let name = format!("{} {}", event.id(), event.digest);
        let verdict = verdict.and_then(|key| match Chain::of(&event).forbids(link.as_deref()) {
            Some(reason) => Err(format!("not run: {reason}")),
            None => Ok(key),
        });
        match verdict {
            Ok(_) if !taken.insert(event.digest) => lines.push(format!("{name}: came before")),
            Ok(key) => {
                lines.push(format!("{name}: would wait under the key {key:?}"));
                batches.entry(key).or_default().push(event);
            }
            Err(reason) => lines.push(format!("{name}: {}", lines_of(&reason))),
        }
    }
    lines.extend(watch.iter_mut().flat_map(|watch| fired(&watch.overdue(now))));
    for (key, events) in batches {
        let values = batch::of_run(&rule.name, 0, &key, 1, &events);
        let events = counted(events.len() as u64, "event");
        let action = lines_of(&rule.action.describe(&values));
        lines.push(format!("{events} under {key:?} would run {action}"));
    }
    Ok(lines)
}

/// What an event is to a rule that waits for others, and what it brings about.
fn waiting(
    rule: &Rule,
    watch: &mut Watch,
    (event, believed, at): (&KeptEvent, &Believed, jiff::Timestamp),
    circle: Option<String>,
    taken: &mut BTreeSet<Digest>,
) -> Vec<String> {
    let mut lines = fired(&watch.overdue(at));
    let name = format!("{} {}", event.id(), event.digest);
    let Some(mut part) = part(rule, event, believed) else {
        lines.push(format!("{name}: not meant"));
        return lines;
    };
    if let Some(reason) = circle {
        part.keep_answers();
        if part.roles.is_empty() {
            lines.push(format!("{name}: {}", lines_of(&format!("not run: {reason}"))));
            return lines;
        }
    }
    if !taken.insert(event.digest) {
        lines.push(format!("{name}: came before"));
        return lines;
    }
    let roles = part.roles.iter().map(|role| match role {
        Role::Part(part) => format!("part {}", part + 1),
        Role::Answer => "an answer".to_owned(),
    });
    let roles: Vec<String> = roles.collect();
    lines.push(format!("{name}: {} under the key {:?}", roles.join(" and "), part.key));
    lines.extend(fired(&watch.see(&rule.name, &part.key, &part.roles, at)));
    lines
}

fn fired(steps: &[Step]) -> Vec<String> {
    let fired = steps.iter().filter_map(|step| match step.change {
        Change::Fire { events, missed: None, .. } => {
            Some(format!("would run with {events} events under {:?}", step.key))
        }
        Change::Fire { events, missed: Some(since), .. } => Some(format!(
            "would run with {events} events under {:?}: missed since {since}",
            step.key
        )),
        _ => None,
    });
    fired.collect()
}

/// Whom the event names as its signers.
fn claimed(event: &KeptEvent) -> Vec<laniakea_event::SignerId> {
    let frame: serde_json::Value = serde_json::from_slice(&event.frame).unwrap_or_default();
    let signers = frame.get("signatures").and_then(|signatures| signatures.as_object());
    let names = signers.into_iter().flat_map(|signers| signers.keys());
    names.filter_map(|name| laniakea_event::SignerId::parse(name).ok()).collect()
}

/// The longest file of events, in bytes.
const MAX_EVENTS: u64 = 256 << 20;

fn events(files: &[PathBuf]) -> anyhow::Result<Vec<KeptEvent>> {
    let mut events = Vec::new();
    for file in files {
        let text = if file.as_os_str() == "-" {
            laniakea_files::read_at_most(std::io::stdin().lock(), MAX_EVENTS)
                .context("could not read stdin")?
        } else {
            laniakea_files::read_given(file, MAX_EVENTS)
                .with_context(|| format!("could not read {}", file.display()))?
        };
        for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let event = KeptEvent::parse(line.to_vec());
            events.push(event.map_err(|rejection| {
                anyhow!("{}:{number}: no event: {rejection}", file.display())
            })?);
        }
    }
    Ok(events)
}
