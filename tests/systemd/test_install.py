"""The documents' commands lead to daemons that run, as their units say."""

import re

from systemdtest.case import MachineTest
from systemdtest.install import LOOKOUT, MIRROR, typed
from systemdtest.machine import SOURCES
from systemdtest.waiting import until

DAEMONS = ["lighthouse", "keeper"]


class Installed(MachineTest):
    def test_relay_and_keeper_run_as_their_users_in_their_sandbox(self):
        for name in DAEMONS:
            with self.subTest(name):
                self.assertTrue(self.is_active(name))
                self.assertEqual(self.machine.property(name, "Type"), "notify")
                self.assertEqual(self.machine.property(name, "DropInPaths"), "")
                self.assertEqual(
                    self.read(f"/etc/systemd/system/{name}.service"),
                    self.read(f"{SOURCES}/packaging/systemd/{name}.service"),
                )
                status = self.read(f"/proc/{self.main(name)}/status")
                user = self.machine.run("id", "-u", name).strip()
                self.assertEqual(set(re.search(r"^Uid:(.*)$", status, re.MULTILINE)[1].split()), {user})
                for line in ["NoNewPrivs:\t1", "Seccomp:\t2", "CapBnd:\t0000000000000000"]:
                    self.assertIn(f"{line}\n", status)
                self.assertEqual(self.machine.run("systemctl", "is-enabled", name).strip(), "enabled")

    def test_systemd_has_nothing_against_the_units(self):
        for name in DAEMONS:
            said = self.machine.attempt("systemd-analyze", "verify", f"{name}.service").stdout
            self.assertNotIn(f"{name}.service", said)

    def test_a_reload_reads_again_and_goes_on(self):
        for name, said in [("keeper", "rules loaded"), ("lighthouse", "reloading")]:
            with self.subTest(name):
                main, restarts = self.main(name), self.machine.property(name, "NRestarts")
                before = self.machine.journal(name).count(said)
                self.machine.run("systemctl", "reload", name)
                until("it is read", lambda name=name, said=said, before=before: self.said(name, said, before))
                self.assertTrue(self.is_active(name))
                self.assertEqual(self.main(name), main)
                self.assertEqual(self.machine.property(name, "NRestarts"), restarts)
        self.assertEqual(self.happens("exec")["run"]["state"], "succeeded")

    def test_secrets_stay_roots_and_each_daemon_has_its_own(self):
        self.assertEqual(self.machine.run("stat", "-c", "%a %U", "/etc/laniakea/keys/secret").strip(), "700 root")
        for name, credential in [("lighthouse", "relay.key_secret"), ("keeper", "keeper.key_secret")]:
            path = f"/run/credentials/{name}.service/{credential}"
            secret = self.read(f"/etc/laniakea/keys/secret/{credential}")
            self.assertEqual(self.machine.run("cat", path, user=name), secret)
            for other in ["lookout", "archive", *(each for each in DAEMONS if each != name)]:
                self.assertNotEqual(self.machine.attempt("cat", path, user=other).returncode, 0, other)

    def test_a_daemon_without_its_secret_says_which(self):
        other = "/etc/systemd/system/other.service"
        self.machine.shell(f"sed 's,keys/secret/,keys/absent/,' {other.replace('other', 'keeper')} >{other}")
        self.machine.run("systemctl", "daemon-reload")
        self.addCleanup(self.machine.shell, f"rm {other}; systemctl daemon-reload")
        self.addCleanup(self.machine.attempt, "systemctl", "stop", "other")
        self.assertNotEqual(self.machine.attempt("systemctl", "start", "other").returncode, 0)
        # As the table in docs/operating.md has it.
        self.assertIn("status=243/CREDENTIALS", self.machine.attempt("systemctl", "status", "other").stdout)

    def test_lookout_starts_and_looks_at_an_archive(self):
        self.machine.shell(MIRROR)
        self.machine.write("/etc/laniakea/lookout.toml", LOOKOUT)
        # docs/operating.md says in words what to do "alike".
        typed(
            self.machine,
            "lk key new --id lookout /etc/laniakea/keys\n"
            "mv /etc/laniakea/keys/lookout.key_secret /etc/laniakea/keys/secret/lookout.key_secret\n"
            "lk key trust /etc/laniakea/keys/lookout.key --id lookout --emit _lk.archive.\n"
            "systemctl reload lighthouse\n"
            "lookout check\n"
            "sed -i 's,/etc/laniakea/keys/secret/,/run/credentials/lookout.service/,' /etc/laniakea/lookout.toml\n"
            "install -m 0644 -t /etc/systemd/system packaging/systemd/lookout.service\n"
            "systemctl daemon-reload && systemctl start lookout",
        )
        self.addCleanup(self.machine.run, "systemctl", "stop", "lookout")
        self.assertTrue(self.is_active("lookout"))
        until("it looks", lambda: "sid" in self.machine.journal("lookout"))
        self.assert_writes_to_little("lookout", {"/usr"})

    def test_mirk_starts_as_far_as_it_can_without_a_homeserver(self):
        if not self.has(f"{SOURCES}/target/release/mirk"):
            self.skipTest("mirk is not built: sinks/mirk is a workspace of its own")
        typed(
            self.machine,
            "install target/release/mirk /usr/local/bin/\n"
            "install -m 0644 config/mirk.toml /etc/laniakea/\n"
            "install -m 0644 -t /etc/systemd/system packaging/systemd/mirk.service\n"
            "systemctl daemon-reload",
        )
        self.machine.shell("sed -i -E 's/^# ((session|store_key)_file = )/\\1/' /etc/laniakea/mirk.toml")
        secrets = "/etc/laniakea/keys/secret"
        self.machine.write(f"{secrets}/mirk-session.json", "{}", "0600")
        self.machine.write(f"{secrets}/mirk-store.key", "no key", "0600")
        self.assertNotEqual(self.machine.attempt("systemctl", "start", "mirk").returncode, 0)
        # It ran, read its configuration, and says what is missing; a restart would not mend that.
        self.assertEqual(self.machine.property("mirk", "ExecMainStatus"), "2")
        self.assertEqual(self.machine.property("mirk", "NRestarts"), "0")
        said = "error: /run/credentials/mirk.service/session is damaged: it is no session"
        self.assertIn(said, self.machine.journal("mirk"))

    def main(self, name):
        return self.machine.property(name, "MainPID")

    def said(self, name, what, before):
        return self.machine.journal(name).count(what) > before
