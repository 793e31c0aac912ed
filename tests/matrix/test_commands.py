"""What Mirk answers, and to whom."""

from matrixtest import SENDS, MatrixTest, problems, replies_to, room, start_server, stop_server, upload
from matrixtest.emitted import excuse

from harness import until

ARCHIVE_ONLY = [{"id": "_lk.archive.*"}]


def setUpModule():
    start_server()


def tearDownModule():
    stop_server()


class Commands(MatrixTest):
    def setUp(self):
        super().setUp()
        self.room = self.new_room()

    def start(self, **settings):
        self.start_mirk(room(self.room, **settings))
        self.wait_for_bot(self.room)

    def new_stranger(self):
        bob = self.new_reader("bob")
        self.ada.invite(self.room, bob.user)
        bob.join(self.room)
        return bob

    def assert_unanswered(self, *commands: str):
        """None of these commands was answered, although one that came later was."""
        self.ask(self.room, "!mirk help")
        answered = [replies_to(message) for message in self.ada.messages(self.room, self.bot)]
        self.assertEqual([command for command in commands if command in answered], [])

    # Each command

    def test_help_names_every_command(self):
        self.start()
        answer = self.ask(self.room, "!mirk help")
        for word in ("help", "status", "why", "mute", "unmute", "subscribe", "unsubscribe", "last", "find"):
            self.assertIn(word, answer.body)
        self.assertEqual(answer.content["msgtype"], "m.notice")
        self.assertEqual(problems(answer), [])

    def test_status_tells_how_mirk_is_doing(self):
        self.start()
        self.wait_for(self.room, self.uploads(3))
        answer = self.ask(self.room, "!mirk status")
        # The position in the stream.
        self.assertRegex(answer.body, r"\b3\b")
        self.assertEqual(problems(answer), [])

    def test_why_tells_where_a_message_comes_from_and_which_rule_wanted_it(self):
        self.start(include=ARCHIVE_ONLY)
        (name,) = self.emit(upload("hello"))
        (message,) = self.wait_for(self.room, [name])
        answer = self.ask(self.room, "!mirk why", reply_to=message.id)
        self.assertIn("_lk.archive.package-upload-accepted", answer.body)
        self.assertIn("archive-01", answer.body)
        self.assertIn(name[:8], answer.body)
        # The rule.
        self.assertIn("_lk.archive.*", answer.body)
        self.assertEqual(problems(answer), [])

    def test_why_that_answers_no_message_of_mirks_says_so(self):
        self.start()
        for reply_to in (None, self.ada.send(self.room, "hello")):
            answer = self.ask(self.room, "!mirk why", reply_to=reply_to)
            self.assertEqual(problems(answer), [])

    def test_last_tells_what_happened_last(self):
        self.start()
        wanted = self.emit(*(upload(f"package-{number}") for number in range(3)))
        self.wait_for(self.room, wanted)
        answer = self.ask(self.room, "!mirk last")
        self.assertIn("package-2", answer.body)
        self.assertEqual(problems(answer), [])

    def test_find_tells_what_happened_to_a_package(self):
        self.start()
        wanted = self.emit(upload("hello", version="2.10-5"), upload("other", version="9.9-9"))
        self.wait_for(self.room, wanted)
        answer = self.ask(self.room, "!mirk find hello")
        self.assertIn("2.10-5", answer.body)
        self.assertNotIn("9.9-9", answer.body)
        self.assertEqual(problems(answer), [])
        nothing = self.ask(self.room, "!mirk find nosuchpackage")
        self.assertNotIn("2.10-5", nothing.body)

    def test_find_without_a_package_and_unknown_commands_are_answered_with_help(self):
        self.start()
        for command in (
            "!mirk find",
            "!mirk frobnicate",
            "!mirk",
            "!mirk mute for-ever-and-ever",
            "!mirk subscribe",
        ):
            answer = self.ask(self.room, command)
            self.assertEqual(problems(answer), [], command)

    def test_mute_holds_messages_until_unmute_also_over_a_restart(self):
        other = self.new_room()
        limits = {"burst": 100, "per_minute": 6000, "digest_after": "1s"}
        self.start_mirk(room(self.room, limits=limits) + room(other))
        self.wait_for_bot(self.room, other)
        self.ask(self.room, "!mirk mute 2h")
        wanted = self.uploads(4)
        self.wait_for(other, wanted)
        self.mirk.restart()
        wanted += self.uploads(2)
        self.wait_for(other, wanted)
        self.assertEqual(self.shown(self.room), [])
        self.ask(self.room, "!mirk unmute")
        self.wait_for(self.room, wanted)
        self.assert_exactly(self.room, wanted)
        # Summed up: nobody wants to read all of it one by one.
        self.assertLess(len(self.posts(self.room)), len(wanted))

    def test_a_mute_ends_by_itself(self):
        self.start()
        self.ask(self.room, "!mirk mute 2s")
        self.wait_for(self.room, self.uploads(2))

    def test_subscribe_adds_a_rule_until_unsubscribe_also_over_a_restart(self):
        self.start(include=ARCHIVE_ONLY)
        self.emit(excuse())
        self.ask(self.room, "!mirk subscribe _lk.spears.*")
        wanted = self.emit(excuse())
        self.wait_for(self.room, wanted)
        self.mirk.restart()
        wanted += self.emit(excuse(), upload())
        self.wait_for(self.room, wanted)
        self.assert_exactly(self.room, wanted)
        self.ask(self.room, "!mirk unsubscribe _lk.spears.*")
        self.emit(excuse())
        self.assert_shows(self.room, wanted)

    # Who may

    def test_a_stranger_gets_no_answer_and_changes_nothing(self):
        self.start(include=ARCHIVE_ONLY)
        bob = self.new_stranger()
        words = ("help", "status", "mute 2h", "subscribe _lk.spears.*", "last", "find hello")
        commands = [bob.send(self.room, f"!mirk {word}") for word in words]
        self.assert_unanswered(*commands)
        self.emit(excuse())
        self.assert_shows(self.room, self.uploads(2))

    def test_a_room_can_have_others_who_may_command(self):
        bob = self.new_stranger()
        self.start(allowed_users=[bob.user])
        ignored = self.ada.send(self.room, "!mirk help")
        self.ask(self.room, "!mirk help", bob)
        answered = [replies_to(message) for message in self.ada.messages(self.room, self.bot)]
        self.assertNotIn(ignored, answered)

    def test_notices_and_talk_about_mirk_are_no_commands(self):
        self.start()
        commands = [
            self.ada.send(self.room, "!mirk help", msgtype="m.notice"),
            self.ada.send(self.room, "!mirkhelp"),
            self.ada.send(self.room, "say !mirk help"),
            self.ada.send(self.room, "hello"),
        ]
        self.assert_unanswered(*commands)

    def test_mirk_does_not_obey_its_own_messages(self):
        self.start()
        wanted = self.emit(upload("!mirk mute 2h"), upload("x\n!mirk mute 2h"))
        self.wait_for(self.room, wanted)
        self.assert_shows(self.room, wanted + self.uploads(1))

    # When

    def test_a_command_that_was_given_while_mirk_was_off_is_answered_once(self):
        self.start()
        self.ask(self.room, "!mirk help")
        self.mirk.stop()
        command = self.ada.send(self.room, "!mirk status")
        self.mirk.start()
        self.answer_to(self.room, command)
        self.mirk.restart()
        self.ask(self.room, "!mirk help")
        self.assertEqual(len(self.answers(self.room, command)), 1)

    def test_a_command_from_before_mirk_was_in_the_room_is_not_obeyed(self):
        command = self.ada.send(self.room, "!mirk mute 2h")
        self.start()
        self.assert_unanswered(command)
        self.assert_shows(self.room, self.uploads(1))

    def test_mirk_that_is_killed_while_it_answers_answers_once(self):
        proxy = self.new_proxy()
        self.start_mirk(room(self.room), proxy.url)
        self.wait_for_bot(self.room)
        self.ask(self.room, "!mirk help")
        hold = proxy.hold_answer(SENDS)
        command = self.ada.send(self.room, "!mirk status")
        hold.wait()
        self.mirk.kill()
        hold.drop()
        self.mirk.start()
        self.ask(self.room, "!mirk help")
        until("the answer", lambda: self.answers(self.room, command))
        self.assertEqual(len(self.answers(self.room, command)), 1)
