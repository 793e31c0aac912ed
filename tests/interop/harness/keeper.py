"""A test with a keeper of its own."""

import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from .events import Key
from .fake import FakeRelay
from .programs import ROOT, Program, binary
from .vectors import VECTORS, vector_key

ARCHIVE: Key = vector_key("archive-01")


class KeeperTest(unittest.TestCase):
    def setUp(self):
        self.relay = FakeRelay()
        self.addCleanup(self.relay.close)
        self.directory = Path(tempfile.mkdtemp(prefix="lk-"))
        self.addCleanup(shutil.rmtree, self.directory)

    def configure(self, more="", rules=None):
        """With the rules of a text, or those that are shipped for Laniakea."""
        rules_dir = ROOT / "config/rules.d/laniakea"
        if rules is not None:
            rules_dir = self.directory / "rules"
            rules_dir.mkdir(exist_ok=True)
            (rules_dir / "rules.toml").write_text(rules)
        (self.directory / "keeper.toml").write_text(
            f'data_dir = "{self.directory}/data"\nrules_dir = "{rules_dir}"\n'
            f'[trust]\nkeys_dir = "{VECTORS}/keys/trusted"\nrelays = ["lighthouse-01"]\n'
            '[trust.emit]\n"archive-01" = ["_lk.archive."]\n'
            f'[stream]\npublish = "{self.relay.publish}"\nreplay = "{self.relay.replay}"\n'
            f'start = "beginning"\n{more}'
        )

    def start(self) -> Program:
        keeper = Program(binary("keeper"), "run", "--config", self.directory / "keeper.toml")
        self.addCleanup(keeper.kill)
        keeper.line("ready")
        return keeper

    def emit(self, id: str, **data):
        self.relay.append(ARCHIVE.event(id, data))

    def keeper(self, *arguments) -> subprocess.CompletedProcess:
        """Another keeper, that says something and ends."""
        command = [binary("keeper"), *arguments, "--config", self.directory / "keeper.toml"]
        return subprocess.run(command, capture_output=True, encoding="utf-8")

    def runs(self, *arguments) -> str:
        ended = self.keeper("runs", *arguments)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        return ended.stdout
