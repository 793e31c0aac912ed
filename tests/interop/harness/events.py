"""Keys and events, made and checked by Python alone."""

import base64
import datetime
import hashlib
import itertools
import json
import os
import re
import uuid

import nacl.signing
import zmq

NUMBERS = itertools.count(1)


def canonical(obj) -> bytes:
    """What deployed modules sign: Python's own settings."""
    return json.dumps(obj, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def covered(event: dict) -> dict:
    """The members that signatures cover."""
    return {name: event[name] for name in event if name not in ("signatures", "unsigned")}


def digest(event: dict) -> str:
    return hashlib.sha256(canonical(covered(event))).hexdigest()


def verify(event: dict, key: "Key"):
    """Fails unless this key's signature is there, unpadded, and good."""
    text = event["signatures"][key.signer][key.name]
    assert len(text) == 86, text
    key.secret.verify_key.verify(canonical(covered(event)), base64.b64decode(text + "=="))


class Key:
    """A signer with its secret key."""

    def __init__(self, signer: str, seed: bytes = None, key_id: str = "0", has_curve: bool = False):
        self.signer, self.key_id = signer, key_id
        # Public and secret, in Z85.
        self.curve = tuple(half.decode() for half in zmq.curve_keypair()) if has_curve else ("", "")
        self.name = f"ed25519:{key_id}"
        self.secret = nacl.signing.SigningKey(seed or os.urandom(32))

    @classmethod
    def load(cls, path) -> "Key":
        entries = dict(re.findall(r'([a-z-]+) = "(.*)"', path.read_text()))
        seed = base64.b64decode(entries["signing-key"] + "=")
        return cls(entries["id"], seed, entries.get("key-id", "0"))

    def text(self, has_secret: bool) -> str:
        """The key in the project's file format."""
        encode = lambda key: base64.b64encode(bytes(key)).decode().rstrip("=")
        public, secret = self.curve
        lines = ["metadata", f'    id = "{self.signer}"', "curve", f'    public-key = "{public}"']
        if has_secret:
            lines.append(f'    secret-key = "{secret}"')
        lines.append("ed")
        lines.append(f'    verify-key = "{encode(self.secret.verify_key)}"')
        if has_secret:
            lines.append(f'    signing-key = "{encode(self.secret)}"')
        lines.append(f'    key-id = "{self.key_id}"')
        return "\n".join(lines) + "\n"

    def write_public(self, path):
        path.write_text(self.text(has_secret=False))
        return path

    def write_secret(self, path):
        """A file that its owner alone can read."""
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(self.text(has_secret=True))
        return path

    def sign(self, event: dict) -> dict:
        """The event with this key's signature beside those that it has."""
        signature = self.secret.sign(canonical(covered(event))).signature
        text = base64.b64encode(signature).decode().rstrip("=")
        return {**event, "signatures": {**event.get("signatures", {}), self.signer: {self.name: text}}}

    def event(self, id: str, data: dict = None, **members) -> bytes:
        """A signed event of the `id` dialect that differs from every other."""
        return canonical(self.sign({**self._common(data), "id": id, **members}))

    def laniakea_event(self, tag: str, data: dict = None, **members) -> bytes:
        """A signed event as deployed modules send it: local time, a version-1 uuid."""
        event = {**self._common(data), "tag": tag, "uuid": str(uuid.uuid1()), **members}
        if "time" not in members:
            event["time"] = datetime.datetime.now().isoformat()
        return canonical(self.sign(event))

    def _common(self, data) -> dict:
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="microseconds")
        data = {"number": next(NUMBERS)} if data is None else data
        return {"format": "1.0", "time": now, "data": data}
