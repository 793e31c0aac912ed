#!/usr/bin/env python3
"""Writes tests/vectors/curve/session.json: a CURVE session, by RFC 26 and libsodium.

It shares no code with crates/zmtp: the boxes are PyNaCl's, and the randomness is made up. Run it with
the Python of .venv.
"""

import hashlib
import json
import pathlib
import struct

from nacl.bindings import (
    crypto_box,
    crypto_scalarmult_base,
    crypto_secretbox,
)

TARGET = pathlib.Path("tests/vectors/curve/session.json")


def main():
    client, server = secret("client"), secret("server")
    client_short, vouch_number = secret("client short"), secret("vouch")[:16]
    server_short, cookie_key = secret("server short"), secret("cookie key")
    cookie_number, welcome_number = secret("cookie")[:16], secret("welcome")[:16]

    hello = command(
        "HELLO",
        bytes([1, 0]) + bytes(72) + public(client_short) + counted(1),
        box(bytes(64), b"CurveZMQHELLO---" + counted(1), server, client_short),
    )
    cookie = cookie_number + crypto_secretbox(
        public(client_short) + server_short, b"COOKIE--" + cookie_number, cookie_key
    )
    welcome = command(
        "WELCOME",
        welcome_number,
        box(public(server_short) + cookie, b"WELCOME-" + welcome_number, client_short, server),
    )
    vouch = vouch_number + box(
        public(client_short) + public(server), b"VOUCH---" + vouch_number, server_short, client
    )
    said = public(client) + vouch + metadata("DEALER")
    initiate = command(
        "INITIATE",
        cookie + counted(2),
        box(said, b"CurveZMQINITIATE" + counted(2), server_short, client_short),
    )
    ready = command(
        "READY",
        counted(1),
        box(metadata("ROUTER"), b"CurveZMQREADY---" + counted(1), client_short, server_short),
    )
    frames = [b"event", b"\x07" * 300, b""]
    by_client = messages(b"CurveZMQMESSAGEC", 3, frames, server_short, client_short)
    by_server = messages(b"CurveZMQMESSAGES", 2, frames, client_short, server_short)
    session = {
        "client_secret": client,
        "server_secret": server,
        "client_random": client_short + vouch_number,
        "server_random": server_short + cookie_key + cookie_number + welcome_number,
        "frames": frames,
        "client_says": greeting(as_server=0) + hello + initiate + by_client,
        "server_says": greeting(as_server=1) + welcome + ready + by_server,
    }
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(json.dumps(session, indent=1, default=bytes.hex) + "\n")


def secret(name):
    return hashlib.sha256(name.encode()).digest()


def public(secret):
    return crypto_scalarmult_base(secret)


def counted(number):
    return struct.pack(">Q", number)


def box(text, nonce, for_secret, own_secret):
    return crypto_box(text, nonce, public(for_secret), own_secret)


def greeting(as_server):
    signature = b"\xff" + counted(1) + b"\x7f"
    return (signature + bytes([3, 1]) + b"CURVE".ljust(20, b"\0") + bytes([as_server])).ljust(
        64, b"\0"
    )


def command(name, *parts):
    body = bytes([len(name)]) + name.encode() + b"".join(parts)
    return frame(4, body)


def metadata(role):
    properties = [("Socket-Type", role), ("Identity", "")]
    return b"".join(
        bytes([len(name)]) + name.encode() + struct.pack(">I", len(value)) + value.encode()
        for name, value in properties
    )


def messages(purpose, first_number, frames, for_secret, own_secret):
    said = b""
    for number, text in enumerate(frames, first_number):
        flags = 1 if number - first_number < len(frames) - 1 else 0
        sealed = box(bytes([flags]) + text, purpose + counted(number), for_secret, own_secret)
        said += frame(0, b"\x07MESSAGE" + counted(number) + sealed)
    return said


def frame(flags, body):
    if len(body) < 256:
        return bytes([flags, len(body)]) + body
    return bytes([flags | 2]) + counted(len(body)) + body


if __name__ == "__main__":
    main()
