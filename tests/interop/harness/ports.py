"""Ports that are known before anybody listens there."""

import socket


class Port:
    """A port that the system chose and gives to nobody else; whoever was told it may listen there,
    again and again. Until then connections are refused."""

    def __init__(self):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", 0))
        self.number = self.socket.getsockname()[1]
        self.endpoint = f"tcp://127.0.0.1:{self.number}"

    def wait_for_knock(self, seconds: float = 30):
        """Until somebody tries to connect, who finds that nobody stays to listen."""
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", self.number))
            listener.listen()
            listener.settimeout(seconds)
            listener.accept()[0].close()

    def close(self):
        self.socket.close()
