//! `mirk render`

use std::{
    io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, anyhow};
use mirk::{
    config::Config,
    preview::{Pace, Posted, page, preview},
    source::StreamEvent,
};

use super::{ConfigArgument, Failure, Outcome};
use laniakea_daemon::print_line;

/// More than anybody looks at.
const MAX_BYTES: u64 = 256 << 20;

/// Arguments of `mirk render`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// This room alone.
    #[arg(long)]
    room: Option<String>,
    /// As if the events came all at once, so that limits hold and digests are made.
    #[arg(long)]
    burst: bool,
    /// Print a page that looks as clients show the messages.
    #[arg(long, conflicts_with = "json")]
    html: bool,
    /// Print the content of each Matrix event, one a line.
    #[arg(long)]
    json: bool,
    /// Files with events as JSON, one a line or one in the whole file; `-` is stdin. Signatures do
    /// not matter.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let posted = render(arguments).map_err(Failure::usage)?;
    if arguments.html {
        print_line!("{}", page(&posted).trim_end())?;
        return Ok(ExitCode::SUCCESS);
    }
    for message in &posted {
        if arguments.json {
            print_line!("{}", serde_json::to_string(message)?)?;
        } else {
            print_line!("{}", text(message))?;
        }
    }
    if posted.is_empty() {
        laniakea_daemon::print_error(
            &anyhow!("no room gets any of these events"),
            Some("`mirk why DIGEST` says what a room has against an event"),
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn render(arguments: &Arguments) -> anyhow::Result<Vec<Posted>> {
    let config = Config::load(&arguments.config.config)?;
    if let Some(room) = &arguments.room
        && config.room(room).is_none()
    {
        return Err(anyhow!("there is no room {room} in the configuration"));
    }
    let mut events = Vec::new();
    for path in &arguments.files {
        events.extend(read_events(path)?);
    }
    let pace = if arguments.burst { Pace::Burst } else { Pace::Slow };
    preview(config, &events, arguments.room.as_deref(), pace)
}

/// The events of a file: one in all of it, or one a line.
fn read_events(path: &Path) -> anyhow::Result<Vec<StreamEvent>> {
    let bytes = read(path).with_context(|| format!("could not read {}", path.display()))?;
    if let Ok(event) = StreamEvent::parse(bytes.trim_ascii().to_vec()) {
        return Ok(vec![event]);
    }
    let lines = bytes.split(|byte| *byte == b'\n').enumerate();
    let lines = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
    lines
        .map(|(at, line)| {
            StreamEvent::parse(line.trim_ascii().to_vec()).map_err(|rejection| {
                let place = format!("{} line {}", path.display(), at + 1);
                anyhow!("{place} is no event: {}: {}", rejection.reason(), rejection.detail())
            })
        })
        .collect()
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    if path.as_os_str() == "-" {
        return laniakea_files::read_at_most(io::stdin().lock(), MAX_BYTES);
    }
    laniakea_files::read_given(path, MAX_BYTES)
}

/// The plain text, with a word of what kind of message it is.
fn text(message: &Posted) -> String {
    let relation = message.content["m.relates_to"]["rel_type"].as_str();
    let (kind, content) = match relation {
        Some("m.replace") => (" (edit)", &message.content["m.new_content"]),
        Some("m.thread") => (" (thread)", &message.content),
        _ => ("", &message.content),
    };
    let body = content["body"].as_str().unwrap_or_default();
    format!("{}{kind}: {}", message.room, body.replace('\n', "\n    "))
}
