"""A test on the machine that `run` has booted."""

import json
import unittest

from .install import ARCHIVE_KEY
from .waiting import until

MAY_TAKE = 60


class MachineTest(unittest.TestCase):
    # `run` sets it.
    machine = None
    maxDiff = None

    def emit(self, what, **data):
        """Has the archive emit an event, which starts the rule of that name."""
        data = json.dumps({"what": what, **data})
        command = ["lk", "emit", "--json", "--key", ARCHIVE_KEY, "_lk.archive.test", "--data", "-"]
        return json.loads(self.machine.run(*command, stdin=data))

    def runs(self, rule):
        """As an operator sees them, newest first."""
        return json.loads(self.machine.run("keeper", "runs", "--json", rule))

    def run_of(self, rule, since=0):
        """The run that came after so many others of the rule, once there is one."""

        def newer():
            runs = self.runs(rule)
            return runs[0] if len(runs) > since else None

        return until(f"a run of {rule}", newer, MAY_TAKE)

    def ended(self, rule, since=0):
        """The same once it has ended, with its attempts."""

        def over():
            run = self.run_of(rule, since)
            return run if run["state"] not in ("started", "waiting") else None

        number = until(f"the end of a run of {rule}", over, MAY_TAKE)["run"]
        return json.loads(self.machine.run("keeper", "runs", "--json", str(number)))

    def happens(self, what, **data):
        """Emits an event and returns how the run that it starts has ended."""
        before = len(self.runs(what))
        self.emit(what, **data)
        return self.ended(what, before)

    def assert_writes_to_little(self, name, others):
        """That what a daemon could write to is its own, or among others.

        These may be where its programs are, which are root's: systemd makes nothing read-only that is
        in ExecPaths=.
        """
        main = self.machine.property(name, "MainPID")
        writable = set()
        for line in self.read(f"/proc/{main}/mountinfo").splitlines():
            place, options = line.split()[4:6]
            if "rw" in options.split(","):
                writable.add(place)
            else:
                # The last one mounted is the one that is seen.
                writable.discard(place)
        own = {f"/var/lib/{name}", "/tmp", "/var/tmp", "/proc", "/dev/pts", "/dev/mqueue"}
        self.assertIn(f"/var/lib/{name}", writable)
        self.assertLessEqual(writable - own, others)

    def is_active(self, unit):
        return self.machine.property(unit, "ActiveState") == "active"

    def has(self, path):
        return self.machine.attempt("test", "-e", path).returncode == 0

    def read(self, path):
        return self.machine.run("cat", path)

    def lines(self, path):
        return self.read(path).splitlines() if self.has(path) else []
