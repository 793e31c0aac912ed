"""What a sink does about a relay that drops, repeats, forges and forgets: section 4 of the protocol.

The sinks of examples/ run against a relay that the tests pretend to be.
"""

import json
import os
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

from harness import VECTORS, FakeRelay, Key, Program, binary, canonical, digest, until, vector_key
from harness.programs import ROOT

ARCHIVE, SPEARS, STRANGER = (vector_key(f"{name}-01") for name in ("archive", "spears", "stranger"))
BUILT, FAILED = "_lk.archive.package-build-success", "_lk.archive.package-build-failed"
EXCUSE = "_lk.spears.new-excuse"


class Sinks:
    """What every sink has to survive."""

    def setUp(self):
        self.relay = FakeRelay()
        self.addCleanup(self.relay.close)
        self.directory = Path(tempfile.mkdtemp(prefix="lk-"))
        self.addCleanup(shutil.rmtree, self.directory)
        self.cursor = self.directory / "cursor"

    def start(self, *prefixes) -> Program:
        """The sink, subscribed and at the end of the journal."""
        program = Program(*self.command(*prefixes))
        self.addCleanup(program.kill)
        self.relay.wait_for_subscriptions(max(1, len(prefixes)))

        def has_begun():
            self.assertTrue(program.is_running(), program.err)
            return self.cursor.exists()

        until("the sink to begin", has_begun)
        return program

    def handled(self, sink: Program) -> list:
        return [json.loads(line) for line in list(sink.out)]

    def assert_handles(self, sink: Program, frames: list):
        """The sink handles these, in this order, and nothing else."""
        wanted = [digest(json.loads(frame)) for frame in frames]
        until("the events at the sink", lambda: len(self.handled(sink)) >= len(wanted))
        self.assertEqual([digest(event) for event in self.handled(sink)], wanted)
        self.assertTrue(sink.is_running(), sink.err)

    def position(self):
        """The stored seq, once it is one of the relay's present journal."""
        journal, seq = self.cursor.read_text().strip().split(":")
        return int(seq) if journal == self.relay.journal else None

    def test_live_events_are_handled_as_they_come(self):
        sink = self.start("_lk.archive.")
        frames = [self.relay.append(ARCHIVE.event(BUILT)) for _ in range(5)]
        for frame in frames:
            self.relay.send_live(frame)
        self.assert_handles(sink, frames)
        until("the position", lambda: self.position() == 5)

    def test_events_that_were_dropped_before_another_are_read(self):
        sink = self.start()
        frames = [self.relay.append(ARCHIVE.event(BUILT)) for _ in range(10)]
        self.relay.send_live(frames[-1])
        self.assert_handles(sink, frames)

    def test_an_event_that_was_dropped_under_one_prefix_is_not_passed_over_under_another(self):
        sink = self.start("_lk.archive.", "_lk.spears.")
        first, dropped, second, third = (
            self.relay.append(key.event(id))
            for key, id in ((ARCHIVE, BUILT), (SPEARS, EXCUSE), (ARCHIVE, FAILED), (SPEARS, EXCUSE))
        )
        self.relay.send_live(first)
        self.relay.send_live(second)
        until("the two", lambda: len(self.handled(sink)) >= 2)
        self.relay.send_live(third)
        until("all four", lambda: len(self.handled(sink)) >= 4)
        events = [digest(event) for event in self.handled(sink)]
        self.assertEqual(len(set(events)), len(events))
        wanted = [digest(json.loads(frame)) for frame in (first, second, dropped, third)]
        self.assertEqual(set(events), set(wanted))
        self.assertLess(events.index(wanted[2]), events.index(wanted[3]))

    def test_others_events_in_between_are_no_gap(self):
        sink = self.start("_lk.archive.")
        frames = []
        for _ in range(3):
            self.relay.append(SPEARS.event(EXCUSE))
            frames.append(self.relay.append(ARCHIVE.event(BUILT)))
            self.relay.send_live(frames[-1])
        self.relay.append(SPEARS.event(EXCUSE))
        self.assert_handles(sink, frames)
        # The position is that of the journal's end, so a restart does not read all this again.
        until("the position", lambda: self.position() == 7)

    def test_repeated_and_old_events_are_handled_once(self):
        sink = self.start()
        frames = [self.relay.append(ARCHIVE.event(BUILT)) for _ in range(4)]
        for frame in (*frames[:2], frames[1], frames[0], *frames, *frames):
            self.relay.send_live(frame)
        last = self.relay.append(ARCHIVE.event(FAILED))
        self.relay.send_live(last)
        self.assert_handles(sink, [*frames, last])

    def test_a_whole_id_is_not_a_prefix(self):
        sink = self.start(BUILT)
        longer = self.relay.append(ARCHIVE.event(f"{BUILT}-twice"))
        frame = self.relay.append(ARCHIVE.event(BUILT))
        self.relay.send_live(longer)
        self.relay.send_live(frame)
        self.assert_handles(sink, [frame])

    def test_nothing_that_no_trusted_source_signed_is_handled(self):
        sink = self.start()
        good = self.relay.append(ARCHIVE.event(BUILT))
        note = json.loads(good)["unsigned"]

        def forge(event: dict, **members) -> bytes:
            return canonical({**event, "unsigned": note, **members})

        event = json.loads(ARCHIVE.event(BUILT))
        unsigned = {name: event[name] for name in event if name != "signatures"}
        spoilt = {**event, "data": {"number": "spoilt"}}
        both_bad = SPEARS.sign({**spoilt})
        for frame in (
            forge(spoilt),
            forge(both_bad),
            forge(STRANGER.sign(unsigned)),
            forge(self.relay.key.sign(unsigned)),
            forge(unsigned),
            forge(unsigned, signatures={}),
            forge(unsigned, signatures=[]),
            forge(unsigned, signatures={"archive-01": {}}),
            forge(unsigned, signatures={"archive-01": {"ed25519:0": 5}}),
            forge(unsigned, signatures={"archive-01": {"ed25519:0": "A" * 86}}),
            forge(unsigned, signatures={"archive-01": "x"}),
        ):
            self.relay.send(BUILT.encode(), frame)
        self.relay.send_live(good)
        self.assert_handles(sink, [good])

    def test_junk_on_the_live_stream_does_no_harm(self):
        sink = self.start()
        good = self.relay.append(ARCHIVE.event(BUILT))
        for junk in (b"", b"5", b"null", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"id":[]}'):
            self.relay.send(BUILT.encode(), junk)
            self.relay.send(junk)
        self.relay.send(b"")
        self.relay.send(BUILT.encode(), good, b"more")
        self.relay.send(BUILT.encode(), b"more", good)
        self.relay.send(good)
        self.relay.send_live(good)
        self.assert_handles(sink, [good])

    def test_a_topic_that_is_not_the_id_is_dropped(self):
        sink = self.start()
        frames = [self.relay.append(ARCHIVE.event(BUILT)) for _ in range(2)]
        self.relay.send(FAILED.encode(), frames[0])
        self.relay.send(b"", frames[0])
        self.relay.send(BUILT.encode() + b"x", frames[0])
        self.relay.send_live(frames[1])
        self.assert_handles(sink, frames)

    def test_a_note_that_lies_neither_ends_the_sink_nor_hides_later_events(self):
        sink = self.start()
        frames = [self.relay.append(ARCHIVE.event(BUILT))]
        event = json.loads(frames[0])
        note = event["unsigned"]
        for lie in (
            None,
            5,
            {},
            {**note, "seq": -1},
            {**note, "seq": 10**9, "prev": {}},
            {**note, "seq": 10**9, "prev": {"": 10**9 - 1}},
            {**note, "seq": 10**30},
            {**note, "seq": "5"},
            {**note, "seq": 1.5},
            {**note, "prev": []},
            {**note, "prev": {"": "0"}},
            {**note, "journal": "00000000-0000-0000-0000-000000000000"},
            {**note, "received": 5},
        ):
            self.relay.send(BUILT.encode(), canonical({**event, "unsigned": lie}))
        self.assert_handles(sink, frames)
        frames.append(self.relay.append(ARCHIVE.event(BUILT)))
        self.relay.send_live(frames[-1])
        self.assert_handles(sink, frames)
        until("the position", lambda: self.position() == 2)

    def test_a_position_from_the_future_is_neither_stored_nor_believed_for_long(self):
        # Who subscribes to everything knows what comes before it: the events are counted.
        sink = self.start("_lk.archive.")
        # Signed by a trusted source, so it is handled; where it stands is a lie.
        stray = self.relay.countersign(ARCHIVE.event(BUILT))
        stray["unsigned"] = {
            "relay": "lighthouse-01",
            "journal": self.relay.journal,
            "seq": 10**9,
            "received": "2026-11-23T16:00:00.000000Z",
            "prev": dict.fromkeys(("", "_lk.", "_lk.archive.", BUILT), 0),
        }
        frames = [canonical(stray)]
        self.relay.send_live(frames[0])
        self.assert_handles(sink, frames)
        frames.append(self.relay.append(ARCHIVE.event(BUILT)))

        def handles_the_next():
            # A real relay publishes it once; the timer would find it too, only later.
            self.relay.send_live(frames[1])
            return len(self.handled(sink)) > 1

        until("the next event at the sink", handles_the_next)
        self.assert_handles(sink, frames)
        until("the position", lambda: self.position() == 1)

    def test_events_that_have_left_the_journal_are_a_loss_that_is_told(self):
        sink = self.start()
        sink.kill()
        frames = [self.relay.append(ARCHIVE.event(BUILT)) for _ in range(5)]
        self.relay.first = 4
        sink = self.start()
        self.assert_handles(sink, frames[3:])
        sink.line("lost")

    def test_another_journal_is_told_and_what_was_handled_does_not_come_again(self):
        sink = self.start()
        events = [ARCHIVE.event(BUILT) for _ in range(6)]
        old = [self.relay.append(event) for event in events[:3]]
        for frame in old:
            self.relay.send_live(frame)
        self.assert_handles(sink, old)
        self.relay.start_another_journal()
        # The relay was rebuilt; a source sends again what it does not know to have arrived.
        new = [self.relay.append(event) for event in (events[0], events[3])]
        self.relay.send_live(new[1])
        self.assert_handles(sink, [*old, new[1]])
        new += [self.relay.append(event) for event in (events[1], events[4], events[2], events[5])]
        for frame in new[2:]:
            self.relay.send_live(frame)
        self.assert_handles(sink, [*old, new[1], new[3], new[5]])
        sink.line("another journal")
        until("the position", lambda: self.position() == 6)

    def test_a_busy_relay_is_asked_again(self):
        sink = self.start()
        self.relay.refusals = ["busy", "unavailable"]
        frames = [self.relay.append(ARCHIVE.event(BUILT)) for _ in range(2)]
        self.relay.send_live(frames[1])
        self.assert_handles(sink, frames)
        self.assertEqual(self.relay.refusals, [])


class PythonSink(Sinks, unittest.TestCase):
    def command(self, *prefixes) -> list:
        return [
            *(sys.executable, ROOT / "examples" / "python" / "sink.py"),
            *("--from", self.relay.publish, "--replay", self.relay.replay),
            *("--keys", VECTORS / "keys" / "trusted", "--relay", "lighthouse-01"),
            *("--cursor", self.cursor, *prefixes),
        ]

    def test_an_event_that_nobody_published_is_found_by_the_timer(self):
        sink = self.start()
        frames = [self.relay.append(ARCHIVE.event(BUILT))]
        self.assert_handles(sink, frames)


class RustSink(Sinks, unittest.TestCase):
    def command(self, *prefixes) -> list:
        config = self.directory / "sink.toml"
        config.write_text(
            f'[stream]\npublish = "{self.relay.publish}"\nreplay = "{self.relay.replay}"\n'
            f'cursor = "{self.cursor}"\n'
            f'[trust]\nkeys_dir = "{VECTORS}/keys/trusted"\nrelays = ["lighthouse-01"]\n'
            '[trust.emit]\n"archive-01" = ["_lk.archive."]\n"spears-01" = ["_lk.spears."]\n'
        )
        return [binary("sink"), "--config", config, *prefixes]
