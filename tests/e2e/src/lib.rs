//! Starts the real binaries and watches what they do.
