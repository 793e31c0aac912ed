"""Every event that a room wants is in it once and in order, whatever was away in between."""

from matrixtest import SENDS, MatrixTest, plain_text, room, start_server, stop_server, upload

from harness import until


def setUpModule():
    start_server()


def tearDownModule():
    stop_server()


class Delivery(MatrixTest):
    def setUp(self):
        super().setUp()
        self.room = self.new_room()

    def test_events_arrive_in_order_and_once_as_notices_that_mention_nobody(self):
        self.start_mirk(room(self.room))
        wanted = self.uploads(12)
        messages = self.assert_shows(self.room, wanted)
        self.assert_clean(messages)
        for number, (message, name) in enumerate(zip(messages, wanted)):
            content = message.content
            self.assertEqual(content["msgtype"], "m.notice")
            self.assertEqual(content["format"], "org.matrix.custom.html")
            self.assertEqual(content["m.mentions"], {})
            self.assertEqual(content["org.laniakea.mirk"]["events"], [name])
            self.assertIn(f"package-{number}", content["body"])
            self.assertIn(f"package-{number}", plain_text(content["formatted_body"]))

    def test_the_server_stores_what_was_sent_under_the_transaction_id_that_the_message_names(self):
        proxy = self.new_proxy()
        self.start_mirk(room(self.room), proxy.url)
        self.assert_shows(self.room, self.uploads(3))
        sent = {request.txn: request.json() for request in proxy.seen(SENDS)}
        stored = [event for event in self.ada.stored(self.room) if event["sender"] == self.bot]
        stored = [event["content"] for event in stored if event["type"] == "m.room.message"]
        self.assertEqual({content["org.laniakea.mirk"]["txn"]: content for content in stored}, sent)

    def test_messages_link_to_the_event_and_to_configured_pages_alone(self):
        self.start_mirk(room(self.room))
        (name,) = self.emit(upload("hello"))
        (message,) = self.assert_shows(self.room, [name])
        self.assertIn(f'href="https://events.example.org/events/{name}"', message.html)
        self.assertIn('href="https://packages.example.org/package/src/master/landing/hello"', message.html)

    def test_two_rooms_get_the_same_events(self):
        other = self.new_room()
        self.start_mirk(room(self.room) + room(other))
        wanted = self.uploads(5)
        self.wait_for(other, wanted)
        self.assert_exactly(other, wanted)
        self.assert_shows(self.room, wanted)

    def test_msgtype_is_text_where_the_room_or_the_configuration_says_so(self):
        other = self.new_room()
        rooms = room(self.room) + room(other, msgtype="notice")
        self.start_mirk(rooms, messages={"msgtype": "text"})
        wanted = self.uploads(1)
        types = [self.wait_for(each, wanted)[0].content["msgtype"] for each in (self.room, other)]
        self.assertEqual(types, ["m.text", "m.notice"])

    def test_without_a_position_events_count_from_the_start_of_mirk(self):
        self.uploads(3)
        self.start_mirk(room(self.room), start="now")
        wanted = self.uploads(2)
        self.wait_for(self.room, wanted)
        self.mirk.stop()
        wanted += self.uploads(2)
        self.mirk.start()
        self.assert_shows(self.room, wanted)

    def test_from_the_beginning_means_all_that_the_journal_has(self):
        wanted = self.uploads(30)
        self.start_mirk(room(self.room), start="beginning")
        self.assert_shows(self.room, wanted)

    def test_what_happens_while_mirk_is_off_arrives_after_its_start(self):
        self.start_mirk(room(self.room))
        wanted = self.uploads(3)
        self.wait_for(self.room, wanted)
        self.mirk.stop()
        wanted += self.uploads(25)
        self.mirk.start()
        self.assert_shows(self.room, wanted)

    def test_mirk_that_is_stopped_again_and_again_loses_and_doubles_nothing(self):
        self.start_mirk(room(self.room))
        wanted = []
        for _ in range(3):
            wanted += self.uploads(15)
            # Somewhere in the middle of the work.
            self.wait_for(self.room, wanted[:-10])
            self.mirk.restart()
        self.assert_shows(self.room, wanted)

    def test_a_restart_of_the_relay_loses_and_doubles_nothing(self):
        self.start_mirk(room(self.room))
        wanted = self.uploads(5)
        self.relay.program.stop()
        self.relay.start()
        wanted += self.uploads(5)
        self.assert_shows(self.room, wanted)

    def test_a_relay_that_is_killed_loses_and_doubles_nothing(self):
        self.start_mirk(room(self.room))
        wanted = []
        for _ in range(3):
            wanted += self.uploads(5)
            self.relay.kill()
            self.relay.start()
        self.assert_shows(self.room, wanted)

    def test_mirk_starts_while_the_relay_is_away(self):
        wanted = self.uploads(3)
        self.relay.kill()
        self.mirk = self.new_mirk(room(self.room))
        self.mirk.login()
        self.mirk.run()
        self.wait_for_bot(self.room)
        self.relay.start()
        wanted += self.uploads(2)
        self.assert_shows(self.room, wanted)

    def test_a_restart_of_the_homeserver_loses_and_doubles_nothing(self):
        self.start_mirk(room(self.room))
        wanted = self.uploads(10)
        self.synapse.restart()
        wanted += self.uploads(5)
        self.assert_shows(self.room, wanted)

    def test_a_homeserver_that_is_killed_and_stays_away_loses_and_doubles_nothing(self):
        self.start_mirk(room(self.room))
        wanted = self.uploads(20)
        self.synapse.kill()
        wanted += self.uploads(20)
        # What happens meanwhile is in the outbox, and so outlives Mirk too.
        self.mirk.wait_until_taken(len(wanted))
        self.mirk.restart_without_ready()
        self.synapse.start()
        self.assert_shows(self.room, wanted, 120)

    def test_connections_that_are_cut_lose_and_double_nothing(self):
        proxy = self.new_proxy()
        self.start_mirk(room(self.room), proxy.url)
        wanted = []
        for number in range(4):
            wanted += self.uploads(10)
            until("a request", lambda: len(proxy.seen(SENDS)) > 5 * number)
            proxy.cut()
            proxy.mend()
        self.assert_shows(self.room, wanted, 120)

    def test_answers_that_are_lost_double_nothing(self):
        proxy = self.new_proxy()
        self.start_mirk(room(self.room), proxy.url)
        wanted = self.uploads(1)
        self.wait_for(self.room, wanted)
        for _ in range(3):
            hold = proxy.hold_answer(SENDS)
            wanted += self.uploads(2)
            self.assertEqual(hold.wait().status, 200)
            hold.drop()
        self.assert_shows(self.room, wanted)

    def test_errors_of_the_server_are_waited_for_with_the_same_transaction_id(self):
        proxy = self.new_proxy()
        self.start_mirk(room(self.room), proxy.url)
        self.wait_for_bot(self.room)
        rules = [proxy.answer(SENDS, status, {"errcode": "M_UNKNOWN"}, times=2) for status in (500, 502, 503)]
        wanted = self.uploads(3)
        self.assert_shows(self.room, wanted, 120)
        self.assertEqual([rule.given for rule in rules], [2, 2, 2])
        first = proxy.seen(SENDS)[:7]
        self.assertEqual(len({request.txn for request in first}), 1)
        self.assertEqual(len({request.body for request in first}), 1)

    def test_a_message_that_the_server_never_takes_does_not_hold_up_the_others(self):
        proxy = self.new_proxy()
        self.start_mirk(room(self.room), proxy.url)
        self.wait_for_bot(self.room)
        proxy.answer(SENDS, 413, {"errcode": "M_TOO_LARGE", "error": "event too large"}, times=1)
        bad, *wanted = self.uploads(4)
        self.wait_for(self.room, wanted)
        self.assert_shows(self.room, wanted)
        self.assertNotIn(bad, self.shown(self.room))
        self.mirk.stop()
        self.assertEqual(len(self.mirk.query("SELECT id FROM message WHERE problem IS NOT NULL")), 1)

    def test_a_room_in_which_mirk_may_not_post_does_not_hold_up_another(self):
        other = self.new_room()
        self.start_mirk(room(self.room) + room(other))
        self.wait_for_bot(self.room, other)
        self.ada.set_levels(self.room, events_default=50)
        wanted = self.uploads(3)
        self.wait_for(other, wanted)
        self.assertEqual(self.shown(self.room), [])
        self.ada.set_levels(self.room, events_default=0)
        later = self.uploads(2)
        self.wait_for(self.room, later, 120)
        shown = self.shown(self.room)
        self.assertEqual(len(set(shown)), len(shown))
