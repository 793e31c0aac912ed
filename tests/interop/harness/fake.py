"""A relay that does what a test tells it, to see how a sink takes it."""

import json
import tempfile
import threading
import uuid
from pathlib import Path

import zmq

from .events import Key, canonical
from .vectors import vector_key
from .waiting import until


class FakeRelay:
    """Keeps a journal and answers replay requests; what is published live is up to the test."""

    PAGE = 3

    def __init__(self):
        self.key, self.journal = vector_key("lighthouse-01"), str(uuid.uuid4())
        self.frames, self.first, self.refusals, self.taken = [], 1, [], 0
        self.last_under = {}
        self.lock, self.is_closed = threading.Lock(), False
        self.directory = tempfile.TemporaryDirectory(prefix="lk-")
        self.publish, self.replay = (f"ipc://{self.directory.name}/{name}" for name in ("p", "r"))
        self.live = zmq.Context.instance().socket(zmq.XPUB)
        self.live.setsockopt(zmq.XPUB_VERBOSE, 1)
        self.live.bind(self.publish)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def close(self):
        self.is_closed = True
        self.thread.join(10)
        self.live.close(0)
        self.directory.cleanup()

    def wait_for_subscriptions(self, count: int):
        """Until so many have arrived."""
        for _ in range(count):
            assert self.live.poll(30_000), "nobody subscribes"
            self.live.recv()

    def countersign(self, event: bytes) -> dict:
        return self.key.sign(json.loads(event))

    def append(self, event: bytes, received: str = None) -> bytes:
        """Journals an event; returns the frame that a real relay would publish."""
        event = self.countersign(event)
        with self.lock:
            self.taken += 1
            seq = len(self.frames) + 1
            id = event.get("id", event.get("tag"))
            labels = id.split(".")
            prefixes = ["", *(".".join([*labels[:n], ""]) for n in range(1, len(labels))), id]
            event["unsigned"] = {
                "relay": self.key.signer,
                "journal": self.journal,
                "seq": seq,
                # Time goes on, in whichever journal.
                "received": received or f"2026-11-23T16:00:00.{self.taken:06}Z",
                "prev": {prefix: self.last_under.get(prefix, 0) for prefix in prefixes},
            }
            self.last_under.update(dict.fromkeys(prefixes, seq))
            self.frames.append((id, canonical(event)))
            return self.frames[-1][1]

    def start_another_journal(self):
        """Forgets everything."""
        with self.lock:
            self.journal = str(uuid.uuid4())
            self.frames, self.last_under = [], {}

    def send(self, *frames: bytes):
        """Publishes anything."""
        self.live.send_multipart(frames)

    def send_live(self, frame: bytes):
        """Publishes an event as it should be."""
        event = json.loads(frame)
        self.send(event.get("id", event.get("tag")).encode(), frame)

    def _serve(self):
        socket = zmq.Context.instance().socket(zmq.ROUTER)
        socket.bind(self.replay)
        while not self.is_closed:
            if socket.poll(20):
                peer, id, request = socket.recv_multipart()
                with self.lock:
                    answer = self._answer(json.loads(request))
                socket.send_multipart([peer, id, *answer])
        socket.close(0)

    def _answer(self, request: dict) -> list:
        if self.refusals:
            reason = self.refusals.pop()
            return [canonical({"ok": False, "reason": reason, "detail": "as the test wants it"})]
        last = len(self.frames)
        header = {"ok": True, "journal": self.journal, "first": self.first, "last": last}
        if request["op"] == "status":
            header.update(relay=self.key.signer, time="2026-11-23T16:00:00.000000Z")
            return [canonical(header)]
        after = max(request.get("after", 0), self.first - 1)
        if "since" in request:
            bodies = [json.loads(frame) for _, frame in self.frames]
            times = [body["unsigned"]["received"] for body in bodies]
            after = next((n for n, time in enumerate(times) if time >= request["since"]), last)
        prefixes = request.get("prefixes") or [""]
        page, next_after = [], after
        # As many as it looks at, whether they match or not: some pages are empty.
        limit = min(self.PAGE, request.get("limit", self.PAGE))
        while next_after < last and next_after - after < limit:
            id, frame = self.frames[next_after]
            next_after += 1
            if any(id == p or (p == "" or p[-1] == ".") and id.startswith(p) for p in prefixes):
                page.append(frame)
        header.update(count=len(page), next=max(next_after, after))
        return [canonical(header), *page]
