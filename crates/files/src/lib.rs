//! Opening and reading files: the one place where programs of the stream do it.
//!
//! Directories that programs look at, such as those of keys and rules, hold what somebody put
//! there. A FIFO would hold up for ever whoever opens it as if it were a file, and `/dev/zero` has
//! no end. So only regular files are opened ([`open()`], [`open_with`]), without waiting, and what is
//! read of one is bounded ([`read()`], [`read_text`]). Symbolic links are followed, since
//! configurations are often made of them; what counts is where they lead.
//!
//! A file that somebody named on a command line is another matter: `--config <(…)` is a pipe, and
//! meant. [`read_given`] reads it, with the same bound.
//!
//! Clippy refuses the functions of the standard library that do the same without all this.

mod given;
mod open;
mod read;
mod refusal;

pub use given::{read_given, read_given_text};
pub use open::{open, open_with, sync_directory};
pub use read::{read, read_at_most, read_text};
pub use refusal::Refusal;
