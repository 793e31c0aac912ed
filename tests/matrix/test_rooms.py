"""Which rooms Mirk is in, and what each of them gets."""

import signal

from matrixtest import MatrixTest, room, start_server, stop_server, upload
from matrixtest.emitted import ARCHIVE, excuse

from harness import Key, until


def setUpModule():
    start_server()


def tearDownModule():
    stop_server()


class Names(MatrixTest):
    def test_a_public_room_is_entered_by_its_alias(self):
        name = self.synapse.new_name("archive")
        there = self.ada.create_room(is_public=True, alias=name)
        self.start_mirk(room(f"#{name}:mirk.test"))
        self.wait_for_bot(there)
        self.assert_shows(there, self.uploads(3))

    def test_a_public_room_is_entered_by_its_id(self):
        there = self.ada.create_room(is_public=True)
        self.start_mirk(room(there))
        self.wait_for_bot(there)
        self.assert_shows(there, self.uploads(3))

    def test_a_configured_room_that_is_not_there_yet_gets_its_events_when_it_is(self):
        name, other = self.synapse.new_name("later"), self.new_room()
        self.start_mirk(room(f"#{name}:mirk.test") + room(other))
        wanted = self.uploads(3)
        self.wait_for(other, wanted)
        there = self.ada.create_room(is_public=True, alias=name, invite=[self.bot])
        self.assert_shows(there, wanted, 120)

    def test_a_room_that_mirk_is_invited_to_later_gets_its_events_then(self):
        there, other = self.ada.create_room(), self.new_room()
        self.start_mirk(room(there) + room(other))
        wanted = self.uploads(3)
        self.wait_for(other, wanted)
        self.ada.invite(there, self.bot)
        self.wait_for_bot(there)
        self.assert_shows(there, wanted, 120)

    def test_an_upgraded_room_is_followed(self):
        old = self.new_room()
        self.start_mirk(room(old))
        before = self.uploads(3)
        self.wait_for(old, before)
        new = self.ada.upgrade(old)
        self.ada.invite(new, self.bot)
        self.wait_for_bot(new)
        after = self.uploads(3)
        self.assert_shows(new, after)
        self.assertEqual(self.shown(old), before)
        # It is the room of this name from now on.
        self.mirk.restart()
        (last,) = self.uploads(1)
        self.wait_for(new, [last])
        self.assertEqual(self.shown(old), before)

    def test_an_upgraded_public_room_is_followed_without_an_invitation(self):
        old = self.ada.create_room(is_public=True)
        self.start_mirk(room(old))
        self.wait_for_bot(old)
        before = self.uploads(2)
        self.wait_for(old, before)
        new = self.ada.upgrade(old)
        self.wait_for_bot(new)
        self.assert_shows(new, self.uploads(2))

    def test_an_upgrade_while_mirk_is_off_is_followed_at_its_start(self):
        old = self.ada.create_room(is_public=True)
        self.start_mirk(room(old))
        before = self.uploads(2)
        self.wait_for(old, before)
        self.mirk.stop()
        new = self.ada.upgrade(old)
        after = self.uploads(2)
        self.mirk.start()
        self.assert_shows(new, after)
        self.assertEqual(self.shown(old), before)


class Invitations(MatrixTest):
    def test_an_invitation_by_a_stranger_is_refused(self):
        stranger = self.new_reader("mallory")
        self.start_mirk(room(self.new_room()))
        theirs = stranger.create_room(invite=[self.bot])
        stranger.wait_for_member(theirs, self.bot, "leave")

    def test_an_invitation_by_a_user_of_the_list_is_accepted(self):
        self.start_mirk(room(self.new_room()))
        other = self.ada.create_room(invite=[self.bot])
        self.wait_for_bot(other)
        # It is in there, and has nothing to tell.
        self.uploads(1)
        self.ask(other, "!mirk help")
        self.assertEqual(self.shown(other), [])

    def test_an_invitation_by_a_stranger_while_mirk_was_off_is_refused_at_its_start(self):
        stranger = self.new_reader("mallory")
        self.start_mirk(room(self.new_room()))
        self.mirk.stop()
        theirs = stranger.create_room(invite=[self.bot])
        self.mirk.start()
        stranger.wait_for_member(theirs, self.bot, "leave")

    def test_patterns_of_users_match_whole_names(self):
        # Begins like one who may.
        stranger = self.new_reader(self.ada.user[1:].split(":")[0] + "-x")
        mine = self.new_room()
        self.start_mirk(room(mine), allowed_users=[self.ada.user, "@nobody-*:mirk.test"])
        theirs = stranger.create_room(invite=[self.bot])
        stranger.wait_for_member(theirs, self.bot, "leave")
        self.wait_for_bot(mine)


class Rules(MatrixTest):
    def check(self, rules: dict, *events: tuple):
        """Rooms with these settings get these events, each (event, whether it is wanted)."""
        there = self.new_room()
        self.start_mirk(room(there, **rules))
        names = [(self.emit(event)[0], is_wanted) for event, is_wanted in events]
        wanted = [name for name, is_wanted in names if is_wanted]
        self.wait_for(there, wanted)
        return there, wanted

    def assert_only(self, rules: dict, *events: tuple):
        there, wanted = self.check(rules, *events)
        # The last one of the events is wanted: nothing is on its way.
        self.assertTrue(events[-1][1])
        self.assert_exactly(there, wanted)

    def test_include_takes_ids_by_pattern(self):
        self.assert_only(
            {"include": [{"id": ["_lk.spears.*", "_lk.archive.package-build-*"]}]},
            (upload(), False),
            (excuse(), True),
            (upload(id="_lk.archive.package-build-x"), True),
        )

    def test_exclude_goes_before_include(self):
        self.assert_only(
            {
                "include": [{"id": "_lk.archive.*"}],
                "exclude": [{"id": "_lk.archive.package-upload-accepted", "data": {"is_new": True}}],
            },
            (upload(is_new=True), False),
            (excuse(), False),
            (upload(), True),
        )

    def test_facets_match_whatever_the_member_is_called(self):
        self.assert_only(
            {"include": [{"facets": {"package": ["gnome-*"], "suite": ["landing", "byzantium*"]}}]},
            (upload("hello"), False),
            (upload("gnome-shell", suite="other"), False),
            (upload("gnome-shell"), True),
            (excuse(), True),
        )

    def test_severity_means_that_or_worse(self):
        bad = {"repo": "master", "upload_name": "x_1_source", "reason": "bad"}
        self.assert_only(
            {"include": [{"severity": "warning"}]},
            (upload(), False),
            (ARCHIVE.event("_lk.archive.package-upload-rejected", bad), True),
        )

    def test_expressions_in_cel_decide(self):
        self.assert_only(
            {
                "include": [
                    {"id": "_lk.spears.*", "where": "size(data.suites_source) > 1 && 'spears-01' in signers"}
                ]
            },
            (excuse(), False),
            (upload(), False),
            (excuse(suites_source=["landing", "green"]), True),
        )

    def test_an_expression_that_fails_for_an_event_does_not_match_and_stops_nothing(self):
        self.assert_only(
            {
                "include": [
                    {"where": "data.number_that_is_not_there > 1 || id == 'x'"},
                    {"id": "_lk.spears.*"},
                ]
            },
            (upload(), False),
            (excuse(), True),
        )

    def test_the_prefix_stands_before_each_message(self):
        there, wanted = self.check({"prefix": "[archive] "}, (upload(), True))
        (message,) = self.posts(there)
        self.assertTrue(message.body.startswith("[archive] "), message.body)
        self.assertTrue(message.html.startswith("[archive] "), message.html)

    def test_events_that_mirk_does_not_trust_are_dropped(self):
        there = self.new_room()
        emit = {signer: ids for signer, ids in self.relay.emit.items() if signer != "guest-01"}
        self.start_mirk(room(there), emit=emit)
        self.emit(upload("bad", key=self.guest))
        self.assert_shows(there, self.uploads(1))

    def test_events_that_mirk_does_not_trust_are_marked_where_the_room_wants_them(self):
        there = self.new_room()
        emit = {signer: ids for signer, ids in self.relay.emit.items() if signer != "guest-01"}
        self.start_mirk(room(there, untrusted="mark"), emit=emit)
        wanted = [*self.emit(upload("bad", key=self.guest)), *self.uploads(1)]
        bad, good = self.assert_shows(there, wanted)
        self.assertRegex(bad.body, "(?i)not verified|not trusted|untrusted|unverified")
        self.assertNotRegex(good.body, "(?i)not verified|not trusted|untrusted|unverified")
        self.assert_clean([bad, good])

    def test_events_of_a_key_that_mirk_does_not_have_are_dropped(self):
        there = self.new_room()
        keys = self.relay.directory / "keys-of-mirk"
        keys.mkdir()
        for path in self.relay.trusted.iterdir():
            if not path.name.startswith("guest-01"):
                (keys / path.name).write_bytes(path.read_bytes())
        self.start_mirk(room(there), keys_dir=keys)
        self.emit(upload("bad", key=self.guest))
        self.assert_shows(there, self.uploads(1))


class Reload(MatrixTest):
    def test_a_reload_adds_a_room_and_changes_rules(self):
        first, second = self.new_room(), self.new_room()
        self.start_mirk(room(first))
        both = [*self.emit(upload()), *self.emit(excuse())]
        self.wait_for(first, both)
        self.mirk.rooms = room(first, include=[{"id": "_lk.spears.*"}]) + room(second)
        self.mirk.reload()
        self.wait_for_bot(second)
        uploaded, excused = self.emit(upload(), excuse())
        self.wait_for(second, [uploaded, excused])
        self.wait_for(first, [excused])
        self.assert_exactly(first, [*both, excused])
        # A new room begins now.
        self.assert_exactly(second, [uploaded, excused])

    def test_a_reload_that_takes_a_room_away_ends_its_messages(self):
        first, second = self.new_room(), self.new_room()
        self.start_mirk(room(first) + room(second))
        before = self.uploads(1)
        self.wait_for(second, before)
        self.mirk.rooms = room(first)
        self.mirk.reload()
        after = self.uploads(2)
        self.assert_shows(first, before + after)
        self.assertEqual(self.shown(second), before)

    def test_a_bad_configuration_is_not_taken_and_the_old_one_stays(self):
        there = self.new_room()
        self.start_mirk(room(there))
        before = self.uploads(1)
        self.wait_for(there, before)
        self.mirk.rooms = room(there, include=[{"where": "this is ( no expression"}])
        self.mirk.reload()
        self.assertIn("not reloaded", self.mirk.reloads()[-1])
        self.assert_shows(there, before + self.uploads(2))

    def test_a_reload_trusts_a_new_key(self):
        there, key = self.new_room(), Key("new-01")
        self.start_mirk(room(there))
        self.relay.trust(key, "_lk.archive.")
        self.relay.write_config()
        self.relay.program.process.send_signal(signal.SIGHUP)
        until("the relay to take the key", lambda: self.relay_takes(key))
        self.mirk.reload()
        wanted = self.emit(upload("new", key=key))
        self.wait_for(there, wanted)

    def relay_takes(self, key: Key) -> bool:
        return self.submitter.submit(upload("probe", key=key))["ok"]
