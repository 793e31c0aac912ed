//! Watches APT archives and emits what changed as signed events.
pub mod apt;
pub mod diff;
pub mod suite;
