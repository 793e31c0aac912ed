//! A visit: everything that is needed for one look at one suite, from its address to the outbox.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use laniakea_daemon::Clock;
use reqwest::Url;
use tokio::runtime::Handle;
use tracing::{info, warn};

use crate::{
    announce::Announcer,
    apt::{
        fetch::{Directory, Fetch, Http, HttpError},
        files::SuiteFiles,
        lists::Lists,
        proxy::AptProxies,
    },
    config::{Archive, ProxySetting, SuiteName},
    look::{Look, LookError, look},
    record::{FirstLook, RecordError, Recorded, check_baseline, record},
    stop::Stop,
    store::{Store, lock},
};

/// A look that came to nothing. The next one is as good as this one would have been.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VisitError {
    /// The archive could not be read, or is not believed.
    #[error("could not look at {0}")]
    Look(SuiteName, #[source] Box<LookError>),
    /// What was seen could not be kept.
    #[error("could not record {0}")]
    Record(SuiteName, #[source] RecordError),
    /// The address is none.
    #[error("the address {0} cannot be used")]
    Address(String),
    /// No client for the address.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// APT's settings could not be read.
    #[error("could not read APT's proxy settings")]
    AptProxies(#[source] io::Error),
}

/// Looks at suites. All methods block.
pub struct Visitor {
    /// Where everything is kept.
    pub store: Arc<Mutex<Store>>,
    /// Signs what is told.
    pub announcer: Announcer,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Waits for the network.
    pub runtime: Handle,
    /// Set when there is no time left to wait.
    pub stop: Stop,
}

impl Visitor {
    /// Looks at `suite` of `archive`, and records what changed; `None` if nothing did.
    ///
    /// # Errors
    ///
    /// See [`VisitError`]; the state is what it was before.
    pub fn visit(
        &self,
        archive: &Archive,
        suite: &str,
        first_look: FirstLook,
    ) -> Result<Option<Recorded>, VisitError> {
        let name = archive.suite(suite);
        let kept = |error| VisitError::Record(archive.suite(suite), error);
        let known = lock(&self.store).known(&name).map_err(|error| kept(error.into()))?;
        if known.is_none() {
            check_baseline(&lock(&self.store), archive, suite).map_err(kept)?;
        }
        let files = self.files(archive, suite)?;
        let now = self.clock.now();
        let outcome = look(archive, suite, &files, known.as_ref(), now)
            .map_err(|error| VisitError::Look(name.clone(), Box::new(error)))?;
        let seen = match outcome {
            Look::Unchanged => return Ok(None),
            Look::Revalidated(validators) => {
                let store = lock(&self.store);
                store.revalidate(&name, &validators).map_err(|error| kept(error.into()))?;
                return Ok(None);
            }
            Look::Changed(seen) => seen,
        };
        if seen.left_out > 0 {
            warn!(suite = %name, count = seen.left_out, "packages that make no sense were left out");
        }
        let mut store = lock(&self.store);
        let now = self.clock.now();
        let recorded =
            record(&mut store, &self.announcer, (archive, suite), &seen, first_look, now)
                .map_err(kept)?;
        report(&name, &recorded);
        Ok(Some(recorded))
    }

    fn files(&self, archive: &Archive, suite: &str) -> Result<SuiteFiles, VisitError> {
        let address = archive.suite_url(suite);
        let bad_address = || VisitError::Address(address.clone());
        let url = Url::parse(&address).map_err(|_| bad_address())?;
        let remote: Option<Box<dyn Fetch>> = match url.scheme() {
            "http" | "https" => Some(Box::new(self.http(archive, url)?)),
            "file" => {
                let path = url.to_file_path().map_err(|()| bad_address())?;
                Some(Box::new(Directory::new(path)))
            }
            // For APT alone.
            _ => None,
        };
        let lists = archive.lists_dir.clone().map(|directory| Lists::new(directory, &address));
        Ok(SuiteFiles { remote, lists, max_index_bytes: archive.max_index_mib << 20 })
    }

    fn http(&self, archive: &Archive, url: Url) -> Result<Http, VisitError> {
        let apt;
        let proxy = match &archive.proxy {
            ProxySetting::None => None,
            ProxySetting::Address(address) => Some(address.as_str()),
            ProxySetting::Apt => {
                // Asked each time: whoever changes APT's settings does not think of us.
                apt = AptProxies::of_this_machine().map_err(VisitError::AptProxies)?;
                apt.for_host(url.scheme(), url.host_str().unwrap_or_default())
            }
        };
        let patience = archive.fetch_timeout.limit().unwrap_or(Duration::MAX);
        Ok(Http::new(url, proxy, patience, self.runtime.clone(), self.stop.clone())?)
    }
}

fn report(name: &SuiteName, recorded: &Recorded) {
    let counts = recorded.counts;
    if recorded.first {
        info!(suite = %name, events = recorded.events, "looked at a suite for the first time");
    } else {
        info!(suite = %name, events = recorded.events, ?counts, "a suite was published");
    }
}
