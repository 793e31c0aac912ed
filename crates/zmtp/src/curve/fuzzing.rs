//! What only a peer with the right keys and bad intentions would send, for `tests/fuzz` and the
//! tests here.
