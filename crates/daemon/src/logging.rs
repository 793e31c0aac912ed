//! Logs: one line a record on stderr, where the journal picks them up.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt};

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

/// Starts logging to stderr. `RUST_LOG` goes before `verbosity`. Under systemd the journal adds
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
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let builder = builder.with_ansi(is_terminal && std::env::var_os("NO_COLOR").is_none());
    if std::env::var_os("JOURNAL_STREAM").is_some() {
        builder.without_time().init();
    } else {
        builder.init();
    }
}
