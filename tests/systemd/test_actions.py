"""Rules start units as other users, and programs as keeper's."""

import json

from systemdtest.case import MachineTest
from systemdtest.waiting import until

HOSTILE = {
    "repo": "master; reboot",
    "name": "../../../ssh.service",
    "unit": "lk-action-publish@ssh.service",
    "lines": "a\nExecStart=/bin/sh\n[Service]\nUser=root\n",
    "specifiers": "%i %n %h $HOME ${HOME} $(id) `id`",
    "option": "--root=/",
    "nul": "a\u0000b",
    "escape": "\u001b[31m\u202e",
    "quotes": "\"'\\",
    "long": "x" * 100_000,
}


class Units(MachineTest):
    def test_an_event_starts_a_unit_as_another_user_and_with_its_events(self):
        self.machine.run("rm", "-f", "/srv/archive/events")
        before = len(self.runs("publish"))
        digest = self.emit("publish", repo="master")["digest"]
        run = self.ended("publish", before)
        self.assertEqual(run["run"]["state"], "succeeded", run)
        about = self.lines("/srv/archive/about")
        self.assertEqual(about[0], "archive")
        self.assertEqual(about[-1].split(), ["/bin/sh", "/usr/local/bin/publish-archive"])
        given = json.loads(self.read("/srv/archive/events"))
        self.assertEqual(given["rule"], "publish")
        self.assertEqual(given["run"], run["run"]["run"])
        self.assertEqual([event["digest"] for event in given["events"]], [digest])
        self.assertEqual(given["data"], {"what": "publish", "repo": "master"})
        # What was for the run goes with it.
        self.assertEqual(self.machine.run("ls", "/var/lib/keeper/runs"), "")
        unit = f"lk-action-publish@{given['run']}.service"
        self.assertIn(unit, run["attempts"][0]["output"])
        self.assertIn("Finished", self.machine.journal(unit))

    def test_hostile_values_reach_a_unit_as_data_alone(self):
        units = self.units()
        self.machine.run("rm", "-f", "/srv/archive/events")
        run = self.happens("publish", **HOSTILE)
        self.assertEqual(run["run"]["state"], "succeeded", run)
        given = self.read("/srv/archive/events")
        self.assertEqual(given.count("\n"), 1)
        self.assertEqual(json.loads(given)["data"], {"what": "publish", **HOSTILE})
        about = self.read("/srv/archive/about")
        for value in HOSTILE.values():
            self.assertNotIn(value, about)
        number = run["run"]["run"]
        started = self.units() - units
        self.assertLessEqual(started, {f"lk-action-publish@{number}.service"})
        said = self.machine.journal("init.scope")
        self.assertIn(f"lk-action-publish@{number}.service", said)
        self.assertNotIn("lk-action-publish@ssh", said)
        self.assertFalse(self.is_active("ssh.service"))
        self.assertNotIn("\x1b", self.machine.run("keeper", "runs", str(number)))

    def test_a_unit_that_fails_says_how(self):
        for what, problem in [
            ("fails", "failed: exit-code, status 3"),
            ("killed", "failed: signal, status 9"),
            # 203 is EXEC: the program of the unit is not there.
            ("forgotten", "failed: exit-code, status 203"),
            ("needy", "was not started: dependency"),
            ("absent", "its template is not installed"),
        ]:
            with self.subTest(what):
                run = self.happens(what)
                unit = f"lk-action-{what}@{run['run']['run']}.service"
                self.assertEqual(run["run"]["state"], "failed")
                self.assertIn(problem, run["run"]["problem"])
                self.assertIn(unit, run["run"]["problem"])
                # Reported, and so forgotten.
                self.assertNotIn(unit, self.units())
        # Where the run sends who wants to know more.
        number = self.runs("fails")[0]["run"]
        self.assertIn("no room", self.machine.journal(f"lk-action-fails@{number}.service"))

    def test_a_unit_that_takes_too_long_is_stopped(self):
        self.machine.shell("rm -f /srv/archive/lk-action-slow.*; mkfifo -m 0600 /srv/archive/lk-action-slow.fifo")
        self.machine.run("chown", "archive", "/srv/archive/lk-action-slow.fifo")
        run = self.happens("slow")
        unit = f"lk-action-slow@{run['run']['run']}.service"
        self.assertEqual(run["run"]["state"], "failed")
        self.assertEqual(run["run"]["problem"], f"{unit}: it was stopped: it took longer than 2 s")
        self.assertEqual(self.lines("/srv/archive/lk-action-slow.starts"), ["started"])
        self.assertEqual(self.lines("/srv/archive/lk-action-slow.ends"), [])
        self.assertNotIn(unit, self.units())
        self.assertEqual(self.machine.attempt("pgrep", "-u", "archive").stdout, "")

    def test_without_the_polkit_rule_a_run_says_what_to_install(self):
        rule = "/etc/polkit-1/rules.d/50-keeper.rules"
        keeper = ["busctl", "call", "org.freedesktop.systemd1", "/org/freedesktop/systemd1"]
        keeper += ["org.freedesktop.systemd1.Manager", "StopUnit", "ss", "lk-action-refused@1.service", "fail"]

        def is_allowed():
            # What is allowed is only not there.
            return "not loaded" in self.machine.attempt(*keeper, user="keeper").stdout

        self.assertTrue(is_allowed())
        self.machine.run("mv", rule, "/srv/away/")
        try:
            until("polkit has noticed", lambda: not is_allowed())
            run = self.happens("refused")
        finally:
            self.machine.run("mv", "/srv/away/50-keeper.rules", rule)
        until("polkit has noticed", is_allowed)
        self.assertEqual(run["run"]["state"], "failed")
        self.assertIn("polkit does not allow it", run["run"]["problem"])
        self.assertIn("packaging/polkit", run["run"]["problem"])

    def test_without_polkit_a_run_says_what_to_install(self):
        service = "/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service"
        self.machine.shell(f"mv {service} /srv/away/; systemctl reload dbus; systemctl stop polkit")
        try:
            run = self.happens("refused")
        finally:
            self.machine.shell(f"mv /srv/away/{service.rpartition('/')[2]} {service}; systemctl reload dbus")
        self.assertEqual(run["run"]["state"], "failed")
        self.assertIn("polkit does not allow it", run["run"]["problem"])
        self.assertIn("packaging/polkit", run["run"]["problem"])

    def units(self):
        listed = self.machine.run("systemctl", "list-units", "--all", "--plain", "--no-legend", "lk-action-*")
        return {line.split()[0] for line in listed.splitlines()}


class Programs(MachineTest):
    def test_an_event_runs_a_program_as_keeper(self):
        run = self.happens("exec", **HOSTILE)
        self.assertEqual(run["run"]["state"], "succeeded", run)
        user, directory, _ = run["attempts"][0]["output"].split("\n", 2)
        self.assertEqual((user, directory), ("keeper", "/"))

    def test_a_program_that_fails_says_how(self):
        run = self.happens("exec-fails")
        self.assertEqual(run["run"]["state"], "failed")
        self.assertIn("4", run["run"]["problem"])
        self.assertIn("out of luck", run["attempts"][0]["output"])
