"""What goes out: frames, canonical form and signatures, as a consumer in Python checks them."""

import json

import nacl.exceptions
import zmq

from harness import RelayTest, canonical, digest, until, vector_key, verify

ARCHIVE, SPEARS = vector_key("archive-01"), vector_key("spears-01")
BUILT, FAILED = "_lk.archive.package-build-success", "_lk.archive.package-build-failed"
EXCUSE = "_lk.spears.new-excuse"

# What makes canonical forms differ: order, numbers and characters.
AWKWARD = {
    "floats": [0.1, 1.0, -0.0, 1e16, 1e15, 1.5e300, 5e-324, 1e-7, 0.0001, 123456789.123456789],
    "integers": [0, -1, 2**53, 2**53 + 1, 10**100, -(10**999)],
    "characters": "\x00\x1f\x7f\x85\u2028\u202e\ufeff\uffff😀 \"\\/<>&'",
    "names": {"\uffff": 1, "😀": 2, "z": 3, "Z": 4, "": 5, "\x7f": 6, "é": 7, "e\u0301": 8},
    "nothing": [None, True, False, [], {}, "", [[[{}]]]],
}


class Publish(RelayTest):
    def test_there_are_two_frames_the_id_and_the_event_in_canonical_form(self):
        subscriber = self.relay.subscriber()
        module = self.relay.submitter()
        for event in (
            ARCHIVE.event(BUILT, AWKWARD),
            ARCHIVE.laniakea_event(BUILT, AWKWARD),
            ARCHIVE.event(BUILT, AWKWARD, **{"~": [1.50], "signaturez": 1, "unsigne": 2, "A": None}),
            json.dumps(json.loads(ARCHIVE.event(BUILT, AWKWARD)), indent=4).encode(),
        ):
            self.assertTrue(module.submit(event)["ok"])
            frames = subscriber.receive()
            self.assertEqual(len(frames), 2)
            topic, body = frames
            published = json.loads(body)
            self.assertEqual(topic.decode(), published.get("id", published.get("tag")))
            self.assertEqual(body, canonical(published))
            self.assertEqual(digest(published), digest(json.loads(event)))

    def test_the_signatures_of_source_and_relay_hold_over_pythons_own_bytes(self):
        subscriber = self.relay.subscriber()
        module = self.relay.submitter()
        both = json.loads(ARCHIVE.event(BUILT, AWKWARD))
        for event, signers in (
            (ARCHIVE.event(BUILT, AWKWARD), [ARCHIVE]),
            (ARCHIVE.laniakea_event(BUILT, AWKWARD), [ARCHIVE]),
            (canonical(SPEARS.sign(both)), [ARCHIVE, SPEARS]),
        ):
            self.assertTrue(module.submit(event)["ok"])
            published = subscriber.event()
            names = {key.signer for key in signers} | {"lighthouse-01"}
            self.assertEqual(set(published["signatures"]), names)
            for key in (*signers, self.relay.key):
                verify(published, key)
            published["data"]["characters"] += "x"
            with self.assertRaises(nacl.exceptions.BadSignatureError):
                verify(published, self.relay.key)

    def test_the_relay_notes_where_the_event_stands_and_drops_other_notes(self):
        subscriber = self.relay.subscriber()
        event = json.loads(ARCHIVE.event(BUILT))
        event["unsigned"] = {"seq": 999, "relay": "nobody", "junk": [1, 2]}
        event["signatures"]["nobody"] = {"ed25519:0": "A" * 86}
        self.assertTrue(self.relay.submitter().submit(canonical(event))["ok"])
        published = subscriber.event()
        self.assertNotIn("nobody", published["signatures"])
        note = published["unsigned"]
        self.assertRegex(note.pop("received"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
        prefixes = ("", "_lk.", "_lk.archive.", BUILT)
        self.assertEqual(
            note,
            {
                "relay": "lighthouse-01",
                "journal": self.relay.journal,
                "seq": 1,
                "prev": dict.fromkeys(prefixes, 0),
            },
        )

    def test_subscriptions_are_byte_prefixes_of_the_id(self):
        wanted = {
            "_lk.archive.": [BUILT, FAILED],
            "_lk.spears.": [EXCUSE],
            "": [BUILT, EXCUSE, FAILED],
            BUILT: [BUILT],
            "_lk.archive.package-build-s": [BUILT],
            "_lk.archive": [BUILT, FAILED],
            "org.": [],
        }
        subscribers = {prefix: self.relay.subscriber(prefix) for prefix in wanted}
        module = self.relay.submitter()
        for key, id in ((ARCHIVE, BUILT), (SPEARS, EXCUSE), (ARCHIVE, FAILED)):
            self.assertTrue(module.submit(key.event(id))["ok"])
        for prefix, ids in wanted.items():
            topics = [frames[0].decode() for frames in self.relay.delivered(subscribers[prefix])]
            self.assertEqual(topics, ids, prefix)

    def test_what_is_rejected_or_known_is_not_published(self):
        subscriber = self.relay.subscriber()
        module = self.relay.submitter()
        first, last = ARCHIVE.event(BUILT), ARCHIVE.event(BUILT)
        altered = first.replace(b'"number":', b'"numbes":')
        self.assertNotEqual(first, altered)
        for event in (first, first, altered, SPEARS.event(BUILT), b"{}", b"5", last):
            module.submit(event)
        published = [json.loads(body) for _, body in self.relay.delivered(subscriber)]
        self.assertEqual(
            [digest(event) for event in published],
            [digest(json.loads(event)) for event in (first, last)],
        )

    def test_each_event_says_which_one_came_before_it_under_each_prefix(self):
        subscriber = self.relay.subscriber()
        module = self.relay.submitter()
        sent = [(ARCHIVE, BUILT), (ARCHIVE, FAILED), (SPEARS, EXCUSE), (ARCHIVE, BUILT)] * 3
        last = {}
        for seq, (key, id) in enumerate(sent, 1):
            self.assertEqual(module.submit(key.event(id))["seq"], seq)
            note = subscriber.event()["unsigned"]
            labels = id.split(".")
            prefixes = [".".join([*labels[:count], ""]) for count in range(1, len(labels))]
            prefixes += ["", id]
            self.assertEqual(note["prev"], {prefix: last.get(prefix, 0) for prefix in prefixes})
            last.update(dict.fromkeys(prefixes, seq))

    def test_a_subscriber_that_does_not_read_harms_nobody(self):
        idle = zmq.Context.instance().socket(zmq.SUB)
        self.addCleanup(idle.close, 0)
        idle.setsockopt(zmq.RCVHWM, 1)
        idle.setsockopt(zmq.RCVBUF, 4096)
        idle.subscribe("")
        idle.connect(self.relay.publish)
        until("the idle subscriber", lambda: self.relay.counter("subscriptions") == 1)
        subscriber = self.relay.subscriber("_lk.archive.")
        module = self.relay.one_way()
        text = "x" * 20_000
        for number in range(2_000):
            module.send(ARCHIVE.event(BUILT, {"number": number, "text": text}))
        for number in range(2_000):
            self.assertEqual(subscriber.event()["data"]["number"], number)
