"""A relay that follows another one while its own journal cannot be written."""

import json
import sqlite3

from harness import Key, RelayTest, digest, until, vector_key

ARCHIVE = vector_key("archive-01")
BUILT = "_lk.archive.package-build-success"


class HeldJournal(RelayTest):
    """`self.relay` is followed by `self.public`, whose journal somebody else can hold."""

    def setUp(self):
        super().setUp()
        self.public = self.prepare_relay()
        self.public.key = Key("lighthouse-public")
        secret = self.public.directory / "relay.key_secret"
        secret.unlink()
        self.public.key.write_secret(secret)
        self.public.upstreams = (
            f'[[upstream]]\npublish = "{self.relay.ipc("publish")}"\n'
            f'replay = "{self.relay.ipc("replay")}"\nsigner = "lighthouse-01"\n'
        )
        self.public.start()
        self.source = self.relay.submitter()
        self.sent = []
        self.emit(5)
        self.wait_for_all()
        until("the position", lambda: self.position() == 5)
        self.holder = sqlite3.connect(self.public.data / "journal.sqlite", isolation_level=None)
        self.addCleanup(self.holder.close)

    def emit(self, count: int):
        for _ in range(count):
            event = ARCHIVE.event(BUILT)
            self.assertTrue(self.source.submit(event)["ok"])
            self.sent.append(digest(json.loads(event)))

    def wait_for_all(self):
        until("the events", lambda: self.public.status()["last"] >= len(self.sent))
        self.assertEqual([digest(json.loads(frame)) for frame in self.public.events()], self.sent)

    def position(self) -> int:
        """How far the stored position is in the other's journal."""
        cursor = self.public.data / "upstream" / "lighthouse-01.cursor"
        return int(cursor.read_text().split()[0].split(":")[1]) if cursor.exists() else 0

    def hold_and_emit(self, count: int):
        self.holder.execute("BEGIN IMMEDIATE")
        self.emit(count)
        self.public.program.line("events are refused for now")

    def test_the_position_stays_behind_the_journal_and_a_crash_leaves_no_hole(self):
        self.hold_and_emit(20)
        name = "upstream_lighthouse-01_behind"
        until("the word of it", lambda: self.public.counter(name) > 0)
        self.assertEqual((self.position(), self.public.status()["last"]), (5, 5))
        self.assertEqual(self.public.counter("lost"), 0)
        self.public.kill()
        self.holder.execute("ROLLBACK")
        self.assertEqual(self.position(), 5)
        self.public.start()
        self.wait_for_all()
        until("the position", lambda: self.position() == 25)

    def test_it_goes_on_by_itself_once_the_journal_can_be_written(self):
        # More than waits anywhere on the way.
        self.hold_and_emit(1_000)
        self.holder.execute("ROLLBACK")
        self.wait_for_all()
        counters = self.public.status()["counters"]
        self.assertEqual((counters["upstream_accepted"], counters["upstream_refused"]), (1_005, 0))
        self.assertNotIn("rejected_unavailable", counters)

    def test_it_stops_in_good_order_although_the_journal_is_held(self):
        self.hold_and_emit(3)
        self.assertEqual(self.public.program.stop(), 0)
        self.assertEqual(self.position(), 5)
        self.holder.execute("ROLLBACK")
        self.public.start()
        self.wait_for_all()
