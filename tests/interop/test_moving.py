"""The move from Laniakea's Lighthouse in Python to this relay, and the way back.

The steps are those of docs/moving-from-python.md. Whatever is promised for a step is checked in it.
"""

import json
import shutil
import tempfile
from pathlib import Path

from harness import (
    OneWay, Program, PythonLighthouse, RelayTest, Subscriber, binary, digest, until, vector_key, verify,
)  # fmt: skip

ARCHIVE, SPEARS = vector_key("archive-01"), vector_key("spears-01")
BUILT, EXCUSE = "_lk.archive.package-build-success", "_lk.spears.new-excuse"
JOB = "_lk.jobs.job-finished"


class Moving(RelayTest):
    """Two modules that send and do not look back, the job server, consumers of both kinds."""

    def setUp(self):
        self.old = PythonLighthouse(ARCHIVE, SPEARS)
        self.addCleanup(self.old.close)
        self.directory = Path(tempfile.mkdtemp(prefix="lk-"))
        self.addCleanup(shutil.rmtree, self.directory)
        self.modules = {}
        self.addCleanup(lambda: [module.close() for module in self.modules.values()])
        for key in (ARCHIVE, SPEARS):
            self.point(key, self.old.submit)
        self.old_consumer = self.subscribe_to_old()
        super().setUp()

    def prepare_relay(self):
        """Step 1: ours runs beside the old one, as a relay that follows it."""
        relay = super().prepare_relay()
        self.old.key.write_public(relay.trusted / "lighthouse-python.pub.key")
        relay.relays.append(self.old.key.signer)
        relay.upstreams = (
            f'[[upstream]]\npublish = "{self.old.publish}"\nsigner = "{self.old.key.signer}"\n'
            'emit = ["_lk.jobs."]\n'
        )
        return relay

    def start_relay(self):
        relay = super().start_relay()
        self.wait_for_link(relay)
        return relay

    def wait_for_link(self, relay):
        """The subscription of ours, beside that of the old consumer and its probe."""
        until("the link", lambda: self.old.subscribers >= 3)
        until("the word of it", lambda: relay.counter(f"upstream_{self.old.key.signer}_connected"))

    def subscribe_to_old(self) -> Subscriber:
        subscriber = Subscriber(self.old.publish, ("",))
        self.addCleanup(subscriber.close)
        until("the old consumer's subscription", lambda: self.old.subscribers >= 2)
        return subscriber

    def point(self, key, endpoint: str):
        """What changing a module's configuration and restarting it comes to."""
        if key.signer in self.modules:
            # It sends what it has before it ends.
            self.modules[key.signer].socket.close(30_000)
        self.modules[key.signer] = OneWay(endpoint)

    def send(self, key, tag: str, count: int = 5) -> list:
        events = [key.laniakea_event(tag) for _ in range(count)]
        for event in events:
            self.modules[key.signer].send(event)
        return self.digests(events)

    def jobs(self, count: int = 3) -> list:
        return self.digests(self.old.job_event(JOB) for _ in range(count))

    @staticmethod
    def digests(events) -> list:
        return [digest(json.loads(event)) for event in events]

    def journal(self) -> list:
        return self.digests(self.relay.events())

    def wait_for_journal(self, wanted: list):
        """Ours has these, each once, and nothing else."""
        until("the events at ours", lambda: len(self.journal()) >= len(wanted))
        self.assertEqual(sorted(self.journal()), sorted(wanted))

    def old_consumer_gets(self, count: int) -> list:
        return [digest(self.old_consumer.event()) for _ in range(count)]

    def listen(self, *arguments) -> Program:
        """A consumer of ours with a position, which verifies by ours' own table."""
        command = [binary("lk"), "listen", "--json", "--cursor", self.directory / "cursor"]
        command += ["--config", self.relay.config, *arguments]
        program = Program(*command)
        self.addCleanup(program.kill)
        return program

    def ours(self) -> list:
        return ["--from", self.relay.ipc("publish"), "--replay", self.relay.ipc("replay")]

    def follow_ours(self) -> Program:
        program = self.listen(*self.ours())
        until("the consumer to begin", lambda: (self.directory / "cursor").exists())
        return program

    def wait_for_lines(self, program: Program, wanted: list):
        until("the events at the consumer", lambda: len(program.out) >= len(wanted))
        self.assertEqual(sorted(self.digests(program.out)), sorted(wanted), program.err)

    def test_1_beside_the_old_one_ours_has_whatever_that_publishes(self):
        wanted = self.send(ARCHIVE, BUILT) + self.send(SPEARS, EXCUSE) + self.jobs()
        self.wait_for_journal(wanted)
        self.assertEqual(sorted(self.old_consumer_gets(len(wanted))), sorted(wanted))
        for frame in self.relay.events(prefixes=["_lk.archive."]):
            event = json.loads(frame)
            for key in (ARCHIVE, self.old.key, self.relay.key):
                verify(event, key)
        for frame in self.relay.events(prefixes=["_lk.jobs."]):
            signers = set(json.loads(frame)["signatures"])
            self.assertEqual(signers, {"lighthouse-python", "lighthouse-01"})
        # The old one's word counts for its jobs, and for nothing else.
        self.old.job_event("_lk.archive.package-build-success")
        wanted += self.jobs(1)
        self.wait_for_journal(wanted)
        self.assertEqual(self.relay.counter("upstream_refused_not_authorised"), 1)

    def test_1_what_the_old_one_published_while_the_link_was_down_is_gone_and_counted(self):
        before = self.jobs()
        self.wait_for_journal(before)
        self.relay.program.stop()
        missed = self.jobs(2)
        self.assertEqual(self.old_consumer_gets(5), before + missed)
        self.relay.start()
        self.wait_for_link(self.relay)
        after = self.jobs()
        self.wait_for_journal(before + after)
        name = f"upstream_{self.old.key.signer}_unseen"
        self.assertEqual(self.relay.counter(name), 1)
        self.old.stop()
        self.relay.program.line("disconnected from an upstream")
        self.old.start()
        until("the link again", lambda: self.relay.counter(name) == 2)
        until("the subscription again", lambda: self.old.subscribers >= 1)
        self.wait_for_journal(before + after + self.jobs())

    def test_2_a_consumer_that_moved_loses_nothing_although_everything_restarts(self):
        consumer = self.follow_ours()
        wanted = self.send(ARCHIVE, BUILT) + self.jobs()
        self.wait_for_lines(consumer, wanted)
        self.assertEqual(consumer.stop(), 0)
        wanted = self.send(SPEARS, EXCUSE) + self.jobs()
        until("the events at ours", lambda: len(self.journal()) == 16)
        self.relay.kill()
        self.relay.start()
        self.wait_for_lines(self.follow_ours(), wanted)

    def test_3_sources_move_one_by_one_and_every_event_is_there_once(self):
        consumer = self.follow_ours()
        wanted = self.send(ARCHIVE, BUILT) + self.send(SPEARS, EXCUSE)
        until("the events at ours", lambda: len(self.journal()) == 10)
        self.point(ARCHIVE, self.relay.ipc("submit"))
        for _ in range(3):
            wanted += self.send(ARCHIVE, BUILT) + self.send(SPEARS, EXCUSE) + self.jobs(2)
        # One that sends to both for a while is no trouble either.
        both = SPEARS.laniakea_event(EXCUSE)
        with_ours = self.relay.one_way(self.relay.ipc("submit"))
        with_ours.send(both)
        self.modules[SPEARS.signer].send(both)
        wanted += self.digests([both])
        self.wait_for_lines(consumer, wanted)
        names = ("duplicates", "upstream_duplicates")
        until("the duplicate", lambda: sum(map(self.relay.counter, names)) == 1)
        self.point(SPEARS, self.relay.ipc("submit"))
        wanted += self.send(SPEARS, EXCUSE) + self.jobs()
        self.wait_for_lines(consumer, wanted)
        self.wait_for_journal(wanted)
        taken_directly = 3 * 5 + 5 + 1 - self.relay.counter("duplicates")
        self.assertEqual(self.relay.counter("accepted"), taken_directly)

    def test_4_the_way_back(self):
        for key in (ARCHIVE, SPEARS):
            self.point(key, self.relay.ipc("submit"))
        consumer = self.follow_ours()
        wanted = self.send(ARCHIVE, BUILT) + self.send(SPEARS, EXCUSE) + self.jobs()
        self.wait_for_lines(consumer, wanted)
        # Sources first: what they send to the old one comes to ours all the same.
        self.point(ARCHIVE, self.old.submit)
        wanted += self.send(ARCHIVE, BUILT) + self.send(SPEARS, EXCUSE)
        self.wait_for_lines(consumer, wanted)
        self.point(SPEARS, self.old.submit)
        wanted += self.send(SPEARS, EXCUSE) + self.jobs()
        self.wait_for_lines(consumer, wanted)
        # Consumers then, over a time in which they listen to both.
        self.assertEqual(consumer.stop(), 0)
        unseen = self.send(ARCHIVE, BUILT)
        until("the events at ours", lambda: len(self.journal()) == len(wanted) + len(unseen))
        overlap = self.listen(*self.ours())
        live = Subscriber(self.old.publish, ("",))
        self.addCleanup(live.close)
        until("its subscription at the old one", lambda: self.old.subscribers >= 5)
        at_both = self.send(SPEARS, EXCUSE) + self.jobs()
        self.wait_for_lines(overlap, unseen + at_both)
        self.assertEqual(sorted(digest(live.event()) for _ in at_both), sorted(at_both))
        # And ours may go. The old one never noticed any of this.
        self.assertEqual(overlap.stop(), 0)
        self.relay.program.stop()
        last = self.send(ARCHIVE, BUILT) + self.jobs()
        self.assertEqual(sorted(digest(live.event()) for _ in last), sorted(last))
        # What was taken is on disk, for whoever wants it later.
        self.relay.start()
        self.assertEqual(sorted(self.journal()), sorted(wanted + unseen + at_both))
