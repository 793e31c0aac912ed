//! The relay: verifies, authorises, journals and publishes signed events.

fn main() {}
