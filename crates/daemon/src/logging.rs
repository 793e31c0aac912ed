//! Logs: one line a record on stderr, where the journal picks them up.

mod sampling;

use std::io::IsTerminal;

use tracing_subscriber::{
    EnvFilter, Layer as _, filter::FilterExt as _, fmt, layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use self::sampling::{Sampling, WithSuppressed};

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verbosity {
    /// Warnings and errors.
    Quiet,
    /// Starts, stops, reloads and what goes wrong.
    #[default]
    Normal,
    /// Each event and rejection too.
    Verbose,
}

impl Verbosity {
    /// What `--verbose` and `--quiet` say, of which a command line takes one.
    pub fn of(verbose: bool, quiet: bool) -> Self {
        match (verbose, quiet) {
            (_, true) => Self::Quiet,
            (true, _) => Self::Verbose,
            _ => Self::Normal,
        }
    }
}

/// Starts logging to stderr. What is said too often is sampled, except the debugging that somebody
/// asked for: whoever makes us complain must not fill the disk. `RUST_LOG` goes before `verbosity`. Under systemd the journal adds
/// the time itself.
pub fn init_logging(verbosity: Verbosity) {
    init_logging_with(verbosity, "");
}

/// The same for a program whose libraries log what people do not want to read: `directives`, such
/// as `some_crate=warn`, hold unless it is verbose.
pub fn init_logging_with(verbosity: Verbosity, directives: &str) {
    let level = match verbosity {
        Verbosity::Quiet => "warn",
        Verbosity::Normal => "info",
        Verbosity::Verbose => "debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| {
        let directives = if verbosity == Verbosity::Verbose { "" } else { directives };
        EnvFilter::new(format!("{level},{directives}"))
    });
    let is_terminal = std::io::stderr().is_terminal();
    let colours = is_terminal && std::env::var_os("NO_COLOR").is_none();
    let format = fmt::format().with_target(false).with_ansi(colours);
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(colours);
    let lines = if std::env::var_os("JOURNAL_STREAM").is_some() {
        lines.event_format(WithSuppressed(format.without_time())).boxed()
    } else {
        lines.event_format(WithSuppressed(format)).boxed()
    };
    let lines = lines.with_filter(filter.and(Sampling::default()));
    tracing_subscriber::registry().with(lines).init();
}
