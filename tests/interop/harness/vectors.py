"""The shared test vectors."""

import base64
import json
import pathlib

from .events import Key

VECTORS = pathlib.Path(__file__).parents[2] / "vectors" / "events"


def cases(name: str) -> list:
    """The cases of one file in their order, each with the bytes that are submitted as `wire`."""
    cases = json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))["cases"]
    for case in cases:
        if "wire_base64" in case:
            case["wire"] = base64.b64decode(case["wire_base64"])
        else:
            case["wire"] = case["wire"].encode("utf-8")
    return cases


def vector_key(name: str) -> Key:
    """The secret key of a signer of the vectors."""
    return Key.load(VECTORS / "keys" / "secret" / f"{name}.key_secret")
