"""Five versions of libzmq as peers, in every role, in the clear and encrypted.

What the table of docs/interoperation.md says is what is shown here. All versions are at it at the
same time, each in a process of its own.
"""

import json
import re
import threading
import uuid

from harness import (
    LIBRARIES, MECHANISMS, Key, Libzmq, Port, Program, Relay, VersionsTest, binary, canonical, digest,
    print_versions, start_versions, until,
)  # fmt: skip

setUpModule, tearDownModule = start_versions, print_versions

# At each of the relay's sockets: who has no business there.
REFUSED = {
    "submit": ("PUSH", "PULL", "PAIR", "PUB", "SUB"),
    "publish": ("PUSH", "PULL", "PAIR", "PUB", "DEALER", "REQ"),
    "replay": ("PUSH", "PULL", "PAIR", "PUB", "XSUB"),
}

# Sizes at which something changes on the wire; no event is as short as the first ones.
SHORT, SIZES, LONGEST = (1, 254, 255, 256), (600, 8_192, 65_536), 1 << 20
# Ten times as long as libzmq waits before it tries again.
NO_MORE = 1.0


class TheirClients(VersionsTest):
    def test_messages_of_all_sizes_are_submitted_published_and_replayed(self):
        self.relay.start()
        opened = self.together(self.open_subscribers)
        self.wait_for_subscriptions(of_each=1)
        self.together(lambda library: self.exchange(library, opened[library]))
        self.assert_claimed("DEALER", "REQ", "SUB", "XSUB")

    def open_subscribers(self, library) -> dict:
        return {
            mechanism: self.subscribers(library, mechanism, prefix(library, mechanism))
            for mechanism in MECHANISMS
        }

    def exchange(self, library, opened):
        for mechanism, subscribers in opened.items():
            id = prefix(library, mechanism) + "built"
            sent = []
            for kind in ("DEALER", "REQ"):
                socket = self.client(library, mechanism, kind, "submit")
                for size in SHORT:
                    self.assertEqual(submit(socket, b"5" * size)["reason"], "not_an_object")
                # These take a while: each role and each mechanism has some.
                is_long = (kind == "DEALER") == (mechanism == "NULL")
                for size in (*SIZES, *[LONGEST] * is_long):
                    event = self.event(size, id)
                    sent.append(digest(json.loads(event)))
                    self.assertEqual(submit(socket, event).get("digest"), sent[-1])
            received = [[subscriber.receive() for _ in sent] for subscriber in subscribers]
            for topics, frames in (zip(*messages) for messages in received):
                self.assertEqual({*topics}, {id.encode()})
                self.assertEqual([digest(json.loads(frame)) for frame in frames], sent)
            for kind in ("DEALER", "REQ"):
                socket = self.client(library, mechanism, kind, "replay")
                self.assertTrue(replay(socket, id) == [*frames], f"{kind} of {library.version}")
            self.show(library, mechanism, "DEALER", "REQ", "SUB", "XSUB")

    def test_who_comes_before_the_relay_or_loses_it_finds_it_again(self):
        opened = self.together(self.open_all)
        for number in range(3):
            # Nobody listens yet, or any more.
            self.together(lambda library: self.ask_ahead(opened[library], number))
            self.relay.start()
            self.together(lambda library: self.take_answers(opened[library], number))
            self.wait_for_subscriptions(of_each=1)
            self.together(lambda library: self.publish_one(library, opened[library]))
            self.relay.kill()
        self.relay.start()
        self.wait_for_subscriptions(of_each=1)
        self.together(Libzmq.close_sockets)
        until("nobody to be left", lambda: self.relay.counter("publish_connections") == 0)
        opened = self.together(self.open_all)
        self.wait_for_subscriptions(of_each=1)
        self.together(lambda library: self.publish_one(library, opened[library]))

    def open_all(self, library) -> dict:
        """A DEALER, a REQ and the subscribers for each mechanism."""
        subscribers = self.open_subscribers(library)
        return {
            mechanism: [
                self.client(library, mechanism, "DEALER", "submit"),
                self.client(library, mechanism, "REQ", "replay"),
                *subscribers[mechanism],
            ]
            for mechanism in MECHANISMS
        }

    def ask_ahead(self, opened, number: int):
        for dealer, req, *subscribers in opened.values():
            for socket in (dealer, req, *subscribers):
                socket.wait_for("DISCONNECTED" if number else "RETRIED")
            # One that no subscriber here gets.
            dealer.send(self.module.event("_lk.archive.early"), b"request %d" % number)
            req.send(b"request %d" % number, b'{"op":"status"}')

    def take_answers(self, opened, number: int):
        for dealer, req, *_ in opened.values():
            for socket in (dealer, req):
                id, answer = socket.receive()
                self.assertEqual((id, json.loads(answer)["ok"]), (b"request %d" % number, True))

    def publish_one(self, library, opened):
        for mechanism, (dealer, _, *subscribers) in opened.items():
            reply = submit(dealer, self.module.event(prefix(library, mechanism) + "built"))
            for subscriber in subscribers:
                # What comes next is this one: nothing came twice.
                self.assertEqual(digest(json.loads(subscriber.receive()[1])), reply["digest"])

    def test_subscriptions_that_change_while_events_flow_lose_and_double_nothing(self):
        self.relay.start()
        wanted = ("_lk.archive.first.", "_lk.archive.always.")
        opened = self.together(
            lambda library: [
                socket for mechanism in MECHANISMS for socket in self.subscribers(library, mechanism, *wanted)
            ]
        )
        each = lambda work: self.together(lambda library: [work(it) for it in opened[library]])
        self.wait_for_subscriptions(of_each=2)
        flow = Flow(self.relay, self.module)
        self.addCleanup(flow.stop)
        flow.go_on()
        each(lambda socket: socket.subscribe("_lk.archive.second."))
        self.wait_for_subscriptions(of_each=3)
        flow.go_on()
        flow.submit("always.changed")
        before = each(lambda socket: socket.receive_until("_lk.archive.always.changed"))
        each(lambda socket: socket.cancel("_lk.archive.first."))
        self.wait_for_subscriptions(of_each=2)
        flow.go_on()
        flow.stop()
        flow.submit("always.end")
        after = each(lambda socket: socket.receive_until("_lk.archive.always.end"))
        journal = [[json.loads(frame)["id"].encode(), frame] for frame in self.relay.events()]
        for library in LIBRARIES:
            for messages in zip(before[library], after[library]):
                self.check_flow(library.version, journal, *messages)

    def check_flow(self, version: str, journal: list, before: list, after: list):
        """`before` came until the journal's event `changed`, `after` from then on until its last."""
        changed = next(at for at, (id, _) in enumerate(journal) if id.endswith(b".changed"))
        came = before + [journal[changed]] + after + [journal[-1]]
        self.assertTrue(under(b"always", came) == under(b"always", journal), version)
        # Until it was cancelled, and without a hole before that.
        first = under(b"first", came)
        self.assertTrue(first == under(b"first", journal)[: len(first)], version)
        self.assertEqual(len(under(b"first", before)), len(under(b"first", journal[:changed])), version)
        self.assertLess(len(first), len(under(b"first", journal)), version)
        # From when it was subscribed.
        second, all_of_it = under(b"second", came), under(b"second", journal)
        self.assertTrue(second == all_of_it[-len(second) :], version)
        least = len(under(b"second", journal[changed:])) + Flow.ROUNDS
        self.assertTrue(least <= len(second) < len(all_of_it), version)


class Flow:
    """Submits events until it is stopped, one of each kind in turn."""

    ROUNDS = 20

    def __init__(self, relay: Relay, key: Key):
        self.key, self.is_over, self.rounds = key, threading.Event(), 0
        self.sockets = [relay.submitter(relay.ipc("submit")) for _ in range(2)]
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.is_over.is_set():
            for label in ("first", "second", "always"):
                self.submit(f"{label}.event", self.sockets[1])
            self.rounds += 1

    def submit(self, label: str, socket=None):
        reply = (socket or self.sockets[0]).submit(self.key.event(f"_lk.archive.{label}"))
        assert reply["ok"], reply

    def go_on(self):
        """Until so many more are in the journal."""
        enough = self.rounds + self.ROUNDS + 1
        until("events to flow", lambda: self.rounds >= enough)

    def stop(self):
        self.is_over.set()
        self.thread.join(30)


class TheirServers(VersionsTest):
    """Relays of theirs, and our command line."""

    def setUp(self):
        super().setUp()
        self.server = Key("lighthouse-09", has_curve=True)
        self.secret = self.module.write_secret(self.relay.directory / "module.key_secret")
        self.public = self.server.write_public(self.relay.directory / "lighthouse-09.key")

    def test_lk_listens_to_publishers_that_come_late_and_come_back(self):
        self.together(
            lambda library: [
                self.listen(library, mechanism, kind) for mechanism in MECHANISMS for kind in ("PUB", "XPUB")
            ]
        )
        self.assert_claimed("PUB", "XPUB")

    def lk(self, mechanism: str, *arguments, **options) -> Program:
        encryption = ["--server-key", self.public] if mechanism == "CURVE" else []
        program = Program(binary("lk"), *arguments, "--key", self.secret, *encryption, "--json", **options)
        self.addCleanup(program.kill)
        return program

    def their_server(self, library, mechanism: str, kind: str, port: Port):
        secret = self.server.curve[1] if mechanism == "CURVE" else None
        return library.server(kind, secret).bind(port.endpoint)

    def port(self) -> Port:
        port = Port()
        self.addCleanup(port.close)
        return port

    def listen(self, library, mechanism: str, kind: str):
        port, id = self.port(), prefix(library, mechanism) + "built"
        listener = self.lk(mechanism, "listen", "--from", port.endpoint)
        port.wait_for_knock()
        for _ in range(2):
            sent, before = [], len(listener.out)
            server = self.their_server(library, mechanism, kind, port)

            def publish(size: int):
                sent.append(self.event(size, id).decode())
                server.send(id.encode(), sent[-1].encode())

            if kind == "XPUB":
                self.assertEqual(server.receive(), [b"\x01"])
            else:
                # It does not say who subscribes.
                until("the subscription", lambda: publish(600) or len(listener.out) > before)
            for size in (*SIZES, LONGEST):
                publish(size)
            until("the last one", lambda: len(listener.out) > before and listener.out[-1] == sent[-1])
            came = listener.out[before:]
            self.assertGreater(len(came), len(SIZES))
            self.assertTrue(came == sent[-len(came) :], f"{kind} of {library.version}")
            server.close()
        self.show(library, mechanism, kind)

    def test_lk_submits_to_routers_that_come_late_and_come_back_and_asks_them(self):
        self.together(lambda library: [self.submit_and_ask(library, mechanism) for mechanism in MECHANISMS])
        self.assert_claimed("ROUTER")

    def submit_and_ask(self, library, mechanism: str):
        port, id = self.port(), prefix(library, mechanism) + "built"
        emit = ("emit", id, "--to", port.endpoint, "--timeout", "60s")
        emitter = self.lk(mechanism, *emit, "short=event")
        port.wait_for_knock()
        router = self.their_server(library, mechanism, "ROUTER", port)
        _, event, _ = router.receive()
        # It leaves without an answer.
        router.close()
        router = self.their_server(library, mechanism, "ROUTER", port)
        self.assertEqual(self.answer(router), event)
        self.assertEqual(emitter.wait(), 0, emitter.err)

        data = self.relay.directory / f"{id}.json"
        data.write_text(json.dumps({"text": "x" * (LONGEST - 4_096)}))
        with data.open() as text:
            emitter = self.lk(mechanism, *emit, "--data", "-", stdin=text)
        self.assertEqual(len(json.loads(self.answer(router))["data"]["text"]), LONGEST - 4_096)
        self.assertEqual(emitter.wait(), 0, emitter.err)

        asker = self.lk(mechanism, "status", "--replay", port.endpoint)
        peer, request, text = router.receive()
        self.assertEqual(json.loads(text)["op"], "status")
        header = {"ok": True, "journal": str(uuid.uuid4()), "first": 1, "last": 0}
        header.update(relay=self.server.signer, time="2026-11-23T16:00:00.000000Z", counters={})
        router.send(peer, request, canonical(header))
        self.assertEqual(asker.wait(), 0, asker.err)
        self.assertEqual(json.loads("".join(asker.out))["relay"], self.server.signer)
        self.show(library, mechanism, "ROUTER")

    def answer(self, router) -> bytes:
        """Takes an event that is submitted, and says so."""
        peer, event, request = router.receive()
        reply = {"ok": True, "digest": digest(json.loads(event)), "seq": 1, "duplicate": False}
        router.send(peer, request, canonical(reply))
        return event


class Refused(VersionsTest):
    def test_who_has_no_business_at_a_socket_is_refused_once_and_named(self):
        # The log of each has no more than it shows without leaving some out.
        relays = {
            library: {mechanism: self.prepare_relay() for mechanism in MECHANISMS} for library in LIBRARIES
        }
        self.together(lambda library: [self.refuse(library, *one) for one in relays[library].items()])
        # After an ERROR nobody tries again.
        threading.Event().wait(NO_MORE)
        for library in LIBRARIES:
            for relay in relays[library].values():
                self.assert_refused(relay)
                self.show(library, "refused", "PUSH", "PULL", "PAIR")
        self.assert_claimed("PUSH", "PULL", "PAIR")

    def refuse(self, library, mechanism: str, relay: Relay):
        relay.start()
        for name, kinds in REFUSED.items():
            for kind in kinds:
                self.client(library, mechanism, kind, name, relay)
        count = sum(map(len, REFUSED.values()))
        until("all to be refused", lambda: len(refusals(relay)) >= count)

    def assert_refused(self, relay: Relay):
        expected = [
            (kind, "XPUB" if name == "publish" else "ROUTER")
            for name, kinds in REFUSED.items()
            for kind in kinds
        ]
        self.assertEqual(sorted(refusals(relay)), sorted(expected))
        for name, kinds in REFUSED.items():
            self.assertEqual(relay.counter(f"{name}_failed_handshakes"), len(kinds))


def refusals(relay: Relay) -> list:
    """Who was refused where, of lines that name an address."""
    line = re.compile(
        r' INFO cut a connection address=127\.0\.0\.1:\d+ reason="the handshake failed" '
        r"error=a (\w+) where (\w+) is, which it does not talk to$"
    )
    return [match.groups() for match in map(line.search, relay.log()) if match]


def prefix(library: Libzmq, mechanism: str) -> str:
    """What the ids of a version's own events begin with."""
    return f"_lk.archive.{library.version.replace('.', '-')}.{mechanism.lower()}."


def under(label: bytes, messages: list) -> list:
    return [message for message in messages if message[0].startswith(b"_lk.archive.%s." % label)]


def submit(socket, event: bytes) -> dict:
    if socket.kind == "REQ":
        socket.send(event)
        (reply,) = socket.receive()
    else:
        socket.send(event, b"id")
        id, reply = socket.receive()
        assert id == b"id", id
    return json.loads(reply)


def replay(socket, prefix: str) -> list:
    """The frames of all pages."""
    frames, after = [], 0
    while True:
        socket.send(b"id", canonical({"op": "read", "after": after, "prefixes": [prefix]}))
        id, header, *page = socket.receive()
        header = json.loads(header)
        assert id == b"id" and header["ok"], header
        frames += page
        if header["next"] == header["last"]:
            return frames
        after = header["next"]
