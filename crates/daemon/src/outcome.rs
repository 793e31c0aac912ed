//! Exit codes, and how an error reaches the person who started the program.

use std::{io, process::ExitCode};

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

    /// Prints it, and says how to exit. A reader of our output that went away, such as `head`, is
    /// no failure.
    pub fn report(&self) -> ExitCode {
        if is_broken_pipe(&self.error) {
            return ExitCode::SUCCESS;
        }
        print_error(&self.error, self.hint.as_deref());
        ExitCode::from(self.exit_code)
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { exit_code: EXIT_FAILED, error: error.into(), hint: None }
    }
}

/// Prints a line to stdout, as `println!` does, but fails where that panics: the reader may have gone
/// away, or the disk be full.
#[macro_export]
macro_rules! print_line {
    ($($line:tt)*) => {
        ::std::io::Write::write_fmt(
            &mut ::std::io::stdout(),
            ::std::format_args!("{}\n", ::std::format_args!($($line)*)),
        )
    };
}

/// Whether it is about our own output: with a context it is about something else.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let outermost = error.chain().next().and_then(|error| error.downcast_ref::<io::Error>());
    outermost.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Prints `error: what happened: why`, and what to do about it if that is known.
#[expect(clippy::print_stderr, reason = "this is where errors are printed")]
pub fn print_error(error: &anyhow::Error, hint: Option<&str>) {
    eprintln!("error: {error:#}");
    if let Some(hint) = hint {
        eprintln!("hint: {hint}");
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn only_a_reader_that_went_away_is_no_failure() {
        let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(is_broken_pipe(&broken().into()));
        let result: Result<(), _> = Err(broken());
        assert!(!is_broken_pipe(&result.context("a command's input").unwrap_err()));
        assert!(!is_broken_pipe(&io::Error::from(io::ErrorKind::NotFound).into()));
    }
}
