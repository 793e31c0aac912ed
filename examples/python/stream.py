# SPDX-License-Identifier: CC0-1.0
"""The client that misses nothing: section 4 of the protocol. Needs events.py and relay.py.

It subscribes, reads the relay's journal from its position, then follows the live stream. It reads
again where an event shows that one is missing before it, after a reconnection, and on a timer.
"""

import time

from events import Trust, digest, event_id, is_under
from relay import Cursor, Relay, say


class Stream:
    """`for event in Stream(...)` gives each event in order; asking for the next one says that this
    one was handled. After a crash the last few come again. Without a stored position it begins
    with the next event. Prefixes are whole ids or end in a dot; none means everything."""

    def __init__(self, relay: Relay, prefixes: list, cursor: Cursor, trust: Trust):
        self.relay, self.cursor, self.trust = relay, cursor, trust
        self.journal, seq = cursor.load()
        # For each prefix: everything under it was handled up to here.
        self.done = dict.fromkeys(prefixes or [""], seq)
        self.handled, self.received = {}, None  # in case that the relay gets another journal

    def __iter__(self):
        self.relay.subscribe(self.done)
        look_at = time.monotonic()
        while True:
            frames, is_new_connection = self.relay.wait(look_at - time.monotonic())
            if frames:
                yield from self.take(frames)
                look_at = min(look_at, time.monotonic() + 1)  # to store the position
            if is_new_connection:
                look_at = time.monotonic() + 0.3  # when the subscription has taken effect
            if time.monotonic() >= look_at:
                yield from self.catch_up()
                look_at = time.monotonic() + 10

    def take(self, frames: list):
        """A live event, unless one under its prefixes is missing before it."""
        event = self.open(frames[-1])
        if event is None or frames[:-1] != [event_id(event).encode()]:
            return
        note, prefixes = event["unsigned"], self.prefixes(event)
        is_gap = any(note["prev"].get(at, note["seq"]) > self.done[at] for at in prefixes)
        is_next = note["journal"] == self.journal and not is_gap
        yield from self.deliver(event) if is_next else self.catch_up()

    def catch_up(self):
        """Everything in the journal behind the position, which is stored."""
        header, _ = self.relay.ask({"op": "status"})
        start = self.enter(header) if header["journal"] != self.journal else {}
        if max(self.done.values()) > header["last"]:  # a live event lied about where it stands
            self.done = dict.fromkeys(self.done, min(self.cursor.seq, header["last"]))
        while True:
            position = min(self.done.values())
            self.cursor.store(self.journal, position)
            if position >= header["last"]:
                return
            start = start or {"after": position}
            header, frames = self.relay.ask({"op": "read", "prefixes": list(self.done), **start})
            if header["journal"] != self.journal:
                return
            if header["first"] > start.get("after", header["first"]) + 1:
                say(f"lost: the journal begins with {header['first']}, the position is {position}")
            for event in filter(None, map(self.open, frames)):
                yield from self.deliver(event)
            self.done = {prefix: max(seq, header["next"]) for prefix, seq in self.done.items()}
            start = {}

    def enter(self, header: dict) -> dict:
        """Begins a journal: at its end, or where it goes on from another one."""
        old, self.journal = self.journal, header["journal"]
        self.done = dict.fromkeys(self.done, 0 if old else header["last"])
        if old:
            say(f"another journal: {self.journal} instead of {old}")
        return {"since": self.received} if old and self.received else {}

    def deliver(self, event: dict):
        """Gives the event to whoever iterates, once."""
        prefixes, note, name = self.prefixes(event), event["unsigned"], digest(event)
        if not prefixes or any(note["seq"] <= self.done[prefix] for prefix in prefixes):
            return
        if name not in self.handled:
            yield event
            self.handled[name], self.received = True, note["received"]
            if len(self.handled) > 100_000:
                self.handled.pop(next(iter(self.handled)))
        self.done.update(dict.fromkeys(prefixes, note["seq"]))

    def prefixes(self, event: dict) -> list:
        return [prefix for prefix in self.done if is_under(prefix, event_id(event))]

    def open(self, frame: bytes):
        try:
            return self.trust.open(frame)
        except Exception as error:  # whatever is wrong with it, nobody vouches for it
            say(f"refused an event: {error!r:.200}")
