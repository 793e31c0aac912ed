"""What must not change on the machine that the tests run on."""

import os
import tempfile
from pathlib import Path

TREES = ["/etc", "/usr/local/bin", "/usr/local/lib/systemd"]
# What systemd sets for a whole kernel, where it may.
SETTINGS = [
    "kernel/core_pattern",
    "kernel/hostname",
    "kernel/printk",
    "kernel/pid_max",
    "fs/file-max",
    "fs/nr_open",
    "net/unix/max_dgram_qlen",
]
PLACES = ["/tmp", "/var/tmp", "/run"]


class Outside:
    """Taken before, and compared afterwards."""

    def __init__(self):
        self.markers = []
        for place in PLACES:
            marker = Path(tempfile.mkdtemp(prefix="lk-marker-", dir=place))
            # As old as what systemd-tmpfiles looks for.
            os.utime(marker, (0, 0))
            self.markers.append(marker)
        self.files = files()
        self.settings = settings()

    def changes(self, machine):
        for marker in self.markers:
            if marker.exists():
                marker.rmdir()
            else:
                yield f"{marker} is gone"
        after = files()
        for path in sorted(self.files.keys() | after.keys()):
            if self.files.get(path) != after.get(path):
                yield path
        yield from (f"the setting {name}" for name, value in settings().items() if self.settings[name] != value)
        for path in ["/var/log/journal", "/run/log/journal"]:
            if machine.identity and Path(path, machine.identity).exists():
                yield f"its journal is in {path}"


def files():
    """Each with what would tell a change of it."""
    seen = {}
    for tree in TREES:
        for directory, names, others in os.walk(tree):
            for name in [*names, *others]:
                path = os.path.join(directory, name)
                about = os.lstat(path)
                seen[path] = (about.st_mode, about.st_uid, about.st_gid, about.st_size, about.st_mtime_ns)
    return seen


def settings():
    return {name: Path("/proc/sys", name).read_text() for name in SETTINGS}
