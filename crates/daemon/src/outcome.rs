//! Exit codes, and how an error reaches the person who started the program.

/// Something failed.
pub const EXIT_FAILED: u8 = 1;
/// Wrong usage or configuration.
pub const EXIT_USAGE: u8 = 2;
/// The relay rejected it.
pub const EXIT_REJECTED: u8 = 3;
/// The relay could not be reached.
pub const EXIT_UNREACHABLE: u8 = 4;

/// Prints `error: what happened: why`, and what to do about it if that is known.
#[expect(clippy::print_stderr, reason = "this is where errors are printed")]
pub fn print_error(error: &anyhow::Error, hint: Option<&str>) {
    eprintln!("error: {error:#}");
    if let Some(hint) = hint {
        eprintln!("hint: {hint}");
    }
}
