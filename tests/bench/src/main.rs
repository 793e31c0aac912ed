//! Measures the relay against the cost of its cryptography.

fn main() {}
