"""Whom the template for consumers in Python believes when keys begin and end."""

import importlib.util
import itertools
import json
import tempfile
import unittest
from pathlib import Path

from harness import Key

EVENTS = Path(__file__).resolve().parents[2] / "examples" / "python" / "events.py"
PAST, FUTURE = "2026-01-01T00:00:00Z", "2999-01-01T00:00:00Z"
MARKS = {
    "valid": {},
    "bounded": {"valid-from": "2025-01-01T00:00:00Z", "valid-until": FUTURE},
    "expired": {"valid-until": PAST},
    "revoked": {"revoked": PAST, "valid-until": FUTURE},
    "not yet": {"valid-from": FUTURE},
}
RECEIVED = {
    "before": "2025-12-31T23:59:59.999999Z",
    "at": "2026-01-01T00:00:00.000000Z",
    "after": "2026-01-01T00:00:01Z",
    "without offset": "2025-01-01T00:00:00",
    "absent": None,
}


def template():
    spec = importlib.util.spec_from_file_location("template_events", EVENTS)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Validity(unittest.TestCase):
    def test_keys_count_while_they_are_valid_and_for_what_a_relay_took_then(self):
        believed = 0
        for state, relayed, received in itertools.product(
            MARKS, ("no", "relay", "old relay", "another source"), RECEIVED
        ):
            is_good = state in ("valid", "bounded") or (
                state in ("expired", "revoked") and relayed == "relay" and received == "before"
            )
            with self.subTest(state=state, relayed=relayed, received=received):
                found = self.is_believed(MARKS[state], relayed, RECEIVED[received])
                # The other source may sign as well; then the event is believed for its sake.
                self.assertEqual(found, is_good or relayed == "another source")
                believed += found
        self.assertEqual(believed, 2 * 3 * 5 + 2 + 5 * 5)

    def is_believed(self, marks: dict, relayed: str, received) -> bool:
        source, relay, other = Key("archive-01"), Key("lighthouse-01"), Key("spears-01")
        with tempfile.TemporaryDirectory() as directory:
            directory = Path(directory)
            ends = {"valid-until": PAST} if relayed == "old relay" else {}
            for key, its in ((source, marks), (relay, ends), (other, {})):
                lines = [f'    {name} = "{time}"\n' for name, time in its.items()]
                text = key.text(has_secret=False) + "".join(["trust\n", *lines])
                (directory / f"{key.signer}.pub.key").write_text(text)
            trust = template().Trust(directory, [relay.signer])
        event = json.loads(source.event("_lk.archive.x"))
        if relayed != "no":
            event = (other if relayed == "another source" else relay).sign(event)
        if received:
            event["unsigned"] = {"received": received}
        try:
            trust.check(event)
        except (ValueError, KeyError):
            return False
        return True
