"""A process with one version of libzmq: libzmq_peer.py VERSION

Reads a command a line, `[method, argument...]` in JSON, and answers each with `[result, error]`. Frames are
texts of Latin-1, in which each character is a byte.
"""

import json
import pathlib
import select
import sys

# In place of what is beside this.
sys.path[0] = str(pathlib.Path(__file__).resolve().parents[3] / "scripts")

import libzmq


class Commands:
    """What the process can be told."""

    def __init__(self, version: str):
        self.library = libzmq.Library(version)
        self.sockets, self.count = {}, 0

    def has(self, capability: str) -> bool:
        return self.library.has(capability)

    def socket(self, kind: str, curve: dict) -> int:
        """`curve`: the options that it needs for CURVE."""
        socket = self.library.socket(kind)
        for name, value in curve.items():
            socket.set(getattr(libzmq, name), value.encode() if isinstance(value, str) else value)
        # Nothing is lost for want of room, and machines may be slow.
        for option, value in [(libzmq.SNDHWM, 0), (libzmq.RCVHWM, 0), (libzmq.RCVTIMEO, 30_000)]:
            socket.set(option, value)
        socket.watch(libzmq.CONNECTED, libzmq.RETRIED, libzmq.DISCONNECTED)
        socket.monitor.set(libzmq.RCVTIMEO, 30_000)
        self.count += 1
        self.sockets[self.count] = socket
        return self.count

    def look(self):
        """What a program does that waits for messages. libzmq subscribes again after a new connection
        when it is called the next time."""
        for socket in self.sockets.values():
            socket.events()

    def connect(self, number: int, endpoint: str):
        self.sockets[number].connect(endpoint)

    def bind(self, number: int, endpoint: str) -> bool:
        try:
            self.sockets[number].bind(endpoint)
        except OSError as error:
            if "in use" not in str(error):
                raise
            return False
        return True

    def close(self, number: int):
        self.sockets.pop(number).close()

    def subscribe(self, number: int, topic: str):
        self.sockets[number].set(libzmq.SUBSCRIBE, topic.encode())

    def cancel(self, number: int, topic: str):
        self.sockets[number].set(libzmq.UNSUBSCRIBE, topic.encode())

    def send(self, number: int, *frames: str):
        self.sockets[number].send([frame.encode("latin-1") for frame in frames])

    def receive(self, number: int) -> list:
        return [frame.decode("latin-1") for frame in self.sockets[number].receive()]

    def receive_until(self, number: int, topic: str) -> list:
        """The messages before one that begins with this frame."""
        messages = []
        while (message := self.receive(number))[0] != topic:
            messages.append(message)
        return messages

    def wait_for(self, number: int, event: str):
        """Until this has happened to its connection."""
        while self.sockets[number].next_event() != getattr(libzmq, event):
            pass


def main(version: str):
    commands = Commands(version)
    while True:
        # Answers are waited for, so that there is one command at a time and none in a buffer.
        while not select.select([sys.stdin], [], [], 0.05)[0]:
            commands.look()
        line = sys.stdin.readline()
        if not line:
            break
        name, *arguments = json.loads(line)
        try:
            answer = [getattr(commands, name)(*arguments), None]
        except OSError as error:
            answer = [None, f"{name}{arguments[:1]}: {error}"]
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
