#!/usr/bin/env python3
# SPDX-License-Identifier: CC0-1.0
"""A source: signs an event and submits it until the relay has it on disk.

    source.py --key archive-01.key_secret _lk.archive.package-build-success \\
        '{"pkgname": "glibc", "version": "2.41-3", "architecture": "amd64"}'

Exit codes: 0 the relay has it, 2 wrong usage, 3 the relay rejected it. Needs events.py.
"""

import argparse
import base64
import json
import os
import sys
import time
from datetime import datetime, timezone

import nacl.signing
import zmq

from events import canonical, decode, read_key_file


class Source:
    """Signs with one key and submits to one relay."""

    def __init__(self, endpoint: str, key_file: str):
        if os.stat(key_file).st_mode & 0o077:
            sys.exit(f"error: {key_file} can be read by others\nhint: chmod 600 {key_file}")
        entries = read_key_file(key_file)
        self.signer, self.key_id = entries["id"], "ed25519:" + entries.get("key-id", "0")
        self.key = nacl.signing.SigningKey(decode(entries["signing-key"]))
        self.endpoint, self.socket = endpoint, None

    def sign(self, event_id: str, data: dict, **members) -> bytes:
        """An event, ready to submit; further members are `origin`, `author` or another `time`."""
        now = datetime.now(timezone.utc).isoformat(timespec="microseconds")
        event = {"id": event_id, "format": "1.0", "time": now, "data": data, **members}
        signature = base64.b64encode(self.key.sign(canonical(event)).signature)
        event["signatures"] = {self.signer: {self.key_id: signature.decode().rstrip("=")}}
        return json.dumps(event, ensure_ascii=False).encode()

    def submit(self, event: bytes, patience: float = 10) -> dict:
        """The relay's reply: `ok` and the event's `seq`, or a `reason` and a `detail`.

        Until it comes the same bytes are sent again. That is safe: a relay which has the event
        already answers `duplicate` and does nothing else. If the event must survive a crash of
        this program too, keep the bytes in a file until the reply is there.
        """
        while True:
            reply = self._ask(event, patience)
            if reply is None:
                problem = "no reply"
            elif reply["ok"] or reply["reason"] not in ("rate_limited", "unavailable"):
                return reply
            else:
                problem = f"{reply['reason']}: {reply['detail']}"
                time.sleep(1)
            print(f"{self.endpoint}: {problem}; trying again", file=sys.stderr, flush=True)

    def _ask(self, event: bytes, patience: float):
        if self.socket is None:
            self.socket = zmq.Context.instance().socket(zmq.DEALER)
            self.socket.linger = 0
            self.socket.connect(self.endpoint)
        self.socket.send_multipart([event, b"request-id"])
        if self.socket.poll(patience * 1000):
            _, reply = self.socket.recv_multipart()
            return json.loads(reply)
        # A new socket next time: what this one holds is neither sent nor answered too late.
        self.socket.close()
        self.socket = None
        return None


def main():
    parser = argparse.ArgumentParser(description="Emit one event.")
    parser.add_argument("--to", default="tcp://127.0.0.1:5571", help="the relay's submit endpoint")
    parser.add_argument("--key", required=True, help="the secret key file")
    parser.add_argument("id", help="the event's type, such as org.example.builder.job-done")
    parser.add_argument("data", type=json.loads, help="a JSON object")
    arguments = parser.parse_args()
    source = Source(arguments.to, arguments.key)
    reply = source.submit(source.sign(arguments.id, arguments.data))
    print(json.dumps(reply))
    sys.exit(0 if reply["ok"] else 3)


if __name__ == "__main__":
    main()
