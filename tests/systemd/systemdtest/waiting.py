"""Conditions with a deadline, instead of sleeps."""

import time

DEADLINE = 30


def until(what: str, condition, seconds: float = DEADLINE):
    """Returns what the condition gives as soon as that is something."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.01)
