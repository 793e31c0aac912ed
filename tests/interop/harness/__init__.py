"""What the tests use: a real relay, keys, events, and sockets as Laniakea's modules have them.

Written with pyzmq and PyNaCl alone, so that nothing here shares code with what is tested.
"""

from .case import RelayTest
from .events import Key, canonical, digest, verify
from .fake import FakeRelay
from .keeper import KeeperTest
from .peers import Libzmq
from .ports import Port
from .programs import ROOT, Program, binary
from .python_lighthouse import PythonLighthouse
from .relay import Relay
from .sockets import Asker, OneWay, Requester, Subscriber, Submitter
from .tls import certificate
from .vectors import VECTORS, cases, vector_key
from .versions import LIBRARIES, MECHANISMS, VersionsTest, print_versions, start_versions
from .waiting import until

__all__ = [
    "Asker", "FakeRelay", "KeeperTest", "Key", "LIBRARIES", "Libzmq", "MECHANISMS", "OneWay", "Port", "Program", "PythonLighthouse", "ROOT",
    "Relay", "RelayTest", "Requester", "Submitter", "Subscriber", "VECTORS", "VersionsTest",
    "binary", "canonical", "cases", "certificate", "digest", "print_versions", "start_versions", "until", "vector_key", "verify",
]  # fmt: skip
