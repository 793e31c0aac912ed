"""A homeserver that takes few messages gets few at a time, and in the end all."""

from matrixtest import SENDS, MatrixTest, events_of, room, start_server, stop_server, upload

from harness import until

# Messages a second, and how many at once.
RATE = (0.5, 3)


def setUpModule():
    start_server(RATE)


def tearDownModule():
    stop_server()


class RateLimits(MatrixTest):
    def setUp(self):
        super().setUp()
        self.room, self.proxy = self.new_room(), self.new_proxy()

    def refused(self) -> int:
        return len([request for request in self.proxy.seen(SENDS) if request.status == 429])

    def test_200_events_arrive_once_and_in_order_as_messages_and_digests(self):
        limits = {"burst": 10, "per_minute": 60, "digest_after": "2s"}
        self.start_mirk(room(self.room, limits=limits), self.proxy.url)
        self.wait_for_bot(self.room)
        # As many as the room takes one by one, and more than the server does.
        wanted = self.uploads(8)
        until("a limit", self.refused)
        wanted += self.uploads(192)
        self.wait_for(self.room, wanted, 240)
        (last,) = self.emit(upload("the-last-one"))
        messages = self.wait_for(self.room, [last])
        self.assert_exactly(self.room, [*wanted, last])
        self.assertLess(len(messages), 50)
        self.assertGreater(max(len(events_of(message)) for message in messages), 1)
        self.assert_clean(messages)

    def test_without_digests_every_event_has_its_own_message(self):
        self.start_mirk(room(self.room, limits={"digest": False}), self.proxy.url)
        wanted = self.uploads(20)
        messages = self.assert_shows(self.room, wanted, 180)
        self.assertEqual([len(events_of(message)) for message in messages], [1] * 20)
        self.assertGreater(self.refused(), 0)

    def test_mirk_that_waits_for_the_server_stops_at_once_and_goes_on_after_its_start(self):
        self.start_mirk(room(self.room, limits={"digest": False}), self.proxy.url)
        wanted = self.uploads(10)
        until("a limit", self.refused, 60)
        self.mirk.restart()
        self.assert_shows(self.room, wanted, 180)

    def test_mirk_that_is_killed_while_it_waits_for_the_server_goes_on_after_its_start(self):
        self.start_mirk(room(self.room, limits={"digest": False}), self.proxy.url)
        wanted = self.uploads(10)
        until("a limit", self.refused, 60)
        self.mirk.kill()
        self.mirk.start()
        self.assert_shows(self.room, wanted, 180)

    def test_mirk_waits_for_as_long_as_the_server_says(self):
        self.start_mirk(room(self.room), self.proxy.url)
        self.wait_for_bot(self.room)
        self.proxy.limit(SENDS, retry_after_ms=3_000)
        wanted = self.uploads(1)
        self.wait_for(self.room, wanted)
        first, second = self.proxy.seen(SENDS)
        self.assertEqual(first.txn, second.txn)
        self.assertGreater(second.at - first.at, 2.9)

    def test_a_limit_without_a_time_is_waited_for_too(self):
        self.start_mirk(room(self.room), self.proxy.url)
        self.wait_for_bot(self.room)
        rule = self.proxy.answer(SENDS, 429, {"errcode": "M_LIMIT_EXCEEDED", "error": "x"}, times=2)
        self.assert_shows(self.room, self.uploads(2))
        self.assertEqual(rule.given, 2)
