//! The relay put together, and its life from bind to drain.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use crossbeam_channel::bounded;
use laniakea_daemon::{Clock, Lifecycle, LifecycleError, Reloading, SystemClock};
use laniakea_event::SigningKey;
use laniakea_journal::Journal;
use laniakea_journal_sqlite::SqliteJournal;
use laniakea_wire::{
    Endpoint, Listen,
    curve::{Clients, CurveGate, CurvePair},
    publish::PublishServer,
    replay::ReplayServer,
    submit::{Closer, SubmitServer},
};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    check::{Checker, RateGate},
    config::{Config, SocketConfig},
    counters::{Counters, SocketCounters},
    policy::PolicySource,
    record::Recorder,
    sink::{DamagedEvents, Publication, Replayer, Sinks},
    source::{Submissions, Surroundings, Upstreams, check_upstreams},
};

/// Groups of checked events that wait for the disk. Everybody's events stand in this line, so it is
/// short: a flood of one makes the others wait no longer.
const QUEUED_GROUPS: usize = 2;
/// Threads that read the journal for replay.
const REPLAYERS: usize = 2;
/// How often the key directory is looked at.
const KEY_INTERVAL: Duration = Duration::from_secs(1);
/// How often it is looked which consumers do not get on.
const SINK_INTERVAL: Duration = Duration::from_secs(10);
/// How often events beyond their retention are removed.
const RETENTION_INTERVAL: Duration = Duration::from_hours(1);

const JOURNAL_FILE: &str = "journal.sqlite";

/// A relay whose sockets are bound and whose journal is open.
pub(crate) struct App {
    config: Config,
    key: SigningKey,
    clock: Arc<dyn Clock>,
    policy: Arc<PolicySource>,
    journal: Arc<dyn Journal>,
    submit: SubmitServer,
    publish: PublishServer,
    replay: ReplayServer,
    upstreams: Upstreams,
    /// Without it nobody could connect to the encrypted endpoints.
    gate: Option<Arc<CurveGate>>,
}

impl App {
    /// Loads the keys, opens the journal and binds the sockets. Whatever fails here is for
    /// somebody to mend.
    pub(crate) fn build(
        config: Config,
        config_file: &Path,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let key = SigningKey::load(&config.identity.key_file)?;
        let policy =
            Arc::new(PolicySource::load(&config, config_file, key.clone(), clock.clone())?);
        let journal = Arc::new(open_journal(&config, &key)?);
        let upstreams = Upstreams::prepare(&config, &policy.current(), &key, journal.as_ref())?;
        let gate = open_gate(&config, policy.clients())?;
        let listen = |socket: &SocketConfig| Listen {
            plain: socket.endpoints(),
            curve: socket.curve_endpoints(),
            gate: gate.clone(),
            limits: config.limits.of_connections(),
        };
        let submit = SubmitServer::bind(&listen(&config.submit), config.limits.max_event_bytes)?;
        let publish = PublishServer::bind(&listen(&config.publish))?;
        let replay = ReplayServer::bind(&listen(&config.replay))?;
        Ok(Self { config, key, clock, policy, journal, submit, publish, replay, upstreams, gate })
    }

    /// What `lighthouse check` finds out; it changes nothing.
    pub(crate) fn check(config: &Config) -> anyhow::Result<Facts> {
        let key = SigningKey::load(&config.identity.key_file)?;
        let clock = Arc::new(SystemClock);
        let policy = PolicySource::load(config, Path::new(""), key.clone(), clock)?;
        let clients = policy.clients();
        let curve = curve_pair(config)?.map(|pair| pair.public.to_string());
        let policy = policy.current();
        let upstreams = check_upstreams(config, &policy, &key)?;
        let path = journal_file(config);
        Ok(Facts {
            relay: key.signer().to_string(),
            trusted_keys: policy.trust.keyring().iter().count(),
            curve_clients: curve.is_some().then(|| clients.len()),
            curve_key: curve,
            upstreams: upstreams
                .iter()
                .map(|(settings, _)| format!("{} {}", settings.upstream.signer, settings.publish))
                .collect(),
            journal: path.display().to_string(),
            journal_exists: path.is_file(),
        })
    }

    /// Works until it is told to stop, then drains in stream order.
    pub(crate) async fn run(self, mut lifecycle: Lifecycle) -> Result<(), LifecycleError> {
        self.log_start();
        let counters = Arc::new(Counters::new(self.upstreams.states()));
        let socket_counters = self.socket_counters();
        let replies = self.submit.replies();
        let close_submit = self.submit.closer();
        let close_replay = self.replay.closer();
        let (to_record, to_be_recorded) = bounded(QUEUED_GROUPS);
        let surroundings = Surroundings {
            policy: self.policy.clone(),
            key: self.key.clone(),
            clock: self.clock.clone(),
            counters: counters.clone(),
            to_record: to_record.clone(),
        };
        self.upstreams.start(&mut lifecycle, &surroundings);
        // The recorder ends with the last that hands something to it.
        drop(surroundings);
        let first_half = Checker {
            submissions: Submissions::new(self.submit, self.policy.clone(), counters.clone()),
            replies: replies.clone(),
            policy: self.policy.clone(),
            key: self.key.clone(),
            clock: self.clock.clone(),
            counters: counters.clone(),
            to_record,
            gate: RateGate::default(),
        };
        let second_half = Recorder {
            checked: to_be_recorded,
            journal: self.journal.clone(),
            clock: self.clock.clone(),
            replies,
            publication: Publication { server: self.publish, counters: counters.clone() },
            counters: counters.clone(),
        };
        let answers = self.replay.answers();
        let sinks = Sinks::default();
        let replayer = Replayer {
            server: Arc::new(self.replay),
            answers,
            journal: self.journal.clone(),
            relay: self.key.signer().clone(),
            clock: self.clock.clone(),
            counters,
            socket_counters,
            sinks: sinks.clone(),
            damaged: DamagedEvents::default(),
        };
        lifecycle.spawn_thread("relay", {
            let close_submit = close_submit.clone();
            move || run_relay(first_half, second_half, &close_submit)
        });
        for _ in 0..REPLAYERS {
            let replayer = replayer.clone();
            lifecycle.spawn_thread("replayer", move || {
                replayer.run();
                Ok(())
            });
        }
        drop(replayer);
        watch_keys(&mut lifecycle, self.policy.clone());
        watch_sinks(&mut lifecycle, sinks);
        remove_old_events(&mut lifecycle, &self.config, self.journal, self.clock);
        let policy = self.policy;
        // It guards the encrypted endpoints until the end.
        let _gate = self.gate;
        lifecycle
            .run(
                move || policy.reload(),
                move || {
                    close_submit.close();
                    close_replay.close();
                },
            )
            .await
    }

    fn socket_counters(&self) -> SocketCounters {
        SocketCounters {
            malformed: self.submit.malformed(),
            refused_keys: self.gate.as_ref().map(|gate| gate.refused()).unwrap_or_default(),
            connections: [
                ("submit", self.submit.connections()),
                ("publish", self.publish.connections()),
                ("replay", self.replay.connections()),
            ],
            dropped_replies: self.submit.dropped_replies(),
            dropped_answers: self.replay.dropped_answers(),
            subscriptions: self.publish.subscriptions(),
        }
    }

    fn log_start(&self) {
        let list = |endpoints: &[Endpoint]| {
            endpoints
                .iter()
                .map(|Endpoint(endpoint)| endpoint.as_str())
                .collect::<Vec<_>>()
                .join(" ")
        };
        tracing::info!(
            relay = %self.key.signer(),
            journal = %self.journal.id(),
            submit = list(self.submit.endpoints()),
            publish = list(self.publish.endpoints()),
            replay = list(self.replay.endpoints()),
            "ready"
        );
    }
}

/// The two halves, side by side.
fn run_relay(first_half: Checker, second_half: Recorder, submit: &Closer) -> anyhow::Result<()> {
    std::thread::scope(|scope| {
        let check = std::thread::Builder::new().name("check".to_owned());
        let check = check.spawn_scoped(scope, || first_half.run())?;
        let outcome = second_half.run();
        // Without a journal there is nothing to check for.
        submit.close();
        // The last replies are on their way: now the submit socket may end too.
        let joined = check.join().map(drop);
        outcome?;
        joined.map_err(|_| anyhow::anyhow!("the checking thread panicked"))
    })
}

/// The relay's keys for encrypted connections, where the configuration wants any.
fn curve_pair(config: &Config) -> anyhow::Result<Option<CurvePair>> {
    let sockets = [&config.submit, &config.publish, &config.replay];
    if sockets.iter().all(|socket| socket.curve_endpoints().is_empty()) {
        return Ok(None);
    }
    let pair = CurvePair::load(&config.identity.key_file);
    pair.map(Some).context("curve_endpoints need the relay's CURVE keys")
}

fn open_gate(config: &Config, clients: Clients) -> anyhow::Result<Option<Arc<CurveGate>>> {
    Ok(curve_pair(config)?.map(|pair| Arc::new(CurveGate::new(pair, clients))))
}

/// The journal of this configuration.
pub(crate) fn journal_file(config: &Config) -> PathBuf {
    config.data_dir.join(JOURNAL_FILE)
}

pub(crate) fn open_journal(config: &Config, key: &SigningKey) -> anyhow::Result<SqliteJournal> {
    let journal = SqliteJournal::open(&journal_file(config), key.signer().clone(), Uuid::new_v4())?;
    Ok(journal)
}

fn watch_keys(lifecycle: &mut Lifecycle, policy: Arc<PolicySource>) {
    let mut stopping = lifecycle.stopping();
    lifecycle.spawn("the key watcher", async move {
        let mut reading = Reloading::start("the key directory", move || policy.refresh_keys())?;
        let mut ticks = tokio::time::interval(KEY_INTERVAL);
        loop {
            tokio::select! {
                _ = ticks.tick() => {
                    reading.watch();
                    reading.ask();
                }
                () = stopping.wait() => return Ok(()),
            }
        }
    });
}

fn watch_sinks(lifecycle: &mut Lifecycle, sinks: Sinks) {
    let mut stopping = lifecycle.stopping();
    lifecycle.spawn("the sink watcher", async move {
        let mut ticks = tokio::time::interval(SINK_INTERVAL);
        loop {
            tokio::select! {
                _ = ticks.tick() => sinks.watch(Instant::now()),
                () = stopping.wait() => return Ok(()),
            }
        }
    });
}

fn remove_old_events(
    lifecycle: &mut Lifecycle,
    config: &Config,
    journal: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
) {
    let Some(retain) = config.journal.retain.limit() else { return };
    let mut stopping = lifecycle.stopping();
    lifecycle.spawn("retention", async move {
        let mut ticks = tokio::time::interval(RETENTION_INTERVAL);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = stopping.wait() => return Ok(()),
            }
            let journal = journal.clone();
            let before = clock.now().checked_sub(retain).unwrap_or(jiff::Timestamp::MIN);
            let removed = tokio::task::spawn_blocking(move || journal.prune(before)).await?;
            match removed.context("could not remove old events") {
                Ok(0) => {}
                Ok(events) => tracing::info!(events, "removed events beyond their retention"),
                Err(error) => tracing::error!(error = format!("{error:#}"), "retention failed"),
            }
        }
    });
}

/// What `lighthouse check` prints.
#[derive(Debug, Serialize)]
pub(crate) struct Facts {
    relay: String,
    trusted_keys: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    curve_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    curve_clients: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    upstreams: Vec<String>,
    journal: String,
    journal_exists: bool,
}

impl fmt::Display for Facts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            relay,
            trusted_keys,
            curve_key,
            curve_clients,
            upstreams,
            journal,
            journal_exists,
        } = self;
        writeln!(formatter, "relay         {relay}")?;
        writeln!(formatter, "trusted keys  {trusted_keys}")?;
        if let (Some(key), Some(clients)) = (curve_key, curve_clients) {
            writeln!(formatter, "curve key     {key}")?;
            writeln!(formatter, "may connect   {clients}")?;
        }
        for upstream in upstreams {
            writeln!(formatter, "follows       {upstream}")?;
        }
        let state = if *journal_exists { "" } else { " (will be made)" };
        write!(formatter, "journal       {journal}{state}")
    }
}
