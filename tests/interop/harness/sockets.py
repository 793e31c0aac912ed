"""Sockets as modules and consumers have them: plain pyzmq."""

import itertools
import json
import uuid

import zmq

TIMEOUT_MS = 30_000


class _Socket:
    """A connected socket whose waits have a deadline."""

    def __init__(self, kind: int, endpoint: str, curve=None):
        """`curve`: the server's public key, and the own pair."""
        self.socket = zmq.Context.instance().socket(kind)
        if curve:
            server, (public, secret) = curve
            self.socket.curve_serverkey = server.encode()
            self.socket.curve_publickey, self.socket.curve_secretkey = public.encode(), secret.encode()
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.RCVHWM, 0)
        self.socket.setsockopt(zmq.SNDHWM, 0)
        # Once a relay has refused it, a socket has nowhere to send to.
        self.socket.setsockopt(zmq.SNDTIMEO, TIMEOUT_MS)
        self.socket.connect(endpoint)

    def receive(self, timeout_ms: int = TIMEOUT_MS) -> list:
        assert self.socket.poll(timeout_ms), "nothing came"
        return self.socket.recv_multipart()

    def close(self):
        self.socket.close()


class OneWay(_Socket):
    """What Laniakea's modules do: one frame on a DEALER, and no look back."""

    def __init__(self, endpoint: str, curve=None):
        super().__init__(zmq.DEALER, endpoint, curve)

    def send(self, *frames: bytes):
        self.socket.send_multipart(frames)


class Submitter(OneWay):
    """Two frames on a DEALER, and a reply."""

    def __init__(self, endpoint: str, curve=None):
        super().__init__(endpoint, curve)
        self.ids = itertools.count(1)

    def submit(self, event: bytes) -> dict:
        request = b"request %d" % next(self.ids)
        self.send(event, request)
        echo, reply = self.receive()
        assert echo == request, (echo, request)
        return json.loads(reply)


class Requester(_Socket):
    """A REQ socket."""

    def __init__(self, endpoint: str, curve=None):
        super().__init__(zmq.REQ, endpoint, curve)

    def submit(self, event: bytes) -> dict:
        self.socket.send(event)
        (reply,) = self.receive()
        return json.loads(reply)


class Subscriber(_Socket):
    """A SUB socket. One of its subscriptions is nobody else's, so that the relay can be asked
    whether it has arrived, and an event be sent to this subscriber alone."""

    def __init__(self, endpoint: str, prefixes, curve=None):
        super().__init__(zmq.SUB, endpoint, curve)
        self.probe = f"probe.{uuid.uuid4()}.end"
        self.topics = {*prefixes, self.probe}
        for prefix in (*prefixes, self.probe):
            self.socket.subscribe(prefix)

    def event(self) -> dict:
        return json.loads(self.receive()[1])


class Asker(_Socket):
    """A DEALER at the replay endpoint."""

    def __init__(self, endpoint: str, curve=None):
        super().__init__(zmq.DEALER, endpoint, curve)
        self.ids = itertools.count(1)

    def ask(self, request):
        """The header and the event frames."""
        id = b"ask %d" % next(self.ids)
        text = request if isinstance(request, bytes) else json.dumps(request).encode()
        self.socket.send_multipart([id, text])
        echo, header, *events = self.receive()
        assert echo == id, (echo, id)
        return json.loads(header), events

    @classmethod
    def once(cls, endpoint: str, request) -> dict:
        asker = cls(endpoint)
        try:
            return asker.ask(request)[0]
        finally:
            asker.close()
