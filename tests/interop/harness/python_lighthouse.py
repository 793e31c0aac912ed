"""A relay of the old kind, as far as others see it: Laniakea's Lighthouse in Python.

It takes one-frame events, checks one trusted signature, adds its own and publishes `[tag, event]`:
without a journal, a reply or replay. What its job server has to say it signs alone.
"""

import json
import tempfile
import threading

import nacl.exceptions
import zmq

from .events import Key, canonical, verify


class PythonLighthouse:
    """`signers` are trusted; everything that others know of it stays over `stop` and `start`.

    `endpoints` are where it takes and where it publishes events: ipc in a directory of its own by default.
    """

    def __init__(self, *signers: Key, endpoints: tuple = None):
        self.key, self.signers = Key("lighthouse-python"), signers
        self.directory = tempfile.TemporaryDirectory(prefix="lk-")
        ipc = (f"ipc://{self.directory.name}/{name}" for name in ("s", "p"))
        self.submit, self.publish = endpoints or ipc
        self.live = self.thread = None
        self.start()

    def start(self):
        self.is_stopped, self.subscribers, self.published = False, 0, 0
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.outbox = []
        self.lock = threading.Lock()
        self.is_bound = threading.Event()
        self.thread.start()
        self.is_bound.wait(10)

    def stop(self):
        self.is_stopped = True
        self.thread.join(10)

    def close(self):
        self.stop()
        self.directory.cleanup()

    def job_event(self, tag: str) -> bytes:
        """Published by the job server itself: nobody else signed it."""
        event = self.key.laniakea_event(tag)
        with self.lock:
            self.outbox.append(event)
        return event

    def _work(self):
        context = zmq.Context.instance()
        receive, live = context.socket(zmq.ROUTER), context.socket(zmq.XPUB)
        live.setsockopt(zmq.XPUB_VERBOSER, 1)
        receive.bind(self.submit)
        live.bind(self.publish)
        # The ports that the system chose, also for the next start.
        endpoints = (socket.getsockopt_string(zmq.LAST_ENDPOINT) for socket in (receive, live))
        self.submit, self.publish = endpoints
        self.is_bound.set()
        poller = zmq.Poller()
        poller.register(receive, zmq.POLLIN)
        poller.register(live, zmq.POLLIN)
        while not self.is_stopped:
            ready = dict(poller.poll(10))
            if live in ready:
                # A subscription begins with 1; its end with 0.
                self.subscribers += 1 if live.recv()[:1] == b"\x01" else -1
            if receive in ready:
                self._take(receive.recv_multipart()[1], live)
            with self.lock:
                outbox, self.outbox = self.outbox, []
            for event in outbox:
                self._send(json.loads(event), live)
        receive.close(0)
        live.close(100)

    def _take(self, text: bytes, live):
        event = json.loads(text)
        for signer in self.signers:
            if signer.signer in event["signatures"]:
                try:
                    verify(event, signer)
                except nacl.exceptions.BadSignatureError:
                    return
                self._send(self.key.sign(event), live)
                return

    def _send(self, event: dict, live):
        live.send_multipart([event["tag"].encode(), canonical(event)])
        self.published += 1
