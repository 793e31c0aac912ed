"""A machine that has systemd as its process 1, and what the tests do to it."""
