"""A test with several versions of libzmq."""

import unittest
from concurrent.futures import ThreadPoolExecutor

from .case import RelayTest
from .events import Key
from .peers import Libzmq
from .programs import ROOT
from .relay import Relay
from .waiting import until

VERSIONS = ("4.1.6", "4.2.5", "4.3.2", "4.3.4", "4.3.5")
MECHANISMS = ("NULL", "CURVE")
ROLES = ("DEALER", "REQ", "SUB", "XSUB", "ROUTER", "PUB", "XPUB", "PUSH", "PULL", "PAIR")

# What was shown of each version and role; dicts as sets that keep their order.
SHOWN = {version: {role: {} for role in ROLES} for version in VERSIONS}


LIBRARIES, POOL = [], ThreadPoolExecutor(len(VERSIONS))


def start_versions():
    """Before the tests of a module."""
    unittest.addModuleCleanup(LIBRARIES.clear)
    for version in VERSIONS:
        LIBRARIES.append(Libzmq(version))
        unittest.addModuleCleanup(LIBRARIES[-1].close)
    # It may be compiled in, or not.
    for library, has_curve in zip(
        LIBRARIES, POOL.map(lambda library: library.call("has", "curve"), LIBRARIES)
    ):
        assert has_curve, f"libzmq {library.version} has no CURVE"


def print_versions():
    """After them: what was shown, as the table has it."""
    print("", f"| libzmq | {' | '.join(ROLES)} |", sep="\n")
    for version, roles in SHOWN.items():
        print(f"| {version} | {' | '.join(', '.join(shown) or '-' for shown in roles.values())} |")


class VersionsTest(RelayTest):
    """Has all versions at hand, and a relay that is started when it is time."""

    limits = 'max_age = "unlimited"\nrate_per_signer = 1000000\nrate_burst = 1000000'

    @classmethod
    def setUpClass(cls):
        table = (ROOT / "docs" / "interoperation.md").read_text()
        cls.claimed = dict(filter(None, map(row, table.splitlines())))

    def setUp(self):
        self.module = Key("module-01", has_curve=True)
        super().setUp()
        self.addCleanup(self.together, Libzmq.close_sockets)

    def start_relay(self) -> Relay:
        return self.prepare_relay()

    def prepare_relay(self) -> Relay:
        relay = Relay(limits=self.limits, has_curve=True, has_own_ports=True)
        self.relays.append(relay)
        self.addCleanup(relay.close)
        relay.trust(self.module, "_lk.archive.")
        return relay

    def together(self, work) -> dict:
        """What it gives for each version, done with all of them at once."""
        return dict(zip(LIBRARIES, POOL.map(work, LIBRARIES)))

    def show(self, library: Libzmq, how: str, *roles: str):
        for role in roles:
            SHOWN[library.version][role][how] = True

    def assert_claimed(self, *roles: str):
        """The table says of these what was shown."""
        for version in VERSIONS:
            for role in roles:
                shown = ", ".join(SHOWN[version][role])
                self.assertEqual(self.claimed[version][role], shown, f"{role} of {version}")

    def client(self, library: Libzmq, mechanism: str, kind: str, name: str, relay: Relay = None):
        """A socket of theirs at a socket of the relay."""
        relay = relay or self.relay
        if mechanism == "NULL":
            return library.client(kind).connect(relay.tcp(name))
        socket = library.client(kind, relay.key.curve[0], self.module.curve)
        return socket.connect(relay.tcp(f"curve_{name}"))

    def subscribers(self, library: Libzmq, mechanism: str, *topics: str) -> list:
        sockets = [self.client(library, mechanism, kind, "publish") for kind in ("SUB", "XSUB")]
        for socket in sockets:
            for topic in topics:
                socket.subscribe(topic)
        return sockets

    def wait_for_subscriptions(self, of_each: int):
        count = of_each * 2 * len(MECHANISMS) * len(VERSIONS)
        until("the subscriptions", lambda: self.relay.counter("subscriptions") == count)

    def event(self, size: int, id: str) -> bytes:
        text = "x" * (size - len(self.module.event(id, {"text": ""})))
        event = self.module.event(id, {"text": text})
        self.assertEqual(len(event), size)
        return event


def row(line: str):
    """A version and what the table says of its roles."""
    version, *cells = (cell.strip() for cell in line.strip("|").split("|"))
    return (version, dict(zip(ROLES, cells))) if version in VERSIONS else None
