"""How events come in: the forms of a submission, as modules that are there today send them."""

import json
from datetime import datetime

from harness import RelayTest, canonical, digest, until, vector_key

ARCHIVE = vector_key("archive-01")
BUILT = "_lk.archive.package-build-success"
TOO_LONG = b"x" * 65


class Submit(RelayTest):
    def test_a_module_that_sends_one_frame_and_never_looks_back_is_published(self):
        subscriber = self.relay.subscriber("_lk.archive.")
        module = self.relay.one_way()
        event = ARCHIVE.laniakea_event(BUILT, {"pkgname": "glibc"})
        module.send(event)
        topic, body = subscriber.receive()
        self.assertEqual(topic, BUILT.encode())
        self.assertEqual(digest(json.loads(body)), digest(json.loads(event)))
        # Nothing was sent back for it: the first thing that comes is the reply to the next.
        request = ARCHIVE.event(BUILT)
        module.send(request, b"id")
        echo, reply = module.receive()
        self.assertEqual((echo, json.loads(reply)["seq"]), (b"id", 2))

    def test_two_frames_are_answered_with_the_request_id_and_the_reply(self):
        module = self.relay.submitter()
        event = ARCHIVE.event(BUILT)
        name = digest(json.loads(event))
        expected = {"ok": True, "digest": name, "seq": 1, "duplicate": False}
        self.assertEqual(module.submit(event), expected)
        self.assertEqual(module.submit(event), {**expected, "duplicate": True})
        reply = module.submit(vector_key("spears-01").event(BUILT))
        self.assertEqual((reply["ok"], reply["reason"]), (False, "not_authorised"))
        self.assertRegex(reply["detail"], "^[^\n]*spears-01[^\n]*$")

    def test_any_bytes_up_to_64_can_be_a_request_id(self):
        module = self.relay.one_way()
        for id in (b"", b"\0", bytes(range(64)), b"\xff" * 64):
            module.send(ARCHIVE.event(BUILT), id)
            echo, reply = module.receive()
            self.assertEqual(echo, id)
            self.assertTrue(json.loads(reply)["ok"])

    def test_a_req_socket_gets_its_reply(self):
        module = self.relay.requester()
        event = ARCHIVE.event(BUILT)
        self.assertEqual(module.submit(event)["seq"], 1)
        self.assertTrue(module.submit(event)["duplicate"])
        self.assertEqual(module.submit(b"{}")["reason"], "missing_field")
        self.assertEqual(module.submit(b"")["reason"], "bad_json")

    def test_other_forms_are_counted_and_neither_answered_nor_published(self):
        module = self.relay.one_way()
        event = ARCHIVE.event(BUILT)
        forms = [
            (event, b"id", b"more"),
            (b"", event, b"id"),
            (b"", event, b""),
            (event, event, event, event),
            (event, TOO_LONG),
            (b"",) * 100,
        ]
        for frames in forms:
            module.send(*frames)
        until("the forms to be counted", lambda: self.relay.counter("malformed") == len(forms))
        module.send(event, b"id")
        echo, reply = module.receive()
        self.assertEqual(echo, b"id")
        # It is the first: none of the forms was taken for an event.
        self.assertEqual((json.loads(reply)["seq"], json.loads(reply)["duplicate"]), (1, False))

    def test_many_modules_at_once_get_their_own_replies(self):
        modules = [self.relay.one_way() for _ in range(20)]
        events = {}
        for round in range(10):
            for number, module in enumerate(modules):
                event = ARCHIVE.event(BUILT)
                id = b"%d of %d" % (round, number)
                events[id] = digest(json.loads(event))
                module.send(event, id)
        seqs = set()
        for number, module in enumerate(modules):
            for round in range(10):
                id, reply = module.receive()
                # Each module's events were taken in its order.
                self.assertEqual(id, b"%d of %d" % (round, number))
                reply = json.loads(reply)
                self.assertEqual(reply["digest"], events[id])
                seqs.add(reply["seq"])
        self.assertEqual(seqs, set(range(1, 201)))

    def test_the_relay_publishes_the_dialect_that_came(self):
        subscriber = self.relay.subscriber()
        module = self.relay.submitter()
        both = json.loads(ARCHIVE.laniakea_event(BUILT))
        both.pop("signatures")
        both.update(id=BUILT, time=datetime.now().astimezone().isoformat())
        for event in (
            ARCHIVE.event(BUILT, origin="builder-3", author="matthias"),
            ARCHIVE.laniakea_event(BUILT),
            canonical(ARCHIVE.sign(both)),
        ):
            reply = module.submit(event)
            self.assertTrue(reply["ok"], reply)
            published = subscriber.event()
            sent = json.loads(event)
            self.assertEqual(
                {name: published[name] for name in published if name not in ("unsigned", "signatures")},
                {name: sent[name] for name in sent if name != "signatures"},
            )
