#!/usr/bin/env python3
"""Writes the test vectors as files to begin fuzzing with: fuzz-seeds.py CORPUS_DIRECTORY."""

import base64
import json
import pathlib
import sys

VECTORS = pathlib.Path("tests/vectors/events")


def main(corpus):
    for file in ["laniakea.json", "seed.json"]:
        for case in json.loads((VECTORS / file).read_text())["cases"]:
            write(corpus / "event" / case["name"], wire_bytes(case))
    for key in VECTORS.glob("keys/*/*"):
        write(corpus / "key_file" / key.name, key.read_bytes())
    for text in ["", "++//AQ", "++//AQ==", "--__AQ", "--__AQ=="]:
        write(corpus / "base64" / f"seed-{len(text)}-{text[:2].encode().hex()}", text.encode())


def wire_bytes(case):
    if "wire" in case:
        return case["wire"].encode()
    return base64.b64decode(case["wire_base64"])


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
