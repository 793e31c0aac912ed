"""A relay that is killed under load loses no event that it acknowledged."""

import json
import threading

import zmq

from harness import RelayTest, canonical, digest, until, vector_key

ARCHIVE = vector_key("archive-01")
BUILT = "_lk.archive.package-build-success"


class Loader:
    """A source that keeps a window of events without a reply, and remembers what it was told."""

    WINDOW = 64

    def __init__(self, endpoint: str):
        self.endpoint = endpoint
        self.sent, self.acknowledged = [], {}
        self.is_stopped = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        socket = zmq.Context.instance().socket(zmq.DEALER)
        socket.setsockopt(zmq.LINGER, 0)
        socket.connect(self.endpoint)
        while not self.is_stopped.is_set():
            while len(self.sent) - len(self.acknowledged) < self.WINDOW:
                event = ARCHIVE.event(BUILT)
                socket.send_multipart([event, b"%d" % len(self.sent)])
                self.sent.append(event)
            if socket.poll(10):
                id, reply = socket.recv_multipart()
                reply = json.loads(reply)
                assert reply["ok"] and not reply["duplicate"], reply
                self.acknowledged[int(id)] = reply
        # What the relay sent before its end counts too.
        while socket.poll(100):
            id, reply = socket.recv_multipart()
            self.acknowledged[int(id)] = json.loads(reply)
        socket.close()

    def stop(self):
        self.is_stopped.set()
        self.thread.join(30)
        assert not self.thread.is_alive()


class Crash(RelayTest):
    def test_a_relay_killed_under_load_loses_no_acknowledged_event(self):
        sent = acknowledged = 0
        for crash in range(5):
            loader = Loader(self.relay.submit)
            # Not always at the same moment of the relay's work.
            until("some load", lambda: len(loader.acknowledged) > 200 * (crash + 1) + 17 * crash)
            self.relay.kill()
            loader.stop()
            self.relay.start()
            self.check(loader)
            sent += len(loader.sent)
            acknowledged += len(loader.acknowledged)
            self.assertEqual(self.relay.status()["last"], sent)
        # There was something to lose.
        self.assertGreater(sent, acknowledged)

    def check(self, loader: Loader):
        """Compares the journal with what the loader was told, and sends all of it again."""
        bodies = self.relay.events()
        events = [json.loads(body) for body in bodies]
        # The journal has no hole and no event twice, and serves what was published.
        self.assertTrue([event["unsigned"]["seq"] for event in events] == [*range(1, len(events) + 1)])
        self.assertTrue(all(body == canonical(event) for body, event in zip(bodies, events)))
        seqs = {digest(event): event["unsigned"]["seq"] for event in events}
        self.assertEqual(len(seqs), len(events))
        for number, reply in loader.acknowledged.items():
            name = digest(json.loads(loader.sent[number]))
            self.assertEqual((reply["digest"], reply["seq"]), (name, seqs.get(name)))
        # Sending all of it again tells what was taken, and adds what was not.
        module = self.relay.submitter()
        for event in loader.sent:
            name = digest(json.loads(event))
            reply = module.submit(event)
            self.assertEqual((reply["ok"], reply["duplicate"]), (True, name in seqs), reply)
            self.assertEqual(reply["seq"], seqs.get(name, reply["seq"]))

    def test_a_subscriber_finds_by_prev_what_a_crash_kept_from_it(self):
        endpoint = self.relay.ipc("publish")
        subscriber = self.relay.subscriber("_lk.archive.", endpoint=endpoint)
        loader = Loader(self.relay.submit)
        until("some load", lambda: len(loader.acknowledged) > 500)
        self.relay.kill()
        loader.stop()
        seen = []
        while subscriber.socket.poll(200):
            seen.append(subscriber.receive()[1])
        self.relay.start()
        self.relay.wait_for_subscribers()
        self.assertTrue(self.relay.submitter().submit(ARCHIVE.event(BUILT))["ok"])
        next = subscriber.receive()[1]
        journal = self.relay.events()
        # What it saw is the journal's beginning; `prev` says up to where it should have seen.
        self.assertTrue(seen == journal[: len(seen)])
        self.assertEqual(journal[-1], next)
        prev = json.loads(next)["unsigned"]["prev"]["_lk.archive."]
        self.assertEqual(prev, len(journal) - 1)
        self.assertGreaterEqual(prev, len(seen))
