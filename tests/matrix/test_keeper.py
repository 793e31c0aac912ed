"""What keeper does, as people in a room see it: keeper, the relay and Mirk as they are."""

import tempfile
from pathlib import Path

from matrixtest import MatrixTest, job, plain_text, room, start_server, stop_server, text_of, upload

from harness import Key, Program, until
from harness.programs import binary

SECONDS = 60
SINCE = r"since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
RULES = """
[[rule]]
name = "publish"
on = "_lk.archive.package-upload-accepted"
key = "{{ data.repo }}"
exec = { command = ["/bin/sh", "-c", "exit $1", "sh", "{{ data.status }}"] }

[[rule]]
name = "stuck-jobs"
key = "{{ data.job_id }}"
absent = { after = "_lk.jobs.job-assigned", without = "_lk.jobs.job-finished", within = "2s" }
exec = { command = ["/bin/true"] }
"""


def setUpModule():
    start_server()


def tearDownModule():
    stop_server()


def sentence(message) -> str:
    """What a message says now, without its links."""
    return text_of(message).split(" · ")[0]


class KeeperInARoom(MatrixTest):
    def prepare_relay(self):
        relay = super().prepare_relay()
        self.keeper_key = Key("keeper-01")
        relay.trust(self.keeper_key, "_lk.keeper.")
        return relay

    def start_keeper(self) -> Program:
        directory = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="lk-")))
        (directory / "rules.d").mkdir()
        (directory / "rules.d/rules.toml").write_text(RULES)
        secret = self.keeper_key.write_secret(directory / "keeper.key_secret")
        (directory / "keeper.toml").write_text(
            f'data_dir = "{directory}/data"\nrules_dir = "{directory}/rules.d"\n'
            f'[trust]\nkeys_dir = "{self.relay.trusted}"\nrelays = ["lighthouse-01"]\n'
            '[trust.emit]\n"archive-01" = ["_lk.archive."]\n"jobs-01" = ["_lk.jobs."]\n'
            f'[stream]\npublish = "{self.relay.ipc("publish")}"\nreplay = "{self.relay.ipc("replay")}"\n'
            f'start = "beginning"\n[identity]\nkey_file = "{secret}"\n'
            f'[submit]\nendpoint = "{self.relay.ipc("submit")}"\n'
        )
        keeper = Program(binary("keeper"), "run", "--config", directory / "keeper.toml")
        self.addCleanup(keeper.kill)
        self.addCleanup(lambda: self.keep_log("keeper", keeper.err))
        keeper.line("ready")
        return keeper

    def test_runs_and_what_did_not_come_are_told_in_a_sentence_each(self):
        the_room, edited = self.new_room(), self.new_room()
        include = [{"id": "_lk.keeper.*"}]
        rooms = room(the_room, include=include) + room(edited, include=include, lifecycle="edit")
        self.start_mirk(rooms)
        self.wait_for_bot(the_room, edited)
        self.start_keeper()

        def said(count: int) -> list:
            until(f"{count} messages", lambda: len(self.posts(the_room)) >= count, SECONDS)
            return self.posts(the_room)

        self.emit(upload("hello", repo="<b>master", status=0))
        said(2)
        self.emit(upload("hello", repo="landing", status=7))
        said(4)
        self.emit(job(self.jobs, "assigned", "0a1b2c3d-0000-4000-8000-000000000001"))
        messages = said(7)
        self.assert_clean(messages)
        bodies = [sentence(message) for message in messages]
        self.assertEqual(bodies[0], "publish began for <b>master, 1 event")
        self.assertEqual(bodies[1], "✓ publish is done for <b>master, 1 event")
        self.assertEqual(bodies[2], "publish began for landing, 1 event")
        self.assertRegex(bodies[3], "^✗ publish failed for landing.*: exit status: 7$")
        self.assertRegex(
            bodies[4],
            f"^! stuck-jobs: no _lk.jobs.job-finished for 0a1b2c3d-0000-4000-8000-000000000001 {SINCE}",
        )
        self.assertRegex(bodies[6], "^✓ stuck-jobs is done for 0a1b2c3d")
        for message in messages:
            self.assertTrue(plain_text(message.html).startswith(sentence(message)), message.html)
        # Where messages are edited, a run is one message that says how it went.
        until("the last edit", lambda: bodies[6] in self.latest(edited), SECONDS)
        self.assertEqual(self.latest(edited), [bodies[1], bodies[3], bodies[4], bodies[6]])
        self.assertEqual(len(self.posts(the_room)), 7)

    def latest(self, the_room: str) -> list:
        """What each message says now. What its thread says of its history is left out."""
        said = {}
        for message in self.ada.messages(the_room, self.bot):
            relation = message.content.get("m.relates_to", {})
            if relation.get("rel_type") == "m.replace":
                said[relation["event_id"]] = sentence(message)
            elif relation.get("rel_type") != "m.thread":
                said[message.id] = sentence(message)
        return list(said.values())
