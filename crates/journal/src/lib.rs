//! The Journal trait, its contract, an in-memory journal and the conformance suite.
