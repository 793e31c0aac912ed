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

    def read(self, **request):
        """A page that fits the request."""
        request = {"op": "read", "limit": 500, **request}
        header, frames = self.ask(request)
        try:
            check_page(request, header, frames)
        except (LookupError, TypeError, ValueError) as error:
            raise Contradiction(f"it is no page: {error!r:.200}") from error
        return header, frames

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


class Contradiction(Exception):
    """What a relay says of its journal does not fit together. Nobody signs it."""


def check_page(read: dict, header: dict, frames: list):
    """Raises an exception unless a page fits the request that it answers."""
    first, last, end = header["first"], header["last"], header["next"]
    at = after = read.get("after", 0)
    ends_there = max(after, last) if "after" in read and after >= last else last
    if end > ends_there or first > last + 1:
        raise Contradiction(f"it read {first} to {end} in a journal that ends with {last}")
    if "after" in read and end <= after < last:
        raise Contradiction(f"reading from {after} gets no further, and {last} is the last event")
    if header["count"] != len(frames) or len(frames) > read["limit"]:
        raise Contradiction(f"a page of {header['count']} events that has {len(frames)}")
    for frame in frames:
        note = json.loads(frame)["unsigned"]
        if note["journal"] != header["journal"]:
            raise Contradiction(f"event {note['seq']} is of another journal")
        if not max(at, first - 1) < note["seq"] <= end:
            raise Contradiction(f"event {note['seq']} comes after {at} on a page up to {end}")
        at = note["seq"]
    begin = max(after, first - 1)
    is_everything = "" in read.get("prefixes", [""]) and "after" in read
    if is_everything and len(frames) + len(set(header.get("damaged", []))) < end - begin:
        raise Contradiction(f"a page of all events from {begin} to {end} that has {len(frames)}")


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
