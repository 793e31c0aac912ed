# SPDX-License-Identifier: CC0-1.0
"""What an event is: its signed bytes, key files, and which events to believe. Needs PyNaCl."""

import base64
import datetime
import hashlib
import json
import operator
import re
from pathlib import Path

import nacl.exceptions
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


def moment(text: str) -> datetime.datetime:
    """A time with its offset."""
    time = datetime.datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("the time has no offset")
    return time


class Key:
    """A trusted key, and the marks in its file: from when and until when it counts."""

    def __init__(self, entries: dict):
        self.key = nacl.signing.VerifyKey(decode(entries["verify-key"]))
        self.begin = moment(entries.get("valid-from", "0001-01-01T00:00:00+00:00"))
        self.ends = [moment(entries[name]) for name in ("valid-until", "revoked") if name in entries]

    def is_valid(self, time) -> bool:
        return self.begin <= time and not self.has_ended(time)

    def has_ended(self, time) -> bool:
        return any(end <= time for end in self.ends)

    def verifies(self, signed: bytes, signature: str) -> bool:
        try:
            self.key.verify(signed, decode(signature))
        except (ValueError, nacl.exceptions.CryptoError):
            return False
        return True


class Trust:
    """The public keys in a directory; `relays` names those that are relays and no sources."""

    def __init__(self, directory, relays=()):
        self.keys, self.relays = {}, set(relays)
        for path in Path(directory).iterdir():
            entries = read_key_file(path)
            self.keys[entries["id"], "ed25519:" + entries.get("key-id", "0")] = Key(entries)

    def check(self, event: dict):
        """Raises an exception unless a trusted source signed the event, and no valid key's
        signature is bad. A relay's signature only says that the event passed through it; and it
        stands for a source's key that has ended since, if the relay took the event before."""
        signed, good, ended = canonical(event), set(), []
        now = datetime.datetime.now(datetime.timezone.utc)
        for signer, signatures in event["signatures"].items():
            for name, signature in signatures.items():
                key = self.keys.get((signer, name))
                if key and key.is_valid(now):
                    key.key.verify(signed, decode(signature))
                    good.add(signer)
                elif key and key.has_ended(now):
                    ended.append((signer, key, signature))
        if ended and good & self.relays:
            received = moment(event["unsigned"]["received"])
            for signer, key, signature in ended:
                if key.is_valid(received) and key.verifies(signed, signature):
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
