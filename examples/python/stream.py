# SPDX-License-Identifier: CC0-1.0
"""The client that misses nothing: section 4 of the protocol. Needs events.py and relay.py.

It subscribes, reads the relay's journal from its position, then follows the live stream. It reads
again where an event shows that one is missing before it, after a reconnection, and on a timer.
"""

import time

from events import Trust, digest, event_id, is_under
from relay import Contradiction, Cursor, Relay, say


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
        self.shown = seq  # the journal has shown that it goes so far
        self.pause, self.resume, self.told = 1, 0, None  # after a contradiction

    def __iter__(self):
        self.relay.subscribe(self.done)
        look_at = time.monotonic()
        while True:
            frames, is_new_connection = self.relay.wait(look_at - time.monotonic())
            try:
                if frames:
                    yield from self.take(frames)
                    look_at = min(look_at, time.monotonic() + 1)  # to store the position
                if is_new_connection:
                    look_at = time.monotonic() + 0.3  # when the subscription has taken effect
                if time.monotonic() >= look_at:
                    yield from self.catch_up()
                    look_at = time.monotonic() + 10
            except Contradiction as problem:
                self.distrust(problem)
            look_at = max(look_at, self.resume)

    def distrust(self, problem: Contradiction):
        """Says so once a minute, and asks again after pauses that grow."""
        now = time.monotonic()
        if self.told is None or now >= self.told + 60:
            say(f"{self.relay.replay} contradicts itself: {problem}")
            self.told = now
        self.resume, self.pause = now + self.pause, min(2 * self.pause, 30)

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
        if time.monotonic() < self.resume:
            return
        header, _ = self.relay.ask({"op": "status"})
        is_other, last = header["journal"] != self.journal, header["last"]
        start = self.enter(header) if is_other else {}
        if self.cursor.seq > last and not is_other:
            raise Contradiction(f"its journal ends with {last} and was read up to {self.cursor.seq}")
        if max(self.done.values()) > last:  # a live event lied about where it stands
            self.done = dict.fromkeys(self.done, self.cursor.seq)
        while True:
            position = min(self.done.values())
            self.show(position)
            self.cursor.store(self.journal, position)
            if position >= header["last"]:
                self.pause = 1
                return
            start = start or {"after": position}
            header, frames = self.relay.read(prefixes=list(self.done), **start)
            if header["journal"] != self.journal:
                return
            if header["first"] > start.get("after", header["first"]) + 1:
                say(f"lost: the journal begins with {header['first']}, the position is {position}")
            for event in filter(None, map(self.open, frames)):
                yield from self.deliver(event)
            self.done = {prefix: max(seq, header["next"]) for prefix, seq in self.done.items()}
            start = {}

    def show(self, seq: int):
        """A number alone moves no cursor: an event must have stood there."""
        if seq > self.shown:
            header, _ = self.relay.read(after=seq - 1, limit=1)
            if header["next"] < seq and header["first"] <= seq:
                raise Contradiction(f"its journal ends with {header['last']}, and with {seq} before")
            self.shown = seq

    def enter(self, header: dict) -> dict:
        """Begins a journal: at its end, or where it goes on from another one."""
        old, self.shown = self.journal, 0
        if not old:
            self.show(header["last"])
        self.journal = header["journal"]
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
