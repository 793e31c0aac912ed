//! How far something is that takes longer than a second.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use laniakea_event::Seq;

use crate::output::Notices;

/// Nobody needs a bar for what is over at once.
const PATIENCE: Duration = Duration::from_secs(1);

/// A bar on stderr, where that is a terminal.
pub(crate) struct Progress {
    notices: Notices,
    /// What is being done.
    doing: &'static str,
    began: Option<(Instant, Seq)>,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Nothing to show yet.
    pub(crate) fn new(notices: Notices) -> Self {
        Self::of("catching up", notices)
    }

    /// The same for something else than reading the journal.
    pub(crate) fn of(doing: &'static str, notices: Notices) -> Self {
        Self { notices, doing, began: None, bar: None }
    }

    /// Reading goes on from here.
    pub(crate) fn begin(&mut self, at: Seq) {
        self.began.get_or_insert_with(|| (Instant::now(), at));
    }

    /// Everything up to `at` was read, of a journal that goes up to `last`.
    pub(crate) fn reach(&mut self, at: Seq, last: Seq) {
        let (began, start) = *self.began.get_or_insert_with(|| (Instant::now(), at));
        if self.bar.is_none() && self.notices == Notices::All && began.elapsed() > PATIENCE {
            self.bar = Some(bar(self.doing));
        }
        if let Some(bar) = &self.bar {
            bar.set_length(last.0.saturating_sub(start.0));
            bar.set_position(at.0.saturating_sub(start.0));
        }
    }

    /// Everything was read.
    pub(crate) fn finish(&mut self) {
        self.began = None;
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Does something to the terminal that must not mix with the bar.
    pub(crate) fn aside<T>(&self, action: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(action),
            None => action(),
        }
    }
}

fn bar(doing: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let template = format!(
        "{doing} {{wide_bar:.cyan/dim}} {{human_pos}} of {{human_len}} events, {{eta}} left"
    );
    bar.with_style(
        ProgressStyle::with_template(&template)
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("━━─"),
    )
}
