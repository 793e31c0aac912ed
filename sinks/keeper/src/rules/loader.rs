//! Reads the rules again when they change, beside the loop that works by them.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use laniakea_daemon::Reloading;
use tokio::sync::mpsc;

use super::{Problem, Rules, WatchedRules, load};
use crate::action::Means;

/// The rules as they were read again, or all that is wrong with them.
pub type Loaded = Result<Rules, Vec<Problem>>;

/// Watches a directory of rules.
#[derive(Debug)]
pub struct RulesLoader {
    reading: Reloading,
    /// They are to be read whether they changed or not.
    is_asked: Arc<AtomicBool>,
    read: mpsc::Receiver<Loaded>,
}

impl RulesLoader {
    /// Watches the directory that the rules were read from; `watched` has looked at it before.
    ///
    /// # Errors
    ///
    /// The system gives no thread.
    pub fn start(directory: PathBuf, means: Means, mut watched: WatchedRules) -> io::Result<Self> {
        let (loaded, read) = mpsc::channel(1);
        let is_asked = Arc::new(AtomicBool::new(false));
        let is_wanted = is_asked.clone();
        let reading = Reloading::start("the rules", move || {
            if is_wanted.swap(false, Ordering::Relaxed) {
                // What is read now is not read, nor complained of, once more.
                watched.note();
            } else if !watched.have_changed() {
                return;
            }
            // Where nobody takes them any more, keeper stops.
            drop(loaded.blocking_send(load(&directory, &means)));
        })?;
        Ok(Self { reading, is_asked, read })
    }

    /// Has somebody look whether they changed. To be called every few seconds.
    pub fn look(&mut self) {
        self.reading.watch();
        self.reading.ask();
    }

    /// Has them read in any case.
    pub fn reload(&self) {
        self.is_asked.store(true, Ordering::Relaxed);
        self.reading.ask();
    }

    /// The rules that were read next.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if this is dropped.
    pub async fn next(&mut self) -> Option<Loaded> {
        self.read.recv().await
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const RULE: &str =
        "[[rule]]\nname = \"x\"\non = \"_lk.*\"\n[rule.exec]\ncommand = [\"/bin/true\"]\n";

    #[tokio::test]
    async fn rules_are_read_when_they_changed_or_when_somebody_asks() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().to_owned();
        let watched = WatchedRules::new(&path);
        let mut loader = RulesLoader::start(path.clone(), Means::default(), watched).unwrap();
        loader.reload();
        assert_eq!(loader.next().await.unwrap().unwrap().iter().count(), 0);
        fs::write(path.join("x.toml"), RULE).unwrap();
        let mut ticks = tokio::time::interval(std::time::Duration::from_millis(10));
        let rules = loop {
            tokio::select! {
                rules = loader.read.recv() => break rules,
                _ = ticks.tick() => loader.reading.ask(),
            }
        };
        assert_eq!(rules.unwrap().unwrap().iter().count(), 1);
    }
}
