//! Watches APT archives and emits what changed as signed events.

fn main() {}
