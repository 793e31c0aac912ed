#!/usr/bin/env python3
# SPDX-License-Identifier: CC0-1.0
"""A sink: handles every event that a trusted source signed, and misses none.

    sink.py --keys keys/trusted --relay lighthouse --cursor sink.cursor _lk.archive.

It prints them; put what it is for into `handle`. Needs stream.py, relay.py and events.py.
"""

import argparse
import json

from events import Trust
from relay import Cursor, Relay
from stream import Stream


def handle(event: dict):
    """Does something with an event.

    When this returns, the event is done with. After a crash in between it comes again, so what is
    done here should not do harm when it is done twice. The event was signed by somebody who is
    trusted to sign, not to write safe text: pass nothing of it to a shell, and escape it where it
    is shown, as `json.dumps` does here.
    """
    print(json.dumps(event), flush=True)


def sink_parser(description: str) -> argparse.ArgumentParser:
    """What every sink can be told."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--from", dest="publish", default="tcp://127.0.0.1:5572")
    parser.add_argument("--replay", default="tcp://127.0.0.1:5573")
    parser.add_argument("--keys", required=True, help="the directory of trusted public keys")
    parser.add_argument("--relay", action="append", default=[], help="a signer that is a relay")
    parser.add_argument("--cursor", required=True, help="the file that keeps the position")
    return parser


def open_stream(arguments, prefixes: list) -> Stream:
    """The events under these prefixes."""
    relay = Relay(arguments.publish, arguments.replay)
    trust = Trust(arguments.keys, arguments.relay)
    return Stream(relay, prefixes, Cursor(arguments.cursor), trust)


def main():
    parser = sink_parser("Print events.")
    parser.add_argument("prefixes", nargs="*", help="whole ids, or what ends in a dot; none: all")
    arguments = parser.parse_args()
    for event in open_stream(arguments, arguments.prefixes):
        handle(event)


if __name__ == "__main__":
    main()
