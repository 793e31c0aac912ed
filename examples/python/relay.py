# SPDX-License-Identifier: CC0-1.0
"""A relay as a sink sees it, and the sink's position in the relay's journal. Needs pyzmq."""

import json
import os
import sys
import time
from pathlib import Path

import zmq
import zmq.utils.monitor


def say(text: str):
    print(text, file=sys.stderr, flush=True)


class Relay:
    """The publish and the replay endpoint of a relay."""

    def __init__(self, publish: str, replay: str):
        self.publish, self.replay = publish, replay

    def subscribe(self, prefixes):
        """Connects to the live stream."""
        self.live = zmq.Context.instance().socket(zmq.SUB)
        for prefix in prefixes:
            self.live.subscribe(prefix)
        self.connected = self.live.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
        self.live.connect(self.publish)
        self.poller = zmq.Poller()
        self.poller.register(self.live, zmq.POLLIN)
        self.poller.register(self.connected, zmq.POLLIN)

    def wait(self, seconds: float):
        """The frames of the next live event or None, and whether the connection is new."""
        ready = dict(self.poller.poll(max(0, seconds) * 1000))
        if self.connected in ready:
            self.connected.recv_multipart()
        return self.live.recv_multipart() if self.live in ready else None, self.connected in ready

    def ask(self, request: dict, patience: float = 10):
        """The header and the event frames that answer a request; asks until there is an answer."""
        while True:
            # A new socket each time: a late answer cannot be mistaken for that to another request.
            with zmq.Context.instance().socket(zmq.DEALER) as socket:
                socket.linger = 0
                socket.connect(self.replay)
                socket.send_multipart([b"request-id", json.dumps(request).encode()])
                if not socket.poll(patience * 1000):
                    say(f"{self.replay}: no answer; asking again")
                    continue
                _, text, *frames = socket.recv_multipart()
            header = json.loads(text)
            if header["ok"]:
                return header, frames
            if header["reason"] not in ("busy", "unavailable"):
                sys.exit(f"error: {self.replay}: {header['reason']}: {header['detail']}")
            time.sleep(1)


class Cursor:
    """A position in a journal, `<journal>:<seq>`, in a file that is replaced as a whole."""

    def __init__(self, path):
        self.path = Path(path)

    def load(self):
        """The journal and the seq; no name is no journal."""
        text = self.path.read_text() if self.path.exists() else ":0"
        journal, seq = text.strip().split(":")
        self.seq = int(seq)
        return journal, self.seq

    def store(self, journal: str, seq: int):
        """Replaces the position. A crash leaves the old one or the new one."""
        new = self.path.with_name(self.path.name + ".new")
        with open(new, "w", encoding="utf-8") as file:
            file.write(f"{journal}:{seq}\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, self.path)
        self.seq = seq
