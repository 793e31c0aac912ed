"""Peers that stop reading, and connections that break meanwhile, end nobody's process.

libzmq aborts when a ZMTP heartbeat meets a connection that broke while its receive queue was full:
so nobody here sends any.
"""

import json
import subprocess
import sys
import threading
import time

import zmq

from harness import RelayTest, binary, until, vector_key

ARCHIVE = vector_key("archive-01")
BUILT = "_lk.archive.package-build-success"
LAST = "_lk.archive.repository-published"
EVENTS = 14_000
# The longest that a heartbeat could take, had anybody one set: the relay's interval was 15 s.
HEARTBEAT = 17
# The relay's keepalive asks after 15 s, three times, 5 s apart.
KEEPALIVE = 35

# As Laniakea's modules subscribe, with a queue that is full at once; reads on once it is told to.
SUBSCRIBER = """
import sys, zmq
sub = zmq.Context.instance().socket(zmq.SUB)
sub.rcvhwm = 10
sub.subscribe(b"")
sub.connect(sys.argv[1])
print("subscribed", flush=True)
sys.stdin.readline()
while sub.poll(30_000):
    if sub.recv_multipart()[0] == sys.argv[2].encode():
        print("done", flush=True)
        break
"""


class SlowPeers(RelayTest):
    limits = 'max_age = "unlimited"\nrate_per_signer = 1000000\nrate_burst = 1000000'

    def setUp(self):
        super().setUp()
        # These stay when the relay is started again.
        self.submit, self.publish, self.replay = map(self.relay.ipc, ("submit", "publish", "replay"))

    def test_everybody_survives_a_relay_that_is_killed_while_they_do_not_read(self):
        subscriber = self.popen(sys.executable, "-c", SUBSCRIBER, self.publish, LAST)
        self.assertEqual(subscriber.stdout.readline(), "subscribed\n")
        listener = self.popen(
            binary("lk"), "listen", "--json", "--from", self.publish, "--replay", self.replay
        )
        until("both to subscribe", lambda: self.relay.counter("subscriptions") >= 2)
        numbers = self.emit(EVENTS)
        self.flood()
        self.watch(HEARTBEAT, self.relay.program.process, subscriber, listener)
        self.relay.kill()
        self.watch(6, subscriber, listener)
        self.relay.start()
        # Now they read on.
        lines = []
        reader = threading.Thread(target=lambda: lines.extend(listener.stdout), daemon=True)
        reader.start()
        subscriber.stdin.write("\n")
        subscriber.stdin.flush()
        until("both to be back", lambda: self.relay.counter("subscriptions") >= 2)
        self.assertTrue(self.relay.submitter(self.submit).submit(ARCHIVE.event(LAST))["ok"])
        self.assertEqual(subscriber.stdout.readline(), "done\n", "the subscriber reads on")
        until("the last event", lambda: lines and LAST in lines[-1], seconds=60)
        seen = [json.loads(line)["data"]["number"] for line in lines[:-1]]
        self.assertEqual(seen, numbers, "every event once, in its order")

    def test_a_reader_that_stops_for_longer_than_keepalive_has_all_of_it_afterwards(self):
        """Over TCP: its window is closed meanwhile, and its kernel alone answers for it."""
        reader = zmq.Context.instance().socket(zmq.SUB)
        self.addCleanup(reader.close, 0)
        reader.rcvhwm, reader.rcvbuf = 1, 4096
        reader.subscribe(BUILT.encode())
        reader.connect(self.relay.publish)
        until("it to subscribe", lambda: self.relay.counter("subscriptions") >= 1)
        numbers = self.emit(3_000)
        self.watch(KEEPALIVE, self.relay.program.process)
        # A new connection would not have had what waited for the old one.
        seen = []
        for _ in numbers:
            self.assertTrue(reader.poll(30_000), f"{len(seen)} came")
            seen.append(json.loads(reader.recv_multipart()[1])["data"]["number"])
        self.assertEqual(seen, numbers)

    def emit(self, count: int) -> list:
        """Journals so many events, and returns their numbers."""
        source = self.relay.submitter(self.submit)
        numbers = []
        for _ in range(count):
            event = ARCHIVE.event(BUILT)
            numbers.append(json.loads(event)["data"]["number"])
            source.send(event, b"id")
        for _ in range(count):
            self.assertTrue(json.loads(source.receive()[1])["ok"])
        return numbers

    def flood(self):
        """Peers that ask for more than they read, and leave."""
        nothing = {"op": "read", "after": 0, "prefixes": [f"org.nothing{n}." for n in range(1000)]}
        request = json.dumps(nothing).encode()
        sockets = [zmq.Context.instance().socket(zmq.DEALER) for _ in range(20)]
        for socket in sockets:
            socket.linger, socket.rcvhwm = 0, 1
            socket.connect(self.replay)
            for number in range(200):
                socket.send_multipart([b"%d" % number, request])
        until("the relay to read some", lambda: all(socket.poll(100) for socket in sockets))
        for socket in sockets:
            socket.close()

    def watch(self, seconds: float, *processes):
        """Looks at processes for so long, as nothing that happens says that they will live."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for process in processes:
                self.assertIsNone(process.poll(), f"{process.args[0]} has ended")
            threading.Event().wait(0.1)

    def popen(self, *command) -> subprocess.Popen:
        """A process whose output waits until the test reads it."""
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(list(map(str, command)), encoding="utf-8", **pipes)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process
