"""Garbage of every kind at the relay's ports: afterwards a good event is published as ever."""

import json
import random
import re
import socket
import ssl
import struct

import zmq
import zmq.utils.monitor

from harness import Relay, RelayTest, digest, until, vector_key

ARCHIVE = vector_key("archive-01")
BUILT = "_lk.archive.package-build-success"
MIB = 1 << 20
# How long a good event may take, on a machine that does other things too.
PROMPT_MS = 5_000

# A ZMTP 3.1 greeting: signature, version, mechanism, as-server, filler.
GREETING = b"\xff" + b"\0" * 8 + b"\x7f" + b"\x03\x01" + b"NULL".ljust(20, b"\0") + b"\0" * 32
READY = b"\x04\x1c\x05READY\x0bSocket-Type\0\0\0\x06DEALER"


def client_hello() -> bytes:
    """How TLS begins."""
    output = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), output, server_hostname="relay")
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return output.read()


OLD = "where 3.0 is the oldest that is spoken here"
# Whoever has the wrong port, and what the log says of it.
STRANGERS = {
    b"GET / HTTP/1.1\r\nHost: relay\r\n\r\n": "not ZMTP: an HTTP request",
    client_hello(): "not ZMTP: TLS",
    b"SSH-2.0-OpenSSH_9.9\r\n": "not ZMTP: SSH",
    # libzmq 2.x, without a name and with one, and what it says to whom it takes for 3.x.
    b"\x01\0": "not ZMTP: ZMTP 1.0 of before 2012, or nothing that is known here",
    b"\x05\0name": 'not ZMTP: it begins with "\\x05"',
    b"\xff" + b"\0" * 8 + b"\x7f\0": f"ZMTP 1.0, {OLD}",
    # libzmq 3.x, as a DEALER.
    b"\xff" + b"\0" * 8 + b"\x7f\x01\x05\0\0": f"ZMTP 2.0, {OLD}",
}


class Garbage(RelayTest):
    def setUp(self):
        super().setUp()
        self.subscriber = self.relay.subscriber()

    def assert_unharmed(self):
        """A good event is taken and published, promptly and in canonical form."""
        event = ARCHIVE.event(BUILT)
        module = self.relay.one_way()
        module.send(event, b"good")
        echo, reply = module.receive(PROMPT_MS)
        self.assertEqual((echo, json.loads(reply)["ok"]), (b"good", True))
        published = json.loads(self.subscriber.receive(PROMPT_MS)[1])
        self.assertEqual(digest(published), digest(json.loads(event)))
        self.assertTrue(self.relay.program.is_running())
        module.close()

    def connect(self, endpoint: str) -> socket.socket:
        """A raw TCP connection to a ZeroMQ endpoint."""
        host, port = re.fullmatch(r"tcp://(.*):(\d+)", endpoint).groups()
        connection = socket.create_connection((host, int(port)), 30)
        self.addCleanup(connection.close)
        return connection

    def monitor(self, watched: zmq.Socket) -> zmq.Socket:
        """What tells of broken connections. It is ended before it is closed: otherwise the next
        report, which nobody can read, would hold up ZeroMQ's only thread for ever."""
        monitor = watched.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        self.addCleanup(monitor.close)
        self.addCleanup(watched.disable_monitor)
        return monitor

    def shake_hands(self, endpoint: str) -> socket.socket:
        """A connection that the relay takes for a DEALER."""
        connection = self.connect(endpoint)
        connection.sendall(GREETING + READY)
        answer = b""
        while b"READY" not in answer:
            part = connection.recv(4_096)
            self.assertTrue(part, "the relay hung up")
            answer += part
        return connection

    def test_junk_in_a_message_is_answered_with_a_reason(self):
        module = self.relay.submitter()
        for junk, reason in (
            (b"5", "not_an_object"),
            (b"null", "not_an_object"),
            (b"[]", "not_an_object"),
            (b"{", "bad_json"),
            (b"\0", "bad_json"),
            (b"NaN", "bad_json"),
            (b"\xef\xbb\xbf{}", "bad_json"),
            (b'{"a":"\\ud800"}', "bad_json"),
            (b"\xff\xfe", "bad_utf8"),
            (b'{"a":"\xed\xa0\x80"}', "bad_utf8"),
            (b'{"a":1,"\\u0061":2}', "duplicate_key"),
            (b'{"a":1e999}', "number_out_of_range"),
            (b'{"a":' + b"1" * 1001 + b"}", "number_out_of_range"),
            (b"[" * 101 + b"]" * 101, "too_deep"),
            (b'{"a":' * 100_000, "too_deep"),
            (b"[" * 2 * MIB, "too_large"),
            (b'{"a":[' + b"1," * 10_000 + b"1]}", "too_large"),
            (b" " * MIB + b"{}", "too_large"),
            (b"{}", "missing_field"),
        ):
            reply = module.submit(junk)
            self.assertEqual((reply["ok"], reply["reason"]), (False, reason), junk[:40])
            self.assertLess(len(reply["detail"]), 300)
            self.assertTrue(reply["detail"].isprintable(), reply)
        self.assert_unharmed()

    def test_random_bytes_and_damaged_events_are_rejected_one_by_one(self):
        seed = random.randrange(1 << 32)
        rng = random.Random(seed)
        module = self.relay.one_way()
        for number in range(2_000):
            if number % 2:
                junk = rng.randbytes(rng.randrange(1, 2_000))
            else:
                junk = bytearray(ARCHIVE.event(BUILT))
                junk[rng.randrange(len(junk))] ^= 1 << rng.randrange(8)
            module.send(bytes(junk), b"%d" % number)
        for number in range(2_000):
            id, reply = module.receive()
            self.assertEqual(id, b"%d" % number)
            self.assertFalse(json.loads(reply)["ok"], f"number {number} of random seed {seed}")
        self.assert_unharmed()

    def test_one_way_junk_is_counted_and_nothing_else(self):
        module = self.relay.one_way()
        for _ in range(1_000):
            module.send(b"")
            module.send(b"5")
            module.send(b"\xff" * 1_000)
        until("the junk", lambda: self.relay.counter("submitted") == 3_000)
        counters = self.relay.status()["counters"]
        self.assertEqual(counters["rejected_bad_json"], 1_000)
        self.assertEqual(counters["rejected_not_an_object"], 1_000)
        self.assertEqual(counters["rejected_bad_utf8"], 1_000)
        self.assertEqual(counters["accepted"], 0)
        self.assert_unharmed()
        # A stranger cannot fill the log: each reason has an allowance of 20 lines.
        self.assertLess(len(self.relay.log()), 100)

    def test_a_message_beyond_twice_the_limit_cuts_the_connection_and_no_other(self):
        neighbour = self.relay.submitter()
        module = self.relay.one_way()
        monitor = self.monitor(module.socket)
        module.send(b"x" * (2 * MIB), b"just")
        echo, reply = module.receive()
        self.assertEqual((echo, json.loads(reply)["reason"]), (b"just", "too_large"))
        module.send(b"x" * (2 * MIB + 1), b"over")
        self.assertTrue(monitor.poll(30_000), "the connection was not cut")
        self.assertTrue(neighbour.submit(ARCHIVE.event(BUILT))["ok"])
        # The socket reconnects by itself; the long message was thrown away.
        module.send(ARCHIVE.event(BUILT), b"next")
        self.assertEqual(module.receive()[0], b"next")
        self.subscriber.receive()
        self.subscriber.receive()
        self.assert_unharmed()

    def test_raw_connections_that_do_not_speak_zeromq_do_no_harm(self):
        rng = random.Random(4)
        for junk in (
            b"",
            b"\0",
            GREETING[:7],
            GREETING[:33],
            GREETING,
            GREETING + READY[:9],
            b"GET / HTTP/1.1\r\nHost: relay\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + rng.randbytes(500),
            b"SSH-2.0-OpenSSH_9.9\r\n",
            rng.randbytes(64),
            rng.randbytes(100_000),
            b"\xff" * 100_000,
            # Other mechanisms, and a version that does not exist.
            GREETING.replace(b"NULL", b"EVIL"),
            GREETING[:10] + b"\xff\xff" + GREETING[12:],
            GREETING.replace(b"NULL", b"PLAIN")[:64],
            # Socket types that do not fit, and broken properties.
            GREETING + READY.replace(b"DEALER", b"PUBLIC"),
            GREETING + b"\x04\x1c\x05READY\x0bSocket-Type\xff\xff\xff\xffDEALER",
            GREETING + b"\x04\x05\xffREADY",
        ):
            for endpoint in (self.relay.submit, self.relay.replay, self.relay.publish):
                send_all(self.connect(endpoint), junk)
        # All those connections are still open, as far as the relay leaves them.
        self.assert_unharmed()

    def test_whoever_speaks_another_protocol_is_shown_out_with_a_line_that_says_which(self):
        for has_curve in (False, True):
            for name in ("submit", "publish", "replay"):
                # One each: a log leaves out what comes too often.
                relay = Relay(has_curve=has_curve)
                self.relays.append(relay)
                self.addCleanup(relay.close)
                relay.start()
                endpoint = getattr(relay, f"curve_{name}" if has_curve else name)
                for greeting, what in STRANGERS.items():
                    self.assert_shown_out(relay, endpoint, greeting, what)
                self.assertEqual(relay.counter(f"{name}_failed_handshakes"), len(STRANGERS))

    def assert_shown_out(self, relay, endpoint: str, greeting: bytes, what: str):
        connection = self.connect(endpoint)
        connection.settimeout(PROMPT_MS / 1_000)
        address = "127.0.0.1:%d" % connection.getsockname()[1]
        connection.sendall(greeting)
        try:
            while connection.recv(4_096):
                pass
        except ConnectionResetError:
            pass
        lines = lambda: [line for line in relay.log() if address in line]
        line = until("the line", lines)[0]
        self.assertIn("cut a connection", line)
        self.assertIn(what, line)
        self.assertEqual(len(lines()), 1)

    def test_raw_connections_that_go_mad_after_a_good_handshake_do_no_harm(self):
        for junk in (
            b"\x02" + struct.pack(">Q", 1 << 40) + b"a frame of 1 TiB",
            b"\xff\x01a flag that does not exist",
            b"\0\xffa frame that does not end",
            b"\x04\xff a command that does not end",
            b"\x04\x05\x04PING",
            b"\x04\x05\x05READY" * 10,
            b"\x04\x06\x05ERROR",
            # 10,000 frames of a message that does not end.
            b"\x01\x01x" * 10_000,
            b"\0\0" * 10_000,
        ):
            for endpoint in (self.relay.submit, self.relay.replay):
                send_all(self.shake_hands(endpoint), junk)
        self.assert_unharmed()

    def test_the_handshake_of_these_tests_is_a_good_one(self):
        event = ARCHIVE.event(BUILT)
        frame = b"\x02" + struct.pack(">Q", len(event)) + event
        self.shake_hands(self.relay.submit).sendall(frame)
        self.assertEqual(digest(self.subscriber.event()), digest(json.loads(event)))

    def test_a_handshake_that_does_not_go_on_is_given_up(self):
        connections = [self.connect(self.relay.submit) for _ in range(100)]
        for connection in connections:
            connection.sendall(GREETING[:20])
        self.assert_unharmed()
        for connection in connections:
            connection.settimeout(30)
            try:
                while connection.recv(4_096):
                    pass
            except ConnectionResetError:
                pass
        self.assert_unharmed()

    def test_junk_subscriptions_do_no_harm(self):
        junk = zmq.Context.instance().socket(zmq.XSUB)
        self.addCleanup(junk.close, 0)
        junk.connect(self.relay.publish)
        for message in (b"", b"\x05", b"\0never", b"\x01" + b"x" * 900, b"\x02\x01\0" * 100):
            junk.send(message)
        junk.send(b"\x01_lk.")
        until("the last subscription", lambda: self.relay.counter("subscriptions") >= 3)
        self.assert_unharmed()
        self.assertTrue(junk.poll(30_000))

    def test_a_subscription_that_can_match_nothing_cuts_its_connection(self):
        junk = zmq.Context.instance().socket(zmq.XSUB)
        self.addCleanup(junk.close, 0)
        monitor = self.monitor(junk)
        junk.connect(self.relay.publish)
        junk.send(b"\x01" + b"x" * 2_000)
        self.assertTrue(monitor.poll(30_000), "the connection was not cut")
        self.assert_unharmed()

    def test_identities_that_modules_choose_do_no_harm(self):
        for identity in (b"x", b"same", b"same", b"\xff" * 255):
            other = zmq.Context.instance().socket(zmq.DEALER)
            self.addCleanup(other.close, 0)
            other.setsockopt(zmq.ROUTING_ID, identity)
            other.connect(self.relay.submit)
            other.send_multipart([b"5", b"id"])
        self.assert_unharmed()

    def test_a_sender_that_does_not_read_its_replies_harms_nobody(self):
        module = self.relay.one_way()
        module.socket.setsockopt(zmq.RCVBUF, 4_096)
        for number in range(30_000):
            module.send(b"5", b"%d" % number)
        self.assert_unharmed()
        until("the junk", lambda: self.relay.counter("submitted") >= 30_001)
        self.assert_unharmed()


def send_all(connection: socket.socket, junk: bytes):
    try:
        connection.sendall(junk)
    except (BrokenPipeError, ConnectionResetError):
        pass  # the relay had enough of it
