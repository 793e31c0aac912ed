//! Exit codes, and how an error reaches the person who started the program.

use std::process::ExitCode;

/// Something failed.
pub const EXIT_FAILED: u8 = 1;
/// Wrong usage or configuration.
pub const EXIT_USAGE: u8 = 2;
/// The relay rejected it.
pub const EXIT_REJECTED: u8 = 3;
/// The relay could not be reached.
pub const EXIT_UNREACHABLE: u8 = 4;

/// A command that did not succeed. Any error becomes one with [`EXIT_FAILED`] and without a hint.
#[derive(Debug)]
pub struct Failure {
    /// How the program exits.
    pub exit_code: u8,
    /// What happened.
    pub error: anyhow::Error,
    /// What to do about it, if that is known.
    pub hint: Option<String>,
}

impl Failure {
    /// Somebody has to mend it: a restart does not.
    pub fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self { exit_code: EXIT_USAGE, error: error.into(), hint: None }
    }

    /// Prints it, and says how to exit.
    pub fn report(&self) -> ExitCode {
        print_error(&self.error, self.hint.as_deref());
        ExitCode::from(self.exit_code)
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { exit_code: EXIT_FAILED, error: error.into(), hint: None }
    }
}

/// Prints `error: what happened: why`, and what to do about it if that is known.
#[expect(clippy::print_stderr, reason = "this is where errors are printed")]
pub fn print_error(error: &anyhow::Error, hint: Option<&str>) {
    eprintln!("error: {error:#}");
    if let Some(hint) = hint {
        eprintln!("hint: {hint}");
    }
}
