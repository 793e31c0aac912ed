"""Nothing that the machine in the tests does can change the one outside."""

import os
from pathlib import Path

from systemdtest.case import MachineTest

# Made anew for the machine, or kernel objects of its own namespaces.
OWN = {"overlay", "tmpfs", "ramfs", "devtmpfs", "devpts", "mqueue", "proc", "cgroup2", "hugetlbfs", "autofs"}


class Inside(MachineTest):
    def mounts(self):
        for line in self.read("/proc/1/mountinfo").splitlines():
            before, _, after = line.partition(" - ")
            place, options = before.split()[4:6]
            yield place, set(options.split(",")), after.split()[0]

    def test_nothing_of_the_machine_outside_can_be_written(self):
        outside = {line.split()[2] for line in Path("/proc/self/mountinfo").read_text().splitlines()}
        writable = [mount for mount in self.mounts() if "rw" in mount[1]]
        self.assertIn("/", [place for place, _, _ in writable])
        for place, _, file_system in writable:
            self.assertIn(file_system, OWN, place)
            if file_system != "cgroup2":
                self.assertNotIn(self.device(place), outside, place)
        for place in ["/proc/sys", "/sys"]:
            self.assertIn(place, [place for place, options, _ in self.mounts() if "ro" in options])

    def device(self, place):
        for line in self.read("/proc/1/mountinfo").splitlines():
            if line.split()[4] == place:
                return line.split()[2]
        return self.fail(place)

    def test_its_kernel_objects_are_its_own(self):
        for name in ["pid", "mnt", "uts", "ipc", "net", "cgroup"]:
            inside = self.machine.run("readlink", f"/proc/1/ns/{name}").strip()
            self.assertNotEqual(inside, os.readlink(f"/proc/self/ns/{name}"))

    def test_process_1_is_systemd_and_polkit_is_real(self):
        self.assertEqual(self.read("/proc/1/comm").strip(), "systemd")
        # It is started by whoever asks it.
        polkit = ["org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority"]
        self.machine.run("busctl", "call", *polkit, "org.freedesktop.DBus.Peer", "Ping")
        self.assertEqual(self.machine.property("polkit.service", "ActiveState"), "active")

    def test_what_is_written_inside_stays_inside(self):
        for place in ["/etc", "/tmp", "/var/tmp", "/run", "/var/log", "/usr/local/bin", "/dev/shm"]:
            name = f"{place}/laniakea-test-was-here"
            self.machine.run("touch", name)
            self.assertTrue(self.has(name))
            self.assertFalse(os.path.lexists(name), name)
