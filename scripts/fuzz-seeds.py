#!/usr/bin/env python3
"""Writes files to begin fuzzing with, one folder a target: fuzz-seeds.py DIRECTORY.

From the test vectors and the catalogue's examples, and a few that are made up here.
"""

import base64
import gzip
import json
import lzma
import pathlib
import re
import struct
import sys
import tomllib

VECTORS = pathlib.Path("tests/vectors/events")
CATALOG = pathlib.Path("catalog")
ZMTP = pathlib.Path("tests/vectors/zmtp")
CURVE = pathlib.Path("tests/vectors/curve/session.json")


def main(directory):
    for target, seeds in [*events(), *texts(), *scripts(), *archives(), *sessions()]:
        for number, seed in enumerate(seeds):
            path = directory / target / f"seed-{number:03}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(seed if isinstance(seed, bytes) else seed.encode())


def events():
    cases = [
        case
        for file in ["laniakea.json", "seed.json"]
        for case in json.loads((VECTORS / file).read_text())["cases"]
    ]
    wires = [wire_bytes(case) for case in cases]
    examples = list(catalogue_examples())
    known = [event_of(id, data) for id, data in examples]
    yield "event", wires
    yield "event_line", known + wires
    yield "filtered_event", known + wires
    summaries = [f"{id}\n{json.dumps(data)}" for id, data in examples]
    yield "summary", summaries + ['org.example.app.done\n{"count":3,"suite":"<b>\\u202e"}']
    yield "signatures", [*signature_members(wires), "{}", "[]", '{"source":{"ed25519:0":"AA"}}']
    yield "relay_note", [note(1, 0), note(2**64 - 1, 5), "{}"]
    yield "key_file", [path.read_bytes() for path in sorted(VECTORS.glob("keys/*/*"))]
    yield "base64", ["", "++//AQ", "++//AQ==", "--__AQ", "--__AQ=="]


def wire_bytes(case):
    if "wire" in case:
        return case["wire"].encode()
    return base64.b64decode(case["wire_base64"])


def catalogue_examples():
    for path in sorted(CATALOG.glob("*.toml")):
        for event in tomllib.loads(path.read_text())["event"]:
            yield event["id"], event["example"]


def event_of(id, data):
    event = {"data": data, "format": "1.0", "id": id, "signatures": {}}
    return json.dumps(event | {"time": "2026-11-23T16:00:00.5+02:00"})


def signature_members(wires):
    for wire in wires[:20]:
        try:
            member = json.loads(wire)["signatures"]
        except (ValueError, KeyError, TypeError):
            continue
        # The target trusts a signer of this name.
        yield re.sub(r'^{"[^"]*"', '{"source"', json.dumps(member))


def note(seq, prev):
    journal = "0b7e4f0e-2f3b-4b62-9a53-1b1a3f7d9c55"
    prevs = {"": prev, "_lk.": prev, "_lk.core.": 0, "_lk.core.ping": 0}
    note = {"journal": journal, "prev": prevs, "received": "2026-11-23T16:00:00.123456Z"}
    return json.dumps(note | {"relay": "relay", "seq": seq})


def texts():
    journal = "0b7e4f0e-2f3b-4b62-9a53-1b1a3f7d9c55"
    digest = "00" * 32
    yield "event_id", ["_lk.core.ping\n_lk.", "a.b.c\na.b.c", "a.b.cd\na.b.c", "a.b.c\n"]
    yield "position", [f"{journal}:41", f"{{{journal}}}:18446744073709551615", "x:1"]
    yield "time", ["2026-11-23T16:00:00.123456Z", "9999-12-31T23:59:59-23:59", "0000-01-01T00:00:00"]
    yield "number", ["-0", "1.5e16", "0.0001", "1e-7", "9007199254740993", "5e-324", "\0" * 8]
    yield "reply", [
        f'{{"ok":true,"digest":"{digest}","seq":17,"duplicate":false}}',
        '{"ok":false,"reason":"not_signed","detail":"x"}',
    ]
    yield "request", [
        f'{{"op":"status","sink":{{"name":"mirk","journal":"{journal}","seq":41}}}}',
        '{"op":"read","after":41,"prefixes":["_lk.archive."],"limit":500}',
        '{"op":"read","since":"2026-11-01T00:00:00Z"}',
        f'{{"op":"get","digest":"{digest}"}}',
    ]
    sink = f'{{"name":"x","journal":"{journal}","seq":1,"seen":"2026-11-01T00:00:00Z"}}'
    yield "header", [
        f'{{"ok":true,"journal":"{journal}","first":1,"last":4711,"count":500,"next":1203}}',
        f'{{"ok":true,"journal":"{journal}","first":1,"last":0,"relay":"r","time":"t",'
        f'"counters":{{"a":1}},"sinks":[{sink}]}}',
        '{"ok":false,"reason":"busy","detail":"x"}',
    ]
    yield "curve_key", ["rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"]
    yield "member", ["a=b\nc:=1", 'a:={"x":[null,true]}', "a=:=1", "a\u202e=\x1b[2J"]
    yield "glob", ["_lk.*.job-*\n_lk.jobs.job-assigned", "lib{x,y*}{,-dev}\nliby1-dev", "[!a-c]?\ndx"]
    expressions = [
        "data.count > 2 && 'archive-01' in signers",
        "data.tags.exists(t, t == 'a/b') || has(data.nothing)",
        "event.data.changes.new == 2 ? data.pkgname.startsWith('g') : size(data) < 3",
        "time > '2026-01-01T00:00:00Z' && data.pkgname.matches('^g.*l$')",
        "[1, 2].map(x, x * 3) == [3, 6] && {'a': 1}['a'] == 1 && -1.5e3 < 0.0",
    ]
    yield "expression", expressions
    yield "rule", [
        '{ id = "_lk.archive.*", severity = "warning", facets = { suite = ["a", "b*"] } }',
        '{ data = { is_new = true, "changes.new" = [1, 2.5], architecture = "{amd64,arm64}" } }',
        *[f'{{ where = "{text}" }}' for text in expressions],
    ]


def scripts():
    """Bytes that targets read as what happens, and in which order."""
    counted = lambda text: struct.pack(">H", len(text)) + text
    yield "submission", [
        bytes([1]) + counted(b"{}"),
        bytes([2]) + counted(b"{}") + counted(b"id"),
        bytes([2]) + counted(b"") + counted(b"{}"),
        bytes([3]) + counted(b"") * 3,
        bytes([2]) + counted(b"e") + counted(b"i" * 65),
    ]
    # Prefixes, start, other journal; then: answer with journal 0 of 3 events; live 4.
    begin = bytes([0, 1, 0, 2])
    event = lambda number, seq: bytes([number, 0, seq, seq - 1, 0, 0])
    page = bytes([2, 3]) + event(0, 1) + event(1, 2) + event(2, 3) + bytes([1, 3, 0, 1, 3])
    live = bytes([0]) + event(3, 4) + bytes([0])
    yield "follower", [
        begin + page + live,
        begin + page + live + bytes([4, 2, 0, 0, 0, 1, 4, 5, 0, 4, 3]),
        begin + page + bytes([0]) + event(3, 240) + bytes([0, 4, 2, 0, 0, 0, 1, 3] * 3),
    ]
    yield "follower_liar", [
        bytes([0, 1, 5] + [5, 0] * 6),
        bytes([1, 1, 7] + [5, 1, 8, 0, 5, 0, 4, 0] * 3),
        bytes([0, 0, 7] + [5, 1, 20, 235, 0, 5, 1, 20, 235, 0, 0, 0, 2, 5, 0] * 2),
    ]
    yield "follower_link", [
        bytes([0] + [4, 5, 0, 2, 0, 0] * 6),
        bytes([0, 4, 5, 4, 5, 3, 255, 0, 9, 0, 7, 0, 4, 5, 0, 4, 5, 2, 0, 0, 6, 4, 5, 4, 5]),
        bytes([1] + [4, 0, 0, 2, 0, 0, 2, 0, 1, 5, 6, 4, 5] * 4),
        bytes([2] + [4, 5, 0, 1, 0, 2, 0, 1, 2, 0, 3, 7, 255, 4, 5, 4, 5, 0, 2, 0, 4] * 2),
    ]
    id, frame = b"_lk.core.ping", b'{"data":{}}'
    row = [1, *struct.pack(">q", 7)[::-1], 1, *struct.pack(">q", 9)[::-1], 5, 7, 3]
    yield "stored_row", [
        bytes([0, *row, 2, 0, 6]) + counted(frame),
        bytes([0, *row[:18], 4]) + counted(id) + bytes([7, 3, 2, 0, 6]) + counted(frame),
    ]
    block = struct.pack(">Q", 3 << 13) + counted(id) + counted(bytes([0, 0, 255, 15]))
    yield "stored_block", [block + bytes([1, 7]) + (b"\7" * 6 + bytes([5, 0])) * 2]


def archives():
    """What lookout reads."""
    digest = "00" * 32
    release = (
        "Origin: Debian\nSuite: sid\nCodename: sid\nDate: Mon, 23 Nov 2026 16:00:00 UTC\n"
        "Valid-Until: Mon, 30 Nov 2026 16:00:00 UTC\nAcquire-By-Hash: yes\n"
        "Architectures: all amd64\nComponents: main\nSHA256:\n"
        f" {digest} 100 main/source/Sources.xz\n {digest} 900 main/source/Sources\n"
        f" {digest} 100 main/binary-amd64/Packages.gz\n"
    )
    sources = (
        "Package: hello\nVersion: 1:2.10-3~rc1+b1\nMaintainer: J\u00f6rg <j@example.org>\n"
        "Section: devel\nBinary: hello,\n hello-doc\n\n"
        "Package: old\nVersion: 1\nExtra-Source-Only: yes\n\n"
        "Package: world\nArchitecture: amd64\nSource: planet (1.0-1)\nVersion: 1.0-1+b1\n"
    )
    begin = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n"
    end = "\n-----BEGIN PGP SIGNATURE-----\n\niQ==\n=abcd\n-----END PGP SIGNATURE-----\n"
    yield "release", [release]
    yield "signed_release", [begin + release + end, begin + "- -dash\n\nx " + end]
    yield "index", [sources]
    yield "version", ["1.0~rc1-1\n1.0-1\n1:0.5-1", "1.0\n1.0-0\n1.00", "2:1.0+dfsg-1.1\n10\n9a"]
    plain = sources.encode()
    yield "unpack", [
        b"\0" + plain,
        b"\2" + gzip.compress(plain, mtime=0),
        b"\2" + gzip.compress(bytes(1 << 18), mtime=0),
        b"\3" + lzma.compress(plain),
        b"\1" + lz4_frame(plain),
    ]
    yield "sources_list", [
        "deb http://deb.example.org/debian sid main contrib # x\n"
        "deb-src [arch=amd64,arm64 signed-by=/k.gpg trusted=yes] file:/srv x/updates main\n",
        "Types: deb deb-src\nURIs: http://a http://b\nSuites: x x-updates\nComponents: main\n"
        "Signed-By: /k.gpg\n\nTypes: deb\nURIs: http://c\nSuites: y\nEnabled: no\n",
    ]
    yield "apt_settings", [
        "https://me:secret@[::1]:8080/~joe_x/\nDir=/\nDir::State=var\nDir::State::lists=lists/\n"
        "Dir::Etc=etc\nDir::Etc::sourcelist=sources.list\n",
    ]
    block = "-----BEGIN PGP PUBLIC KEY BLOCK-----\nComment: x\n\nmQ==\n=abcd\n"
    yield "keyring", [f"{block}-----END PGP PUBLIC KEY BLOCK-----\n" * 2]
    yield "gpgv_status", [
        "[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG 1 A\n[GNUPG:] VALIDSIG 1\n",
        "[GNUPG:] EXPKEYSIG 1 [GNUPG:] GOODSIG 1\n[GNUPG:] BADSIG 2 B\n",
    ]


def sessions():
    """ZMTP as libzmq speaks it, and CURVE as it is sealed."""
    recorded = [
        session
        for path in sorted(ZMTP.glob("*.json"))
        for session in json.loads(path.read_text())["sessions"]
    ]
    for side in ["client", "server"]:
        attacker = {"client": "server", "server": "client"}[side]
        seeds = []
        for session in recorded:
            said = bytes.fromhex(session[f"{attacker}_bytes"])
            roles = int("SUB" not in session["client"])
            ready = 64 + 2 + said[64 + 1]
            seeds += [bytes([0, roles, 6]) + said, bytes([1, roles, 6]) + said[ready:]]
        yield f"zmtp_null_{side}", seeds
        counted = lambda text: struct.pack(">H", len(text)) + text
        talks = [list(recorded_frames(seed[3:])) for seed in seeds if seed[0] == 1]
        said = bytes.fromhex(json.loads(CURVE.read_text())[f"{attacker}_says"])
        role = b"\x0bSocket-Type\0\0\0\x06" + {"client": b"ROUTER", "server": b"DEALER"}[side]
        frames = [(1, b"a"), (0, b"b"), (2, b"\x04PING\0\0x"), (2, b"\x09SUBSCRIBEa"), (0, b"\1a")]
        yield f"zmtp_curve_{side}", [
            bytes([0, 1, 1, 6]) + said,
            bytes([4, 1, 1]) + counted(role),
            bytes([4, 1, 1]) + counted(role) + bytes([0, 80, 1]),
            bytes([4, 1, 0]) + counted(role + b"\x08Identity\0\0\0\1x"),
            *[
                bytes([8, roles, 1, 6])
                + b"".join(bytes([flags]) + counted(text) for flags, text in talk)
                for talk in [*talks, frames]
                for roles in [0, 1]
            ],
        ]


def recorded_frames(said):
    """Frames in the clear, each as its flags inside a box and its body."""
    while said:
        flags, size, said = said[0], said[1], said[2:]
        if flags & 2:
            size, said = int.from_bytes(bytes([size]) + said[:7]), said[7:]
        yield flags & 1 | flags >> 1 & 2, said[:size]
        said = said[size:]


def lz4_frame(content):
    """A frame with one block that is not compressed, and no checksums but the header's."""
    header = bytes([0x60, 0x40, 0x82])  # version 1, 64 KiB blocks, and their checksum
    block = struct.pack("<I", len(content) | 0x80000000) + content
    return b"\x04\x22\x4d\x18" + header + block + bytes(4)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
