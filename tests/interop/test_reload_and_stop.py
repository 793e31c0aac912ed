"""Keys and rights that change while the relay runs, and how it stops."""

import json
import os
import signal
import time

from harness import Key, Program, RelayTest, binary, until, vector_key

ARCHIVE, SPEARS = vector_key("archive-01"), vector_key("spears-01")
BUILT = "_lk.archive.package-build-success"
# The protocol gives a revocation five seconds.
SECONDS = 5


class Reload(RelayTest):
    def setUp(self):
        super().setUp()
        self.module = self.relay.submitter()

    def reason(self, key: Key, id: str = BUILT) -> str:
        """What the relay says to an event of this signer."""
        return self.module.submit(key.event(id)).get("reason", "ok")

    def wait_for(self, reason: str, key: Key, id: str = BUILT):
        until(f"{reason} for {key.signer}", lambda: self.reason(key, id) == reason, SECONDS)

    def test_a_key_that_is_removed_is_revoked_within_five_seconds(self):
        self.assertEqual(self.reason(ARCHIVE), "ok")
        (self.relay.trusted / "archive-01.pub.key").unlink()
        self.wait_for("unknown_signer", ARCHIVE)
        self.assertEqual(self.reason(SPEARS, "_lk.spears.new-excuse"), "ok")

    def test_a_key_that_is_added_is_believed_within_five_seconds(self):
        second = Key("archive-01", key_id="1")
        self.assertEqual(self.reason(second), "unknown_key_id")
        self.relay.trust(second)
        self.wait_for("ok", second)
        # The old key goes on: that is how keys rotate with overlap.
        self.assertEqual(self.reason(ARCHIVE), "ok")
        (self.relay.trusted / "archive-01.pub.key").unlink()
        self.wait_for("unknown_key_id", ARCHIVE)
        self.assertEqual(self.reason(second), "ok")

    def test_a_key_that_is_replaced_is_another_key(self):
        other = Key("archive-01")
        path = self.relay.trusted / "archive-01.pub.key"
        new = self.relay.directory / "new.key"
        new.write_text(other.text(has_secret=False))
        os.replace(new, path)
        self.wait_for("bad_signature", ARCHIVE)
        self.assertEqual(self.reason(other), "ok")

    def test_a_damaged_file_is_no_removal_and_is_spoken_of(self):
        path = self.relay.trusted / "archive-01.pub.key"
        path.write_text("damaged")
        self.relay.program.line("its last good key stays trusted")
        self.assertEqual(self.reason(ARCHIVE), "ok")
        path.unlink()
        self.wait_for("unknown_signer", ARCHIVE)

    def test_two_files_for_one_key_id_are_both_refused(self):
        self.relay.trust(Key("archive-01"))
        self.relay.program.line("neither is trusted")
        self.wait_for("unknown_signer", ARCHIVE)

    def test_a_hangup_reads_the_rights_again(self):
        new = Key("builder-07")
        self.relay.trust(new, "org.example.builder.")
        self.wait_for("not_authorised", new, "org.example.builder.done")
        self.relay.emit["archive-01"] = ["_lk.archive.package-build-failed"]
        self.hangup()
        self.wait_for("ok", new, "org.example.builder.done")
        self.assertEqual(self.reason(ARCHIVE), "not_authorised")
        self.assertEqual(self.reason(ARCHIVE, "_lk.archive.package-build-failed"), "ok")

    def test_a_hangup_reads_the_limits_again(self):
        self.relay.limits = 'max_age = "1h"'
        old = {"time": "2020-01-01T00:00:00Z"}
        self.assertTrue(self.module.submit(ARCHIVE.event(BUILT, **old))["ok"])
        self.hangup()
        until(
            "the limit",
            lambda: self.module.submit(ARCHIVE.event(BUILT, **old)).get("reason") == "stale",
            SECONDS,
        )

    def test_a_broken_configuration_changes_nothing(self):
        for text in ("no TOML", 'data_dir = "x"', self.relay.config.read_text() + "[extra]\n"):
            self.relay.config.write_text(text)
            count = len([line for line in self.relay.log() if "not reloaded" in line])
            self.relay.program.process.send_signal(signal.SIGHUP)
            until(
                "the error",
                lambda: len([line for line in self.relay.log() if "not reloaded" in line]) > count,
            )
            self.assertEqual(self.reason(ARCHIVE), "ok")

    def test_keys_change_under_load_without_a_good_event_being_refused(self):
        refused, end = set(), time.monotonic() + 3
        while time.monotonic() < end:
            self.relay.trust(Key("builder-08", key_id=str(int(time.monotonic() * 10))))
            self.hangup()
            refused.add(self.reason(ARCHIVE))
        self.assertEqual(refused, {"ok"})

    def hangup(self):
        self.relay.write_config()
        self.relay.program.process.send_signal(signal.SIGHUP)


class Stop(RelayTest):
    def test_what_is_journaled_at_the_stop_is_acknowledged_and_published_too(self):
        subscriber = self.relay.subscriber()
        module = self.relay.one_way()
        count = 5_000
        for number in range(count):
            module.send(ARCHIVE.event(BUILT, {"number": number}), b"%d" % number)
        module.receive()
        self.assertEqual(self.relay.program.stop(), 0)
        acknowledged = {0}
        while module.socket.poll(200):
            acknowledged.add(int(module.receive()[0]))
        self.relay.start()
        journaled = [json.loads(body)["data"]["number"] for body in self.relay.events()]
        # In the order of sending, without a hole.
        self.assertTrue(journaled == list(range(len(journaled))))
        self.assertEqual(sorted(acknowledged.symmetric_difference(journaled))[:5], [])
        self.assertEqual([subscriber.event()["data"]["number"] for _ in journaled], journaled)

    def test_one_way_events_that_had_arrived_are_journaled_and_published(self):
        subscriber = self.relay.subscriber()
        module = self.relay.one_way()
        for number in range(1_000):
            module.send(ARCHIVE.event(BUILT, {"number": number}))
        until("the events", lambda: self.relay.counter("submitted") == 1_000)
        self.assertEqual(self.relay.program.stop(), 0)
        numbers = [subscriber.event()["data"]["number"] for _ in range(1_000)]
        self.assertEqual(numbers, list(range(1_000)))

    def test_an_idle_relay_stops_at_once_on_sigterm_and_sigint(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            start = time.monotonic()
            self.relay.program.process.send_signal(number)
            self.assertEqual(self.relay.program.wait(), 0)
            self.assertLess(time.monotonic() - start, 3)
            self.relay.start()

    def test_a_stop_does_not_wait_for_peers_that_do_not_read(self):
        subscriber = self.relay.subscriber()
        module = self.relay.one_way()
        for _ in range(2_000):
            module.send(ARCHIVE.event(BUILT, {"text": "x" * 10_000}), b"id")
        asker = self.relay.asker()
        for _ in range(20):
            asker.socket.send_multipart([b"id", b'{"op":"read","limit":1000}'])
        os.kill(self.relay.program.process.pid, signal.SIGTERM)
        self.assertEqual(self.relay.program.wait(25), 0)
        del subscriber

    def test_the_journal_goes_on_after_a_restart(self):
        module = self.relay.submitter(self.relay.ipc("submit"))
        event = ARCHIVE.event(BUILT)
        self.assertEqual(module.submit(event)["seq"], 1)
        journal = self.relay.journal
        self.assertEqual(self.relay.program.stop(), 0)
        self.relay.start()
        self.assertEqual(self.relay.journal, journal)
        # The module's socket comes back by itself.
        self.assertEqual(module.submit(ARCHIVE.event(BUILT))["seq"], 2)
        again = module.submit(event)
        self.assertEqual((again["seq"], again["duplicate"]), (1, True))
        notes = [json.loads(body)["unsigned"] for body in self.relay.events()]
        self.assertEqual(notes[1]["prev"][BUILT], 1)
        self.assertEqual({note["journal"] for note in notes}, {journal})

    def test_a_second_relay_on_the_same_journal_does_not_start(self):
        self.relay.submitter().submit(ARCHIVE.event(BUILT))
        second = Program(binary("lighthouse"), "run", "--config", self.relay.config)
        self.addCleanup(second.kill)
        self.assertEqual(second.wait(), 2)
        self.assertTrue(any(line.startswith("error: ") for line in second.err), second.err)
        self.assertTrue(self.relay.submitter().submit(ARCHIVE.event(BUILT))["ok"])
