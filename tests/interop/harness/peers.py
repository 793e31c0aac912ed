"""Sockets of many versions of libzmq, each version in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

from .waiting import until

PEER = Path(__file__).with_name("libzmq_peer.py")


class Libzmq:
    """A version of libzmq. To be used by one thread at a time."""

    def __init__(self, version: str):
        self.version = version
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "encoding": "utf-8"}
        self.process = subprocess.Popen([sys.executable, str(PEER), version], **pipes)
        self.sockets = []

    def call(self, method: str, *arguments):
        self.process.stdin.write(json.dumps([method, *arguments]) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise AssertionError(f"libzmq {self.version} ended with {self.process.wait(30)}")
        result, error = json.loads(answer)
        if error:
            raise AssertionError(error)
        return result

    def client(self, kind: str, server: str = None, own: tuple = None) -> "LibzmqSocket":
        """A socket that connects; encrypted if a server's public key and an own pair are given."""
        if not server:
            return self._socket(kind, {})
        public, secret = own
        keys = {"CURVE_SERVERKEY": server, "CURVE_PUBLICKEY": public, "CURVE_SECRETKEY": secret}
        return self._socket(kind, keys)

    def server(self, kind: str, secret: str = None) -> "LibzmqSocket":
        """A socket that is bound; encrypted, for everybody, if it has a secret key."""
        return self._socket(kind, {"CURVE_SERVER": 1, "CURVE_SECRETKEY": secret} if secret else {})

    def _socket(self, kind: str, curve: dict) -> "LibzmqSocket":
        self.sockets.append(LibzmqSocket(self, kind, curve))
        return self.sockets[-1]

    def close_sockets(self):
        for socket in self.sockets:
            socket.close()
        self.sockets.clear()

    def close(self):
        self.process.kill()
        self.process.communicate()


class LibzmqSocket:
    """A socket of a version of libzmq."""

    def __init__(self, library: Libzmq, kind: str, curve: dict):
        self.library, self.kind, self.is_closed = library, kind, False
        self.number = library.call("socket", kind, curve)

    def connect(self, endpoint: str) -> "LibzmqSocket":
        self._call("connect", endpoint)
        return self

    def bind(self, endpoint: str) -> "LibzmqSocket":
        """Also where one that was closed has not let go yet."""
        until("the port to be free", lambda: self._call("bind", endpoint))
        return self

    def close(self):
        if not self.is_closed:
            self._call("close")
        self.is_closed = True

    def subscribe(self, topic: str):
        """As SUB and XSUB do."""
        if self.kind == "SUB":
            self._call("subscribe", topic)
        else:
            self.send(b"\x01" + topic.encode())

    def cancel(self, topic: str):
        if self.kind == "SUB":
            self._call("cancel", topic)
        else:
            self.send(b"\0" + topic.encode())

    def send(self, *frames: bytes):
        self._call("send", *(frame.decode("latin-1") for frame in frames))

    def receive(self) -> list:
        return bytes_of(self._call("receive"))

    def receive_until(self, topic: str) -> list:
        """The messages before one that begins with this frame."""
        return [bytes_of(message) for message in self._call("receive_until", topic)]

    def wait_for(self, event: str):
        """Until its connection is CONNECTED, DISCONNECTED or RETRIED, once more than was waited for."""
        self._call("wait_for", event)

    def _call(self, method: str, *arguments):
        return self.library.call(method, self.number, *arguments)


def bytes_of(message: list) -> list:
    return [frame.encode("latin-1") for frame in message]
