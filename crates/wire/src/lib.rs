//! Events over ZeroMQ: submit, publish, replay, and the client that misses nothing.
