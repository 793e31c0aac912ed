//! The bot put together, and its life from start to stop.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use laniakea_daemon::{Clock, DataDirLock, Lifecycle, LifecycleError, Stopping, TrustSource};
use laniakea_wire::{
    curve::Security,
    subscription::{Believe, OtherJournal, Subscription, SubscriptionConfig},
};
use uuid::Uuid;

use crate::{
    chat::Chat,
    config::Config,
    control::Control,
    intake::Intake,
    matrix::{Account, DeviceProblem, Session, Sync, prove_device},
    sink::{Rooms, SendError},
    source::follow,
    store::{Device, SharedStore, Store, StoreCursor},
    stream_status::StreamStatus,
};

/// What the lock of the data directory is called, and under which name the relay lists this
/// consumer.
pub const PROGRAM: &str = "mirk";
/// How often old rows are removed.
const PRUNE_INTERVAL: Duration = Duration::from_hours(1);

/// A bot whose files are open, and that has asked nobody anything yet.
pub struct App {
    control: Control,
    trust: Arc<TrustSource>,
    account: Arc<Account>,
    device: Device,
    subscription: Subscription,
    stream: StreamStatus,
    clock: Arc<dyn Clock>,
    _lock: DataDirLock,
}

impl App {
    /// Opens everything. Whatever fails here is for somebody to mend.
    ///
    /// # Errors
    ///
    /// The configuration, the session, the encryption store, the database or the keys.
    pub async fn build(
        config_file: &Path,
        clock: Arc<dyn Clock>,
        accept_journal: Option<Uuid>,
    ) -> anyhow::Result<Self> {
        let config = Config::load(config_file)?;
        let trust = Arc::new(TrustSource::load(&config.trust)?);
        let lock = DataDirLock::take(&config.data_dir, PROGRAM)?;
        let session_file = config.session_file();
        let session = Session::load(&session_file)?
            .ok_or_else(|| DeviceProblem::NoSession(session_file.display().to_string()))?;
        let store = SharedStore::new(Store::open(&config.database())?);
        let device = prove_device(&config, &session, &store)?;
        let account = Arc::new(Account::restore(&config, &session, store.clone()).await?);
        let security = config.stream.security()?;
        let subscription = subscribe(&config, security.clone(), &store, accept_journal)?;
        let stream = StreamStatus { replay: config.stream.replay.clone(), security };
        let control = Control::new(config_file.to_owned(), config, store, trust.clone())?;
        Ok(Self { control, trust, account, device, subscription, stream, clock, _lock: lock })
    }

    /// Works until it is told to stop.
    ///
    /// # Errors
    ///
    /// The first task that cannot go on.
    pub async fn run(self, mut lifecycle: Lifecycle) -> Result<(), LifecycleError> {
        let intake = Intake {
            store: self.control.store().clone(),
            trust: self.trust,
            settings: self.control.watch_settings(),
            clock: self.clock.clone(),
            changes: self.control.changes(),
        };
        let following = follow(self.subscription, intake, lifecycle.stopping());
        lifecycle.spawn("following the stream", async { Ok(following.await?) });
        let rooms = Rooms {
            store: self.control.store().clone(),
            homeserver: self.account.clone(),
            settings: self.control.watch_settings(),
            changes: self.control.changes().subscribe(),
            clock: self.clock.clone(),
        };
        let chat = Chat {
            control: self.control.clone(),
            clock: self.clock.clone(),
            not_before: self.device.created,
            stream: self.stream,
        };
        let sync = Sync { account: self.account.clone(), chat };
        let store_dir = self.control.settings().config.store_dir();
        let matrix = talk(self.account.clone(), rooms, sync, store_dir, lifecycle.stopping());
        lifecycle.spawn("talking to the homeserver", matrix);
        let pruning = prune(self.control.store().clone(), self.clock, lifecycle.stopping());
        lifecycle.spawn("removing old rows", pruning);
        let (control, account) = (self.control, self.account);
        let reload = move || {
            account.forget_rooms();
            control.reload();
        };
        lifecycle.run(reload, || {}).await
    }
}

fn subscribe(
    config: &Config,
    security: Security,
    store: &SharedStore,
    accept: Option<Uuid>,
) -> anyhow::Result<Subscription> {
    let stream = &config.stream;
    let subscription = SubscriptionConfig {
        start: stream.start.clone(),
        // Judged later, event by event: some rooms want to see what is not to be believed, and keys
        // come and go.
        believe: Believe::Everything,
        other_journal: OtherJournal::Stop { accept },
        name: Some(PROGRAM.to_owned()),
        cursor: Some(Box::new(StoreCursor(store.clone()))),
        security,
        ..SubscriptionConfig::new(stream.publish.clone(), Some(stream.replay.clone()))
    };
    Subscription::open(subscription).context("could not follow the stream")
}

/// Nothing is sent before the homeserver has confirmed that this is the only such device.
async fn talk(
    account: Arc<Account>,
    rooms: Rooms<Account>,
    sync: Sync,
    store_dir: PathBuf,
    mut stopping: Stopping,
) -> anyhow::Result<()> {
    tokio::select! {
        sealed = seal(&account, store_dir) => sealed?,
        () = stopping.wait() => return Ok(()),
    }
    tracing::info!("ready");
    tokio::select! {
        outcome = rooms.run() => Ok(outcome?),
        outcome = sync.run(stopping) => Ok(outcome?),
    }
}

async fn seal(account: &Account, store_dir: PathBuf) -> Result<(), DeviceProblem> {
    let mut failures = 0;
    loop {
        let error = match account.renew_seal(store_dir.clone()).await {
            Err(DeviceProblem::Homeserver(
                error @ (SendError::Limited(_) | SendError::Unavailable(_)),
            )) => error,
            other => return other,
        };
        failures += 1;
        let pause = error.pause(failures);
        if failures == 1 {
            let error = format!("{:#}", anyhow::Error::from(error));
            tracing::warn!(error, "the homeserver does not answer; trying again");
        }
        tokio::time::sleep(pause).await;
    }
}

async fn prune(
    store: SharedStore,
    clock: Arc<dyn Clock>,
    mut stopping: Stopping,
) -> anyhow::Result<()> {
    let mut ticks = tokio::time::interval(PRUNE_INTERVAL);
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                let now = clock.now();
                store.with(move |store| store.prune(now)).await?;
            }
            () = stopping.wait() => return Ok(()),
        }
    }
}
