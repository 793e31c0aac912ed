"""The journal, as consumers ask for it at the replay endpoint."""

import datetime
import json

import zmq

from harness import RelayTest, canonical, digest, until, vector_key

ARCHIVE, SPEARS = vector_key("archive-01"), vector_key("spears-01")
BUILT, FAILED = "_lk.archive.package-build-success", "_lk.archive.package-build-failed"
LONGER = f"{BUILT}-twice"
EXCUSE = "_lk.spears.new-excuse"
MIX = ((ARCHIVE, BUILT), (SPEARS, EXCUSE), (ARCHIVE, FAILED), (ARCHIVE, LONGER))


class Replay(RelayTest):
    def setUp(self):
        super().setUp()
        self.asker = self.relay.asker()

    def fill(self, count: int) -> list:
        """Publishes so many events; returns the bodies as a subscriber saw them."""
        subscriber = self.relay.subscriber()
        module = self.relay.submitter()
        for number in range(count):
            key, id = MIX[number % len(MIX)]
            reply = module.submit(key.event(id))
            self.assertEqual(reply.get("seq"), number + 1, reply)
        return [subscriber.receive()[1] for _ in range(count)]

    def read(self, **request):
        header, events = self.asker.ask({"op": "read", **request})
        self.assertTrue(header["ok"], header)
        self.assertEqual(header["journal"], self.relay.journal)
        self.assertEqual(header["count"], len(events))
        return header, events

    def assert_fails(self, reason: str, request):
        header, events = self.asker.ask(request)
        self.assertEqual((header["ok"], header["reason"], events), (False, reason, []), request)
        self.assertEqual(set(header), {"ok", "reason", "detail"})
        self.assertTrue(header["detail"])

    def test_status_names_relay_and_journal_and_says_how_far_it_goes(self):
        status = self.relay.status()
        expected = {"ok": True, "relay": "lighthouse-01", "journal": self.relay.journal}
        self.assertEqual(
            {name: status[name] for name in ("ok", "relay", "journal", "first", "last")},
            {**expected, "first": 1, "last": 0},
        )
        now = datetime.datetime.now(datetime.timezone.utc)
        time = datetime.datetime.fromisoformat(status["time"][:26].rstrip("Z") + "+00:00")
        self.assertLess(abs(now - time), datetime.timedelta(seconds=60))
        self.fill(3)
        status = self.relay.status()
        self.assertEqual((status["first"], status["last"]), (1, 3))
        self.assertEqual((status["counters"]["accepted"], status["counters"]["published"]), (3, 3))

    def test_a_sink_that_names_itself_is_listed(self):
        sink = {"name": "mirk", "journal": self.relay.journal, "seq": 41}
        header, _ = self.asker.ask({"op": "status", "sink": sink})
        self.assertEqual(len(header["sinks"]), 1)
        self.assertEqual({name: header["sinks"][0][name] for name in sink}, sink)
        self.assertEqual(len(self.relay.status()["sinks"]), 1)

    def test_what_is_read_is_what_was_published_byte_for_byte(self):
        published = self.fill(12)
        header, events = self.read(after=0)
        self.assertEqual(events, published)
        self.assertEqual((header["next"], header["last"], header["first"]), (12, 12, 1))
        for body in events:
            self.assertEqual(body, canonical(json.loads(body)))
        self.assertEqual(self.read()[1], published)
        self.assertEqual(self.read(after=7)[1], published[7:])
        self.assertEqual(self.read(after=12), ({**header, "count": 0}, []))

    def test_pages_follow_each_other_without_a_hole(self):
        published = self.fill(25)
        after, pages = 0, []
        while after < 25:
            header, events = self.read(after=after, limit=4)
            self.assertEqual(len(events), min(4, 25 - after))
            self.assertEqual(header["next"], after + len(events))
            after = header["next"]
            pages += events
        self.assertEqual(pages, published)

    def test_filters_are_dotted_prefixes_and_whole_ids(self):
        published = self.fill(16)
        ids = [json.loads(body)["id"] for body in published]
        for prefixes, wanted in (
            ([], set(ids)),
            ([""], set(ids)),
            (["_lk.archive."], {BUILT, FAILED, LONGER}),
            (["_lk.spears."], {EXCUSE}),
            ([BUILT], {BUILT}),
            ([LONGER, EXCUSE], {LONGER, EXCUSE}),
            (["_lk.archive.", BUILT], {BUILT, FAILED, LONGER}),
            (["org."], set()),
            (["_lk.archive.nothing"], set()),
        ):
            header, events = self.read(after=0, prefixes=prefixes)
            expected = [body for body, id in zip(published, ids) if id in wanted]
            self.assertEqual(events, expected, prefixes)
            # Also where nothing matched, the next page begins at the end.
            self.assertEqual((header["next"], header["last"]), (16, 16), prefixes)
            after, paged = 0, []
            while after < 16:
                header, events = self.read(after=after, prefixes=prefixes, limit=1)
                self.assertGreater(header["next"], after)
                after = header["next"]
                paged += events
            self.assertEqual(paged, expected, prefixes)

    def test_reading_begins_with_what_the_relay_took_at_or_after_a_time(self):
        published = self.fill(8)
        received = [json.loads(body)["unsigned"]["received"] for body in published]
        self.assertEqual(received, sorted(received))
        for seq, time in enumerate(received):
            first = received.index(time)
            self.assertEqual(self.read(since=time)[1], published[first:], time)
        moment = datetime.datetime.fromisoformat(received[5].replace("Z", "+00:00"))
        elsewhere = moment.astimezone(datetime.timezone(datetime.timedelta(hours=5, minutes=30)))
        self.assertEqual(self.read(since=elsewhere.isoformat())[1], self.read(since=received[5])[1])
        self.assertEqual(self.read(since="1970-01-01T00:00:00Z")[1], published)
        header, events = self.read(since="2999-01-01T00:00:00Z")
        self.assertEqual((events, header["next"]), ([], 8))
        header, events = self.read(since=received[0], prefixes=["_lk.spears."], limit=1)
        self.assertEqual(events, [published[1]])

    def test_one_event_is_found_by_its_digest(self):
        published = self.fill(4)
        for body in published:
            header, events = self.asker.ask({"op": "get", "digest": digest(json.loads(body))})
            self.assertEqual((header["ok"], header["count"], events), (True, 1, [body]))
        self.assert_fails("not_found", {"op": "get", "digest": "0" * 64})

    def test_bad_requests_are_told_what_is_wrong(self):
        self.fill(1)
        for request in (
            b"", b"5", b"[]", b"{}", b"\xff", b"{", b"null", b'{"op":5}', b'{"op":"drop"}',
            b'{"op":"read","limit":0}', b'{"op":"read","limit":1001}', b'{"op":"read","limit":-1}',
            b'{"op":"read","after":-1}', b'{"op":"read","after":1.5}', b'{"op":"read","after":"1"}',
            b'{"op":"read","after":99999999999999999999}', b'{"op":"read","prefixes":"_lk."}',
            b'{"op":"read","prefixes":["_lk"]}', b'{"op":"read","prefixes":["*"]}',
            b'{"op":"read","since":"yesterday"}', b'{"op":"read","since":5}',
            b'{"op":"read","after":1,"since":"2026-11-01T00:00:00Z"}',
            b'{"op":"get"}', b'{"op":"get","digest":"x"}', b'{"op":"get","digest":5}',
            b'{"op":"status","sink":{"name":"","journal":"x","seq":1}}',
            b'{"op":"read","prefixes":[' + b'"_lk.",' * 5_000 + b'"_lk."]}',
            b'{"op":"status","x":"' + b"x" * 70_000 + b'"}',
            b"[" * 60_000,
        ):  # fmt: skip
            self.assert_fails("bad_request", request)
        self.assertEqual(self.read()[0]["last"], 1)

    def test_a_position_beyond_the_journal_reads_nothing(self):
        self.fill(2)
        for after in (3, 10**6, 2**63, 2**64 - 1):
            header, events = self.asker.ask({"op": "read", "after": after})
            if header["ok"]:
                self.assertEqual((events, header["last"]), ([], 2), after)
            else:
                self.assertEqual(header["reason"], "bad_request", after)

    def test_a_req_socket_gets_its_answer(self):
        published = self.fill(3)
        socket = zmq.Context.instance().socket(zmq.REQ)
        self.addCleanup(socket.close, 0)
        socket.connect(self.relay.replay)
        for id in (b"an id", b""):
            socket.send_multipart([id, b'{"op":"read","after":1}'])
            self.assertTrue(socket.poll(30_000))
            echo, header, *events = socket.recv_multipart()
            self.assertEqual((echo, events), (id, published[1:]))
            self.assertTrue(json.loads(header)["ok"])

    def test_a_peer_has_one_request_at_a_time(self):
        self.fill_fast(1_000)
        asker = self.relay.asker()

        def outcomes() -> dict:
            """What becomes of three requests that do not wait for each other."""
            for id in (b"1", b"2", b"3"):
                asker.socket.send_multipart([id, b'{"op":"read","limit":1000}'])
            answers = {}
            for _ in range(3):
                id, header, *events = asker.receive()
                header = json.loads(header)
                answers[id] = header.get("reason", "ok")
                # A slow machine may end a page before its limit.
                self.assertEqual(len(events) > 0, header["ok"])
            return answers

        def is_one_refused():
            answers = outcomes()
            # Somebody's request is served always.
            self.assertIn("ok", answers.values())
            self.assertLessEqual(set(answers.values()), {"ok", "busy"})
            return "busy" in answers.values()

        until("a request to come while another is served", is_one_refused)
        # Afterwards the peer is served again.
        self.assertTrue(asker.ask({"op": "status"})[0]["ok"])

    def fill_fast(self, count: int):
        module = self.relay.one_way()
        last = self.relay.status()["last"]
        for _ in range(count):
            module.send(ARCHIVE.event(BUILT))
        until("the events to be journaled", lambda: self.relay.status()["last"] == last + count)

    def test_a_page_is_at_most_4_mib(self):
        module = self.relay.one_way()
        for _ in range(12):
            module.send(ARCHIVE.event(BUILT, {"text": "x" * 1_000_000}))
        until("the events to be journaled", lambda: self.relay.status()["last"] == 12)
        header, events = self.read(limit=1000)
        self.assertLessEqual(sum(map(len, events)), 4 << 20)
        self.assertGreaterEqual(len(events), 1)
        self.assertEqual(header["next"], len(events))
        self.assertEqual(len(self.relay.events()), 12)

    def test_prev_chains_are_whole_under_every_prefix(self):
        notes = [json.loads(body)["unsigned"] for body in self.fill(20)]
        ids = [MIX[number % len(MIX)][1] for number in range(20)]
        for prefix in ("", "_lk.", "_lk.archive.", "_lk.spears.", BUILT, LONGER, EXCUSE):
            under = [
                note
                for note, id in zip(notes, ids)
                if id == prefix or prefix in ("",) or (prefix[-1] == "." and id.startswith(prefix))
            ]
            self.assertTrue(under)
            seqs = [0, *(note["seq"] for note in under)]
            self.assertEqual([note["prev"][prefix] for note in under], seqs[:-1], prefix)

    def test_other_frames_get_no_answer_and_do_no_harm(self):
        socket = self.relay.asker().socket
        for frames in ([b"x"], [b""], [b"a", b"b", b"c"], [b"", b"a", b"b", b"c"], [b"x" * 65, b"{}"]):
            socket.send_multipart(frames)
        socket.send_multipart([b"id", b'{"op":"status"}'])
        self.assertTrue(socket.poll(30_000))
        echo, header = socket.recv_multipart()
        self.assertEqual((echo, json.loads(header)["ok"]), (b"id", True))
