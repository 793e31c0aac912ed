"""Rates: who gets replies is told to come again, who does not waits in line."""

import json
import time

from harness import RelayTest, until, vector_key

ARCHIVE, SPEARS = vector_key("archive-01"), vector_key("spears-01")
BUILT = "_lk.archive.package-build-success"
EXCUSE = "_lk.spears.new-excuse"


class RatePerSigner(RelayTest):
    limits = 'max_age = "unlimited"\nrate_per_signer = 20\nrate_burst = 5'

    def test_beyond_the_rate_a_reply_says_so_and_other_signers_are_not_concerned(self):
        module, neighbour = self.relay.one_way(), self.relay.submitter()
        for number in range(200):
            module.send(ARCHIVE.event(BUILT), b"%d" % number)
        self.assertTrue(neighbour.submit(SPEARS.event(EXCUSE))["ok"])
        replies = {id: json.loads(reply) for id, reply in (module.receive() for _ in range(200))}
        reasons = [replies[b"%d" % number].get("reason", "ok") for number in range(200)]
        self.assertEqual(set(reasons), {"ok", "rate_limited"})
        self.assertEqual(reasons[:5], ["ok"] * 5)
        self.assertEqual(self.relay.counter("rejected_rate_limited"), reasons.count("rate_limited"))

    def test_who_was_refused_gets_through_later_with_the_same_bytes(self):
        module = self.relay.submitter()
        events = [ARCHIVE.event(BUILT) for _ in range(10)]
        for event in events:
            until("its turn", lambda: module.submit(event)["ok"])
        self.assertEqual(self.relay.status()["last"], 10)

    def test_one_way_events_wait_and_arrive_late_all_of_them_in_order(self):
        subscriber = self.relay.subscriber()
        module = self.relay.one_way()
        start = time.monotonic()
        for number in range(45):
            module.send(ARCHIVE.event(BUILT, {"number": number}))
        for number in range(45):
            self.assertEqual(subscriber.event()["data"]["number"], number)
        # 5 at once and 40 at 20 a second.
        self.assertGreater(time.monotonic() - start, 1.8)
        self.assertEqual(self.relay.counter("lost"), 0)

    def test_rejected_events_do_not_use_up_the_allowance_of_the_signer_they_name(self):
        module = self.relay.submitter()
        forged = ARCHIVE.event(BUILT).replace(b'"number":', b'"numbes":')
        for _ in range(50):
            self.assertEqual(module.submit(forged)["reason"], "bad_signature")
        self.assertTrue(module.submit(ARCHIVE.event(BUILT))["ok"])

    def test_a_stop_does_not_wait_for_the_rate_and_loses_nobody_who_waits(self):
        subscriber = self.relay.subscriber()
        module = self.relay.one_way()
        count = 1_000
        for number in range(count):
            module.send(ARCHIVE.event(BUILT, {"number": number}))
        until("the events to be in line", lambda: self.relay.counter("submitted") == count)
        self.assertLess(self.relay.counter("accepted"), count)
        self.assertEqual(self.relay.program.stop(), 0)
        for number in range(count):
            self.assertEqual(subscriber.event()["data"]["number"], number)
        self.relay.start()
        self.assertEqual(self.relay.status()["last"], count)


class RatePerConnection(RelayTest):
    limits = 'max_age = "unlimited"\nrate_per_connection = 20\nrate_burst = 5'

    def test_a_connection_that_sends_too_fast_is_told_so_and_others_are_not_concerned(self):
        module, neighbour = self.relay.one_way(), self.relay.submitter()
        for number in range(200):
            module.send(b"5", b"%d" % number)
        self.assertTrue(neighbour.submit(ARCHIVE.event(BUILT))["ok"])
        reasons = {json.loads(module.receive()[1])["reason"] for _ in range(200)}
        self.assertEqual(reasons, {"not_an_object", "rate_limited"})

    def test_one_way_events_wait_and_arrive_late_all_of_them_in_order(self):
        subscriber = self.relay.subscriber()
        module = self.relay.one_way()
        for number in range(45):
            module.send(ARCHIVE.event(BUILT, {"number": number}))
        for number in range(45):
            self.assertEqual(subscriber.event()["data"]["number"], number)

    def test_a_stop_does_not_wait_for_the_rate_and_loses_nobody_who_waits(self):
        module = self.relay.one_way()
        count = 1_000
        for _ in range(count):
            module.send(ARCHIVE.event(BUILT))
        until("the events to be in line", lambda: self.relay.counter("submitted") == count)
        self.assertEqual(self.relay.program.stop(), 0)
        self.relay.start()
        self.assertEqual(self.relay.status()["last"], count)
