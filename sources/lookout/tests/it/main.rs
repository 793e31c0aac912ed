//! Lookout against real archives: written here, signed with a real key, served from a directory or
//! over HTTP, and watched by the library or by the real binary.

#![expect(clippy::disallowed_methods, reason = "tests read the files that they wrote")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod changes;
mod commands;
mod crash;
mod endless;
mod fetching;
mod refusals;
mod support;
