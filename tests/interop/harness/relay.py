"""A real relay in a directory of its own."""

import json
import re
import shutil
import tempfile
from contextlib import closing
from pathlib import Path

from .events import Key
from .ports import Port
from .programs import Program, binary
from .sockets import Asker, OneWay, Requester, Submitter, Subscriber
from .vectors import VECTORS, vector_key
from .waiting import until

EMIT = {"archive-01": ["_lk.archive."], "spears-01": ["_lk.spears."]}


class Relay:
    """lighthouse-01 of the vectors, which trusts the keys and rights of the vectors.

    Each socket listens on a port of the system's choice, which changes with every start unless
    `has_own_ports`, and on an ipc endpoint that stays; with `has_curve` also on an encrypted one.
    """

    def __init__(
        self, emit: dict = None, limits: str = 'max_age = "unlimited"', has_curve: bool = False,
        has_own_ports: bool = False,
    ):  # fmt: skip
        self.directory = Path(tempfile.mkdtemp(prefix="lk-"))
        self.trusted = self.directory / "trusted"
        shutil.copytree(VECTORS / "keys" / "trusted", self.trusted)
        self.key = vector_key("lighthouse-01")
        self.has_curve = has_curve
        if has_curve:
            self.key.curve = Key("lighthouse-01", has_curve=True).curve
        self.key.write_secret(self.directory / "relay.key_secret")
        self.data = self.directory / "data"
        self.data.mkdir()
        self.config = self.directory / "lighthouse.toml"
        self.emit, self.limits = {**EMIT, **(emit or {})}, limits
        # Trusted signers that are relays, and the sections of those that this one follows.
        self.relays, self.upstreams = ["lighthouse-01"], ""
        self.programs, self.sockets, self.topics = [], [], []
        names = ("submit", "publish", "replay", "curve_submit", "curve_publish", "curve_replay")
        self.ports = {name: Port() for name in names if has_own_ports}
        self.prober = Key("prober")
        self.trust(self.prober, "probe.")

    def close(self):
        """Ends the relay and everything that belongs to it."""
        for socket in self.sockets:
            socket.close()
        for program in self.programs:
            program.kill()
        for port in self.ports.values():
            port.close()
        shutil.rmtree(self.directory)

    def log(self) -> list:
        """What the relay logged, over all its starts."""
        return [line for program in self.programs for line in program.err]

    def trust(self, key: Key, *emit: str) -> Path:
        """Lets a key in; to be called before the start, or followed by a reload."""
        path = self.trusted / f"{key.signer}-{key.key_id}.pub.key"
        path.write_text(key.text(has_secret=False))
        self.emit.setdefault(key.signer, []).extend(emit)
        return path

    def write_config(self):
        rights = "".join(f"{json.dumps(name)} = {json.dumps(ids)}\n" for name, ids in self.emit.items())
        sockets = "".join(
            f"[{name}]\nendpoints = {json.dumps([self.tcp(name), self.ipc(name)])}\n"
            + f"curve_endpoints = {json.dumps([self.tcp(f'curve_{name}')])}\n" * self.has_curve
            for name in ("submit", "publish", "replay")
        )
        self.config.write_text(
            f"data_dir = {json.dumps(str(self.data))}\n"
            f"[identity]\nkey_file = {json.dumps(str(self.directory / 'relay.key_secret'))}\n"
            f"[trust]\nkeys_dir = {json.dumps(str(self.trusted))}\nrelays = {json.dumps(self.relays)}\n"
            f"[trust.emit]\n{rights}{sockets}[limits]\n{self.limits}\n{self.upstreams}"
        )

    def tcp(self, name: str) -> str:
        """The endpoint that is configured: of its own port, or of any."""
        return self.ports[name].endpoint if name in self.ports else "tcp://127.0.0.1:*"

    def ipc(self, name: str) -> str:
        """The endpoint that stays when the relay is started again."""
        return f"ipc://{self.directory}/{name}"

    def start(self) -> "Relay":
        """Starts the relay and waits until it is ready."""
        self.write_config()
        self.programs.append(Program(binary("lighthouse"), "run", "--config", self.config))
        ready = self.program.line(" ready ")
        self.submit, self.publish, self.replay = (
            re.search(rf'{name}="?([^ "]+)', ready)[1] for name in ("submit", "publish", "replay")
        )
        self.curve_submit, self.curve_publish, self.curve_replay = (
            re.search(rf'{name}="[^"]* ([^ "]+)"', ready)[1] for name in ("submit", "publish", "replay")
        )
        self.journal = re.search(r"journal=([0-9a-f-]{36})", ready)[1]
        return self

    @property
    def program(self) -> Program:
        """The relay's process, running or not."""
        return self.programs[-1]

    def kill(self):
        """Pulls the plug: SIGKILL."""
        self.program.kill()

    def status(self) -> dict:
        return Asker.once(self.ipc("replay"), {"op": "status"})

    def counter(self, name: str) -> int:
        return self.status()["counters"].get(name, 0)

    def events(self, **read) -> list:
        """The frames in the journal, all pages of them."""
        after, events = 0, []
        # Closed at once: tests ask again and again, and a context has some thousand sockets.
        with closing(Asker(self.ipc("replay"))) as asker:
            while True:
                header, frames = asker.ask({"op": "read", "after": after, "limit": 1000, **read})
                assert header["ok"], header
                events += frames
                if header["next"] == header["last"]:
                    return events
                after = header["next"]

    def one_way(self, endpoint: str = None) -> OneWay:
        return self._keep(OneWay(endpoint or self.submit))

    def submitter(self, endpoint: str = None) -> Submitter:
        return self._keep(Submitter(endpoint or self.submit))

    def requester(self) -> Requester:
        return self._keep(Requester(self.submit))

    def asker(self, endpoint: str = None) -> Asker:
        return self._keep(Asker(endpoint or self.replay))

    def subscriber(self, *prefixes: str, endpoint: str = None) -> Subscriber:
        """A subscriber whose subscriptions have reached the relay."""
        subscriber = self._keep(Subscriber(endpoint or self.publish, prefixes or ("",)))
        self.topics += subscriber.topics
        self.wait_for_subscribers()
        return subscriber

    def delivered(self, subscriber: Subscriber) -> list:
        """The frames of all events that the relay has published to a subscriber."""
        reply = self.submitter(self.ipc("submit")).submit(self.prober.event(subscriber.probe))
        assert reply["ok"], reply
        deliveries = [subscriber.receive()]
        while deliveries[-1][0] != subscriber.probe.encode():
            deliveries.append(subscriber.receive())
        return [frames for frames in deliveries if not frames[0].startswith(b"probe.")]

    def wait_for_subscribers(self):
        """Until the relay knows every subscription; after a restart they come back by themselves."""
        until(
            "every subscription to reach the relay",
            lambda: self.counter("subscriptions") >= len(self.topics),
        )

    def _keep(self, socket):
        self.sockets.append(socket)
        return socket
