"""What the real polkit lets keeper's user do: start and stop its own units, and nothing else."""

from systemdtest.case import MachineTest
from systemdtest.waiting import until

UNIT = "lk-action-rights@7.service"
REFUSED = ["Access denied", "Interactive authentication required"]
# Of the manager, with the signature and the arguments.
WHAT_ELSE = [
    ("StartUnit", "ss", "ssh.service", "replace"),
    ("StartUnit", "ss", "lighthouse.service", "replace"),
    ("StopUnit", "ss", "lighthouse.service", "replace"),
    ("StopUnit", "ss", "keeper.service", "replace"),
    ("StartUnit", "ss", "rescue.target", "isolate"),
    ("RestartUnit", "ss", UNIT, "replace"),
    ("TryRestartUnit", "ss", UNIT, "replace"),
    ("ReloadUnit", "ss", UNIT, "replace"),
    ("ReloadOrRestartUnit", "ss", UNIT, "replace"),
    ("EnqueueUnitJob", "sss", UNIT, "restart", "replace"),
    ("EnqueueUnitJob", "sss", "ssh.service", "start", "replace"),
    ("KillUnit", "ssi", UNIT, "all", "9"),
    ("KillUnit", "ssi", "lighthouse.service", "all", "9"),
    ("FreezeUnit", "s", UNIT),
    ("ResetFailedUnit", "s", "lighthouse.service"),
    ("ResetFailed", ""),
    ("SetUnitProperties", "sba(sv)", UNIT, "true", "1", "Description", "s", "x"),
    ("StartUnit", "ss", "lk-action-rights@07.service", "replace"),
    ("StartUnit", "ss", "lk-action-rights@x.service", "replace"),
    ("StartUnit", "ss", "lk-action-rights@7-ssh.service", "replace"),
    ("StartUnit", "ss", "ssh@7.service", "replace"),
    ("EnableUnitFiles", "asbb", "1", "ssh.service", "false", "true"),
    ("EnableUnitFiles", "asbb", "1", "lk-action-rights@.service", "false", "true"),
    ("LinkUnitFiles", "asbb", "1", "/var/lib/keeper/lk-action-mine@.service", "true", "true"),
    ("MaskUnitFiles", "asbb", "1", "ssh.service", "true", "true"),
    ("SetEnvironment", "as", "1", "A=b"),
    ("Reload", ""),
]
# A unit of two properties, Type and ExecStart, and no others beside it.
TRANSIENT = ["2", "Type", "s", "oneshot", "ExecStart", "a(sasb)"]
TRANSIENT += ["1", "/usr/bin/touch", "2", "touch", "/run/owned", "false", "0"]


class Rights(MachineTest):
    def setUp(self):
        self.addCleanup(self.machine.attempt, "systemctl", "stop", UNIT)

    def call(self, user, method, *arguments):
        manager = ["org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"]
        return self.machine.attempt("busctl", "call", *manager, method, *filter(None, arguments), user=user)

    def make(self, name, user):
        return self.call(user, "StartTransientUnit", "ssa(sv)a(sa(sv))", name, "fail", *TRANSIENT)

    def assert_refused(self, done):
        self.assertNotEqual(done.returncode, 0)
        self.assertTrue(any(reason in done.stdout for reason in REFUSED), done.stdout)

    def test_keeper_may_start_and_stop_its_units_and_have_failures_forgotten(self):
        self.assertEqual(self.call("keeper", "StartUnit", "ss", UNIT, "fail").returncode, 0)
        self.machine.run("systemctl", "start", UNIT)
        self.assertTrue(self.is_active(UNIT))
        self.assertEqual(self.call("keeper", "StopUnit", "ss", UNIT, "replace").returncode, 0)
        self.machine.run("systemctl", "stop", UNIT)
        self.assertFalse(self.is_active(UNIT))
        failing = "lk-action-fails@7.service"
        self.assertNotEqual(self.machine.attempt("systemctl", "start", failing).returncode, 0)
        self.assertEqual(self.machine.property(failing, "ActiveState"), "failed")
        self.assertEqual(self.call("keeper", "ResetFailedUnit", "s", failing).returncode, 0)
        self.assertEqual(self.machine.property(failing, "ActiveState"), "inactive")

    def test_keeper_may_do_nothing_else(self):
        self.machine.run("systemctl", "start", UNIT)
        before = {unit: self.machine.property(unit, "InvocationID") for unit in [UNIT, "lighthouse", "keeper"]}
        for method, *arguments in WHAT_ELSE:
            with self.subTest(" ".join([method, *arguments])):
                self.assert_refused(self.call("keeper", method, *arguments))
        for unit, invocation in before.items():
            self.assertTrue(self.is_active(unit), unit)
            self.assertEqual(self.machine.property(unit, "InvocationID"), invocation, unit)
        self.assertFalse(self.is_active("ssh.service"))
        self.assertEqual(self.machine.attempt("systemctl", "is-enabled", "ssh.service").stdout.strip(), "static")

    def test_keeper_may_not_take_its_units_for_the_whole_machine(self):
        done = self.call("keeper", "StartUnit", "ss", UNIT, "isolate")
        self.assertNotEqual(done.returncode, 0)
        self.assertTrue(self.is_active("lighthouse"))

    def test_keeper_may_make_no_transient_unit(self):
        for name in ["keepers-own.service", "lk-action-rights@8.service", "lk-action-new@8.service"]:
            with self.subTest(name):
                self.assert_refused(self.make(name, "keeper"))
        self.assertFalse(self.has("/run/owned"))
        # The same call is what it looks like: root may.
        done = self.make("roots-own.service", "root")
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_nobody_else_may_start_keepers_units(self):
        for user in ["archive", "lighthouse", "mirk", "daemon"]:
            with self.subTest(user):
                self.assert_refused(self.call(user, "StartUnit", "ss", UNIT, "fail"))
                self.assert_refused(self.call(user, "StopUnit", "ss", UNIT, "fail"))
        self.assertFalse(self.is_active(UNIT))

    def test_keeper_cannot_have_a_file_of_roots_read_by_way_of_a_unit(self):
        secret, link = "/etc/laniakea/keys/secret/relay.key_secret", "/var/lib/keeper/runs/900007.json"
        self.machine.run("rm", "-f", "/srv/archive/events")
        # As keeper makes it, with the umask of its unit.
        self.machine.run("sh", "-c", "umask 0077 && mkdir -p /var/lib/keeper/runs", user="keeper")
        self.addCleanup(self.machine.run, "rm", "-f", link)
        self.machine.run("ln", "-s", secret, link, user="keeper")
        unit = "lk-action-publish@900007.service"
        self.assertEqual(self.call("keeper", "StartUnit", "ss", unit, "fail").returncode, 0)
        said = until("the unit to say why not", lambda: self.complaint(unit))
        self.assertIn("Permission denied", said)
        self.assertFalse(self.has("/srv/archive/events"))

    def complaint(self, unit):
        said = self.machine.journal(unit)
        return said if "cannot open" in said else None

    def test_who_may_read_events_may_read_nothing_else_of_keepers(self):
        as_unit = ["setpriv", "--reuid=archive", "--regid=archive", "--groups=keeper"]
        for path in ["/var/lib/keeper", "/var/lib/keeper/keeper.sqlite"]:
            done = self.machine.attempt(*as_unit, "cat" if path.endswith("sqlite") else "ls", path)
            self.assertIn("Permission denied", done.stdout)
        done = self.machine.attempt("ls", "/var/lib/keeper/runs", user="archive")
        self.assertNotEqual(done.returncode, 0)
