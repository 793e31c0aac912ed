# SPDX-License-Identifier: CC0-1.0
"""What an event is: its signed bytes, key files, and which events to believe. Needs PyNaCl."""

import base64
import hashlib
import json
import operator
import re
from pathlib import Path

import nacl.signing


def canonical(event: dict) -> bytes:
    """The bytes that signatures cover: all members but these two, in the one form that counts."""
    covered = {name: event[name] for name in event if name not in ("signatures", "unsigned")}
    text = json.dumps(
        covered, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False
    )
    return text.encode()


def digest(event: dict) -> str:
    """The name under which every relay knows the event."""
    return hashlib.sha256(canonical(event)).hexdigest()


def event_id(event: dict) -> str:
    """The event's type, which Laniakea's own modules call `tag`."""
    return event["id"] if "id" in event else event["tag"]


def is_under(prefix: str, id: str) -> bool:
    """A prefix that ends in a dot means what begins with it, a whole id only itself."""
    return id.startswith(prefix) if prefix == "" or prefix.endswith(".") else id == prefix


def read_key_file(path) -> dict:
    """The entries of a key file: `id`, `verify-key`, in a secret one `signing-key`, ..."""
    text = Path(path).read_text(encoding="utf-8")
    return dict(re.findall(r'^\s+([a-z-]+)\s*=\s*"(.*)"\s*$', text, re.MULTILINE))


def decode(text: str) -> bytes:
    """Base64 as events and key files have it: without padding."""
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


class Trust:
    """The public keys in a directory; `relays` names those that are relays and no sources."""

    def __init__(self, directory, relays=()):
        self.keys, self.relays = {}, set(relays)
        for path in Path(directory).iterdir():
            entries = read_key_file(path)
            name = (entries["id"], "ed25519:" + entries.get("key-id", "0"))
            self.keys[name] = nacl.signing.VerifyKey(decode(entries["verify-key"]))

    def check(self, event: dict):
        """Raises an exception unless a trusted source signed the event, and no trusted key's
        signature is bad. A relay's signature only says that the event passed through it."""
        signed, good = canonical(event), set()
        for signer, signatures in event["signatures"].items():
            for name, signature in signatures.items():
                if (signer, name) in self.keys:
                    self.keys[signer, name].verify(signed, decode(signature))
                    good.add(signer)
        if not good - self.relays:
            raise ValueError("no trusted source signed it")

    def open(self, frame: bytes) -> dict:
        """The event that a relay published, if it is one to believe."""
        event = json.loads(frame)
        self.check(event)
        # Nobody signed the relay's note; here it only gets the right form.
        note = event["unsigned"]
        for seq in (note["seq"], *note["prev"].values()):
            operator.index(seq)
        if not isinstance(note["received"], str) or not isinstance(event_id(event), str):
            raise ValueError("a member has the wrong type")
        return event
