"""What the tests of Mirk use: a real homeserver, a second client, a proxy in between, and Mirk.

The relay, keys and events are those of tests/interop. Nothing here shares code with what is tested.
"""

import sys
from pathlib import Path

# At the end: there are modules of the same name as some here.
sys.path.append(str(Path(__file__).resolve().parents[2] / "interop"))

from .case import MatrixTest, ServerTest, start_server, stop_server
from .content import digests, events_of, hidden, is_edit, plain_text, problems, replies_to, root_of, text_of
from .emitted import CASES, job, nasty_strings, upload
from .mirk import Mirk, room
from .proxy import SENDS, SHARES, SYNC, Proxy
from .reader import Message, Reader
from .synapse import Synapse

__all__ = [
    "CASES", "MatrixTest", "Message", "Mirk", "Proxy", "Reader", "SENDS", "SHARES", "SYNC", "ServerTest", "Synapse", "digests",
    "events_of", "hidden", "is_edit", "job", "nasty_strings", "plain_text", "problems", "replies_to", "room", "root_of",
    "start_server", "stop_server", "text_of", "upload",
]  # fmt: skip
