#!/usr/bin/env python3
"""Records what libzmq says: record-zmtp.py VERSION

Two sockets of the library talk through a tap; all that passed is written to
tests/vectors/zmtp/VERSION.json, with what each end has to understand. Where the libraries come from
is in libzmq.py, beside this.
"""

import contextlib
import json
import pathlib
import socket
import sys
import threading

from libzmq import (
    CONNECT_ROUTING_ID, HEARTBEAT_IVL, HEARTBEAT_TIMEOUT, HEARTBEAT_TTL, PATIENCE_MS, RCVTIMEO, SUBSCRIBE,
    TYPES, UNSUBSCRIBE, Library,
)  # fmt: skip

VECTORS = pathlib.Path("tests/vectors/zmtp")
GREETING_BYTES = 64


def main(version):
    library = Library(version)
    sessions = [run(library, *session) for session in sessions_of(library.version)]
    handshakes = {kind: handshake(library, kind) for kind in TYPES}
    recorded = {"libzmq": library.version, "sessions": sessions, "handshakes": handshakes}
    VECTORS.mkdir(parents=True, exist_ok=True)
    target = VECTORS / f"{library.version}.json"
    target.write_text(json.dumps(recorded, indent=1) + "\n")
    print(f"{target}: {len(sessions)} sessions")


def sessions_of(version):
    yield "messages", "DEALER", "ROUTER", messages
    yield "questions", "REQ", "ROUTER", questions
    yield "answers", "DEALER", "REP", answers
    yield "dealers", "DEALER", "DEALER", dealers
    yield "routers", "ROUTER", "ROUTER", routers
    yield "subscriptions", "SUB", "XPUB", subscriptions
    yield "publications", "SUB", "PUB", publications
    # Its XPUB reads freed memory when a peer sends such.
    if version != "4.3.2":
        yield "user data", "XSUB", "XPUB", user_data
    if version >= "4.2":
        yield "heartbeats", "DEALER", "ROUTER", heartbeats

def run(library, name, client_type, server_type, talk):
    with library.socket(server_type) as server, Tap(server.bind()) as tap:
        with library.socket(client_type) as client:
            if talk is heartbeats:
                client.set(HEARTBEAT_IVL, 20)
                client.set(HEARTBEAT_TTL, 30_000)
                client.set(HEARTBEAT_TIMEOUT, PATIENCE_MS)
            if client_type == "ROUTER":
                client.set(CONNECT_ROUTING_ID, b"relay")
            client.connect(tap.endpoint)
            said = {"client": [], "server": []}
            talk(client, server, said, tap)
    return {
        "name": name,
        "client": client_type,
        "server": server_type,
        "client_says": said["client"],
        "client_bytes": tap.came["client"].hex(),
        "server_says": said["server"],
        "server_bytes": tap.came["server"].hex(),
    }


def handshake(library, kind):
    """What a socket of this type says to whoever has not said what it is."""
    with socket.create_server(("127.0.0.1", 0)) as listener, library.socket(kind) as client:
        client.connect("tcp://127.0.0.1:%d" % listener.getsockname()[1])
        peer, _ = listener.accept()
        with peer:
            peer.settimeout(PATIENCE_MS / 1_000)
            peer.sendall(b"\xff" + bytes(7) + b"\x01\x7f\x03\x01NULL" + bytes(48))
            came = b""
            while len(came) < GREETING_BYTES + 2 or len(came) < GREETING_BYTES + 2 + came[65]:
                came += peer.recv(65_536)
    return came.hex()


def messages(client, server, said, tap):
    texts = [[b"event"], [b"event", b"request-id"], [b""], [b"", b"event", b""]]
    sizes = [[bytes([7]) * 255], [b"topic", bytes([8]) * 256]]
    for frames in texts + sizes:
        peer, *read = pass_on(client, server, frames, said["client"])
        assert read == frames
        server.send([peer, *frames])
        assert client.receive() == frames
        said["server"].append(message(frames))


def questions(client, server, said, tap):
    for text in [b"event", b""]:
        peer, *frames = pass_on(client, server, [text], said["client"], [b"", text])
        assert frames == [b"", text]
        server.send([peer, b"", b"answer"])
        assert client.receive() == [b"answer"]
        said["server"].append(message([b"", b"answer"]))


def answers(client, server, said, tap):
    assert pass_on(client, server, [b"", b"event"], said["client"]) == [b"event"]
    server.send([b"answer"])
    assert client.receive() == [b"", b"answer"]
    said["server"].append(message([b"", b"answer"]))


def dealers(client, server, said, tap):
    assert pass_on(client, server, [b"event"], said["client"]) == [b"event"]
    assert pass_on(server, client, [b"answer"], said["server"]) == [b"answer"]


def routers(client, server, said, tap):
    client.send([b"relay", b"event"])
    said["client"].append(message([b"event"]))
    peer, *frames = server.receive()
    assert frames == [b"event"]
    server.send([peer, b"answer"])
    said["server"].append(message([b"answer"]))
    assert client.receive() == [b"relay", b"answer"]


def subscriptions(client, server, said, tap):
    # No longer topics: 4.3.4 writes a wrong size where topic and command have more than 255 bytes.
    for option, kind, topic in [
        (SUBSCRIBE, "subscribe", b"a."),
        (SUBSCRIBE, "subscribe", b"b" * 240),
        (UNSUBSCRIBE, "cancel", b"b" * 240),
    ]:
        client.set(option, topic)
        assert server.receive() == [bytes([kind == "subscribe"]) + topic]
        said["client"].append({kind: topic.hex()})
    for frames in [[b"a.b", b"event"], [b"a.", bytes([9]) * 300]]:
        assert pass_on(server, client, frames, said["server"]) == frames


def publications(client, server, said, tap):
    client.set(SUBSCRIBE, b"a.")
    said["client"].append({"subscribe": b"a.".hex()})
    client.set(RCVTIMEO, 100)
    frames = []
    # A PUB does not say when it has heard of a subscription.
    while not frames:
        server.send([b"a.b", b"event"])
        with contextlib.suppress(TimeoutError):
            frames = client.receive()
    server.send([b"a.", b"last"])
    client.set(RCVTIMEO, PATIENCE_MS)
    while True:
        said["server"].append(message(frames))
        if frames == [b"a.", b"last"]:
            break
        frames = client.receive()


def user_data(client, server, said, tap):
    for frame, saying in [
        (b"\x01a.", {"subscribe": b"a.".hex()}),
        (b"user data", message([b"user data"])),
        (b"\x00a.", {"cancel": b"a.".hex()}),
    ]:
        client.send([frame])
        assert server.receive() == [frame]
        said["client"].append(saying)


def heartbeats(client, server, said, tap):
    pass_on(client, server, [b"before"], said["client"])
    tap.wait_for("client", b"\x04PING", 3)
    tap.wait_for("server", b"\x04PONG", 3)
    pass_on(client, server, [b"after"], said["client"])


def pass_on(sender, receiver, frames, said, on_the_wire=None):
    sender.send(frames)
    said.append(message(on_the_wire or frames))
    return receiver.receive()


def message(frames):
    return {"message": [frame.hex() for frame in frames]}


class Tap:
    """Sits between the two sockets and keeps what passes."""

    def __init__(self, server):
        self.server = server
        self.came = {"client": bytearray(), "server": bytearray()}
        self.changed = threading.Condition()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = "tcp://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.sockets = []
        self.threads = [threading.Thread(target=self.accept)]

    def __enter__(self):
        self.threads[0].start()
        return self

    def __exit__(self, *_):
        # The client is closed by now, and with it both ways.
        for thread in self.threads:
            thread.join()
        self.listener.close()

    def accept(self):
        # One connection: whoever was refused and comes again is not heard.
        client, _ = self.listener.accept()
        self.listener.close()
        host, port = self.server.removeprefix("tcp://").split(":")
        server = socket.create_connection((host, int(port)))
        back = threading.Thread(target=self.pump, args=("server", server, client))
        self.threads.append(back)
        back.start()
        self.pump("client", client, server)

    def pump(self, name, source, target):
        with contextlib.suppress(OSError):
            while piece := source.recv(65_536):
                with self.changed:
                    self.came[name] += piece
                    self.changed.notify_all()
                target.sendall(piece)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)

    def wait_for(self, name, text, times):
        with self.changed:
            came = self.came[name]
            if not self.changed.wait_for(lambda: came.count(text) >= times, PATIENCE_MS / 1_000):
                raise TimeoutError(f"the {name} has not said {text}")


if __name__ == "__main__":
    main(*sys.argv[1:])
