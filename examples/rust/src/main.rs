//! A module that is both a source and a sink.

fn main() {}
