"""Programs under test, and what they print."""

import os
import signal
import subprocess
import threading
from pathlib import Path

from .waiting import until

ROOT = Path(__file__).resolve().parents[3]


def binary(name: str) -> Path:
    """A binary of ours: from the debug build, or beside the one that LIGHTHOUSE names."""
    lighthouse = os.environ.get("LIGHTHOUSE", ROOT / "target" / "debug" / "lighthouse")
    return Path(lighthouse).resolve().parent / name


class Program:
    """A running program and the processes that it started; `kill` them when the test is over."""

    def __init__(self, *command, **options):
        self.process = subprocess.Popen(
            [str(part) for part in command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="backslashreplace",
            start_new_session=True,
            **{"stdin": subprocess.DEVNULL, **options},
        )
        self.out, self.err = [], []
        self._readers = [
            _collect(self.process.stdout, self.out),
            _collect(self.process.stderr, self.err),
        ]

    def line(self, text: str, seconds: float = 30) -> str:
        """Waits for a line on stderr that holds the text."""

        def find():
            if self.process.poll() is not None and not any(text in line for line in self.err):
                raise AssertionError(f"ended with {self.process.returncode}: {self.err}")
            return next((line for line in list(self.err) if text in line), None)

        return until(f"the line {text!r}", find, seconds)

    def is_running(self) -> bool:
        return self.process.poll() is None

    def wait(self, seconds: float = 30) -> int:
        """The exit code, once the program ended and everything that it printed was read."""
        code = self.process.wait(seconds)
        for reader in self._readers:
            reader.join(seconds)
        return code

    def stop(self, seconds: float = 30) -> int:
        """Asks the program to end."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait(seconds)

    def kill(self):
        """Ends the program and its children, whatever they are doing."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.wait()


def _collect(pipe, lines: list) -> threading.Thread:
    def read():
        with pipe:
            for line in pipe:
                lines.append(line.rstrip("\n"))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread
