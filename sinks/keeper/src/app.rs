//! Keeper put together, and its life from start to stop.

use std::{path::Path, sync::Arc};

use anyhow::{Context as _, anyhow, bail};
use laniakea_daemon::{Clock, DataDirLock, Lifecycle, LifecycleError, TrustSource};
use laniakea_wire::subscription::{Believe, OtherJournal, Start, Subscription, SubscriptionConfig};
use tokio::sync::{oneshot, watch};
use uuid::Uuid;

use crate::{
    action::{BatchFile, Means},
    config::Config,
    herald::Herald,
    keep::{Keeper, list, without_identity},
    ledger::{Ledger, LedgerCursor, SharedLedger},
    rules::{self, RulesLoader, WatchedRules},
    submit::Submitter,
};

/// What the lock of the data directory is called, and under which name the relay lists this
/// consumer.
const PROGRAM: &str = "keeper";
/// This program, also when another one has taken its place since it was started.
const PROGRAM_FILE: &str = "/proc/self/exe";

/// A keeper whose files are open.
pub struct App {
    keeper: Keeper,
    subscription: Subscription,
    submitter: Option<Submitter>,
    _lock: Option<DataDirLock>,
}

/// How to run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manner {
    /// Read on in this journal, although the relay had another one before.
    pub accept_journal: Option<Uuid>,
    /// Say what would be done, do nothing and keep nothing.
    pub is_dry_run: bool,
}

impl App {
    /// Opens everything. Whatever fails here is for somebody to mend.
    ///
    /// # Errors
    ///
    /// The configuration, the rules, the ledger or the keys.
    pub fn build(
        config_file: &Path,
        clock: Arc<dyn Clock>,
        manner: Manner,
    ) -> anyhow::Result<Self> {
        let config = Config::load(config_file)?;
        let means = Means::new(&config)?;
        if !manner.is_dry_run {
            means.check()?;
        }
        let watched = WatchedRules::new(&config.rules_dir);
        let rules =
            rules::load(&config.rules_dir, &means).map_err(|problems| anyhow!(list(&problems)))?;
        let trust = Arc::new(TrustSource::load(&config.trust)?);
        let (ledger, lock) = open_ledger(&config, manner)?;
        let herald = config.herald()?.map(Arc::new).filter(|_| !manner.is_dry_run);
        if config.identity.is_none()
            && let Some(problem) = without_identity(&rules)
        {
            bail!(problem);
        }
        let submitter = match &herald {
            Some(herald) => Some(speak(&config, &ledger, herald)?),
            None => None,
        };
        let subscription = subscribe(&config, &ledger, manner)?;
        let keeper = Keeper {
            rules,
            loader: RulesLoader::start(config.rules_dir, means, watched)?,
            data_dir: config.data_dir,
            program: PROGRAM_FILE.into(),
            trust,
            ledger,
            clock,
            concurrency: config.runs.concurrency,
            retain: config.runs.retain.limit(),
            is_dry_run: manner.is_dry_run,
            herald,
        };
        Ok(Self { keeper, subscription, submitter, _lock: lock })
    }

    /// Works until it is told to stop.
    ///
    /// # Errors
    ///
    /// The stream or the ledger.
    pub async fn run(self, mut lifecycle: Lifecycle) -> Result<(), LifecycleError> {
        let (reload, reloaded) = watch::channel(());
        tracing::info!(rules = self.keeper.rules.iter().count(), "ready");
        let keeping = self.keeper.run(self.subscription, reloaded, lifecycle.stopping());
        let (speaks, over) = oneshot::channel::<()>();
        lifecycle.spawn("keeping", async move {
            let outcome = keeping.await;
            drop(speaks);
            outcome
        });
        if let Some(submitter) = self.submitter {
            lifecycle.spawn("submitting", submitter.run(over, lifecycle.stopping()));
        }
        lifecycle.run(move || reload.send(()).unwrap_or_default(), || {}).await
    }
}

fn open_ledger(
    config: &Config,
    manner: Manner,
) -> anyhow::Result<(SharedLedger, Option<DataDirLock>)> {
    if manner.is_dry_run {
        // What is only tried leaves no trace.
        return Ok((SharedLedger::new(Ledger::in_memory()?), None));
    }
    let lock = DataDirLock::take(&config.data_dir, PROGRAM)?;
    BatchFile::remove_all(&config.data_dir).context("could not tidy up the data directory")?;
    Ok((SharedLedger::new(Ledger::open(&config.ledger())?), Some(lock)))
}

/// Has the ledger tell what happens, and somebody send it.
fn speak(
    config: &Config,
    ledger: &SharedLedger,
    herald: &Arc<Herald>,
) -> anyhow::Result<Submitter> {
    let both = config.identity.as_ref().zip(config.submit.as_ref());
    let (identity, submit) = both.context("[identity] and [submit] go together")?;
    ledger.lock().announce_with(herald.clone());
    let security = submit.security(&identity.key_file)?;
    Submitter::new(ledger.clone(), &submit.endpoint, security)
        .context("cannot submit keeper's own events")
}

fn subscribe(
    config: &Config,
    ledger: &SharedLedger,
    manner: Manner,
) -> anyhow::Result<Subscription> {
    let stream = &config.stream;
    let (start, name) = if manner.is_dry_run {
        (Start::Now, None)
    } else {
        (stream.start.clone(), Some(PROGRAM.to_owned()))
    };
    let subscription = SubscriptionConfig {
        start,
        // Judged event by event with the trust table of that moment.
        believe: Believe::Everything,
        other_journal: OtherJournal::Stop { accept: manner.accept_journal },
        name,
        cursor: Some(Box::new(LedgerCursor(ledger.clone()))),
        security: stream.security()?,
        ..SubscriptionConfig::new(stream.publish.clone(), Some(stream.replay.clone()))
    };
    Subscription::open(subscription).context("could not follow the stream")
}
