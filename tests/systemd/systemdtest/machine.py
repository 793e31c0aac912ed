"""A machine with systemd, D-Bus and polkit, in namespaces of its own.

boot.sh makes it: its root is an overlay over that of the machine outside, whose writable half is in
memory. It is as if freshly installed: nothing of Laniakea is in there but the sources' config and
packaging directories and the binaries, read-only, in /usr/src/laniakea.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from .waiting import until

BOOT = Path(__file__).with_name("boot.sh")
ROOT = Path(__file__).resolve().parents[3]
SOURCES = "/usr/src/laniakea"
MARKER = "/.laniakea-test-machine"
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "HOME": "/root",
    "SYSTEMD_PAGER": "",
}
NEEDED = {
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "dbus-daemon": "dbus",
    "busctl": "systemd",
    "pgrep": "procps",
    "systemd-sysusers": "systemd",
}
FILES = {
    "/lib/systemd/systemd": "systemd",
    "/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service": "polkitd",
    "/usr/bin/python3": "python3",
}
NAMESPACES = ["--pid", "--mount", "--uts", "--ipc", "--net", "--cgroup"]


class Failed(AssertionError):
    """A command inside ended otherwise than it should."""


def why_not():
    """What keeps such a machine from running here; nothing if nothing does."""
    if os.geteuid() != 0:
        return "it needs root"
    for program, package in NEEDED.items():
        if shutil.which(program) is None:
            return f"{program} is missing (package {package})"
    for path, package in FILES.items():
        if not Path(path).exists():
            return f"{path} is missing (package {package})"
    if cgroup2() is None:
        return "no cgroup2 is mounted"
    with tempfile.TemporaryDirectory(prefix="lk-") as work:
        # What a machine is made of, in short.
        trial = (
            f"mount --make-rprivate / && mount -t tmpfs tmpfs '{work}' && cd '{work}'"
            " && mkdir u w r && mount -t overlay -o lowerdir=/,upperdir=$PWD/u,workdir=$PWD/w overlay r && mount -t proc proc r/proc"
            " && mount -t sysfs -o ro sysfs r/sys && mount -t cgroup2 cgroup2 r/sys/fs/cgroup"
        )
        done = subprocess.run(
            ["unshare", "--fork", *NAMESPACES, "sh", "-c", trial],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=30,
        )
    if done.returncode != 0:
        return f"namespaces or an overlay cannot be made: {' '.join(done.stdout.split())}"
    group = None
    try:
        group = new_cgroup()
    except OSError as error:
        return f"no cgroup can be made: {error}"
    finally:
        remove_cgroup(group)
    return None


def cgroup2():
    """Where the one hierarchy is mounted: beside those of version 1, or in their place."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, file_system = line.partition(" - ")
        if file_system.startswith("cgroup2 "):
            return Path(fields.split()[4])
    return None


def new_cgroup():
    return Path(tempfile.mkdtemp(prefix="laniakea-test-", dir=cgroup2()))


def remove_cgroup(group):
    """The processes in it have ended, or are about to."""
    if group is None:
        return

    def is_gone():
        try:
            for path, _, _ in os.walk(group, topdown=False):
                os.rmdir(path)
        except OSError:
            return False
        return True

    until(f"{group} can be removed", is_gone)


class Machine:
    """Runs from `boot` to `stop`. It also ends with the process that made it, however that ends."""

    def __init__(self, binaries):
        self.binaries = binaries
        self.group = None
        self.process = None
        # What its journal is called by.
        self.identity = None
        self.work = Path(tempfile.mkdtemp(prefix="lk-systemd-"))
        # systemd's own words, on what is its console.
        self.console = self.work / "console"

    def boot(self):
        self.group = new_cgroup()
        root = self.work / "root"
        root.mkdir()
        # The cgroup namespace begins where the process is.
        enter = f'echo $$ >"{self.group}/cgroup.procs" && exec setpriv --pdeathsig KILL -- "$@"'
        unshare = ["unshare", "--fork", "--kill-child=KILL", *NAMESPACES]
        with self.console.open("wb") as console:
            self.process = subprocess.Popen(
                ["sh", "-c", enter, "sh", *unshare, BOOT, root, ROOT, *self.binaries],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                env=ENVIRONMENT,
            )
        try:
            until("systemd is up", self.is_up, 60)
            self.identity = self.run("cat", "/etc/machine-id").strip()
            # What it has to say of units is now to be where an operator looks for it.
            self.run("systemctl", "log-target", "journal")
        except AssertionError as error:
            raise Failed(f"{error}\n{self.console.read_text(errors='replace')}") from error

    def is_up(self):
        if self.process.poll() is not None:
            raise Failed(f"the machine ended with code {self.process.returncode}")
        target = self.attempt("systemctl", "is-active", "laniakea-test.target")
        return target.stdout.strip() == "active"

    def attempt(self, *command, user=None, stdin="", seconds=60):
        """Runs a command inside, as root or somebody else, and returns how it went."""
        if user is not None:
            command = ("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--", *command)
        process = self.process.pid
        # While the machine is being made these are still outside: hence the marker.
        entered = f'cd / && test -e {MARKER} || exit 99; exec "$@"'
        # That of its process 1 is not ours, but that of our children.
        processes = f"--pid=/proc/{process}/ns/pid_for_children"
        others = [name for name in NAMESPACES if name != "--pid"]
        return subprocess.run(
            ["nsenter", f"--target={process}", processes, *others, "sh", "-c", entered, "sh", *command],
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="backslashreplace",
            env=ENVIRONMENT,
            timeout=seconds,
        )

    def run(self, *command, **options):
        """Runs a command inside that has to succeed, and returns what it said."""
        done = self.attempt(*command, **options)
        if done.returncode != 0:
            raise Failed(f"{command} ended with code {done.returncode}:\n{done.stdout}")
        return done.stdout

    def shell(self, script, **options):
        return self.run("sh", "-euc", script, **options)

    def write(self, path, text, mode="0644"):
        self.run("sh", "-euc", 'cat >"$1" && chmod "$2" "$1"', "sh", path, mode, stdin=text)

    def property(self, unit, name):
        return self.run("systemctl", "show", "--value", f"--property={name}", unit).strip()

    def journal(self, unit):
        return self.run("journalctl", "--quiet", "--output=cat", f"--unit={unit}")

    def stop(self):
        """Ends it at once: an orderly end has nothing to save, and might touch what is shared."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        remove_cgroup(self.group)
        shutil.rmtree(self.work)
