//! `mirk check`

use std::process::ExitCode;

use laniakea_catalog::Catalog;
use laniakea_daemon::{TrustSource, print_line};
use mirk::{
    config::Config,
    matrix::{Session, prove_device},
    store::{Costly, SharedStore, Store, StoreError},
};
use serde::Serialize;

use super::{ConfigArgument, Failure, Outcome};

/// Arguments of `mirk check`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Print the facts as JSON.
    #[arg(long)]
    json: bool,
}

/// What a configuration says, and what is there already.
#[derive(Debug, Serialize)]
struct Facts {
    account: String,
    device: Option<String>,
    trusted_keys: usize,
    rooms: Vec<String>,
    templates: usize,
    position: Option<String>,
    notes: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let facts = check(arguments).map_err(Failure::usage)?;
    if arguments.json {
        let json = serde_json::to_string_pretty(&facts)?;
        print_line!("{json}")?;
        return Ok(ExitCode::SUCCESS);
    }
    print_line!("account       {}", facts.account)?;
    print_line!(
        "device        {}",
        facts.device.as_deref().unwrap_or("none yet: run `mirk login`")
    )?;
    print_line!("trusted keys  {}", facts.trusted_keys)?;
    print_line!("rooms         {}", facts.rooms.join(", "))?;
    print_line!("templates     {}", facts.templates)?;
    print_line!("position      {}", facts.position.as_deref().unwrap_or("none yet"))?;
    for note in &facts.notes {
        print_line!("note: {note}")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn check(arguments: &Arguments) -> anyhow::Result<Facts> {
    let config = Config::load(&arguments.config.config)?;
    let trust = TrustSource::load(&config.trust)?.current();
    let store = match Store::open_to_read(&config.database()) {
        Ok(store) => Some(SharedStore::new(store)),
        Err(StoreError::Absent { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let session = Session::load(&config.session_file())?;
    let mut device = None;
    if let (Some(session), Some(store)) = (&session, &store) {
        device = Some(prove_device(&config, session, store)?.name);
    }
    let mut notes = notes(&config);
    let mut position = None;
    if let Some(store) = store {
        let store = store.lock();
        notes.extend(store.costly()?.iter().map(costly));
        position = store.position()?;
    }
    Ok(Facts {
        account: config.matrix.user.to_string(),
        device,
        trusted_keys: trust.keyring().iter().count(),
        rooms: config.rooms.iter().map(|room| room.room.to_string()).collect(),
        templates: config.messages.templates.len(),
        position: position.map(|position| position.to_string()),
        notes,
    })
}

/// What is wrong with a rule that costs too much.
fn costly(Costly { rule, events, last }: &Costly) -> String {
    let last = last.strftime("%Y-%m-%d %H:%M:%SZ");
    format!(
        "{rule}: its `where` cost too much for {events} events, last at {last}; they did not match"
    )
}

/// What may be meant so, and may be a slip.
fn notes(config: &Config) -> Vec<String> {
    let mut notes = Vec::new();
    if config.rooms.is_empty() {
        notes.push("there is no room: only rooms that give rules by command get messages".into());
    }
    for room in &config.rooms {
        if room.include.as_ref().is_some_and(Vec::is_empty) {
            notes.push(format!("{} gets nothing but what it subscribes to", room.room));
        }
    }
    let catalog = Catalog::builtin();
    for id in config.messages.templates.keys().filter(|id| catalog.entry(id).is_none()) {
        notes.push(format!("the template for {id} was not tried out: the type is not known"));
    }
    if config.matrix.allowed_users.is_empty() {
        notes.push("matrix.allowed_users is empty: nobody may invite the bot".into());
    }
    notes
}
