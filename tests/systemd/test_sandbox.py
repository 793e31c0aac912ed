"""What a program of a rule can reach from inside keeper's unit."""

import json

from systemdtest.case import MachineTest

# Tries everything, and prints what it could do.
LOOK_AROUND = r"""
import json, os, subprocess

def can_write(directory):
    name = os.path.join(directory, "keeper-was-here")
    try:
        with open(name, "w"):
            pass
    except OSError:
        return False
    return True

def can_read(path):
    try:
        with open(path, "rb") as file:
            file.read(1)
    except OSError:
        return False
    return True

def can_run(directory):
    name = os.path.join(directory, "runs")
    try:
        with open(name, "w") as file:
            file.write("#!/bin/sh\nexit 0\n")
        os.chmod(name, 0o700)
        return subprocess.run([name]).returncode == 0
    except OSError:
        return False

# The root of every mount, what anybody may write to on a usual machine, and where secrets and rules are.
mounts = [line.split()[4] for line in open("/proc/self/mountinfo")]
places = mounts + ["/run/lock", "/run/lighthouse", "/var/lib/lighthouse", "/var/lib/mirk", "/var/log", "/etc",
    "/etc/laniakea", "/etc/laniakea/keeper/rules.d", "/etc/laniakea/keys", "/etc/laniakea/keys/secret",
    "/etc/systemd/system", "/etc/polkit-1/rules.d", "/usr/local/bin", "/srv", "/srv/archive", "/home", "/root",
    "/var/lib", "/var/spool", "/var/spool/cron", "/var/mail", "/opt", "/boot"]
usr = [directory for directory, _, _ in os.walk("/usr") if os.access(directory, os.W_OK)]
given = json.load(__import__("sys").stdin)
print(json.dumps({
    "user": os.getuid(),
    "written": sorted(place for place in {*places, *usr} if os.path.isdir(place) and can_write(place)),
    "run": sorted(place for place in ["/tmp", "/var/tmp", "/dev/shm", "/var/lib/keeper"] if can_run(place)),
    "read": sorted(path for path in given["data"]["paths"] if can_read(path)),
    "processes": sorted(int(name) for name in os.listdir("/proc") if name.isdigit()),
    "own": [os.getpid(), os.getppid()],
    "tmp": sorted(os.listdir("/tmp")),
}))
"""


class Sandbox(MachineTest):
    seen = None

    def look_around(self):
        """What it found; one look does for all tests."""
        if Sandbox.seen is None:
            Sandbox.seen = self.look()
        return Sandbox.seen

    def look(self):
        self.machine.write("/usr/local/bin/look-around", LOOK_AROUND)
        self.machine.run("touch", "/tmp/of-others")
        main = {name: int(self.machine.property(name, "MainPID")) for name in ["lighthouse", "keeper"]}
        others = [
            "/etc/laniakea/keys/secret/relay.key_secret",
            "/etc/laniakea/keys/secret/keeper.key_secret",
            "/run/credentials/lighthouse.service/relay.key_secret",
            "/var/lib/lighthouse/journal.sqlite",
            f"/proc/{main['lighthouse']}/environ",
            f"/proc/{main['lighthouse']}/cwd/run/credentials/lighthouse.service/relay.key_secret",
            "/etc/shadow",
            "/srv/away/archive-01.key_secret",
        ]
        for path in others:
            self.assertTrue(self.has(path), path)
        # It can read at all.
        run = self.happens("look-around", paths=[*others, "/etc/laniakea/keeper.toml"])
        self.assertEqual(run["run"]["state"], "succeeded", run)
        return {"main": main, **json.loads(run["attempts"][0]["output"])}

    def test_a_program_reaches_keepers_directory_and_its_own_tmp_alone(self):
        seen = self.look_around()
        self.assertEqual(seen["written"], ["/dev/mqueue", "/dev/shm", "/tmp", "/var/lib/keeper", "/var/tmp"])
        # All but its directory are the unit's own: others have theirs.
        for place in ["/dev/mqueue", "/dev/shm", "/tmp", "/var/tmp"]:
            self.assertFalse(self.has(f"{place}/keeper-was-here"), place)
        self.assertTrue(self.has("/var/lib/keeper/keeper-was-here"))
        self.assertNotIn("of-others", seen["tmp"])

    def test_a_program_can_run_nothing_that_it_wrote(self):
        self.assertEqual(self.look_around()["run"], [])

    def test_a_program_sees_no_secrets_of_others(self):
        self.assertEqual(self.look_around()["read"], ["/etc/laniakea/keeper.toml"])

    def test_a_program_sees_no_processes_of_others(self):
        seen = self.look_around()
        self.assertLessEqual({*seen["own"], seen["main"]["keeper"]}, set(seen["processes"]))
        self.assertNotIn(1, seen["processes"])
        self.assertNotIn(seen["main"]["lighthouse"], seen["processes"])

    def test_daemons_can_write_to_nothing_that_is_anybodys(self):
        # keeper's commands have a /dev/shm of their own.
        self.assert_writes_to_little("keeper", {"/usr", "/dev/shm"})
        programs = {"/usr/bin/kill", "/usr/lib", "/usr/lib64", "/usr/local/bin/lighthouse"}
        self.assert_writes_to_little("lighthouse", {"/run/lighthouse", *programs})
