"""A real homeserver in a directory of its own."""

import hashlib
import hmac
import itertools
import json
import re
import shutil
import socket
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from harness import Program, until

from .http import quote, request

NAME = "mirk.test"
SECRET = "test-shared-secret"
PASSWORD = "correct horse battery staple"
UNLIMITED = {"per_second": 100_000, "burst_count": 100_000}
# A start takes seconds; more while compilers run beside it.
START_SECONDS = 120


class Synapse:
    """A homeserver on loopback that federates with nobody. Its port and data outlive its restarts.

    `rate` is (messages a second, burst) of users that are not exempt; without it there is no limit.
    """

    def __init__(self, rate: tuple = None):
        self.directory = Path(tempfile.mkdtemp(prefix="lk-"))
        self.rate = rate
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.config = self.directory / "homeserver.yaml"
        self.database = self.directory / "homeserver.db"
        self.programs, self.numbers = [], itertools.count(1)
        self._write_config()
        keys = Program(*self._command, "--generate-keys", cwd=self.directory)
        assert keys.wait(START_SECONDS) == 0, keys.err
        self._admin = None

    def close(self):
        for program in self.programs:
            program.kill()
        shutil.rmtree(self.directory)

    def log(self, lines: int = 200) -> list:
        """The last of what the server warned of or refused, and what it printed."""
        path = self.directory / "homeserver.log"
        logged = path.read_text(errors="replace").splitlines() if path.exists() else []
        logged = [line for line in logged if re.search(r" (WARNING|ERROR|CRITICAL) |SynapseError", line)]
        return [*logged[-lines:], *(line for program in self.programs for line in program.err)]

    # Its process

    def start(self) -> "Synapse":
        """Starts the server and waits until it answers."""
        self.programs.append(Program(*self._command, cwd=self.directory))
        until("the homeserver", self._answers, START_SECONDS)
        return self

    def stop(self):
        """The orderly end."""
        code = self.program.stop(60)
        assert code in (0, -15), (code, self.program.err)

    def kill(self):
        """SIGKILL."""
        self.program.kill()

    def restart(self):
        self.stop()
        self.start()

    @property
    def program(self) -> Program:
        return self.programs[-1]

    def _answers(self) -> bool:
        assert self.program.is_running(), self.log()
        try:
            return bool(request(self.url, "GET", "/_matrix/client/versions", seconds=5)["versions"])
        except OSError:
            return False

    # Users

    def register(self, name: str, password: str = PASSWORD, is_admin: bool = False) -> str:
        """A new user; returns the MXID."""
        path = "/_synapse/admin/v1/register"
        nonce = request(self.url, "GET", path)["nonce"]
        role = "admin" if is_admin else "notadmin"
        message = "\0".join((nonce, name, password, role)).encode()
        mac = hmac.new(SECRET.encode(), message, hashlib.sha1).hexdigest()
        body = {"nonce": nonce, "username": name, "password": password, "admin": is_admin, "mac": mac}
        return request(self.url, "POST", path, {**body, "inhibit_login": True})["user_id"]

    def new_name(self, name: str) -> str:
        """A name that no other test has on this server."""
        return f"{name}-{next(self.numbers)}"

    def login(self, user: str, password: str = PASSWORD, **more) -> dict:
        """The answer, with access_token and device_id."""
        body = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": user}}
        return request(self.url, "POST", "/_matrix/client/v3/login", {**body, "password": password, **more})

    def exempt(self, user: str):
        """The limit on messages does not hold for this user."""
        path = f"/_synapse/admin/v1/users/{quote(user)}/override_ratelimit"
        body = {"messages_per_second": 0, "burst_count": 0}
        request(self.url, "POST", path, body, token=self.admin)

    def reset_password(self, user: str, password: str = PASSWORD):
        path = f"/_synapse/admin/v1/reset_password/{quote(user)}"
        request(self.url, "POST", path, {"new_password": password, "logout_devices": True}, token=self.admin)

    @property
    def admin(self) -> str:
        """The token of an administrator."""
        if self._admin is None:
            user = self.register("root", is_admin=True)
            self._admin = self.login(user)["access_token"]
        return self._admin

    # What a test does behind its back

    def forget_transactions(self) -> int:
        """What the server does by itself after a day. Only while it is stopped."""
        assert not self.program.is_running()
        with closing(sqlite3.connect(self.database)) as database, database:
            return database.execute("DELETE FROM event_txn_id_device_id").rowcount

    @property
    def _command(self) -> list:
        return [sys.executable, "-m", "synapse.app.homeserver", "--config-path", self.config]

    def _write_config(self):
        log = {
            "version": 1,
            "formatters": {"f": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
            "handlers": {
                "file": {
                    "class": "logging.FileHandler",
                    "formatter": "f",
                    "filename": str(self.directory / "homeserver.log"),
                }
            },
            "root": {"level": "INFO", "handlers": ["file"]},
            "disable_existing_loggers": False,
        }
        (self.directory / "log.yaml").write_text(json.dumps(log))
        messages = UNLIMITED
        if self.rate:
            messages = {"per_second": self.rate[0], "burst_count": self.rate[1]}
        # JSON is YAML.
        self.config.write_text(json.dumps(self._settings(messages), indent=1))

    def _settings(self, messages: dict) -> dict:
        off = UNLIMITED
        return {
            "server_name": NAME,
            "public_baseurl": self.url + "/",
            "pid_file": str(self.directory / "homeserver.pid"),
            "listeners": [
                {
                    "port": self.port,
                    "bind_addresses": ["127.0.0.1"],
                    "type": "http",
                    "tls": False,
                    "resources": [{"names": ["client"], "compress": False}],
                }
            ],
            "database": {"name": "sqlite3", "args": {"database": str(self.database)}},
            "log_config": str(self.directory / "log.yaml"),
            "media_store_path": str(self.directory / "media"),
            "signing_key_path": str(self.directory / "signing.key"),
            "registration_shared_secret": SECRET,
            "macaroon_secret_key": "test-macaroon",
            "form_secret": "test-form",
            "report_stats": False,
            "enable_registration": False,
            "suppress_key_server_warning": True,
            "trusted_key_servers": [],
            "federation_domain_whitelist": [],
            "presence": {"enabled": False},
            "user_directory": {"enabled": False},
            "url_preview_enabled": False,
            "bcrypt_rounds": 4,
            # Otherwise a client that repeats the first sync for the same device gets the old reply.
            "caches": {"sync_response_cache_duration": "0s"},
            # Otherwise a burst leaves a gap in what a reader syncs.
            "filter_timeline_limit": -1,
            "rc_message": messages,
            "rc_registration": off,
            "rc_login": {"address": off, "account": off, "failed_attempts": off},
            "rc_joins": {"local": off, "remote": off},
            "rc_joins_per_room": off,
            "rc_invites": {"per_room": off, "per_user": off, "per_issuer": off},
            "rc_admin_redaction": off,
            "rc_key_requests": off,
            "rc_profile": off,
            "rc_room_creation": off,
            "rc_3pid_validation": off,
        }


def _free_port() -> int:
    """A port that nobody has now; the server keeps it over its restarts."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
