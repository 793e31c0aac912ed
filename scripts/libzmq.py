#!/usr/bin/env python3
"""Versions of libzmq, for those who want to hear what others say: libzmq.py VERSION...

As a program it fetches those that are not there. Old ones are in the wheels of pyzmq and come into
target/libzmq; one is Debian's, and one came with the pyzmq of .venv.
"""

import contextlib
import ctypes
import errno
import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile
import typing
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
CACHE = ROOT / "target" / "libzmq"
PYTHON = ROOT / ".venv" / "bin" / "python"
PATIENCE_MS = 5_000

TYPES = {
    name: number
    for number, name in enumerate("PAIR PUB SUB REQ REP DEALER ROUTER PULL PUSH XPUB XSUB".split())
}
SUBSCRIBE, UNSUBSCRIBE, EVENTS, LINGER, SNDHWM, RCVHWM, RCVTIMEO, SNDTIMEO = 6, 7, 15, 17, 23, 24, 27, 28
LAST_ENDPOINT = 32
CURVE_SERVER, CURVE_PUBLICKEY, CURVE_SECRETKEY, CURVE_SERVERKEY = 47, 48, 49, 50
CONNECT_ROUTING_ID = 61
HEARTBEAT_IVL, HEARTBEAT_TTL, HEARTBEAT_TIMEOUT = 75, 76, 77
SNDMORE = 2
CONNECTED, RETRIED, DISCONNECTED = 0x1, 0x4, 0x200


class Wheel(typing.NamedTuple):
    """A release of pyzmq that has a libzmq in it."""

    pyzmq: str
    python: str
    abi: str
    sha256: str


WHEELS = {
    "4.1.6": Wheel(
        "16.0.4", "36", "cp36m", "5f4c356d278a1017caeec91194b499f550a2c16cf2cb0c6a5ce7f1b3dff8d323"
    ),
    "4.2.5": Wheel(
        "17.1.2", "37", "cp37m", "76ea493bfab18dcb090d825f3662b5612e2def73dffc196d51a5194b0294a81d"
    ),
    "4.3.2": Wheel(
        "19.0.2", "38", "cp38", "654d3e06a4edc566b416c10293064732516cf8871a4522e0a2ba00cc2a2e600c"
    ),
}
# By a name that the dynamic linker finds, and by a pattern.
DEBIAN, PYZMQ = "4.3.4", "4.3.5"
VERSIONS = (*WHEELS, DEBIAN, PYZMQ)


def find(version):
    """The path of a libzmq, which is fetched if it is not there yet."""
    if version == DEBIAN:
        return "libzmq.so.5"
    if version == PYZMQ:
        return the_one(ROOT / ".venv", "lib/python3*/site-packages/pyzmq.libs/libzmq-*.so*")
    if not (CACHE / version).is_dir():
        fetch(version, WHEELS[version])
    return the_one(CACHE / version, "libzmq-*.so*")


def the_one(directory, pattern):
    found = list(directory.glob(pattern))
    if len(found) != 1:
        sys.exit(f"error: {directory} has {len(found)} files like {pattern}, and should have one")
    return str(found[0])


def fetch(version, wheel):
    """Takes the libraries out of a wheel. Whoever comes second finds the same."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as directory:
        directory = pathlib.Path(directory)
        command = [PYTHON, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        command += ["--no-deps", "--only-binary=:all:", "--dest", directory]
        command += ["--platform", "manylinux1_x86_64", "--implementation", "cp"]
        command += ["--python-version", wheel.python, "--abi", wheel.abi, f"pyzmq=={wheel.pyzmq}"]
        if subprocess.run(command, check=False).returncode != 0:
            sys.exit(f"error: libzmq {version} could not be had: no wheel of pyzmq {wheel.pyzmq}")
        path = pathlib.Path(the_one(directory, "pyzmq-*.whl"))
        if hashlib.sha256(path.read_bytes()).hexdigest() != wheel.sha256:
            sys.exit(f"error: {path.name} is not the one that was published in its time")
        libraries = directory / "libraries"
        libraries.mkdir()
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if ".so" in entry.filename and ".libs/" in entry.filename:
                    entry.filename = os.path.basename(entry.filename)
                    archive.extract(entry, libraries)
        # Somebody else may have been quicker.
        with contextlib.suppress(OSError):
            libraries.rename(CACHE / version)


class Library:
    """A libzmq. A process should have one only."""

    def __init__(self, version):
        path = find(version)
        # What it needs lies beside it, under a name that only the wheel's own path would find.
        for needed in sorted(pathlib.Path(path).parent.glob("libsodium-*.so*")):
            ctypes.CDLL(str(needed), ctypes.RTLD_GLOBAL)
        self.zmq = ctypes.CDLL(path)
        self.zmq.zmq_ctx_new.restype = ctypes.c_void_p
        self.zmq.zmq_socket.restype = ctypes.c_void_p
        self.zmq.zmq_msg_data.restype = ctypes.c_void_p
        self.zmq.zmq_msg_size.restype = ctypes.c_size_t
        self.zmq.zmq_strerror.restype = ctypes.c_char_p
        numbers = [ctypes.c_int() for _ in range(3)]
        self.zmq.zmq_version(*map(ctypes.byref, numbers))
        self.version = ".".join(str(number.value) for number in numbers)
        if self.version != version:
            sys.exit(f"error: {path} is libzmq {self.version}, and {version} is wanted")
        self.context = ctypes.c_void_p(self.zmq.zmq_ctx_new())

    def socket(self, kind):
        return Socket(self, kind)

    def has(self, capability):
        return self.zmq.zmq_has(capability.encode()) == 1


class Socket:
    """A socket of a libzmq, whose waits have a deadline."""

    def __init__(self, library, kind):
        self.library, self.zmq = library, library.zmq
        self.handle = ctypes.c_void_p(self.zmq.zmq_socket(library.context, TYPES[kind]))
        self.monitor = None
        for option, value in [(LINGER, 0), (RCVTIMEO, PATIENCE_MS), (SNDTIMEO, PATIENCE_MS)]:
            self.set(option, value)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.monitor:
            # Ended before its reader goes: what nobody can take would hold up the library.
            self.check(self.zmq.zmq_socket_monitor(self.handle, None, 0))
            self.monitor.close()
        self.check(self.zmq.zmq_close(self.handle))

    def check(self, result):
        if result < 0:
            if self.zmq.zmq_errno() == errno.EAGAIN:
                raise TimeoutError(f"libzmq {self.library.version}: nothing came")
            reason = self.zmq.zmq_strerror(self.zmq.zmq_errno()).decode()
            raise OSError(f"libzmq {self.library.version}: {reason}")
        return result

    def set(self, option, value):
        value = value if isinstance(value, bytes) else ctypes.c_int(value)
        size = len(value) if isinstance(value, bytes) else ctypes.sizeof(value)
        pointer = value if isinstance(value, bytes) else ctypes.byref(value)
        self.check(self.zmq.zmq_setsockopt(self.handle, option, pointer, ctypes.c_size_t(size)))

    def bind(self, endpoint="tcp://127.0.0.1:*"):
        self.check(self.zmq.zmq_bind(self.handle, endpoint.encode()))
        resolved, size = ctypes.create_string_buffer(256), ctypes.c_size_t(256)
        self.check(self.zmq.zmq_getsockopt(self.handle, LAST_ENDPOINT, resolved, ctypes.byref(size)))
        return resolved.value.decode()

    def connect(self, endpoint):
        self.check(self.zmq.zmq_connect(self.handle, endpoint.encode()))

    def send(self, frames):
        for number, frame in enumerate(frames, 1):
            flags = SNDMORE if number < len(frames) else 0
            self.check(self.zmq.zmq_send(self.handle, frame, ctypes.c_size_t(len(frame)), flags))

    def receive(self):
        frames, more = [], True
        while more:
            # A zmq_msg_t.
            message = ctypes.create_string_buffer(64)
            self.check(self.zmq.zmq_msg_init(message))
            self.check(self.zmq.zmq_msg_recv(message, self.handle, 0))
            size = self.zmq.zmq_msg_size(message)
            frames.append(ctypes.string_at(self.zmq.zmq_msg_data(message), size))
            more = self.zmq.zmq_msg_more(message)
            self.check(self.zmq.zmq_msg_close(message))
        return frames

    def events(self):
        """Whether it can receive (1) and send (2)."""
        value, size = ctypes.c_int(), ctypes.c_size_t(ctypes.sizeof(ctypes.c_int))
        pointers = ctypes.byref(value), ctypes.byref(size)
        self.check(self.zmq.zmq_getsockopt(self.handle, EVENTS, *pointers))
        return value.value

    def watch(self, *events):
        """From now on `next_event` tells of these."""
        endpoint = b"inproc://monitor-%d" % self.handle.value
        mask = sum(events)
        self.check(self.zmq.zmq_socket_monitor(self.handle, endpoint, mask))
        self.monitor = self.library.socket("PAIR")
        self.monitor.connect(endpoint.decode())

    def next_event(self):
        """The next of the events that are watched; waits as long as `receive`."""
        return int.from_bytes(self.monitor.receive()[0][:2], sys.byteorder)


if __name__ == "__main__":
    for name in sys.argv[1:] or VERSIONS:
        find(name)
