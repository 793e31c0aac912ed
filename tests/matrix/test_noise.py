"""Rooms that are not drowned: digests, quiet hours, and one message a job."""

import datetime

from matrixtest import (
    MatrixTest,
    events_of,
    is_edit,
    job,
    room,
    root_of,
    start_server,
    stop_server,
    text_of,
    upload,
)
from matrixtest.emitted import excuse

from harness import until

JOB = "0a1b2c3d-0000-4000-8000-000000000001"
OTHER_JOB = "0a1b2c3d-0000-4000-8000-000000000002"


def setUpModule():
    start_server()


def tearDownModule():
    stop_server()


class Digests(MatrixTest):
    def setUp(self):
        super().setUp()
        self.room = self.new_room()

    def test_a_burst_is_summed_up_and_every_event_is_in_one_message(self):
        limits = {"burst": 3, "per_minute": 6, "digest_after": "1s"}
        self.start_mirk(room(self.room, limits=limits))
        self.wait_for_bot(self.room)
        wanted = self.uploads(60)
        messages = self.wait_for(self.room, wanted, 90)
        self.assert_exactly(self.room, wanted)
        self.assertLess(len(messages), 15)
        sums = [message for message in messages if len(events_of(message)) > 1]
        self.assertGreater(len(sums), 0)
        for message in sums:
            self.assertRegex(message.body, rf"\b{len(events_of(message))}\b")
        self.assert_clean(messages)

    def test_a_digest_names_each_kind_with_its_count(self):
        limits = {"burst": 1, "per_minute": 1, "digest_after": "2s"}
        # All of it is there when Mirk begins.
        wanted = self.emit(
            *(upload(f"package-{number}") for number in range(7)), *(excuse() for _ in range(4))
        )
        self.start_mirk(room(self.room, limits=limits))
        messages = self.wait_for(self.room, wanted, 90)
        self.assertEqual(sorted(self.shown(self.room)), sorted(wanted))
        text = max(messages, key=lambda message: len(events_of(message))).body
        self.assertRegex(text, r"\b[567]\b")
        self.assertRegex(text, r"\b4\b")

    def test_a_thousand_events_at_once_are_a_handful_of_messages(self):
        wanted = self.uploads(1_000)
        self.start_mirk(room(self.room, limits={"burst": 3, "per_minute": 60, "digest_after": "1s"}))
        messages = self.wait_for(self.room, wanted, 120)
        self.assert_exactly(self.room, wanted)
        self.assertLess(len(messages), 30)
        self.assert_clean(messages)

    def test_few_events_have_messages_of_their_own(self):
        self.start_mirk(room(self.room, limits={"burst": 10, "per_minute": 6, "digest_after": "1s"}))
        wanted = self.uploads(4)
        messages = self.assert_shows(self.room, wanted)
        self.assertEqual(len(messages), 4)

    def test_a_digest_survives_a_kill_while_it_waits(self):
        self.start_mirk(room(self.room, limits={"burst": 1, "per_minute": 60, "digest_after": "5s"}))
        self.wait_for_bot(self.room)
        wanted = self.uploads(10)
        self.mirk.wait_until_taken(10)
        self.mirk.kill()
        self.mirk.start()
        self.wait_for(self.room, wanted)
        self.assert_exactly(self.room, wanted)

    def test_quiet_hours_hold_messages_back(self):
        loud = self.new_room()
        hour = lambda hours: (
            datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=hours)
        ).strftime("%H:%M")
        quiet = {"from": hour(-2), "to": hour(2), "time_zone": "UTC"}
        self.start_mirk(room(self.room, quiet_hours=quiet) + room(loud))
        wanted = self.uploads(3)
        self.assert_shows(loud, wanted)
        self.assertEqual(self.shown(self.room), [])
        # What was held is told once they are over.
        self.mirk.rooms = room(self.room, quiet_hours={**quiet, "from": hour(2), "to": hour(4)}) + room(loud)
        self.mirk.reload()
        self.wait_for(self.room, wanted)
        self.assertEqual(self.shown(self.room)[:3], wanted)


class Lifecycle(MatrixTest):
    is_encrypted = False

    def setUp(self):
        super().setUp()
        self.room = self.new_room(self.is_encrypted)

    def stages(self, job_id: str = JOB) -> list:
        """A job is assigned, accepted and finished; each is in the room before the next."""
        wanted = []
        for stage in ("assigned", "accepted", "finished"):
            wanted += self.emit(job(self.jobs, stage, job_id))
            self.wait_for(self.room, wanted)
        return wanted

    def roots(self) -> list:
        """The messages that stand in the room itself."""
        return [m for m in self.posts(self.room) if not is_edit(m) and root_of(m) is None]

    def threaded(self, root: str) -> list:
        return [m for m in self.posts(self.room) if root_of(m) == root]

    def edits(self, root: str) -> list:
        edits = [m for m in self.ada.messages(self.room, self.bot) if is_edit(m)]
        return [m for m in edits if m.content["m.relates_to"]["event_id"] == root]

    def test_edit_is_one_message_that_shows_the_last_state_and_a_thread(self):
        self.start_mirk(room(self.room, lifecycle="edit"))
        wanted = self.stages()
        self.assert_exactly(self.room, wanted)
        (root,) = self.roots()
        self.assertEqual(events_of(root), wanted[:1])
        until(
            "the last state", lambda: self.edits(root.id) and "finished" in text_of(self.edits(root.id)[-1])
        )
        threaded = self.threaded(root.id)
        self.assertEqual([name for message in threaded for name in events_of(message)], wanted[1:])
        # How it came to that: the first state too, which the message no longer shows.
        self.assertIn("package build", " ".join(message.body for message in threaded))
        self.assert_clean(self.ada.messages(self.room, self.bot))

    def test_thread_leaves_the_message_and_puts_what_follows_into_its_thread(self):
        self.start_mirk(room(self.room, lifecycle="thread"))
        wanted = self.stages()
        self.assert_exactly(self.room, wanted)
        (root,) = self.roots()
        self.assertEqual(events_of(root), wanted[:1])
        self.assertEqual(self.edits(root.id), [])
        self.assertEqual(
            [name for message in self.threaded(root.id) for name in events_of(message)], wanted[1:]
        )

    def test_off_is_a_message_for_each_change(self):
        self.start_mirk(room(self.room, lifecycle="off"))
        wanted = self.stages()
        self.assertEqual([events_of(message) for message in self.roots()], [[name] for name in wanted])

    def test_two_jobs_have_a_message_each(self):
        self.start_mirk(room(self.room, lifecycle="edit"))
        self.stages(JOB)
        self.stages(OTHER_JOB)
        self.assertEqual(len(self.roots()), 2)
        self.assertEqual(len({root_of(m) for m in self.posts(self.room)} - {None}), 2)

    def test_a_job_goes_on_in_its_message_after_a_kill(self):
        self.start_mirk(room(self.room, lifecycle="edit"))
        wanted = self.emit(job(self.jobs, "assigned", JOB))
        self.wait_for(self.room, wanted)
        self.mirk.kill()
        wanted += self.emit(job(self.jobs, "accepted", JOB))
        self.mirk.start()
        wanted += self.emit(job(self.jobs, "finished", JOB))
        self.wait_for(self.room, wanted)
        self.assert_exactly(self.room, wanted)
        (root,) = self.roots()
        until(
            "the last state", lambda: self.edits(root.id) and "finished" in text_of(self.edits(root.id)[-1])
        )


class EncryptedLifecycle(Lifecycle):
    is_encrypted = True
