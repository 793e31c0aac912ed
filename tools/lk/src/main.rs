//! The command line of the event stream.

fn main() {}
