"""A test with a relay."""

import sys
import unittest

from .relay import Relay


class RelayTest(unittest.TestCase):
    """Gives each test a running relay of its own as `self.relay`, and its log if the test fails."""

    limits = 'max_age = "unlimited"'

    def setUp(self):
        self.relays = []
        self.relay = self.start_relay()

    def start_relay(self) -> Relay:
        """Another relay, which ends with the test."""
        relay = self.prepare_relay()
        return relay.start()

    def prepare_relay(self) -> Relay:
        """A relay that is not running yet."""
        relay = Relay(limits=self.limits)
        self.relays.append(relay)
        self.addCleanup(relay.close)
        return relay

    def run(self, result=None):
        failures = lambda: len(result.failures) + len(result.errors)
        before = failures()
        super().run(result)
        if failures() > before:
            for relay in self.relays:
                print(f"the log of the relay of {self.id()}:", *relay.log(), sep="\n", file=sys.stderr)
        return result
