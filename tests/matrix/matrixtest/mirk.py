"""Mirk in a directory of its own."""

import json
import os
import shutil
import signal
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from harness import Program, until
from harness.programs import ROOT

from .synapse import PASSWORD

# The first start of a debug build with other programs beside it.
READY_SECONDS = 90
LINKS = {"dashboard": "https://builds.example.org", "packages": "https://packages.example.org"}
EVENTS_URL = "https://events.example.org"


def binary() -> Path:
    return Path(os.environ.get("MIRK", ROOT / "sinks" / "mirk" / "target" / "debug" / "mirk")).resolve()


def room(name: str, **settings) -> str:
    """A [[room]] table. Unless the test is about it, every event has its own message."""
    settings = {"limits": {"digest": False}, "lifecycle": "off", **settings}
    lines = [f"{key} = {toml(value)}" for key, value in settings.items()]
    return "\n".join(["[[room]]", f"room = {toml(name)}", *lines]) + "\n"


def toml(value) -> str:
    """A value on one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


class Mirk:
    """One account's bot. `rooms` is the text of the [[room]] tables and may change between reloads."""

    def __init__(self, homeserver: str, relay, rooms: str, user: str, password: str = PASSWORD, **settings):
        self.directory = Path(tempfile.mkdtemp(prefix="lk-"))
        self.homeserver, self.relay, self.rooms = homeserver, relay, rooms
        self.user, self.password, self.settings = user, password, settings
        self.data = self.directory / "data"
        self.data.mkdir(mode=0o700)
        self.config = self.directory / "mirk.toml"
        self.recovery_key = self.directory / "recovery.key"
        self.programs, self.commands = [], []

    def close(self):
        for program in self.programs:
            program.kill()
        shutil.rmtree(self.directory)

    def log(self) -> list:
        """What it logged, over all its starts and commands."""
        lines = [line for program in self.programs for line in ["--- mirk run", *program.err]]
        return [*(line for command in self.commands for line in command), *lines]

    # Configuration

    def write_config(self) -> Path:
        """Writes the file anew, from what the attributes say now."""
        get = self.settings.get
        emit = get("emit", self.relay.emit)
        lines = [
            f"data_dir = {toml(str(self.data))}",
            "[matrix]",
            f"homeserver = {toml(self.homeserver)}",
            f"user = {toml(self.user)}",
            f"allowed_users = {toml(get('allowed_users', []))}",
            "[trust]",
            f"keys_dir = {toml(str(get('keys_dir', self.relay.trusted)))}",
            f"relays = {toml([self.relay.key.signer])}",
            "[trust.emit]",
            *(f"{toml(signer)} = {toml(ids)}" for signer, ids in emit.items()),
            "[stream]",
            *(f"{key} = {toml(value)}" for key, value in {**self.plain_stream(), **get("stream", {})}.items()),
            f"start = {toml(get('start', 'beginning'))}",
            "[messages]",
            f"events_url = {toml(EVENTS_URL)}",
            f"links = {toml(LINKS)}",
            *(f"{key} = {toml(value)}" for key, value in get("messages", {}).items()),
        ]
        self.config.write_text("\n".join(lines) + "\n" + self.rooms)
        return self.config

    def plain_stream(self) -> dict:
        return {"publish": self.relay.ipc("publish"), "replay": self.relay.ipc("replay")}

    # Commands

    def command(self, *arguments, seconds: float = READY_SECONDS) -> Program:
        """Runs a subcommand to its end."""
        program = Program(binary(), *arguments, env=self._environment())
        try:
            program.wait(seconds)
        finally:
            program.kill()
            name = " ".join(str(argument) for argument in arguments)
            self.commands.append(
                [f"--- mirk {name}: exit {program.process.returncode}", *program.out, *program.err]
            )
        return program

    def login(self, *more) -> Program:
        """Logs in with the password; fails unless that works."""
        self.write_config()
        program = self.command(*self.login_arguments(), *more)
        assert program.process.returncode == 0, self.log()
        return program

    def login_arguments(self) -> list:
        password = self.secret_file("password", self.password)
        return [
            "login",
            "--config",
            self.config,
            "--password-file",
            password,
            "--recovery-key-file",
            self.recovery_key,
        ]

    def secret_file(self, name: str, text: str) -> Path:
        """A file that its owner alone can read."""
        path = self.directory / name
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text + "\n")
        return path

    # Its process

    def run(self) -> Program:
        """Starts it, ready or not."""
        self.write_config()
        program = Program(binary(), "run", "--config", self.config, env=self._environment())
        self.programs.append(program)
        return program

    def start(self) -> "Mirk":
        """Starts it and waits until it is ready."""
        self.run().line("ready", READY_SECONDS)
        return self

    @property
    def program(self) -> Program:
        return self.programs[-1]

    def stop(self):
        """SIGTERM, and an orderly end."""
        code = self.program.stop(READY_SECONDS)
        assert code == 0, (code, self.log())

    def kill(self):
        """SIGKILL."""
        self.program.kill()

    def restart(self):
        self.stop()
        self.start()

    def restart_without_ready(self):
        """For when what it waits for is away."""
        self.stop()
        self.run()

    def reload(self):
        """SIGHUP with the configuration as it is now; waits until Mirk says what came of it."""
        self.write_config()
        count = len(self.reloads())
        self.program.process.send_signal(signal.SIGHUP)
        until("the reload", lambda: len(self.reloads()) > count)

    def reloads(self) -> list:
        return [line for line in list(self.program.err) if "reloaded" in line]

    # Its files

    @property
    def database(self) -> Path:
        return self.data / "mirk.sqlite"

    def execute(self, statement: str, *values) -> int:
        """Changes its database while it does not run; returns the number of rows."""
        assert not self.program.is_running()
        with closing(sqlite3.connect(self.database)) as database, database:
            return database.execute(statement, values).rowcount

    def query(self, statement: str, *values) -> list:
        with closing(sqlite3.connect(self.database, timeout=10)) as database:
            return database.execute(statement, values).fetchall()

    def store(self) -> Path:
        """The directory of the encryption store, wherever in data_dir Mirk keeps it."""
        (path,) = self.data.rglob("matrix-sdk-crypto.sqlite3")
        assert path.parent != self.data, "the encryption store has no directory of its own"
        return path.parent

    def wait_until_taken(self, seq: int):
        """Until everything up to this seq is in the outbox."""

        def position():
            try:
                return self.query("SELECT seq FROM cursor")
            except sqlite3.OperationalError:
                # No file or table yet, or Mirk is writing.
                return None

        until("the outbox", lambda: position() == [(seq,)], READY_SECONDS)

    @staticmethod
    def _environment() -> dict:
        # What the user's shell says shall not decide what the tests see.
        environment = {
            key: value for key, value in os.environ.items() if key not in ("RUST_LOG", "JOURNAL_STREAM")
        }
        return {**environment, "NO_COLOR": "1"}
