"""keeper is killed or stopped while something of its runs."""

from systemdtest.case import MachineTest
from systemdtest.waiting import until


class Killed(MachineTest):
    """A unit goes on by itself; the rule says what its run means."""

    def begin(self, name):
        """Starts a unit that goes on until it is told otherwise."""
        self.place = f"/srv/archive/lk-action-{name}"
        self.machine.shell(f"rm -f {self.place}.*; mkfifo -m 0600 {self.place}.fifo")
        self.machine.run("chown", "archive", f"{self.place}.fifo")
        self.emit(name)
        number = self.run_of(name, 0)["run"]
        self.unit = f"lk-action-{name}@{number}.service"
        until("the unit runs", lambda: self.lines(f"{self.place}.starts"))
        self.invocation = self.machine.property(self.unit, "InvocationID")

    def kill_keeper(self):
        main = self.machine.property("keeper", "MainPID")
        self.machine.run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", "keeper")
        until("another keeper is ready", lambda: self.is_another(main))

    def is_another(self, main):
        now = self.machine.property("keeper", "MainPID")
        return self.is_active("keeper") and now not in ("0", main)

    def let_it_end(self):
        self.assertEqual(self.machine.property(self.unit, "InvocationID"), self.invocation)
        self.machine.shell(f"echo >{self.place}.fifo")
        until("the unit ends", lambda: self.lines(f"{self.place}.ends"))

    def assert_started_once(self):
        self.assertEqual(self.lines(f"{self.place}.starts"), ["started"])
        self.assertEqual(self.lines(f"{self.place}.ends"), ["done"])

    def test_an_alert_is_noted_as_failed_and_nothing_starts_again(self):
        self.begin("alert")
        self.kill_keeper()
        run = self.ended("alert")
        self.assertEqual(run["run"]["state"], "failed")
        self.assertIn("nobody knows", run["run"]["problem"])
        self.let_it_end()
        # Another event of the rule is another run.
        self.assertEqual(self.happens("exec")["run"]["state"], "succeeded")
        self.assert_started_once()
        self.assertEqual(len(self.runs("alert")), 1)

    def test_a_skipped_one_is_unknown_and_nothing_starts_again(self):
        self.begin("skip")
        self.kill_keeper()
        self.assertEqual(self.ended("skip")["run"]["state"], "unknown")
        self.let_it_end()
        self.assertEqual(self.happens("exec")["run"]["state"], "succeeded")
        self.assert_started_once()

    def test_one_that_is_tried_again_waits_for_the_unit_that_runs(self):
        self.begin("retry")
        self.kill_keeper()
        until("its second attempt", lambda: self.runs("retry")[0]["attempts"] == 2)
        self.assertEqual(self.runs("retry")[0]["state"], "started")
        self.let_it_end()
        run = self.ended("retry")
        self.assertEqual(run["run"]["state"], "succeeded", run)
        self.assert_started_once()


class Stopped(MachineTest):
    """A program of `exec` is in keeper's own unit, and ends with it."""

    def tearDown(self):
        self.machine.run("systemctl", "start", "keeper")

    def commands(self):
        return self.lines("/sys/fs/cgroup/system.slice/keeper.service/cgroup.procs")

    def test_nothing_is_left_of_a_program_that_heeds_no_signal(self):
        self.emit("stubborn")
        until("it runs", lambda: self.has("/var/lib/keeper/stubborn"))
        # keeper, the supervisor, the program and its two children.
        until("all of it runs", lambda: len(self.commands()) == 5)
        self.machine.run("systemctl", "stop", "keeper")
        # Not after TimeoutStopSec=: it would be "timeout" then.
        self.assertEqual(self.machine.property("keeper", "Result"), "success")
        self.assertEqual(self.commands(), [])
        self.assertEqual(self.machine.attempt("pgrep", "-u", "keeper").stdout, "")
        self.machine.run("systemctl", "start", "keeper")
        self.assertEqual(self.ended("stubborn")["run"]["state"], "unknown")

    def test_nothing_is_left_of_a_program_that_has_ended(self):
        self.machine.run("rm", "-f", "/var/lib/keeper/left")
        run = self.happens("forgetful")
        self.assertEqual(run["run"]["state"], "succeeded", run)
        self.assertFalse(self.has(f"/proc/{self.read('/var/lib/keeper/left').strip()}"))

    def test_a_program_that_is_about_to_end_may_do_so(self):
        self.emit("finishing")
        until("it runs", lambda: self.has("/var/lib/keeper/finish"))
        self.machine.run("systemctl", "stop", "--no-block", "keeper")
        until("it stops", lambda: self.machine.property("keeper", "ActiveState") == "deactivating")
        self.machine.shell("echo >/var/lib/keeper/finish", seconds=10)
        until("it has stopped", lambda: self.machine.property("keeper", "ActiveState") == "inactive")
        run = self.ended("finishing")
        self.assertEqual((run["run"]["state"], run["attempts"][0]["output"]), ("succeeded", "finished\n"))

    def test_nothing_is_left_of_a_program_whose_keeper_is_killed(self):
        before = len(self.runs("stubborn"))
        self.machine.run("rm", "-f", "/var/lib/keeper/stubborn")
        self.emit("stubborn")
        until("it runs", lambda: self.has("/var/lib/keeper/stubborn"))
        shell = self.read("/var/lib/keeper/stubborn").strip()
        main = self.machine.property("keeper", "MainPID")
        self.machine.run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", "keeper")
        until("another keeper", lambda: self.machine.property("keeper", "MainPID") not in ("0", main))
        self.assertFalse(self.has(f"/proc/{shell}"))
        self.assertEqual(self.machine.attempt("pgrep", "-u", "keeper", "sleep").stdout, "")
        self.assertEqual(self.ended("stubborn", before)["run"]["state"], "unknown")
